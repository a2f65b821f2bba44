"""What an image source reads, whatever the image is stored as."""

from __future__ import annotations

import gc
import json
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pytest
import tifffile
import torch
import zarr
from hypothesis import given
from hypothesis import strategies as st

from clicktrain.errors import ImageError, StorageError
from clicktrain.geometry.region import Region
from clicktrain.images import chunks, stored
from clicktrain.images.source import open_image
from tests.images.adapters import COLOUR, COLOURS, GREY, GREYS, VOLUME, VOLUMES, ome_zarr, tiff, whole, zarr_array

if TYPE_CHECKING:
    from pathlib import Path

CHANNELS_FIRST = {"grey": GREY[None], "colour": COLOUR.transpose(2, 0, 1), "volume": VOLUME[None]}
ADAPTERS = [
    *(pytest.param("grey", make, id=name) for name, make in GREYS.items()),
    *(pytest.param("colour", make, id=f"colours, {name}") for name, make in COLOURS.items()),
    *(pytest.param("volume", make, id=f"volume, {name}") for name, make in VOLUMES.items()),
]
every_adapter = pytest.mark.parametrize(("kind", "make"), ADAPTERS)
# The whole, single pixels, inside, over one border, over all, and beyond: last coordinates first to the third axis.
BOXES = [
    ((0, 0, 0), None),
    ((0, 0, 0), (1, 1, 1)),
    ((5, 74, 61), (6, 75, 62)),
    ((1, 17, 11), (4, 38, 36)),
    ((-3, 20, -9), (2, 41, 12)),
    ((-5, -70, -60), (11, 140, 121)),
    ((9, 80, 200), (13, 99, 203)),
]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks and cache so small that tiny images have many of them."""
    monkeypatch.setattr(chunks, "_LEAST_BLOCK_PX", {2: (16, 16), 3: (2, 16, 16)})
    monkeypatch.setattr(stored, "_CACHE_BYTES", 3000)


def reflected(image: Any, region: Region) -> Any:
    """The region by NumPy: enough of everything around the whole, then cut."""
    margins = [(0, 0)]
    for start, stop, n in zip(region.start, region.stop, image.shape[1:], strict=True):
        margins.append((max(0, -start), max(0, stop - n)))
    padded = np.pad(image, margins, mode="reflect")
    cut = [
        slice(start + before, stop + before)
        for (before, _), start, stop in zip(margins[1:], region.start, region.stop, strict=True)
    ]
    return padded[(slice(None), *cut)]


def boxes(shape_px: tuple[int, ...]) -> list[Region]:
    ndim = len(shape_px)
    return [Region(start[-ndim:], shape_px if stop is None else stop[-ndim:]) for start, stop in BOXES]


@every_adapter
def test_every_adapter_reads_the_same_values(tmp_path: Path, kind: str, make: Any) -> None:
    source, image = open_image(make(tmp_path)), CHANNELS_FIRST[kind]
    assert source.shape_px == source.shapes_px[0] == image.shape[1:]
    assert source.n_channels == len(image)
    for region in boxes(source.shape_px):
        found = source.read(region)
        assert found.dtype == source.dtype
        assert found.dtype.isnative
        np.testing.assert_array_equal(found, reflected(image, region))
    source.close()


@every_adapter
def test_a_closed_source_opens_again(tmp_path: Path, kind: str, make: Any) -> None:
    source = open_image(make(tmp_path))
    before = whole(source)
    for _ in range(2):
        source.close()
        np.testing.assert_array_equal(whole(source), before)
    source.close()


@every_adapter
def test_a_pickled_source_reads_the_same(tmp_path: Path, kind: str, make: Any) -> None:
    source = open_image(make(tmp_path))
    opened = whole(source)
    again = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(whole(again), opened)
    assert again.name == source.name
    again.close()
    source.close()


@given(data=st.data(), name=st.sampled_from(["array", "dask array", "open Zarr array"]))
def test_any_region_is_the_same_part_of_a_larger_one(
    data: st.DataObject, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    source = open_image(GREYS[name](tmp_path_factory.mktemp("zarr")))
    starts = st.tuples(st.integers(-200, 200), st.integers(-200, 200))
    inner = Region.at(data.draw(starts), data.draw(st.tuples(st.integers(1, 90), st.integers(1, 90))))
    outer = inner.grown(data.draw(st.tuples(st.integers(0, 99), st.integers(0, 99))))
    np.testing.assert_array_equal(source.read(inner), source.read(outer)[(slice(None), *inner.within(outer))])


@given(
    shape=st.tuples(st.integers(2, 5), st.integers(1, 4), st.integers(1, 5)),
    start=st.tuples(*[st.integers(-12, 12)] * 3),
    size=st.tuples(*[st.integers(1, 15)] * 3),
)
def test_reflection_is_that_of_numpy_whatever_the_margin_and_however_short_an_axis(shape, start, size) -> None:
    volume = np.arange(np.prod(shape)).reshape(1, *shape)
    region = Region.at(start, size)
    np.testing.assert_array_equal(open_image(volume, axes="CZYX").read(region)[0], reflected(volume, region)[0])


def test_reading_leaves_the_image_as_it_is() -> None:
    image = GREY.copy()
    open_image(image).read(Region((-5, -5), (80, 80)))[:] = 0
    np.testing.assert_array_equal(image, GREY)


class Counting:
    """A chunked array that knows which parts of it were asked for."""

    def __init__(self, array: Any, chunks: tuple[int, ...]) -> None:
        self.array, self.chunks = array, chunks
        self.shape, self.dtype = array.shape, array.dtype
        self.parts: list[Any] = []

    def __getitem__(self, index: Any) -> Any:
        self.parts.append(index)
        return self.array[index]


def test_only_the_chunks_under_a_region_are_read(tmp_path: Path) -> None:
    path = zarr_array(tmp_path / "a.zarr", GREY, (32, 32))
    for chunk in (path / "c").rglob("*"):
        if chunk.is_file() and chunk.parent.name != "0":
            chunk.write_bytes(b"damaged")
    source = open_image(path)
    np.testing.assert_array_equal(source.read(Region((-9, 3), (32, 62)))[0, 9:], GREY[:32, 3:62])
    with pytest.raises(ImageError, match="must be a whole Zarr file"):
        source.read(Region((20, 3), (52, 62)))


def test_of_a_dask_array_only_the_chunks_under_a_region_are_computed() -> None:
    computed = []

    def chunk(block_info: Any = None) -> Any:
        computed.append(tuple(block_info[None]["chunk-location"]))
        return np.ones((16, 16))

    image = da.map_blocks(chunk, chunks=((16,) * 4, (16,) * 4), dtype=float, meta=np.empty((0, 0)))
    open_image(image).read(Region((17, 33), (30, 60)))
    assert set(computed) == {(1, 2), (1, 3)}


def test_what_is_kept_stays_within_its_bytes_and_changes_no_value() -> None:
    stored = Counting(GREY, (16, 16))
    source = open_image(stored)
    rng = np.random.default_rng(0)
    for _ in range(40):
        region = Region.at(rng.integers(-20, 70, 2).tolist(), rng.integers(1, 18, 2).tolist())
        np.testing.assert_array_equal(source.read(region), reflected(GREY[None], region))
        assert source._cache.n_bytes <= 9 * 16 * 16 * GREY.itemsize
    assert len(stored.parts) > 20


def test_neighbouring_regions_decode_what_they_share_once() -> None:
    stored = Counting(GREY, (16, 16))
    source = open_image(stored)
    source.read(Region((0, 0), (10, 20)))
    source.read(Region((3, 5), (16, 32)))
    assert len(stored.parts) == 2
    source.close()
    source.read(Region((0, 0), (10, 20)))
    assert len(stored.parts) == 4


def test_a_chunk_that_is_the_whole_image_is_decoded_once_for_all_tiles() -> None:
    stored = Counting(GREY, GREY.shape)
    source = open_image(stored)
    for start in range(0, 60, 10):
        source.read(Region((start, start), (start + 10, start + 10)))
    assert len(stored.parts) == 1


def test_several_threads_read_one_source(tmp_path: Path) -> None:
    source = open_image(GREYS["big-endian tiled TIFF"](tmp_path))
    regions = [Region.at((i % 9 * 7, i % 5 * 11), (20, 20)) for i in range(60)]
    with ThreadPoolExecutor(4) as threads:
        for region, found in zip(regions, threads.map(source.read, regions), strict=True):
            np.testing.assert_array_equal(found[0], reflected(GREY[None], region)[0])
    source.close()


FILES = ["stripped TIFF", "contiguous TIFF", "pyramid TIFF", "NPY", "PNG", "Zarr", "OME-Zarr 0.4"]


@pytest.mark.parametrize("name", FILES)
def test_a_closed_source_holds_no_file_open(tmp_path: Path, name: str) -> None:
    def open_files() -> set[str]:
        gc.collect()
        links = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
        return {os.readlink(link) for link in links if os.path.lexists(link)}

    image = GREYS[name](tmp_path)
    source = open_image(image)
    whole(source)
    source.close()
    assert not [path for path in open_files() if str(tmp_path) in path]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_levels_and_voxel_size_of_an_ome_zarr_are_read(tmp_path: Path, version: str) -> None:
    levels = [VOLUME[None], VOLUME[None, :, ::2, ::2], VOLUME[None, ::2, ::4, ::4]]
    path = ome_zarr(tmp_path / "a.ome.zarr", levels, "czyx", version=version, scale=[1, 2.5, 0.5, 0.25])
    source = open_image(path)
    assert source.shapes_px == tuple(level.shape[1:] for level in levels)
    assert source.voxel_size == (2.5, 0.5, 0.25)
    for number, level in enumerate(levels):
        np.testing.assert_array_equal(source.read(Region.whole(level.shape[1:]), level=number), level)


def test_levels_of_a_tiff_and_of_arrays_are_read(tmp_path: Path) -> None:
    pyramid = [GREY, da.from_array(GREY[::2, ::2], chunks=16)]
    for source in (open_image(GREYS["pyramid TIFF"](tmp_path)), open_image(pyramid, multiscale=True)):
        assert source.shapes_px == (GREY.shape, (38, 31))
        found = source.read(Region((-2, 3), (38, 31)), level=1)
        np.testing.assert_array_equal(found[0], np.pad(GREY[::2, ::2], ((2, 0), (0, 0)), mode="reflect")[:, 3:])
        source.close()


def test_what_has_no_voxel_size_says_so() -> None:
    assert open_image(GREY).voxel_size is None


def test_a_source_is_returned_as_it_is_and_not_opened(tmp_path: Path) -> None:
    missing = open_image(tmp_path / "missing.tif", name="mine")
    assert open_image(missing) is missing
    assert missing.name == "mine"
    with pytest.raises(StorageError, match="could not be read"):
        missing.shape_px  # noqa: B018 - opens it


def test_tensors_and_lists_are_arrays() -> None:
    np.testing.assert_array_equal(whole(open_image(torch.arange(6).reshape(2, 3))), [[[0, 1, 2], [3, 4, 5]]])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
@pytest.mark.parametrize("chunked", [False, True])
def test_values_that_are_not_finite_are_refused_where_they_are(value: float, chunked: bool) -> None:
    image: Any = np.zeros((40, 40))
    image[39, 39] = value
    source = open_image(Counting(image, (16, 16)) if chunked else image, name="mine.tif")
    source.read(Region((0, 0), (16, 16)))
    with pytest.raises(ImageError, match=r"^mine.tif must be finite, got values"):
        source.read(Region((20, 20), (41, 41)))


@pytest.mark.parametrize(
    "dtype", ["?", "u1", "i1", "<u2", ">u2", "i2", "<i4", "u4", "i8", "u8", "f2", "<f4", ">f4", "<f8", ">f8"]
)
def test_values_stay_as_they_are_in_every_type(dtype: str) -> None:
    image = np.array([[0, 1], [1, 1]]).astype(dtype)
    found = whole(open_image(image))
    assert found.dtype == image.dtype.newbyteorder("=")
    np.testing.assert_array_equal(found, image[None])


@pytest.mark.parametrize(
    ("image", "options", "reason"),
    [
        (np.zeros((4, 20, 20)), {}, "image: axes must be given"),
        (np.zeros((20, 20)), {"axes": "CYX"}, "axes must name each axis"),
        (np.zeros((20, 20), complex), {}, "image must hold real numbers"),
        (np.zeros((20, 20), "U3"), {}, "image must hold real numbers"),
        (np.zeros((20, 20), [("a", "u1")]), {}, "image must hold real numbers"),
        (np.zeros((20, 20), "M8[s]"), {}, "image must hold real numbers"),
        (np.zeros((0, 20)), {}, "at least one pixel"),
        (np.zeros((0, 4, 20)), {"axes": "CYX"}, "at least one pixel"),
        (np.zeros((3, 4, 20)), {"axes": "TYX"}, "image must be of one time point, got a stack"),
        (np.zeros((3, 4, 20)), {"axes": "TYX", "frame": 3}, "frame must be a number from 0 to 2, got 3"),
        (np.zeros((3, 4, 20)), {"axes": "TYX", "frame": -1}, "frame must be a number from 0 to 2, got -1"),
        (np.zeros((4, 20)), {"frame": 1}, "frame must be a number from 0 to 0, got 1"),
        (np.zeros((4, 20), object), {}, "image must hold real numbers"),
        ([[1, 2], [3]], {}, "must be arrays or paths, got list"),
        ([], {"multiscale": True}, "must be arrays or paths, got list"),
        (3, {}, "must be arrays or paths, got int"),
        (None, {}, "must be arrays or paths, got NoneType"),
    ],
)
def test_what_is_no_image_is_refused_in_a_sentence(image: Any, options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        whole(open_image(image, **options))


def test_a_folder_that_is_no_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="must be an image file"):
        whole(open_image(tmp_path))


def test_a_group_without_images_is_refused(tmp_path: Path) -> None:
    zarr.create_group(tmp_path / "plate.zarr")
    with pytest.raises(ImageError, match="OME-Zarr"):
        whole(open_image(tmp_path / "plate.zarr"))


@pytest.mark.parametrize(
    "damage",
    [
        {"multiscales": [{"axes": [], "datasets": []}]},
        {"multiscales": [{"datasets": [{"path": "missing"}]}]},
        {"multiscales": [{}]},
        {"multiscales": 3},
        {"multiscales": [{"axes": [{"name": ""}], "datasets": [{"path": "s0"}]}]},
        {"multiscales": [{"axes": [{"name": "y"}], "datasets": [{"path": "s0"}]}]},
    ],
)
def test_damaged_metadata_of_an_ome_zarr_is_refused_by_name(tmp_path: Path, damage: dict[str, Any]) -> None:
    path = ome_zarr(tmp_path / "a.ome.zarr", [GREY], "yx")
    zarr.open_group(path).attrs["ome"] = damage
    with pytest.raises(ImageError, match=r"a\.ome\.zarr"):
        whole(open_image(path))


def test_damaged_metadata_of_a_zarr_is_refused(tmp_path: Path) -> None:
    path = GREYS["Zarr"](tmp_path)
    (path / "zarr.json").write_text(json.dumps({"zarr_format": 3, "node_type": "array"}))
    with pytest.raises(ImageError, match="Zarr"):
        whole(open_image(path))


def test_a_voxel_size_that_is_damaged_is_unknown(tmp_path: Path) -> None:
    path = ome_zarr(tmp_path / "a.ome.zarr", [GREY], "yx", scale=[1.0])
    assert open_image(path).voxel_size is None


def test_axes_by_hand_go_before_those_of_the_file(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif", VOLUME, imagej=True, metadata={"axes": "TYX"})
    with pytest.raises(ImageError, match="one time point"):
        whole(open_image(path))
    np.testing.assert_array_equal(whole(open_image(path, axes="zyx")), VOLUME[None])
    np.testing.assert_array_equal(whole(open_image(path, axes="CYX")), VOLUME)
    np.testing.assert_array_equal(whole(open_image(path, axes="TYX", frame=2)), VOLUME[2:3])
    np.testing.assert_array_equal(whole(open_image(path, frame=2)), VOLUME[2:3])


def test_axes_by_hand_name_a_dimension_of_a_tiff_that_it_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, VOLUME, photometric="minisblack")
    with pytest.raises(ImageError, match="Give the axes") as caught:
        whole(open_image(path))
    assert str(path) in str(caught.value)
    np.testing.assert_array_equal(whole(open_image(path, axes="CYX")), VOLUME)


def test_neighbouring_regions_decode_what_they_share_once_however_much_it_is() -> None:
    values = Counting(np.zeros((128, 128)), (16, 16))
    source = open_image(values)
    for start in (0, 3, 5):
        source.read(Region((start, start), (start + 60, start + 60)))
    assert len(values.parts) == 25


def test_memory_that_runs_out_in_a_region_is_not_called_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then smaller tiles may still do."""

    def fail(*_: Any) -> None:
        raise MemoryError

    source = open_image(tiff(tmp_path / "a.tif", GREY, tile=(16, 16)))
    monkeypatch.setattr(type(source._open().levels[0]), "__getitem__", fail)
    with pytest.raises(MemoryError):
        source.read(Region((0, 0), (10, 20)))
