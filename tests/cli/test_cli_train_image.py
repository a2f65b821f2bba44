from __future__ import annotations

import os
import subprocess
from contextlib import suppress

import numpy as np
import pytest
import tifffile

from clicktrain import ImageClassifier
from clicktrain.cli.train_image import _shown_by
from clicktrain.progress import Progress
from tests.cli.test_cli_app import interrupted
from tests.learning.images.cases import blobs

QUICK = ("--patch", 16, "--epochs", 1)


@pytest.fixture
def table(slides, tmp_path):
    """A table that calls the images of both folders by other names."""
    rows = [f"{path},{'yes' if path.parent.name == 'square' else 'no'}" for path in sorted(slides.glob("*/*.tif"))]
    (tmp_path / "table.csv").write_text("\n".join(["path,label", *rows]))
    return tmp_path / "table.csv"


def test_trained_model_tells_squares_from_none(clicktrain, slides, tmp_path):
    out = tmp_path / "m.clicktrain"
    result = clicktrain("train-image", slides, "-o", out, "--patch", 16, "--epochs", 9)
    assert result.exit_code == 0, result.output
    images, names = blobs(20, seed=9)
    classifier = ImageClassifier.load(out)
    assert (classifier.predict(images) == np.array(names)).mean() >= 0.85
    assert "images     17, of which 2 were kept to see when to stop" in result.stdout
    assert "class      nothing: 8 images\nclass      square: 9 images\n" in result.stdout
    assert "epochs     9 in " in result.stdout
    assert "; to guess would be 0.693\n" in result.stdout
    assert f"model      {out}" in result.stdout


def test_table_and_folders_mean_the_same(clicktrain, slides, table, tmp_path):
    by_table = clicktrain("train-image", table, "-o", tmp_path / "a.clicktrain", *QUICK)
    by_folders = clicktrain(
        "train-image", slides / "nothing", slides / "square", "-o", tmp_path / "b.clicktrain", *QUICK
    )
    assert (by_table.exit_code, by_folders.exit_code) == (0, 0), by_table.output + by_folders.output
    assert ImageClassifier.load(tmp_path / "a.clicktrain").classes_.tolist() == ["no", "yes"]
    assert ImageClassifier.load(tmp_path / "b.clicktrain").classes_.tolist() == ["nothing", "square"]
    assert ImageClassifier.load(tmp_path / "b.clicktrain").summary().images.per_class == (8, 9)


def test_a_folder_given_as_a_dot_is_called_by_its_name(clicktrain, slides, tmp_path, monkeypatch):
    monkeypatch.chdir(slides / "square")
    out = tmp_path / "m.clicktrain"
    assert clicktrain("train-image", ".", "../nothing", "-o", out, *QUICK).exit_code == 0
    assert ImageClassifier.load(out).classes_.tolist() == ["nothing", "square"]


def test_settings_reach_the_model(clicktrain, slides, tmp_path):
    out = tmp_path / "m.clicktrain"
    result = clicktrain("train-image", slides, "-o", out, "--sampling", 0.5, "--validation", 0, "--seed", 3, *QUICK)
    assert result.exit_code == 0, result.output
    summary = ImageClassifier.load(out).summary()
    assert (summary.architecture.patch_px, summary.training.sampling, summary.training.epochs) == (16, 0.5, 1)
    assert (summary.seed, summary.images.validated) == (3, 0)


def test_checkpoint_of_an_ended_training_gives_its_model_at_once(clicktrain, slides, tmp_path, monkeypatch):
    command = ("train-image", slides, *QUICK, "--checkpoint", tmp_path / "c.checkpoint")
    assert clicktrain(*command, "-o", tmp_path / "a.clicktrain").exit_code == 0
    monkeypatch.setattr(
        "clicktrain.learning.images.epochs.train_on_batch", lambda *_, **__: pytest.fail("trained again")
    )
    again = clicktrain(*command, "-o", tmp_path / "b.clicktrain")
    assert again.exit_code == 0, again.output
    assert (tmp_path / "a.clicktrain").read_bytes() == (tmp_path / "b.clicktrain").read_bytes()
    other = clicktrain(*command, "--seed", 1, "-o", tmp_path / "c.clicktrain")
    assert other.exit_code == 2
    assert "checkpoint of the same images" in other.stderr


def test_ctrl_c_leaves_a_checkpoint_and_nothing_half_written(start, slides, tmp_path):
    arguments = ("train-image", slides, "-o", tmp_path / "m.clicktrain", "--checkpoint", tmp_path / "c.checkpoint")
    with start(*arguments, "--patch", 16, "--epochs", 100_000, "--validation", 0) as child:
        while not (tmp_path / "c.checkpoint").exists():
            with suppress(subprocess.TimeoutExpired):
                pytest.fail(child.communicate(timeout=0.1))
        err = interrupted(child)
    assert child.returncode == 130
    assert err == "clicktrain: stopped.\n"
    assert os.listdir(tmp_path) == ["c.checkpoint"]


def test_the_bar_never_goes_back_while_epochs_are_validated():
    shown = []
    on_progress = _shown_by(lambda fraction, text: shown.append((fraction, text)))
    for now in (
        Progress("reading", 3, 4),
        Progress("training", 1, 2, loss=0.5),
        Progress("validating", 0, 3),
        Progress("training", 2, 2, loss=0.25),
    ):
        on_progress(now)
    assert shown == [
        (0, "reading 3/4"),
        (0.5, "training, loss 0.500"),
        (0.5, "validating, loss 0.500"),
        (1, "training, loss 0.250"),
    ]


class TestBadInput:
    """Each ends with exit code 2, one line on stderr that says what is wrong, and no file."""

    @pytest.fixture
    def refused(self, clicktrain, tmp_path):
        def train(*args):
            before = sorted(os.listdir(tmp_path))
            result = clicktrain("train-image", *args, *([] if "-o" in args else ["-o", tmp_path / "m.clicktrain"]))
            assert result.exit_code == 2, result.output
            assert result.stdout == ""
            assert result.stderr.startswith("clicktrain: ")
            assert result.stderr.count("\n") == 1
            assert sorted(os.listdir(tmp_path)) == before
            return result.stderr

        return train

    def test_one_class_only(self, refused, slides):
        assert "at least two classes" in refused(slides / "square", *QUICK)

    def test_an_image_without_a_label(self, refused, slides):
        assert "got an image without a label" in refused(slides / "square" / "01.tif")
        assert "got an image without a label" in refused(slides / "square" / "16.ome.zarr")

    def test_nothing_of_that_name(self, refused, slides):
        assert "got nothing of that name" in refused(slides / "missing")

    def test_an_empty_folder(self, refused, tmp_path):
        (tmp_path / "empty").mkdir()
        assert "a folder of images for every class" in refused(tmp_path / "empty")

    def test_an_image_with_two_labels(self, refused, slides, table):
        assert "must have one label" in refused(table, slides)

    def test_images_smaller_than_a_patch(self, refused, slides):
        assert "64" in refused(slides)

    @pytest.mark.parametrize(
        ("option", "value", "limit"),
        [
            ("--sampling", "2", "1 or less, got 2.0"),
            ("--patch", "0", "8 or more, got 0"),
            ("--epochs", "0", "more than 0, got 0"),
            ("--validation", "1", "less than 1, got 1.0"),
        ],
    )
    def test_settings_out_of_range_are_called_as_their_options(self, refused, slides, option, value, limit):
        assert refused(slides, option, value) == f"clicktrain: {option} must be {limit}.\n"

    def test_images_of_other_channels(self, refused, tmp_path):
        for name, channels in (("a", 2), ("b", 3)):
            (tmp_path / name).mkdir()
            image = np.zeros((channels, 32, 32), np.uint8)
            tifffile.imwrite(tmp_path / name / "x.tif", image, photometric="minisblack", metadata={"axes": "CYX"})
        assert "channel" in refused(tmp_path, *QUICK)

    def test_output_of_another_kind(self, refused, slides):
        assert "must end in .clicktrain" in refused(slides, "-o", slides / "m.zip")

    def test_checkpoint_that_is_the_output(self, refused, slides, tmp_path):
        assert "must be another file" in refused(slides, "--checkpoint", tmp_path / "m.clicktrain")

    def test_checkpoint_in_a_missing_folder(self, refused, slides, tmp_path):
        assert "folder does not exist" in refused(slides, "--checkpoint", tmp_path / "no" / "c", *QUICK)


def test_a_model_that_exists_is_replaced_only_when_told(clicktrain, slides, tmp_path):
    out = tmp_path / "m.clicktrain"
    out.write_bytes(b"precious")
    refused = clicktrain("train-image", slides, "-o", out, *QUICK)
    assert refused.exit_code == 2
    assert "Give --overwrite" in refused.stderr
    assert out.read_bytes() == b"precious"
