from __future__ import annotations

import os

import numpy as np
import psutil
import pytest
import tifffile
from PIL import Image

from clicktrain.cli import memory
from clicktrain.errors import ClickTrainError
from clicktrain.images.source import open_image
from tests.cli.conftest import halves
from tests.images.adapters import ome_zarr, whole


def read(path):
    """All of an image, (C, [Z,] Y, X)."""
    source = open_image(path)
    values = whole(source)
    source.close()
    return values


def test_folder_is_classified(clicktrain, model, images, tmp_path):
    result = clicktrain("predict", model, images, "-o", tmp_path / "deep" / "out")
    assert result.exit_code == 0, result.output
    assert "3 of 3 images classified in " in result.stdout
    out = tmp_path / "deep" / "out"
    names = [f"{stem}_{kind}.tif" for stem in "abc" for kind in ("classes", "probabilities")]
    assert sorted(os.listdir(out)) == names
    (classes,) = read(out / "c_classes.tif")
    assert (classes[:, :20] == 1).mean() > 0.95
    assert (classes[:, -20:] == 2).mean() > 0.95
    probabilities = tifffile.imread(out / "c_probabilities.tif")
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-5)
    np.testing.assert_array_equal(probabilities.argmax(axis=0) + 1, classes)


def test_glob_takes_what_it_matches(clicktrain, model, images, tmp_path):
    assert clicktrain("predict", model, f"{images}/[ab].png", "-o", tmp_path / "out").exit_code == 0
    assert sorted(os.listdir(tmp_path / "out"))[::2] == ["a_classes.tif", "b_classes.tif"]


@pytest.mark.parametrize(("option", "left"), [("--no-probabilities", "classes"), ("--no-classes", "probabilities")])
def test_results_can_be_left_out(clicktrain, model, images, tmp_path, option, left):
    assert clicktrain("predict", model, images / "a.png", "-o", tmp_path / "out", option).exit_code == 0
    assert os.listdir(tmp_path / "out") == [f"a_{left}.tif"]


def test_existing_results_are_replaced_only_when_asked(clicktrain, model, images, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "a_classes.tif").write_bytes(b"old")
    refused = clicktrain("predict", model, images, "-o", out)
    assert refused.exit_code == 2
    assert "a_classes.tif" in refused.stderr
    assert os.listdir(out) == ["a_classes.tif"]
    assert (out / "a_classes.tif").read_bytes() == b"old"
    assert clicktrain("predict", model, images, "-o", out, "--overwrite").exit_code == 0
    assert read(out / "a_classes.tif").shape == (1, 48, 48)


def test_files_that_failed_are_named_with_their_reason(clicktrain, model, images, tmp_path):
    (images / "a.png").write_bytes(b"")
    Image.fromarray(np.random.default_rng(0).integers(0, 9, (48, 48, 3), np.uint8)).save(images / "b.png")
    result = clicktrain("predict", model, images, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "1 of 3 images classified" in result.stdout
    first, second = result.stderr.splitlines()
    assert "a.png` must hold an image, got an empty file" in first
    assert "b.png` must have 1 channel for this model, got 3" in second
    assert sorted(os.listdir(tmp_path / "out")) == ["c_classes.tif", "c_probabilities.tif"]


def test_an_ome_zarr_gives_an_ome_zarr_of_the_same_answers(clicktrain, model, images, tmp_path):
    path = ome_zarr(tmp_path / "a.ome.zarr", [halves(0)], "yx", scale=[0.5, 0.5])
    assert clicktrain("predict", model, path, images / "b.png", "-o", tmp_path / "out").exit_code == 0
    assert clicktrain("predict", model, images / "a.png", "-o", tmp_path / "plain").exit_code == 0
    names = {f"a_{kind}.ome.zarr" for kind in ("classes", "probabilities")}
    assert set(os.listdir(tmp_path / "out")) == names | {"b_classes.tif", "b_probabilities.tif"}
    for kind in ("classes", "probabilities"):
        found, plain = read(tmp_path / "out" / f"a_{kind}.ome.zarr"), read(tmp_path / "plain" / f"a_{kind}.tif")
        assert found.dtype == plain.dtype
        np.testing.assert_array_equal(found, plain)
    assert open_image(tmp_path / "out" / "a_classes.ome.zarr").voxel_size == (0.5, 0.5)


@pytest.mark.parametrize(("file_format", "ending"), [("tiff", "tif"), ("ome-zarr", "ome.zarr")])
def test_the_format_of_the_results_can_be_chosen_and_they_can_be_replaced(
    clicktrain, model, images, tmp_path, file_format, ending
):
    arguments = ("predict", model, images / "a.png", "-o", tmp_path / "out", "--format", file_format)
    assert clicktrain(*arguments).exit_code == 0
    assert sorted(os.listdir(tmp_path / "out")) == [f"a_classes.{ending}", f"a_probabilities.{ending}"]
    assert clicktrain(*arguments).exit_code == 2
    assert clicktrain(*arguments, "--overwrite").exit_code == 0
    assert sorted(os.listdir(tmp_path / "out")) == [f"a_classes.{ending}", f"a_probabilities.{ending}"]


def test_little_memory_changes_no_answer(clicktrain, model, images, tmp_path):
    little_mb = psutil.Process().memory_info().rss // 10**6 + 400
    for folder, options in (("little", ["--memory", f"{little_mb}MB"]), ("much", [])):
        assert clicktrain("predict", model, images / "a.png", "-o", tmp_path / folder, *options).exit_code == 0
    little, much = (read(tmp_path / folder / "a_probabilities.tif") for folder in ("little", "much"))
    np.testing.assert_allclose(little, much, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "n_bytes"), [("7", 7), ("800MB", 8 * 10**8), ("2 GB", 2 * 10**9), ("1.5gib", 1_500_000_000), ("3k", 3000)]
)
def test_sizes_are_read_as_people_write_them(text, n_bytes):
    assert memory.parse_bytes(text) == n_bytes


@pytest.mark.parametrize("text", ["", "much", "-1GB", "GB", "1 2", "1e9", "1,5GB"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ClickTrainError, match='--memory must be a size such as "800MB"'):
        memory.parse_bytes(text)


def test_room_for_work_is_what_the_program_does_not_take_already():
    assert 10**15 - 10**12 < memory.room_for_work(10**15, 1) < 10**15
    assert memory.room_for_work(None, 1) > 0


@pytest.mark.parametrize("size", ["0", "500", "50MB"])
def test_less_memory_than_the_program_needs_is_refused(clicktrain, model, images, tmp_path, size):
    refused = clicktrain("predict", model, images / "a.png", "-o", tmp_path / "out", "--memory", size)
    assert refused.exit_code == 2
    assert "--memory must be at least" in refused.output
    assert not (tmp_path / "out").exists()


def test_a_folder_of_images_does_not_get_the_results_as_well(clicktrain, model, images):
    refused = clicktrain("predict", model, images, "-o", images)
    assert refused.exit_code == 2
    assert "must not lie among the inputs" in refused.output


class TestBadInput:
    """Each ends with exit code 2, one line on stderr that says what is wrong, and no output folder."""

    @pytest.fixture
    def refused(self, clicktrain, tmp_path):
        def predict(*args):
            result = clicktrain("predict", *args, *([] if "-o" in args else ["-o", tmp_path / "out"]))
            assert result.exit_code == 2, result.output
            assert result.stderr.startswith("clicktrain: ")
            assert result.stderr.count("\n") == 1
            assert not (tmp_path / "out").is_dir()
            return result.stderr

        return predict

    def test_no_such_model(self, refused, images):
        assert "missing.clicktrain" in refused(images / "missing.clicktrain", images)

    @pytest.mark.parametrize("content", [b"", b"no model", b"PK\x03\x04"])
    def test_model_that_is_none(self, refused, images, tmp_path, content):
        (tmp_path / "m.clicktrain").write_bytes(content)
        assert "m.clicktrain" in refused(tmp_path / "m.clicktrain", images)

    def test_model_cut_off(self, refused, images, model, tmp_path):
        (tmp_path / "m.clicktrain").write_bytes(model.read_bytes()[:-100])
        assert "m.clicktrain" in refused(tmp_path / "m.clicktrain", images)

    def test_no_match(self, refused, images, model):
        assert "*.jpg" in refused(model, f"{images}/*.jpg")

    def test_two_inputs_of_one_stem(self, refused, images, model):
        np.save(images / "a.npy", np.eye(9))
        assert "inputs must have different names" in refused(model, images)

    def test_memory_that_is_no_size(self, refused, images, model):
        assert "--memory must be a size" in refused(model, images, "--memory", "much")

    def test_nothing_wanted(self, refused, images, model):
        assert "got neither" in refused(model, images, "--no-classes", "--no-probabilities")

    def test_output_folder_that_is_a_file(self, refused, images, model, tmp_path):
        (tmp_path / "out").touch()
        assert "must be a folder" in refused(model, images)
