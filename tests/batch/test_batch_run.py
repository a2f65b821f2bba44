from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from clicktrain.batch.plan import plan_outputs
from clicktrain.batch.run import predict_files
from clicktrain.config import ClassInfo
from clicktrain.errors import CancelledError, ImageError, StorageError
from clicktrain.geometry.region import Region
from clicktrain.geometry.schedule import cut
from clicktrain.images.source import open_image
from clicktrain.images.stored import StoredImage
from clicktrain.progress import Progress
from clicktrain.stores.ome_zarr import OmeZarrSink
from clicktrain.stores.tiff import TiffSink
from tests.images.adapters import ome_zarr, whole


class Threshold:
    """Calls a pixel class 3 if it is bright, else class 1."""

    classes_ = np.array([1, 3])
    class_infos = (
        ClassInfo(number=1, name="dark", color="#000000"),
        ClassInfo(number=3, name="bright", color="#ffffff"),
    )

    def fingerprint(self):
        return "threshold"

    def predict_to(self, image, sink, *, memory_bytes=None, progress=None):
        if image.n_channels != 1:
            raise ImageError(f"{image.name} must have 1 channel.")
        tiles = cut(Region.whole(image.shape_px), (3,) * len(image.shape_px))
        for number, tile in enumerate(tiles):
            progress(Progress("predicting", number, len(tiles)))
            bright = image.read(tile)[0] > 127
            sink.write(tile, np.stack([~bright, bright]).astype(np.float32))


def read(path):
    """All of an image, (C, [Z,] Y, X)."""
    source = open_image(path)
    values = whole(source)
    source.close()
    return values


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
        (pixels,) = read(image)
        (classes,) = read(out / f"{image.stem}_classes.tif")
        np.testing.assert_array_equal(classes, np.where(pixels > 127, 3, 1))
        assert classes.dtype == np.uint8
        probabilities = read(out / f"{image.stem}_probabilities.tif")
        np.testing.assert_array_equal(probabilities, [pixels <= 127, pixels > 127])
        assert set(result.outputs) == {out / f"{image.stem}_classes.tif", out / f"{image.stem}_probabilities.tif"}
    assert len(os.listdir(out)) == 6


def test_class_numbers_beyond_8_bit_are_written_as_16_bit(images, out):
    model = Threshold()
    model.class_infos = (model.class_infos[0], model.class_infos[1].model_copy(update={"number": 300}))
    predict_files(model, plan_outputs(images[:1], out))
    classes = read(out / "a_classes.tif")
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
    right = model.predict_to
    answers = iter([None, error, None])

    def sometimes(image, sink, **options):
        answer = next(answers)
        if answer is not None:
            sink.write(Region((0, 0), (1, 1)), np.ones((2, 1, 1), np.float32))
            raise answer
        right(image, sink, **options)

    monkeypatch.setattr(model, "predict_to", sometimes)
    results = predict_files(model, plan_outputs(images, out))
    assert [result.error is None for result in results] == [True, False, True]
    assert results[1].error
    assert sorted({name[0] for name in os.listdir(out)}) == ["a", "c"]


def test_a_mistake_of_the_program_is_named_for_its_file_and_stops_no_other(images, out, monkeypatch, caplog):
    model = Threshold()
    right = model.predict_to
    calls = iter(range(len(images)))

    def wrong_once(*args, **options):
        return right(*args, **options) if next(calls) else 1 / 0

    monkeypatch.setattr(model, "predict_to", wrong_once)
    results = predict_files(model, plan_outputs(images, out))
    assert "did not expect (ZeroDivisionError" in results[0].error
    assert [result.error for result in results[1:]] == [None, None]
    assert "ZeroDivisionError" in caplog.text


def fill_disk(monkeypatch, sink: type, method: str, ending: str) -> None:
    """Let a step of results with such an ending find no space left."""
    right = getattr(sink, method)

    def refusing(self, *args):
        if self._path.stem.endswith(ending):
            raise StorageError("there is no space left on the disk.")
        right(self, *args)

    monkeypatch.setattr(sink, method, refusing)


@pytest.fixture(params=["tiff", "ome-zarr"])
def kept_as(request):
    """Format of the results and what writes it."""
    return request.param, TiffSink if request.param == "tiff" else OmeZarrSink


def content(folder) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("method", ["write", "prepare"])
@pytest.mark.parametrize("failing", ["b_probabilities", "b_classes"])
def test_file_whose_results_cannot_all_be_written_leaves_none(images, out, monkeypatch, failing, method, kept_as):
    file_format, sink = kept_as
    fill_disk(monkeypatch, sink, method, failing if file_format == "tiff" else f"{failing}.ome")
    results = predict_files(Threshold(), plan_outputs(images, out, file_format=file_format))
    assert [result.error for result in results] == [None, "there is no space left on the disk.", None]
    assert sorted({name.split("_")[0] for name in os.listdir(out)}) == ["a", "c"]


@pytest.mark.parametrize("failing", ["_probabilities", "_classes"])
def test_one_failed_output_keeps_both_results_of_an_earlier_run(images, out, monkeypatch, failing, kept_as):
    file_format, sink = kept_as
    predict_files(Threshold(), plan_outputs(images, out, file_format=file_format))
    before = content(out)
    fill_disk(monkeypatch, sink, "prepare", failing if file_format == "tiff" else f"{failing}.ome")
    for image in images:
        Image.new("L", (8, 6), 255).save(image)
    results = predict_files(Threshold(), plan_outputs(images, out, overwrite=True, file_format=file_format))
    assert all("no space left" in result.error for result in results)
    assert content(out) == before
    monkeypatch.undo()
    predict_files(Threshold(), plan_outputs(images, out, overwrite=True, file_format=file_format))
    assert content(out) != before


def test_results_in_a_folder_that_is_not_there_are_named_for_every_file(images, out):
    results = predict_files(Threshold(), plan_outputs(images, out / "missing"))
    assert all("its folder does not exist" in result.error for result in results)
    assert os.listdir(out) == []


def test_an_ome_zarr_gets_results_with_its_voxel_size(tmp_path, out):
    volume = np.random.default_rng(0).integers(0, 255, (4, 7, 9), np.uint8)
    path = ome_zarr(
        tmp_path / "v.ome.zarr", [volume[None], volume[None, ::2, ::2, ::2]], "czyx", scale=[1, 3, 0.5, 0.5]
    )
    (result,) = predict_files(Threshold(), plan_outputs([path], out))
    assert result.error is None
    assert sorted(os.listdir(out)) == ["v_classes.ome.zarr", "v_probabilities.ome.zarr"]
    np.testing.assert_array_equal(read(out / "v_classes.ome.zarr")[0], np.where(volume > 127, 3, 1))
    np.testing.assert_array_equal(read(out / "v_probabilities.ome.zarr"), [volume <= 127, volume > 127])
    for output in result.outputs:
        assert open_image(output).voxel_size == (3, 0.5, 0.5)


@pytest.mark.parametrize("fails", [False, True])
def test_every_image_is_closed_once_it_is_done(images, out, monkeypatch, fails):
    closed = []
    close = StoredImage.close
    monkeypatch.setattr(StoredImage, "close", lambda self: (closed.append(self.path), close(self)))
    if fails:
        fill_disk(monkeypatch, TiffSink, "write", "_classes")
    predict_files(Threshold(), plan_outputs(images, out))
    assert closed == images


def test_axes_are_handed_to_every_file(tmp_path, out):
    np.save(tmp_path / "a.npy", np.random.default_rng(0).integers(0, 255, (5, 4, 6)))
    jobs = plan_outputs([tmp_path / "a.npy"], out)
    (refused,), (done,) = (predict_files(Threshold(), jobs, axes=axes) for axes in ("CYX", "ZYX"))
    assert "must have 1 channel" in refused.error
    assert done.error is None
    assert read(out / "a_classes.tif").shape == (1, 5, 4, 6)


def test_what_memory_may_be_taken_is_handed_on(images, out, monkeypatch):
    model, seen = Threshold(), []
    monkeypatch.setattr(model, "predict_to", lambda *args, memory_bytes, **options: seen.append(memory_bytes))
    predict_files(model, plan_outputs(images, out), memory_bytes=12345)
    assert seen == [12345] * 3


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


def test_stopping_within_an_image_leaves_nothing_of_it(images, out, kept_as):
    def stop(step):
        if step.fraction > 0.5:
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        predict_files(Threshold(), plan_outputs(images, out, file_format=kept_as[0]), stop)
    assert {name[0] for name in os.listdir(out)} == {"a"}
