from __future__ import annotations

import csv
import os

import numpy as np
import pytest
import tifffile

from clicktrain import ImageClassifier
from tests.cli.test_cli_app import interrupted


def rows_of(table):
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def test_folders_and_ome_zarr_are_answered_in_one_table(clicktrain, image_model, slides, tmp_path):
    out = tmp_path / "answers.csv"
    result = clicktrain("predict-image", image_model, slides / "nothing", slides / "square", "-o", out)
    assert result.exit_code == 0, result.output
    assert "17 of 17 images classified in " in result.stdout
    assert os.listdir(tmp_path) == ["answers.csv"]
    rows = rows_of(out)
    assert rows[-1]["path"] == str(slides / "square" / "16.ome.zarr")
    paths = [row["path"] for row in rows]
    assert [row["label"] for row in rows] == ImageClassifier.load(image_model).predict(paths).tolist()
    for row in rows:
        shares = {name: float(row[f"p_{name}"]) for name in ("nothing", "square")}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        assert row["label"] == max(shares, key=shares.__getitem__)


def test_heat_maps_are_those_of_the_classifier_for_the_class_and_method_asked_for(
    clicktrain, image_model, slides, tmp_path
):
    image, maps = slides / "square" / "16.ome.zarr", tmp_path / "deep" / "maps"
    for method in ("gradient", "leave_one_out"):
        result = clicktrain(
            "predict-image", image_model, image, "-o", tmp_path / "t.csv", "--overwrite",
            "--heat-maps", maps, "--heat-label", "nothing", "--heat-method", method,
        )  # fmt: skip
        assert result.exit_code == 0, result.output
        expected = ImageClassifier.load(image_model).heatmap(image, label="nothing", method=method)
        np.testing.assert_array_equal(tifffile.imread(maps / "16_heat.tif"), expected)


def test_images_that_failed_are_named_and_the_others_answered(clicktrain, image_model, slides, tmp_path):
    (tmp_path / "bad.tif").write_bytes(b"")
    np.save(tmp_path / "tiny.npy", np.zeros((4, 4), np.float32))
    result = clicktrain(
        "predict-image", image_model, tmp_path, slides / "square" / "01.tif", "-o", tmp_path / "t.csv",
        "--heat-maps", tmp_path / "maps",
    )  # fmt: skip
    assert result.exit_code == 1
    assert "1 of 3 images classified" in result.stdout
    first, second = result.stderr.splitlines()
    assert "bad.tif` must hold an image" in first
    assert "tiny.npy" in second
    assert [row["path"] for row in rows_of(tmp_path / "t.csv")] == [str(slides / "square" / "01.tif")]
    assert os.listdir(tmp_path / "maps") == ["01_heat.tif"]


def test_no_table_where_no_image_could_be_done(clicktrain, image_model, tmp_path):
    (tmp_path / "bad.tif").write_bytes(b"")
    result = clicktrain("predict-image", image_model, tmp_path / "bad.tif", "-o", tmp_path / "t.csv")
    assert result.exit_code == 1
    assert "0 of 1 images classified" in result.stdout
    assert "t.csv" not in result.stdout
    assert os.listdir(tmp_path) == ["bad.tif"]


def test_interrupt_leaves_no_table_but_the_answers_to_go_on_with(start, image_model, slides, tmp_path):
    # The second image is a pipe that is never filled, so that the command surely waits when the signal comes.
    os.mkfifo(tmp_path / "z.png")
    images = (slides / "square" / "01.tif", tmp_path / "z.png")
    maps = tmp_path / "maps"
    with start("predict-image", image_model, *images, "-o", tmp_path / "t.csv", "--heat-maps", maps) as child:
        with open(tmp_path / "z.png", "wb"):
            err = interrupted(child)
    assert child.returncode == 130
    assert err == "clicktrain: stopped.\n"
    assert sorted(os.listdir(tmp_path)) == ["maps", "t.csv.unfinished", "z.png"]
    assert os.listdir(maps) == ["01_heat.tif"]


def test_classes_that_are_numbers_can_be_asked_for(clicktrain, tmp_path):
    from tests.learning.images.cases import blobs, settings

    images, names = blobs(8)
    ImageClassifier(preset=settings(epochs=1)).fit(images, [len(name) for name in names]).save(
        tmp_path / "m.clicktrain"
    )
    tifffile.imwrite(tmp_path / "a.tif", images[0])
    result = clicktrain(
        "predict-image", tmp_path / "m.clicktrain", tmp_path / "a.tif", "-o", tmp_path / "t.csv",
        "--heat-maps", tmp_path, "--heat-label", "6",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert rows_of(tmp_path / "t.csv")[0].keys() == {"path", "label", "p_6", "p_7", "origin"}


class TestBadInput:
    """Each ends with exit code 2, one line on stderr that says what is wrong, and no file."""

    @pytest.fixture
    def refused(self, clicktrain, tmp_path):
        def predict(*args):
            before = sorted(os.listdir(tmp_path))
            result = clicktrain("predict-image", *args, *([] if "-o" in args else ["-o", tmp_path / "t.csv"]))
            assert result.exit_code == 2, result.output
            assert result.stderr.startswith("clicktrain: ")
            assert result.stderr.count("\n") == 1
            assert sorted(os.listdir(tmp_path)) == before
            return result.stderr

        return predict

    def test_a_model_of_pixels(self, refused, model, slides):
        assert "must be a model of whole images" in refused(model, slides / "square")

    def test_a_folder_without_images(self, refused, image_model, tmp_path):
        (tmp_path / "empty").mkdir()
        assert "must hold at least one image" in refused(image_model, tmp_path / "empty")

    def test_a_class_that_is_not_known(self, refused, image_model, slides, tmp_path):
        error = refused(image_model, slides / "square", "--heat-maps", tmp_path / "maps", "--heat-label", "circle")
        assert "label must be one of nothing, square, got 'circle'" in error

    def test_a_class_of_heat_maps_without_a_folder_for_them(self, refused, image_model, slides):
        assert "--heat-maps must be a folder" in refused(image_model, slides / "square", "--heat-label", "square")

    def test_a_table_of_another_kind(self, refused, image_model, slides, tmp_path):
        assert "must end in .csv" in refused(image_model, slides / "square", "-o", tmp_path / "t.xlsx")

    @pytest.mark.parametrize("name", ["t.csv", "t.csv.unfinished"])
    def test_results_that_exist(self, refused, image_model, slides, tmp_path, name):
        (tmp_path / name).write_text("precious")
        error = refused(image_model, slides / "square")
        assert f"{name}`. Go on with what is missing (--skip-existing), do all again (--overwrite)" in error
        assert (tmp_path / name).read_text() == "precious"

    def test_a_table_of_something_else_is_not_gone_on_with(self, refused, image_model, slides, tmp_path):
        (tmp_path / "t.csv").write_text("precious")
        assert "must be a table of answers" in refused(image_model, slides / "square", "--skip-existing")
        assert (tmp_path / "t.csv").read_text() == "precious"

    def test_both_to_skip_and_to_overwrite(self, refused, image_model, slides):
        assert "Choose --skip-existing or --overwrite" in refused(
            image_model, slides / "square", "--skip-existing", "--overwrite"
        )

    def test_two_images_of_one_heat_map(self, refused, image_model, slides, tmp_path):
        (tmp_path / "01.tif").touch()
        assert "inputs must have different names" in refused(
            image_model, tmp_path / "01.tif", slides / "square", "--heat-maps", tmp_path / "maps"
        )
