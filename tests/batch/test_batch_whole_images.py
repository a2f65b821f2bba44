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
from clicktrain.stores.answer_table import unfinished_table


class Brightness:
    """Calls an image 7 if it is bright, else 3; its heat maps say which class and method they were asked for."""

    classes_ = np.array([3, 7])

    def fingerprint(self):
        return "brightness"

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


class Refusing(Brightness):
    def predict_proba(self, *args, **options):
        raise AssertionError("nothing must be computed")


class Other(Refusing):
    def fingerprint(self):
        return "another model"


@pytest.fixture
def go_on(tmp_path):
    """Answer, but not about images that are done; returns which were."""

    def run(paths, model=None, **options):
        jobs = plan_heat_maps(paths, tmp_path / "maps", skip_existing=True)
        answers = answer_files(model or Brightness(), jobs, table=tmp_path / "t.csv", skip_existing=True, **options)
        assert [each.error for each in answers] == [None] * len(paths)
        return [each.skipped for each in answers]

    (tmp_path / "maps").mkdir()
    return run


def test_what_is_done_is_left_as_it_is(paths, go_on, tmp_path):
    assert go_on(paths[:1]) == [False]
    assert go_on(paths) == [True, False]
    before = (tmp_path / "t.csv").read_bytes()
    assert go_on(paths, Refusing()) == [True, True]
    assert (tmp_path / "t.csv").read_bytes() == before
    assert go_on(paths[1:], Refusing()) == [True]
    assert sorted((tmp_path / "t.csv").read_bytes().splitlines()) == sorted(before.splitlines())


def test_an_answer_alone_or_a_heat_map_alone_is_not_all(paths, go_on, tmp_path):
    go_on(paths)
    before = (tmp_path / "t.csv").read_bytes()
    (tmp_path / "maps" / "dark_heat.tif").unlink()
    assert go_on(paths) == [False, True]
    lines = before.splitlines(keepends=True)
    (tmp_path / "t.csv").write_bytes(b"".join(lines[:-1]))
    assert go_on(paths) == [True, False]
    assert (tmp_path / "t.csv").read_bytes() == before


def test_answers_are_kept_while_the_table_is_not_finished(paths, go_on, tmp_path):
    def stop(now):
        if now.fraction > 0.5:
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        go_on(paths, on_progress=stop)
    assert unfinished_table(tmp_path / "t.csv").exists()
    assert not (tmp_path / "t.csv").exists()
    assert go_on(paths) == [True, False]
    assert not unfinished_table(tmp_path / "t.csv").exists()


@pytest.mark.parametrize("chosen", [slice(0, 1), slice(1, 2)], ids=["the same image", "another image"])
@pytest.mark.parametrize(
    ("model", "options"),
    [(Other, {}), (Refusing, {"axes": "YX"}), (Refusing, {"heat_maps": HeatMaps(7)})],
    ids=["model", "axes", "heat maps"],
)
def test_answers_that_were_made_otherwise_are_refused_before_anything_runs(paths, go_on, model, options, chosen):
    go_on(paths[:1])
    if "heat_maps" in options:
        chosen = slice(0, 1)
    with pytest.raises(StorageError, match="must be of the same model, image and options"):
        go_on(paths[chosen], model(), **options)


def test_heat_maps_are_not_both_skipped_and_overwritten(tmp_path):
    with pytest.raises(StorageError, match="either skipped or overwritten"):
        plan_heat_maps([tmp_path / "a.tif"], tmp_path, skip_existing=True, overwrite=True)
