from __future__ import annotations

import csv

import numpy as np
import pytest
import tifffile
from PIL import Image

from clicktrain.batch.image_plan import plan_answers
from clicktrain.batch.image_run import AnswerResult, HeatWanted, answer_files, chosen_label, write_answers
from clicktrain.errors import CancelledError, LabelsError, StorageError
from clicktrain.tiling.patch_grid import plan_patch_grid
from clicktrain.types import Progress


class Model:
    """Says "two" with 75 %; `stop` is called in the middle of every answer."""

    classes_ = np.array([1, 2])

    def __init__(self, stop=lambda path: None) -> None:
        self.stop = stop

    def predict_proba(self, images, *, axes=None, progress=None):
        progress(Progress("predicting", 1, 2))
        self.stop(images)
        return np.array([[0.25, 0.75]], np.float32)

    def heatmap(self, image, *, label=None, method="gradient", axes=None, progress=None):
        progress(Progress("predicting", 1, 2))
        return np.full((2, 3), label, np.float32)

    def grid(self, image, *, axes=None):
        return plan_patch_grid((20, 30), 10, 10)


@pytest.fixture
def images(tmp_path):
    for name in "ab":
        Image.fromarray(np.eye(20, 30, dtype=np.uint8)).save(tmp_path / f"{name}.png")
    return [tmp_path / f"{name}.png" for name in "ab"]


def test_answers_come_in_the_order_of_the_images_and_progress_never_goes_back(images, tmp_path):
    told = []
    jobs = plan_answers(images, tmp_path / "o.csv", tmp_path)
    results = answer_files(Model(), jobs, told.append)
    assert results == [AnswerResult(path, "2", (0.25, 0.75)) for path in images]
    shares = [step.fraction for step in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)
    assert len(set(shares)) == 7


def test_heat_maps_are_of_the_answer_or_of_the_class_that_is_wanted(images, tmp_path):
    jobs = plan_answers(images[:1], tmp_path / "o.csv", tmp_path)
    for wanted, shown in ((None, 2), (1, 1)):
        answer_files(Model(), jobs, heat=HeatWanted(wanted))
        assert (tifffile.imread(tmp_path / "a_heat.tif") == shown).all()


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("out of memory"), StorageError("cannot be read"), KeyError("k")]
)
def test_an_image_that_fails_does_not_stop_the_others(images, tmp_path, error):
    def fail(path):
        if path == images[0]:
            raise error

    first, second = answer_files(Model(fail), plan_answers(images, tmp_path / "o.csv", None))
    assert first.label is None
    assert first.error
    assert second.label == "2"


def test_cancelling_stops_the_batch_and_leaves_whole_heat_maps(images, tmp_path):
    def stop(path):
        if path == images[1]:
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        answer_files(Model(stop), plan_answers(images, tmp_path / "o.csv", tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "a_heat.tif", "b.png"]


def test_the_table_has_the_images_that_were_done(images, tmp_path):
    results = [AnswerResult(images[0], "2", (0.25, 0.75)), AnswerResult(images[1], None, (), "damaged")]
    write_answers(tmp_path / "o.csv", results, ["1", "2"])
    with (tmp_path / "o.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    expected = {"path": str(images[0]), "label": "2", "probability of 1": "0.250000", "probability of 2": "0.750000"}
    assert row == expected


def test_a_class_is_known_by_how_it_is_written():
    assert chosen_label(Model(), "2") == 2
    assert chosen_label(Model(), None) is None
    with pytest.raises(LabelsError, match="one of 1, 2, got '3'"):
        chosen_label(Model(), "3")


def test_outputs_never_replace_inputs_or_each_other(images, tmp_path):
    (tmp_path / "x").mkdir()
    with pytest.raises(StorageError, match="one heat map"):
        plan_answers([images[0], tmp_path / "x" / "A.tif"], tmp_path / "o.csv", tmp_path)
    with pytest.raises(StorageError, match="must not replace inputs"):
        plan_answers([tmp_path / "a_heat.tif", tmp_path / "a.tif"], tmp_path / "o.csv", tmp_path)
    with pytest.raises(StorageError, match=r"must end in \.csv"):
        plan_answers(images, tmp_path / "o.txt", None)
