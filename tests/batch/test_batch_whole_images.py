from __future__ import annotations

import json
import os

import numpy as np
import pytest
import tifffile

from clicktrain.batch.whole_images import HeatMaps, ImageJob, answer_files, class_of, plan_heat_maps
from clicktrain.errors import CancelledError, ImageError, LabelsError, StorageError
from clicktrain.geometry.patch_grid import plan_patch_grid
from clicktrain.progress import Progress


class Brightness:
    """Calls an image 7 if it is bright, else 3; its heat maps say which class and method they were asked for."""

    classes_ = np.array([3, 7])

    def predict_proba(self, images, *, axes=None, progress=None):
        if images.suffix == ".bad":
            raise ImageError(f"`{images}` must be an image.")
        for step in (0, 1):
            progress(Progress("predicting", step, 2))
        share = float(np.load(images).mean())
        return np.array([[1 - share, share]], np.float32)

    def heatmap(self, image, *, label=None, method="gradient", axes=None, progress=None):
        return np.full((2, 3), label if method == "gradient" else -label, np.float32)

    def grid(self, image, *, axes=None):
        return plan_patch_grid((20, 30), 10, 10)


@pytest.fixture
def paths(tmp_path):
    """A dark and a bright image."""
    for name, value in (("dark", 0.1), ("bright", 0.8)):
        np.save(tmp_path / f"{name}.npy", np.full((4, 4), value))
    return [tmp_path / "dark.npy", tmp_path / "bright.npy"]


def test_every_image_gets_its_most_probable_class(paths):
    answers = answer_files(Brightness(), [ImageJob(path) for path in paths])
    assert [(each.path, each.label, each.error) for each in answers] == [
        (paths[0], "3", None),
        (paths[1], "7", None),
    ]
    np.testing.assert_allclose(answers[1].probabilities, [0.2, 0.8], rtol=1e-6)


def test_an_image_that_cannot_be_done_does_not_stop_the_others(paths, tmp_path):
    answers = answer_files(Brightness(), [ImageJob(tmp_path / "x.bad"), ImageJob(paths[0])])
    assert [each.label for each in answers] == ["", "3"]
    assert answers[0].probabilities is None
    assert "x.bad` must be an image" in answers[0].error


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("out of memory"), KeyError("k")])
def test_no_kind_of_failure_stops_the_others_or_is_silent(paths, monkeypatch, error):
    answer = Brightness.predict_proba

    def fail(self, images, **options):
        if images == paths[0]:
            raise error
        return answer(self, images, **options)

    monkeypatch.setattr(Brightness, "predict_proba", fail)
    first, second = answer_files(Brightness(), [ImageJob(path) for path in paths])
    assert first.error
    assert (second.label, second.error) == ("7", None)


def test_heat_maps_are_of_the_class_found_or_of_the_one_asked_for_and_know_their_place(paths, tmp_path):
    jobs = plan_heat_maps(paths, tmp_path)
    answer_files(Brightness(), jobs)
    assert [tifffile.imread(job.heat_map).max() for job in jobs] == [3, 7]
    answer_files(Brightness(), jobs, heat_maps=HeatMaps(7, "leave_one_out"))
    assert [tifffile.imread(job.heat_map).max() for job in jobs] == [-7, -7]
    with tifffile.TiffFile(tmp_path / "dark_heat.tif") as file:
        stored = json.loads(file.pages[0].description)
    assert (stored["label"], stored["method"], stored["patch_px"]) == (7, "leave_one_out", 10)
    assert (stored["scale_px"], stored["translate_px"]) == ([10, 10], [4.5, 4.5])


def test_progress_counts_images_and_goes_on_within_them(paths):
    seen = []
    answer_files(Brightness(), [ImageJob(path) for path in paths], seen.append)
    shares = [now.fraction for now in seen]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)
    assert 0.25 in shares
    assert (seen[-1].done, seen[-1].total) == (2, 2)


def test_a_stop_ends_the_work_and_leaves_nothing_half_written(paths, tmp_path):
    def stop(now):
        if now.fraction > 0.5:
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        answer_files(Brightness(), plan_heat_maps(paths, tmp_path), stop)
    assert sorted(os.listdir(tmp_path)) == ["bright.npy", "dark.npy", "dark_heat.tif"]


@pytest.mark.parametrize("names", [["a/x.tif", "b/x.png"], ["a/x.tif", "b/X.tif"], ["x.ome.zarr", "x.npy"]])
def test_two_images_of_one_heat_map_are_refused(tmp_path, names):
    with pytest.raises(StorageError, match="inputs must have different names"):
        plan_heat_maps([tmp_path / name for name in names], tmp_path)


def test_heat_maps_replace_neither_inputs_nor_unasked_what_is_there(tmp_path):
    (tmp_path / "a_heat.tif").touch()
    with pytest.raises(StorageError, match="must not exist yet"):
        plan_heat_maps([tmp_path / "a.tif"], tmp_path)
    assert plan_heat_maps([tmp_path / "a.tif"], tmp_path, overwrite=True)[0].heat_map == tmp_path / "a_heat.tif"
    with pytest.raises(StorageError, match="must not replace inputs"):
        plan_heat_maps([tmp_path / "a.tif", tmp_path / "a_heat.tif"], tmp_path, overwrite=True)


def test_classes_that_are_numbers_are_found_by_their_text():
    assert class_of(Brightness(), "7") == 7
    with pytest.raises(LabelsError, match="one of 3, 7, got 'x'"):
        class_of(Brightness(), "x")
