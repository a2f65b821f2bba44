from __future__ import annotations

from pathlib import Path

import pytest

from clicktrain.batch.plan import plan_outputs
from clicktrain.errors import StorageError


def test_outputs_are_named_after_the_input(tmp_path):
    for name in ("cells.ome.tif", "cells.tif", "cells.png", "cells.ome.zarr"):
        (job,) = plan_outputs([Path("in") / name], tmp_path)
        assert job.classes == tmp_path / "cells_classes.tif"
        assert job.probabilities == tmp_path / "cells_probabilities.tif"
        assert set(job.outputs) == {job.classes, job.probabilities}


@pytest.mark.parametrize(
    ("file_format", "endings"),
    [("auto", [".tif", ".ome.zarr"]), ("tiff", [".tif"] * 2), ("ome-zarr", [".ome.zarr"] * 2)],
)
def test_results_are_in_the_format_that_is_asked_for_or_in_the_image_s(tmp_path, file_format, endings):
    (tmp_path / "b.zarr").mkdir()
    jobs = plan_outputs([tmp_path / "a.tif", tmp_path / "b.zarr"], tmp_path / "out", file_format=file_format)
    assert [job.classes.name for job in jobs] == [f"{stem}_classes{e}" for stem, e in zip("ab", endings, strict=True)]


@pytest.mark.parametrize("wanted", ["classes", "probabilities"])
def test_only_what_is_wanted_is_planned(tmp_path, wanted):
    options = {"classes": False, "probabilities": False} | {wanted: True}
    (job,) = plan_outputs([Path("a.png")], tmp_path, **options)
    assert job.outputs == (tmp_path / f"a_{wanted}.tif",)


def test_nothing_wanted_is_refused(tmp_path):
    with pytest.raises(StorageError, match="got neither"):
        plan_outputs([Path("a.png")], tmp_path, classes=False, probabilities=False)


@pytest.mark.parametrize(
    ("first", "second"),
    [("a.png", "a.tif"), ("x/a.png", "y/a.png"), ("x/a.png", "y/A.png"), ("a.ome.tif", "a.ome.zarr")],
)
def test_inputs_of_one_stem_are_refused_by_name(tmp_path, first, second):
    with pytest.raises(StorageError, match="inputs must have different names") as caught:
        plan_outputs([Path(first), Path("b.png"), Path(second)], tmp_path)
    assert f"`{Path(first)}`" in str(caught.value)
    assert f"`{Path(second)}`" in str(caught.value)


def test_output_that_exists_is_refused_by_name(tmp_path):
    (tmp_path / "b_classes.tif").touch()
    with pytest.raises(StorageError, match="must not exist yet") as caught:
        plan_outputs([Path("a.png"), Path("b.png")], tmp_path)
    assert str(tmp_path / "b_classes.tif") in str(caught.value)


def test_output_that_is_not_wanted_may_exist(tmp_path):
    (tmp_path / "a_classes.tif").touch()
    assert plan_outputs([Path("a.png")], tmp_path, classes=False)


def test_output_that_exists_may_be_overwritten_when_asked(tmp_path):
    (tmp_path / "a_classes.tif").touch()
    assert plan_outputs([Path("a.png")], tmp_path, overwrite=True)


def test_input_is_never_overwritten(tmp_path):
    inputs = [tmp_path / "a.png", tmp_path / "a_classes.tif"]
    for path in inputs:
        path.touch()
    with pytest.raises(StorageError, match="must not replace inputs"):
        plan_outputs(inputs, tmp_path, overwrite=True)
