from __future__ import annotations

import os

import numpy as np
import pytest
from clicktrain.images.files import read_image
from PIL import Image

from clicktrain.batch import run
from clicktrain.batch.plan import plan_outputs
from clicktrain.batch.run import predict_files
from clicktrain.config import ClassInfo
from clicktrain.errors import CancelledError, ImageError, StorageError
from clicktrain.progress import Progress


class Threshold:
    """Calls a pixel class 3 if it is bright, else class 1."""

    classes_ = np.array([1, 3])
    class_infos = (
        ClassInfo(number=1, name="dark", color="#000000"),
        ClassInfo(number=3, name="bright", color="#ffffff"),
    )

    def predict_proba(self, image, *, axes=None, progress=None):
        if axes != "YX":
            raise ImageError(f"image must be grey, got axes {axes}.")
        for step in (0, 1):
            progress(Progress("predicting", step, 2))
        bright = image > 127
        return np.stack([~bright, bright]).astype(np.float32)


@pytest.fixture
def images(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "b.png", "c.png"):
        Image.fromarray(rng.integers(0, 255, (6, 8), np.uint8)).save(folder / name)
    return [folder / name for name in ("a.png", "b.png", "c.png")]


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def test_every_file_gets_its_results(images, out):
    results = predict_files(Threshold(), plan_outputs(images, out))
    assert [result.path for result in results] == images
    for image, result in zip(images, results, strict=True):
        assert result.error is None
        assert result.seconds > 0
        pixels = read_image(image).array
        classes = read_image(out / f"{image.stem}_classes.tif")
        np.testing.assert_array_equal(classes.array, np.where(pixels > 127, 3, 1))
        assert classes.array.dtype == np.uint8
        probabilities = read_image(out / f"{image.stem}_probabilities.tif")
        assert probabilities.axes == "CYX"
        np.testing.assert_array_equal(probabilities.array[1], pixels > 127)
        assert set(result.outputs) == {out / f"{image.stem}_classes.tif", out / f"{image.stem}_probabilities.tif"}
    assert len(os.listdir(out)) == 6


def test_class_numbers_beyond_8_bit_are_written_as_16_bit(images, out):
    model = Threshold()
    model.classes_ = np.array([1, 300])
    predict_files(model, plan_outputs(images[:1], out))
    classes = read_image(out / "a_classes.tif").array
    assert classes.dtype == np.uint16
    assert set(np.unique(classes)) == {1, 300}


def test_bad_file_does_not_stop_the_others(images, out):
    images[1].write_bytes(b"")
    results = predict_files(Threshold(), plan_outputs(images, out))
    assert [result.error is None for result in results] == [True, False, True]
    assert results[1].outputs == ()
    assert "b.png" in results[1].error
    assert sorted(os.listdir(out)) == [f"{stem}_{kind}.tif" for stem in "ac" for kind in ("classes", "probabilities")]


@pytest.mark.parametrize("error", [ImageError("wrong channels"), MemoryError(), RuntimeError("can't allocate memory")])
def test_image_that_the_classifier_refuses_does_not_stop_the_others(images, out, monkeypatch, error):
    model = Threshold()
    predict_proba = model.predict_proba
    answers = iter([None, error, None])

    def sometimes(image, **options):
        answer = next(answers)
        if answer is not None:
            raise answer
        return predict_proba(image, **options)

    monkeypatch.setattr(model, "predict_proba", sometimes)
    results = predict_files(model, plan_outputs(images, out))
    assert [result.error is None for result in results] == [True, False, True]
    assert results[1].error


def test_a_mistake_of_the_program_is_named_for_its_file_and_stops_no_other(images, out, monkeypatch, caplog):
    model = Threshold()
    right = model.predict_proba
    calls = iter(range(len(images)))

    def wrong_once(*args, **options):
        return right(*args, **options) if next(calls) else 1 / 0

    monkeypatch.setattr(model, "predict_proba", wrong_once)
    results = predict_files(model, plan_outputs(images, out))
    assert "did not expect (ZeroDivisionError" in results[0].error
    assert [result.error for result in results[1:]] == [None, None]
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("failing", ["_probabilities", "_classes"])
def test_file_whose_results_cannot_all_be_written_leaves_none(images, out, monkeypatch, failing):
    write_tiff = run.write_tiff

    def full_disk(path, *args):
        if path.name.endswith(f"-b{failing}.tif"):
            raise StorageError(f"`{path}` could not be written: there is no space left on the disk.")
        write_tiff(path, *args)

    monkeypatch.setattr(run, "write_tiff", full_disk)
    results = predict_files(Threshold(), plan_outputs(images, out))
    assert "no space left" in results[1].error
    assert not [name for name in os.listdir(out) if name.startswith("b")]


def test_failure_keeps_the_results_of_an_earlier_run(images, out, monkeypatch):
    predict_files(Threshold(), plan_outputs(images, out))

    def full_disk(path, *args):
        raise StorageError("there is no space left on the disk.")

    monkeypatch.setattr(run, "write_tiff", full_disk)
    predict_files(Threshold(), plan_outputs(images, out, overwrite=True))
    assert len(os.listdir(out)) == 6


@pytest.mark.parametrize("failing", ["_probabilities", "_classes"])
def test_one_failed_output_keeps_both_results_of_an_earlier_run(images, out, monkeypatch, failing):
    predict_files(Threshold(), plan_outputs(images, out))
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    write_tiff = run.write_tiff

    def full_disk(path, *args):
        if path.name.endswith(f"-b{failing}.tif"):
            raise StorageError("there is no space left on the disk.")
        write_tiff(path, *args)

    monkeypatch.setattr(run, "write_tiff", full_disk)
    predict_files(Threshold(), plan_outputs(images, out, overwrite=True))
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_axes_are_handed_to_every_file(images, out):
    (result,) = predict_files(Threshold(), plan_outputs(images[:1], out), axes="XY")
    assert "got axes XY" in result.error


def test_progress_rises_to_the_end(images, out):
    seen = []
    predict_files(Threshold(), plan_outputs(images, out), seen.append)
    fractions = [step.fraction for step in seen]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert {step.path for step in seen} == set(images)
    assert (seen[-1].done, seen[-1].total) == (3, 3)


def test_no_file_is_no_work(out):
    assert predict_files(Threshold(), []) == []


@pytest.mark.parametrize("error", [CancelledError("stopped"), KeyboardInterrupt()])
def test_stopping_ends_the_batch_and_keeps_what_is_whole(images, out, error):
    def stop(step):
        if step.done == 1:
            raise error

    with pytest.raises(type(error)):
        predict_files(Threshold(), plan_outputs(images, out), stop)
    assert sorted(os.listdir(out)) == ["a_classes.tif", "a_probabilities.tif"]
