from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from clicktrain import PixelClassifier
from clicktrain.images.stored import StoredImage
from tests.cli.conftest import halves
from tests.images.adapters import ome_zarr


def test_trained_model_tells_the_halves_apart(clicktrain, images, labels, tmp_path):
    out = tmp_path / "m.clicktrain"
    result = clicktrain(
        "train", images / "a.png", "--clicks", labels / "a.png", "-o", out, "--preset", "fast",
        "--class-names", "dark, bright",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    classifier = PixelClassifier.load(out)
    classes = classifier.predict(np.asarray(Image.open(images / "c.png")))
    assert (classes[:, :20] == 1).mean() > 0.95
    assert (classes[:, -20:] == 2).mean() > 0.95
    assert [info.name for info in classifier.class_infos] == ["dark", "bright"]


def test_a_model_that_exists_is_replaced_only_when_told(clicktrain, images, labels, tmp_path):
    out = tmp_path / "m.clicktrain"
    out.write_bytes(b"precious")
    arguments = ("train", images, "--clicks", labels, "-o", out, "--preset", "fast")
    refused = clicktrain(*arguments)
    assert refused.exit_code == 2
    assert "Give --overwrite" in refused.stderr
    assert out.read_bytes() == b"precious"
    assert clicktrain(*arguments, "--overwrite").exit_code == 0
    PixelClassifier.load(out)


def test_too_little_memory_is_one_line(clicktrain, images, labels, tmp_path, monkeypatch):
    def allocate(*_, **__):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes.")

    monkeypatch.setattr(PixelClassifier, "fit", allocate)
    result = clicktrain("train", images, "--clicks", labels, "-o", tmp_path / "m.clicktrain")
    assert result.exit_code == 2
    assert "must fit into memory" in result.stderr


def test_an_ome_zarr_trains_the_same_model_as_a_picture(clicktrain, images, labels, tmp_path):
    ome_zarr(tmp_path / "zarrs" / "a.ome.zarr", [halves(0)], "yx")
    answers = []
    for source in (tmp_path / "zarrs", images / "a.png"):
        out = tmp_path / f"{len(answers)}.clicktrain"
        result = clicktrain("train", source, "--clicks", labels / "a.png", "-o", out, "--preset", "fast")
        assert result.exit_code == 0, result.output
        answers.append(PixelClassifier.load(out).predict_proba(halves(2)))
    np.testing.assert_array_equal(*answers)


def test_no_more_than_one_of_many_images_is_open(clicktrain, images, labels, tmp_path, monkeypatch):
    opened, most = set(), []
    open_one, close = StoredImage._open, StoredImage.close

    def opening(self):
        opened.add(self.path)
        most.append(len(opened))
        return open_one(self)

    def closing(self):
        opened.discard(self.path)
        close(self)

    monkeypatch.setattr(StoredImage, "_open", opening)
    monkeypatch.setattr(StoredImage, "close", closing)
    out = tmp_path / "m.clicktrain"
    assert clicktrain("train", images, "--clicks", labels, "-o", out, "--preset", "fast").exit_code == 0
    assert max(most) == 1


def test_what_was_done_is_told(clicktrain, images, labels, tmp_path):
    result = clicktrain("train", images, "--clicks", labels, "-o", tmp_path / "m.clicktrain", "--preset", "fast")
    assert result.exit_code == 0, result.output
    assert "images     2 (1 more have no clicks and were left out)" in result.stdout
    assert "class 1: 64 clicked pixels" in result.stdout
    assert "class 2: 64 clicked pixels" in result.stdout
    assert "trained    in " in result.stdout
    assert str(tmp_path / "m.clicktrain") in result.stdout


def test_same_seed_gives_the_same_weights(clicktrain, images, labels, tmp_path):
    image = np.asarray(Image.open(images / "c.png"))
    scores = {}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        out = tmp_path / f"{name}.clicktrain"
        clicktrain("train", images, "--clicks", labels, "-o", out, "--preset", "fast", "--seed", seed)
        scores[name] = PixelClassifier.load(out).predict_proba(image)
    np.testing.assert_array_equal(scores["a"], scores["b"])
    assert np.abs(scores["a"] - scores["c"]).max() > 0


def test_images_of_one_layout_each_can_be_mixed(clicktrain, images, labels, tmp_path):
    np.save(images / "b.npy", np.asarray(Image.open(images / "b.png"))[np.newaxis])
    result = clicktrain(
        "train", images / "b.npy", "--clicks", labels / "b.csv", "--axes", "CYX", "--preset", "fast",
        "-o", tmp_path / "m.clicktrain",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert PixelClassifier.load(tmp_path / "m.clicktrain").summary().channels == 1


def test_repeated_clicks_follow_the_order_of_the_images(clicktrain, images, labels, tmp_path):
    Image.fromarray(np.zeros((48, 48), np.uint8)).save(tmp_path / "none.png")
    result = clicktrain(
        "train", images / "c.png", images / "a.png", "--clicks", tmp_path / "none.png", "--clicks", labels / "a.png",
        "--preset", "fast", "-o", tmp_path / "m.clicktrain",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "images     2\n" in result.stdout


class TestBadInput:
    """Each ends with exit code 2, one line on stderr that says what is wrong, and no file."""

    @pytest.fixture
    def refused(self, clicktrain, tmp_path):
        def train(*args):
            before = sorted(os.listdir(tmp_path))
            result = clicktrain("train", *args, *([] if "-o" in args else ["-o", tmp_path / "m.clicktrain"]))
            assert result.exit_code == 2, result.output
            assert result.stdout == ""
            assert result.stderr.startswith("clicktrain: ")
            assert result.stderr.count("\n") == 1
            assert sorted(os.listdir(tmp_path)) == before
            return result.stderr

        return train

    def test_no_such_image(self, refused, images, labels):
        assert "missing.png" in refused(images / "missing.png", "--clicks", labels / "a.png")

    def test_damaged_image(self, refused, images, labels):
        (images / "a.png").write_bytes(b"\x89PNG")
        assert "a.png` must be a whole" in refused(images / "a.png", "--clicks", labels / "a.png")

    def test_image_beyond_float32(self, refused, images, labels):
        np.save(images / "a.npy", halves(0) * 1e37)
        assert "a.npy` must be finite" in refused(images / "a.npy", "--clicks", labels / "a.png")

    def test_no_clicks(self, refused, images, tmp_path):
        np.save(images / "none.npy", np.zeros((48, 48), np.uint8))
        refused(images / "a.png", "--clicks", images / "none.npy")

    def test_one_class_only(self, refused, images):
        np.save(images / "one.npy", np.eye(48, dtype=np.uint8))
        refused(images / "a.png", "--clicks", images / "one.npy")

    def test_labels_of_another_shape(self, refused, images):
        np.save(images / "small.npy", np.eye(20, dtype=np.uint8))
        assert "small.npy" in refused(images / "a.png", "--clicks", images / "small.npy")

    def test_bad_row_of_a_table(self, refused, images):
        (images / "a.csv").write_text("y,x,class\n1,1,1\n1,x,2\n")
        assert "line 3" in refused(images / "a.png", "--clicks", images / "a.csv")

    def test_settings_are_called_as_their_options(self, refused, images, labels):
        np.save(images / "axes.npy", np.random.default_rng(0).random((2, 48, 48)))
        clicks = ("--clicks", labels / "a.png")
        assert refused(images / "a.png", *clicks, "--voxel-size", 3, 1, 1).startswith(
            "clicktrain: --voxel-size must be left out for 2D images"
        )
        assert "`: --axes must be given for an image of shape (2, 48, 48)" in refused(images / "axes.npy", *clicks)
        assert '`: --axes must be called Y (rows), X (columns), C (channels) or Z (slices), got "QYX"' in refused(
            images / "axes.npy", *clicks, "--axes", "QYX"
        )

    def test_as_many_clicks_as_images(self, refused, images, labels):
        error = refused(images, "--clicks", labels / "a.png")
        assert "got 3 images and 1 files of clicks" in error

    @pytest.mark.parametrize("names", ["one", "one,two,three", "one,", ""])
    def test_as_many_names_as_classes(self, refused, images, labels, names):
        assert "--class-names must be 2 names" in refused(
            images / "a.png", "--clicks", labels / "a.png", "--class-names", names
        )

    def test_stack(self, refused, images, labels):
        np.save(images / "stack.npy", np.random.default_rng(0).random((2, 48, 48)))
        assert "one time point" in refused(images / "stack.npy", "--clicks", labels / "a.png", "--axes", "TYX")

    def test_output_of_another_kind(self, refused, images, labels):
        assert "must end in .clicktrain" in refused(
            images / "a.png", "--clicks", labels / "a.png", "-o", images / "a.png"
        )

    def test_output_in_a_missing_folder(self, refused, images, labels, tmp_path):
        out = tmp_path / "missing" / "m.clicktrain"
        assert "folder does not exist" in refused(images / "a.png", "--clicks", labels / "a.png", "-o", out)

    def test_device_that_is_not_there(self, refused, images, labels, monkeypatch):
        import torch

        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        assert "cuda" in refused(images / "a.png", "--clicks", labels / "a.png", "--device", "cuda")


def test_failed_training_keeps_the_model_that_was_there(clicktrain, images, labels, tmp_path):
    out = tmp_path / "m.clicktrain"
    out.write_bytes(b"old")
    (images / "a.png").write_bytes(b"")
    assert clicktrain("train", images / "a.png", "--clicks", labels / "a.png", "-o", out).exit_code == 2
    assert out.read_bytes() == b"old"
