from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
import zarr
from clicktrain.images.regions import LazyImage
from PIL import Image

from clicktrain.errors import ImageError, StorageError

GREY = np.random.default_rng(0).integers(0, 60000, (150, 130)).astype(np.uint16)
COLOUR = np.random.default_rng(1).integers(0, 255, (150, 130, 3)).astype(np.uint8)
REGIONS = [(0, 0, 16, 16), (37, 91, 30, 39), (134, 114, 16, 16)]


def tiff(path, array, **options):
    tifffile.imwrite(path, array, **options)
    return path


def pyramid(path, array, axes, *, version: str = "0.5"):
    """OME-Zarr with a second, smaller level."""
    group = zarr.create_group(path, zarr_format=3 if version == "0.5" else 2)
    for name, level in (("full", array), ("half", array[..., ::2, ::2])):
        group.create_array(name, data=level, chunks=tuple(min(32, n) for n in level.shape))
    scales = [{"axes": [{"name": name} for name in axes], "datasets": [{"path": "full"}, {"path": "half"}]}]
    group.attrs.update({"ome": {"multiscales": scales}} if version == "0.5" else {"multiscales": scales})
    return path


def saved(path, save):
    save(path)
    return path


SOURCES = {
    "array": lambda folder: GREY,
    "big-endian array": lambda folder: GREY.astype(">u2"),
    "contiguous TIFF": lambda folder: tiff(folder / "a.tif", GREY),
    "big-endian TIFF": lambda folder: tiff(folder / "a.tif", GREY, byteorder=">"),
    "stripped TIFF": lambda folder: tiff(folder / "a.tif", GREY, rowsperstrip=7, compression="zlib"),
    "tiled TIFF": lambda folder: tiff(folder / "a.tif", GREY, tile=(32, 48), compression="zlib"),
    "uncompressed tiled TIFF": lambda folder: tiff(folder / "a.tif", GREY, tile=(32, 48)),
    "NPY": lambda folder: saved(folder / "a.npy", lambda path: np.save(path, GREY)),
    "PNG": lambda folder: saved(folder / "a.png", lambda path: Image.fromarray(GREY).save(path)),
    "Zarr array": lambda folder: saved(
        folder / "a.zarr", lambda path: zarr.create_array(path, data=GREY, chunks=(32, 32))
    ),
    "OME-Zarr 0.5": lambda folder: pyramid(folder / "a.ome.zarr", GREY[None, None, None], "tczyx"),
    "OME-Zarr 0.4": lambda folder: pyramid(folder / "a.ome.zarr", GREY, "yx", version="0.4"),
    "open zarr array": lambda folder: zarr.create_array(folder / "b.zarr", data=GREY, chunks=(32, 32)),
}
COLOURS = {
    "array": lambda folder: COLOUR,
    "PNG": lambda folder: saved(folder / "a.png", lambda path: Image.fromarray(COLOUR).save(path)),
    "TIFF": lambda folder: tiff(folder / "a.tif", COLOUR, photometric="rgb"),
    "planar tiled TIFF": lambda folder: tiff(
        folder / "a.tif", COLOUR.transpose(2, 0, 1), photometric="rgb", planarconfig="separate", tile=(32, 32)
    ),
    "TIFF with transparency": lambda folder: tiff(
        folder / "a.tif",
        np.dstack([COLOUR, COLOUR[..., :1]]),
        photometric="rgb",
        extrasamples=["unassalpha"],
        tile=(32, 32),
        compression="zlib",
    ),
    "channels TIFF": lambda folder: tiff(
        folder / "a.tif", COLOUR.transpose(2, 0, 1), photometric="minisblack", metadata={"axes": "CYX"}
    ),
    "OME-Zarr": lambda folder: pyramid(folder / "a.ome.zarr", COLOUR.transpose(2, 0, 1), "cyx"),
}


def assert_reads(image, wanted) -> None:
    with LazyImage.of(image, None, 0).opened() as regions:
        assert regions.shape_px == wanted.shape[:2]
        assert regions.n_channels == wanted.shape[2]
        for y, x, height, width in REGIONS:
            region = regions.read(y, x, height, width)
            np.testing.assert_array_equal(region, wanted[y : y + height, x : x + width].transpose(2, 0, 1))


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_of_grey_values_gives_the_same_regions(tmp_path, name: str) -> None:
    assert_reads(SOURCES[name](tmp_path), GREY[..., None])


@pytest.mark.parametrize("name", COLOURS)
def test_every_source_of_colours_gives_the_same_regions(tmp_path, name: str) -> None:
    assert_reads(COLOURS[name](tmp_path), COLOUR)


@pytest.mark.parametrize("name", SOURCES)
def test_blocks_make_up_the_image_once(tmp_path, name: str) -> None:
    with LazyImage.of(SOURCES[name](tmp_path), None, 0).opened() as regions:
        seen = np.zeros(regions.shape_px, int)
        for y, x, height, width in regions.blocks():
            seen[y : y + height, x : x + width] += 1
    assert (seen == 1).all()


def test_of_a_chunked_file_only_the_chunks_under_a_region_are_read(tmp_path) -> None:
    path = SOURCES["Zarr array"](tmp_path)
    for chunk in (path / "c").rglob("*"):
        if chunk.is_file() and chunk.parent.name != "0":
            chunk.write_bytes(b"damaged")
    with LazyImage.of(path, None, 0).opened() as regions:
        np.testing.assert_array_equal(regions.read(0, 3, 32, 100)[0], GREY[:32, 3:103])
        with pytest.raises(ImageError, match="must be a whole Zarr file"):
            regions.read(20, 3, 32, 100)


def test_a_wide_image_is_looked_through_in_blocks_of_bounded_size() -> None:
    wide = np.broadcast_to(np.uint8(0), (30_000, 60_000))
    with LazyImage.of(wide, None, 0).opened() as regions:
        assert max(height * width for _, _, height, width in regions.blocks()) <= 2**22


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused_where_they_are(value: float) -> None:
    image = np.zeros((40, 40), np.float32)
    image[30, 30] = value
    with LazyImage.of(image, None, 4).opened() as regions:
        regions.read(0, 0, 16, 16)
        with pytest.raises(ImageError, match="image 5 must be finite"):
            regions.read(20, 20, 16, 16)


@pytest.mark.parametrize(
    ("image", "axes", "reason"),
    [
        (np.zeros((4, 20, 20)), None, "image 1: axes must be given"),
        (np.zeros((4, 20, 20)), "ZYX", "image 1: axes must name each axis of one 2D image once"),
        (np.zeros((20, 20)), "CYX", "axes must name each axis"),
        (np.zeros((20, 20), complex), None, "real numbers"),
        (np.zeros((0, 20)), None, "at least one pixel"),
        (3, None, "must be arrays or paths, got int as number 1"),
    ],
)
def test_arrays_that_are_no_2d_image_are_refused(image, axes, reason: str) -> None:
    with pytest.raises(ImageError, match=reason), LazyImage.of(image, axes, 0).opened():
        pass


def test_a_file_that_is_not_there_is_refused(tmp_path) -> None:
    with pytest.raises(StorageError, match="could not be read"), LazyImage.of(tmp_path / "no.tif", None, 0).opened():
        pass


def test_a_folder_that_is_no_image_is_refused(tmp_path) -> None:
    with pytest.raises(StorageError, match="must be an image file"), LazyImage.of(tmp_path, None, 0).opened():
        pass


def test_a_group_without_images_is_refused(tmp_path) -> None:
    zarr.create_group(tmp_path / "plate.zarr")
    with pytest.raises(ImageError, match="OME-Zarr"), LazyImage.of(tmp_path / "plate.zarr", None, 0).opened():
        pass


@pytest.mark.parametrize("name", ["tiled TIFF", "contiguous TIFF", "NPY", "PNG"])
def test_a_file_that_was_cut_off_is_refused(tmp_path, name: str) -> None:
    path = SOURCES[name](tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageError), LazyImage.of(path, None, 0).opened():
        pass


def test_damaged_metadata_of_a_zarr_is_refused(tmp_path) -> None:
    path = SOURCES["Zarr array"](tmp_path)
    (path / "zarr.json").write_text(json.dumps({"zarr_format": 3, "node_type": "array"}))
    with pytest.raises(ImageError, match="Zarr"), LazyImage.of(path, None, 0).opened():
        pass
