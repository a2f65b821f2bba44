from __future__ import annotations

import json
import os

import numpy as np
import pytest
import tifffile

from clicktrain.errors import StorageError
from clicktrain.images.source import open_image
from clicktrain.stores.tiff import write_tiff
from tests.images.adapters import whole

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("axes", "shape"),
    [
        ("YX", (33, 21)),
        *(("CYX", shape) for shape in [(2, 33, 21), (3, 33, 21), (4, 33, 21), (2, 1, 3), (5, 4, 4)]),
        *(("ZYX", shape) for shape in [(3, 9, 4), (2, 9, 3)]),
        *(("CZYX", shape) for shape in [(2, 3, 9, 4), (3, 4, 9, 3)]),
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_what_is_written_comes_back_as_it_was(tmp_path, axes, shape, dtype):
    values = (RNG.random(shape) * 99).astype(dtype)
    write_tiff(tmp_path / "a.tif", values, axes)
    source = open_image(tmp_path / "a.tif")
    found = whole(source)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, values if "C" in axes else values[np.newaxis])
    source.close()


def test_file_is_plain_compressed_and_carries_what_it_is(tmp_path):
    write_tiff(tmp_path / "a.tif", RNG.random((2, 9, 9), np.float32), "CYX", {"class_names": ["a", "ß"]})
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        page = file.pages[0]
        assert len(file.pages) == 2
        assert page.compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        assert page.photometric == tifffile.PHOTOMETRIC.MINISBLACK
        described = json.loads(page.description)
    assert described["axes"] == "CYX"
    assert described["class_names"] == ["a", "ß"]


def test_same_array_gives_the_same_bytes(tmp_path):
    classes = RNG.integers(0, 3, (9, 9)).astype(np.uint8)
    for name in ("a.tif", "b.tif"):
        write_tiff(tmp_path / name, classes, "YX")
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()


def test_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(StorageError, match="its folder does not exist"):
        write_tiff(tmp_path / "missing" / "a.tif", np.zeros((4, 4), np.uint8), "YX")
    assert os.listdir(tmp_path) == []
