"""What an earlier run did is left out, if it did the same."""

from __future__ import annotations

import os

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from clicktrain.batch.plan import plan_outputs
from clicktrain.batch.run import predict_files
from clicktrain.errors import StorageError
from clicktrain.stores.tiff import write_tiff
from tests.batch.test_batch_run import Threshold, content


@pytest.fixture
def images(tmp_path):
    (tmp_path / "in").mkdir()
    paths = [tmp_path / "in" / f"{name}.png" for name in "abc"]
    for seed, path in enumerate(paths):
        Image.fromarray(np.random.default_rng(seed).integers(0, 255, (6, 8), np.uint8)).save(path)
    return paths


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture(params=["tiff", "ome-zarr"])
def go_on(request, out):
    """Classify images, but not those that are done; returns which were."""

    def run(images, model=None, **options):
        jobs = plan_outputs(images, out, skip_existing=True, file_format=request.param)
        results = predict_files(model or Threshold(), jobs, skip_existing=True, **options)
        assert [result.error for result in results] == [None] * len(images)
        assert [result.outputs for result in results] == [job.outputs for job in jobs]
        return [result.skipped for result in results]

    return run


class Refusing(Threshold):
    def predict_to(self, *args, **options):
        raise AssertionError("nothing must be computed")


class Other(Refusing):
    def fingerprint(self):
        return "another model"


def test_what_is_done_is_left_as_it_is(images, out, go_on):
    assert go_on(images[:2]) == [False, False]
    before = content(out)
    assert go_on(images) == [True, True, False]
    assert before.items() < content(out).items()
    assert go_on(images, Refusing()) == [True] * 3


def test_an_image_of_which_one_result_is_missing_is_done_again(images, out, go_on):
    go_on(images)
    whole = content(out)
    (out / os.listdir(out)[0]).rename(out.parent / "gone")
    assert sorted(go_on(images)) == [False, True, True]
    assert content(out).keys() == whole.keys()


def change_the_image(path):
    Image.fromarray(np.zeros((60, 80), np.uint8)).save(path)


@pytest.mark.parametrize("one_result_alone", [False, True])
@pytest.mark.parametrize(
    ("model", "options", "change"),
    [(Other, {}, None), (Refusing, {"axes": "YX"}, None), (Refusing, {}, change_the_image)],
    ids=["model", "axes", "image"],
)
def test_results_that_were_made_otherwise_are_named_before_anything_runs(
    images, out, go_on, model, options, change, one_result_alone
):
    go_on(images[1:])
    if one_result_alone:
        next(out.glob("b_classes*")).rename(out.parent / "gone")
    if change is not None:
        change(images[1])
    before = content(out)
    with pytest.raises(StorageError, match=r"must be of the same model, image and options.*b_.*\(--overwrite\)"):
        go_on(images, model(), **options)
    assert content(out) == before


def write_tiff_image(path, values):
    tifffile.imwrite(path, values)


def write_zarr_image(path, values):
    axes = [{"name": name, "type": "space"} for name in "yx"]
    group = zarr.create_group(path)
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": [{"path": "0"}]}]}
    array = group.create_array("0", shape=values.shape, dtype=values.dtype, chunks=(8, 8), compressors=None)
    array[:] = values


@pytest.mark.parametrize(("name", "write"), [("A01.tif", write_tiff_image), ("A01.ome.zarr", write_zarr_image)])
def test_an_image_of_the_same_name_and_size_from_another_folder_is_not_taken_for_done(
    tmp_path, out, go_on, name, write
):
    plates = [tmp_path / "plateA" / name, tmp_path / "plateB" / name]
    for seed, path in enumerate(plates):
        path.parent.mkdir()
        write(path, np.random.default_rng(seed).integers(0, 255, (24, 32), np.uint8))
    sizes = [
        {each.relative_to(path): each.stat().st_size for each in [path, *path.rglob("*")] if each.is_file()}
        for path in plates
    ]
    assert sizes[0] == sizes[1]
    go_on(plates[:1])
    before = content(out)
    with pytest.raises(
        StorageError, match=r"must be of the same model, image and options.*A01_.*\(--overwrite\)"
    ) as told:
        go_on(plates[1:], Refusing())
    assert "\n" not in str(told.value)
    assert content(out) == before
    assert go_on(plates[:1], Refusing()) == [True]


@pytest.mark.parametrize("old", ["of another program", "of an earlier version", "a folder"])
def test_results_that_do_not_say_what_they_were_made_from_are_refused(images, out, old):
    path = out / "a_classes.tif"
    if old == "of another program":
        path.write_bytes(b"mine")
    elif old == "of an earlier version":
        write_tiff(path, np.ones((6, 8), np.uint8), "YX")
    else:
        path.mkdir()
    with pytest.raises(StorageError, match="which was made otherwise"):
        predict_files(Refusing(), plan_outputs(images, out, skip_existing=True), skip_existing=True)


def test_what_exists_is_not_both_skipped_and_overwritten(images, out):
    with pytest.raises(StorageError, match="either skipped or overwritten, got both"):
        plan_outputs(images, out, skip_existing=True, overwrite=True)
