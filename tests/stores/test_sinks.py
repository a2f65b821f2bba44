"""Results that are written region by region, whatever they are kept in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
import zarr

from clicktrain.config import ClassInfo
from clicktrain.errors import ImageError, StorageError
from clicktrain.geometry.region import Region
from clicktrain.geometry.schedule import cut
from clicktrain.images.source import open_image
from clicktrain.stores import tiff as tiff_module
from clicktrain.stores.ome_zarr import OmeZarrSink
from clicktrain.stores.sinks import ArraySink, RegionSink, SeveralSinks, absent_on_error, whole_or_absent
from clicktrain.stores.tiff import TiffSink

if TYPE_CHECKING:
    from collections.abc import Callable

CLASSES = (
    ClassInfo(number=1, name="dark", color="#00000a"),
    ClassInfo(number=300, name="bright", color="#ff8000"),
)
RNG = np.random.default_rng(0)
SHAPES = {"YX": (75, 62), "CYX": (2, 75, 62), "ZYX": (5, 40, 37), "CZYX": (2, 5, 40, 37)}
VALUES = {
    axes: (RNG.random(shape).astype(np.float32) if "C" in axes else RNG.integers(1, 300, shape).astype(np.uint16))
    for axes, shape in SHAPES.items()
}


def in_tiff(path: Path, axes: str) -> RegionSink:
    return TiffSink(path, SHAPES[axes], VALUES[axes].dtype, axes)


def in_ome_zarr(path: Path, axes: str) -> RegionSink:
    spatial = SHAPES[axes][axes.startswith("C") :]
    return OmeZarrSink(path, spatial, VALUES[axes].dtype, CLASSES, channels="C" in axes)


KINDS: dict[str, tuple[str, Callable[[Path, str], RegionSink]]] = {
    "small TIFF": ("a.tif", in_tiff),
    "TIFF by pages": ("a.tif", in_tiff),
    "TIFF by tiles": ("a.tif", in_tiff),
    "OME-Zarr": ("a.ome.zarr", in_ome_zarr),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Callable[[Path, str], Any]]:
    """Name of a result, and what makes a sink for it."""
    if request.param != "small TIFF":
        # More than a page of volumes, less than all of their pages; less than a page of anything.
        monkeypatch.setattr(tiff_module, "_MEMORY_BYTES", 6000 if request.param == "TIFF by pages" else 1000)
        monkeypatch.setattr(tiff_module, "_TILE_PX", 16)
    return KINDS[request.param]


def fill(sink: RegionSink, axes: str) -> None:
    """Write all values in regions that lie askew to any chunks, in a random order."""
    values, ndim = VALUES[axes], len(axes.replace("C", ""))
    regions = cut(Region.whole(values.shape[-ndim:]), (3, 11, 23)[-ndim:])
    for index in np.random.default_rng(1).permutation(len(regions)):
        leading = (slice(None),) * (values.ndim - ndim)
        sink.write(regions[index], values[(*leading, *regions[index].slices)])


def content(path: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


@pytest.mark.parametrize("axes", SHAPES)
def test_regions_in_any_order_make_up_the_whole(tmp_path: Path, kind: Any, axes: str) -> None:
    name, make = kind
    with whole_or_absent(make(tmp_path / name, axes)) as sink:
        fill(sink, axes)
        assert not (tmp_path / name).exists()
    assert os.listdir(tmp_path) == [name]
    source = open_image(tmp_path / name)
    found = source.read(Region.whole(source.shape_px))
    assert found.dtype == VALUES[axes].dtype
    np.testing.assert_array_equal(found, VALUES[axes] if "C" in axes else VALUES[axes][None])
    source.close()


@pytest.mark.parametrize("limit", [6000, 1000, 1 << 26])
@pytest.mark.parametrize("axes", SHAPES)
def test_a_large_tiff_tells_the_same_as_a_small_one(tmp_path: Path, monkeypatch: Any, axes: str, limit: int) -> None:
    monkeypatch.setattr(tiff_module, "_MEMORY_BYTES", limit)
    monkeypatch.setattr(tiff_module, "_TILE_PX", 16)
    sink = TiffSink(tmp_path / "a.tif", SHAPES[axes], VALUES[axes].dtype, axes, {"class_names": ["ä", "b"]})
    with whole_or_absent(sink):
        fill(sink, axes)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.series[0].axes == axes
        assert file.series[0].shape == SHAPES[axes]
        assert file.shaped_metadata[0]["class_names"] == ["ä", "b"]
        assert file.pages[0].is_tiled == (np.prod(SHAPES[axes][-2:]) * VALUES[axes].itemsize > limit)
        assert file.pages[0].photometric == tifffile.PHOTOMETRIC.MINISBLACK


@pytest.mark.parametrize("error", [ImageError("odd"), KeyboardInterrupt(), MemoryError()])
@pytest.mark.parametrize("old", [False, True])
def test_after_an_error_there_is_what_was_there_before(tmp_path: Path, kind: Any, error: Any, old: bool) -> None:
    name, make = kind
    if old:
        with whole_or_absent(make(tmp_path / name, "YX")) as sink:
            fill(sink, "YX")
    before = content(tmp_path)

    def begin_and_fail() -> None:
        with whole_or_absent(make(tmp_path / name, "YX")) as sink:
            sink.write(Region((0, 0), (9, 9)), np.ones((9, 9), np.uint16))
            raise error

    with pytest.raises(type(error)):
        begin_and_fail()
    assert content(tmp_path) == before
    assert sorted(os.listdir(tmp_path)) == [name] * old


def test_a_result_is_replaced_as_a_whole(tmp_path: Path, kind: Any) -> None:
    name, make = kind
    for axes in ("CZYX", "YX"):
        with whole_or_absent(make(tmp_path / name, axes)) as sink:
            fill(sink, axes)
    assert os.listdir(tmp_path) == [name]
    source = open_image(tmp_path / name)
    np.testing.assert_array_equal(source.read(Region.whole(source.shape_px))[0], VALUES["YX"])
    source.close()


def test_aborting_after_closing_changes_nothing(tmp_path: Path, kind: Any) -> None:
    name, make = kind
    sink = make(tmp_path / name, "YX")
    fill(sink, "YX")
    sink.prepare()
    sink.prepare()
    assert not (tmp_path / name).exists()
    sink.close()
    before = content(tmp_path)
    sink.abort()
    sink.abort()
    assert content(tmp_path) == before


class Failing(ArraySink):
    """A sink that takes everything and cannot be made ready."""

    def prepare(self) -> None:
        raise StorageError("there is no space left on the disk.")


@pytest.mark.parametrize("failing_first", [False, True])
def test_several_results_appear_together_or_not_at_all(tmp_path: Path, kind: Any, failing_first: bool) -> None:
    name, make = kind
    failing = Failing(np.zeros(SHAPES["YX"]))
    others = [make(tmp_path / f"{number}{name}", "YX") for number in range(2)]
    sinks = [failing, *others] if failing_first else [*others, failing]
    with pytest.raises(StorageError, match="no space left"), whole_or_absent(SeveralSinks(sinks)) as together:
        fill(together, "YX")
    assert os.listdir(tmp_path) == []
    with whole_or_absent(SeveralSinks([make(tmp_path / f"{number}{name}", "YX") for number in range(2)])) as together:
        fill(together, "YX")
        assert not [path for path in os.listdir(tmp_path) if not path.startswith(".")]
    assert sorted(os.listdir(tmp_path)) == [f"0{name}", f"1{name}"]


def test_what_was_begun_is_undone_where_a_later_result_cannot_be_begun(tmp_path: Path, kind: Any) -> None:
    name, make = kind
    sinks: list[RegionSink] = []

    def begin_both() -> None:
        with absent_on_error(SeveralSinks(sinks)):
            sinks.extend(make(tmp_path / folder / name, "YX") for folder in (".", "missing"))

    with pytest.raises(StorageError, match="does not exist"):
        begin_both()
    assert len(sinks) == 1
    assert os.listdir(tmp_path) == []


def test_places_that_cannot_be_written_are_named_before_anything_is_computed(tmp_path: Path, kind: Any) -> None:
    name, make = kind
    (tmp_path / "file").touch()
    (tmp_path / "folder" / name).mkdir(parents=True)
    for path, reason in (
        (tmp_path / "missing" / name, "its folder does not exist"),
        (tmp_path / "file" / name, "its folder is a file"),
        (tmp_path / "folder" / name, "must be"),
        (tmp_path / ("a" * 300 + name), "name is too long"),
    ):
        with pytest.raises(StorageError, match=reason) as caught:
            make(path, "YX")
        assert str(path) in str(caught.value)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
    assert os.listdir(tmp_path / "folder") == [name]


def test_an_ome_zarr_does_not_replace_what_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.ome.zarr").write_bytes(b"mine")
    with pytest.raises(StorageError, match="must be new or a Zarr folder"):
        in_ome_zarr(tmp_path / "a.ome.zarr", "YX")
    assert (tmp_path / "a.ome.zarr").read_bytes() == b"mine"


def test_an_ome_zarr_comes_back_if_its_successor_cannot_take_its_place(tmp_path: Path, monkeypatch: Any) -> None:
    with whole_or_absent(in_ome_zarr(tmp_path / "a.ome.zarr", "YX")) as sink:
        fill(sink, "YX")
    before, replace = content(tmp_path), os.replace
    sink = in_ome_zarr(tmp_path / "a.ome.zarr", "YX")
    made = next(path for path in tmp_path.glob(".*") if path.is_dir())

    def refusing(source: Path, target: Path) -> None:
        if source == made:
            raise PermissionError(13, "no")
        replace(source, target)

    monkeypatch.setattr(os, "replace", refusing)
    with pytest.raises(StorageError, match="no permission"), whole_or_absent(sink):
        fill(sink, "YX")
    assert content(tmp_path) == before


CHILD = """
import sys
from pathlib import Path
import numpy as np
from clicktrain.geometry.region import Region
from clicktrain.stores import tiff
from clicktrain.stores.sinks import whole_or_absent
from tests.stores.test_sinks import KINDS
kind, path, moment = sys.argv[1:]
tiff._MEMORY_BYTES = {"small TIFF": 1 << 26, "TIFF by pages": 6000}.get(kind, 1000)

def wait():
    print("half", flush=True)
    sys.stdin.read()

with whole_or_absent(KINDS[kind][1](Path(path), "YX")) as sink:
    sink.write(Region((0, 0), (40, 62)), np.ones((40, 62), np.uint16))
    if moment == "writing":
        wait()
    sink.prepare()
    wait()
"""


@pytest.mark.parametrize(
    ("kind", "moment"), [("TIFF by tiles", "writing"), ("small TIFF", "ready"), ("OME-Zarr", "writing")]
)
def test_a_process_killed_in_the_middle_leaves_no_half_result(tmp_path: Path, kind: str, moment: str) -> None:
    path = tmp_path / KINDS[kind][0]
    command = [sys.executable, "-c", CHILD, kind, str(path), moment]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=Path(__file__).parents[2],
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "half\n"
        child.kill()
        child.wait(timeout=60)
    assert not path.exists()
    assert all(name.startswith(".") for name in os.listdir(tmp_path))


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from clicktrain.errors import StorageError
from clicktrain.geometry.region import Region
from clicktrain.stores import tiff
from clicktrain.stores.sinks import whole_or_absent
from tests.stores.test_sinks import KINDS
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
tiff._MEMORY_BYTES = {"small TIFF": 1 << 26, "TIFF by pages": 6000}.get(sys.argv[1], 1000)
noise = np.random.default_rng(0).integers(0, 2**16, (75, 62)).astype(np.uint16)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    with whole_or_absent(KINDS[sys.argv[1]][1](Path(sys.argv[2]), "YX")) as sink:
        sink.write(Region((0, 0), (75, 62)), noise)
except StorageError as error:
    print(error)
"""


@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_takes_no_more_is_named_and_nothing_is_left(tmp_path: Path, kind: str) -> None:
    path = tmp_path / KINDS[kind][0]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", FULL_DISK, kind, str(path)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=environment, cwd=Path(__file__).parents[2], check=True
    )
    assert done.stderr == ""
    assert done.stdout.startswith(f"`{path}` could not be written: ")
    assert os.listdir(tmp_path) == []


def test_an_array_of_the_callers_is_filled_and_never_taken_away() -> None:
    sink = ArraySink(np.zeros(SHAPES["CZYX"], np.float32))
    with whole_or_absent(sink):
        fill(sink, "CZYX")
    sink.abort()
    np.testing.assert_array_equal(sink.array, VALUES["CZYX"])


@pytest.mark.parametrize(
    ("axes", "voxel_size"), [("CYX", None), ("CZYX", (2.0, 0.5, 0.25)), ("YX", (0.5, 0.25)), ("ZYX", None)]
)
def test_metadata_of_an_ome_zarr_is_what_the_specification_asks_for(tmp_path: Path, axes: str, voxel_size: Any) -> None:
    channels = "C" in axes
    shape = SHAPES[axes][channels:]
    sink = OmeZarrSink(
        tmp_path / "a.ome.zarr", shape, np.dtype(np.float32), CLASSES, channels=channels, voxel_size=voxel_size
    )
    with whole_or_absent(sink):
        pass
    group = zarr.open_group(tmp_path / "a.ome.zarr", mode="r")
    assert group.metadata.zarr_format == 3
    ome: Any = group.attrs["ome"]
    assert ome["version"] == "0.5"
    (multiscale,) = ome["multiscales"]
    kinds = {"c": "channel"}
    assert multiscale["axes"] == [{"name": name, "type": kinds.get(name, "space")} for name in axes.lower()]
    (dataset,) = multiscale["datasets"]
    scale = [1.0] * channels + list(voxel_size or [1.0] * len(shape))
    assert dataset["coordinateTransformations"] == [{"type": "scale", "scale": scale}]
    array = group[dataset["path"]]
    assert isinstance(array, zarr.Array)
    assert array.shape == SHAPES[axes]
    assert list(array.metadata.dimension_names) == list(axes.lower())
    assert open_image(tmp_path / "a.ome.zarr").voxel_size == (voxel_size or (1.0,) * len(shape))


def test_an_ome_zarr_names_and_colours_its_channels_or_labels(tmp_path: Path) -> None:
    found: dict[bool, Any] = {}
    for channels in (False, True):
        sink = OmeZarrSink(tmp_path / f"{channels}.zarr", (4, 5), np.dtype(np.uint16), CLASSES, channels=channels)
        with whole_or_absent(sink):
            pass
        found[channels] = zarr.open_group(tmp_path / f"{channels}.zarr", mode="r").attrs["ome"]
    assert "omero" not in found[False]
    assert found[False]["image-label"]["colors"] == [
        {"label-value": 1, "rgba": [0, 0, 10, 255]},
        {"label-value": 300, "rgba": [255, 128, 0, 255]},
    ]
    assert [one["class"] for one in found[False]["image-label"]["properties"]] == ["dark", "bright"]
    assert "image-label" not in found[True]
    assert [(one["label"], one["color"]) for one in found[True]["omero"]["channels"]] == [
        ("dark", "00000a"),
        ("bright", "ff8000"),
    ]
    assert all(set(one["window"]) == {"min", "max", "start", "end"} for one in found[True]["omero"]["channels"])
