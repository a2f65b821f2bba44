"""One opener per file format: arrays of which regions can be cut, at all resolutions that the file holds."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import tifffile

from clicktrain.errors import ImageError, StorageError
from clicktrain.images.decoders import check_readable, check_whole_tiff, ends_in_alpha, explained, read_raw

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["OpenArrays", "Sliceable", "is_zarr", "open_file"]

_ZARR_FILES = ("zarr.json", ".zarray", ".zgroup")


class Sliceable(Protocol):
    """What regions are cut from: an ndarray, a memory map, a zarr or dask array."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        ...

    @property
    def dtype(self) -> Any:
        """Number type of the values."""
        ...

    def __getitem__(self, index: Any, /) -> Any: ...


@dataclass(frozen=True, eq=False, slots=True)
class OpenArrays:
    """What an image is stored as.

    Parameters
    ----------
    levels : tuple of Sliceable
        Full resolution first.
    axes : str or None
        One letter per axis; None where the format does not tell.
    kind : str
        Name of the format, for errors; empty for arrays that were given.
    n_samples : int or None
        Channels that count, the first ones; None for all.
    scale : tuple of float, optional
        Distance of neighbouring pixels along each axis, as the format tells it.
    """

    levels: tuple[Sliceable, ...]
    axes: str | None
    kind: str = ""
    n_samples: int | None = None
    scale: tuple[float, ...] | None = None


def is_zarr(path: Path) -> bool:
    """Tell whether a folder is an image stored as Zarr, not one that holds images."""
    return any((path / name).exists() for name in _ZARR_FILES)


@contextmanager
def open_file(path: Path) -> Iterator[OpenArrays]:
    """Open a TIFF, Zarr, NPY, PNG or JPEG image.

    Raises
    ------
    StorageError
        If the file cannot be read from the disk.
    ImageError
        If it is damaged or of another kind.

    Notes
    -----
    Of TIFF, Zarr and NPY files the chunks under a region are read, no more. PNG and JPEG know no regions: they are
    decoded whole while they are open. So is each strip of a compressed TIFF, even if it is the whole image.
    """
    if path.is_dir():
        yield _open_zarr(path)
        return
    check_readable(path)
    suffix = path.suffix.lower()
    if suffix in (".tif", ".tiff"):
        with _open_tiff(path) as stored:
            yield stored
    elif suffix == ".npy":
        with explained(path, "NPY"):
            # A memory map never unpickles and checks the length before anything is allocated.
            values = np.lib.format.open_memmap(path, mode="r")
        yield OpenArrays((values,), None, "NPY")
    else:
        raw = read_raw(path)
        yield OpenArrays((raw.array,), raw.axes, "PNG or JPEG")


@contextmanager
def _open_tiff(path: Path) -> Iterator[OpenArrays]:
    with explained(path, "TIFF"):
        file = tifffile.TiffFile(path)
    with file:
        with explained(path, "TIFF"):
            check_whole_tiff(file)
            series = file.series[0]
            levels = tuple(_tiff_values(path, level) for level in series.levels)
            axes, samples = series.axes, None
            if "S" in axes and ends_in_alpha(series):
                samples = series.shape[axes.index("S")] - 1
        yield OpenArrays(levels, axes if "C" in axes else axes.replace("S", "C"), "TIFF", samples)


def _tiff_values(path: Path, series: tifffile.TiffPageSeries) -> Sliceable:
    import zarr

    if series.dataoffset is not None and not series.keyframe.is_tiled:
        # Uncompressed in one piece: without this, the whole image may be a single strip.
        return np.memmap(
            path, series.dtype.newbyteorder(series.keyframe.parent.byteorder), "r", series.dataoffset, series.shape
        )
    values: Sliceable = zarr.open_array(series.aszarr(level=0), mode="r")
    return values


def _open_zarr(path: Path) -> OpenArrays:
    import zarr

    if not is_zarr(path):
        raise StorageError(f"`{path}` must be an image file or a Zarr folder, got another folder. Give its files.")
    with explained(path, "Zarr"):
        node = zarr.open(path, mode="r")
        if isinstance(node, zarr.Array):
            return OpenArrays((node,), _array_axes(node), "Zarr")
        scales = _multiscales(path, dict(node.attrs))
        found = [node[dataset["path"]] for dataset in scales["datasets"]]
        levels = tuple(level for level in found if isinstance(level, zarr.Array))
        if not levels or len(levels) < len(found):
            raise ValueError("a dataset is no array")
        return OpenArrays(levels, _ome_axes(scales), "OME-Zarr", scale=_ome_scale(scales))


def _multiscales(path: Path, attributes: dict[str, Any]) -> dict[str, Any]:
    found = attributes.get("ome", attributes).get("multiscales")
    if not found:
        raise ImageError(f"`{path}` must be an OME-Zarr image, got a group without one. Give the image's own folder.")
    first: dict[str, Any] = json.loads(json.dumps(found[0]))
    return first


def _ome_axes(scales: dict[str, Any]) -> str | None:
    axes = scales.get("axes")
    if not axes:
        return None
    return "".join(str(axis["name"] if isinstance(axis, dict) else axis)[0].upper() for axis in axes)


def _ome_scale(scales: dict[str, Any]) -> tuple[float, ...] | None:
    """Distance of the full resolution's pixels along every axis."""
    for transform in scales["datasets"][0].get("coordinateTransformations", ()):
        if transform.get("type") == "scale":
            return tuple(float(step) for step in transform["scale"])
    return None


def _array_axes(values: Any) -> str | None:
    names = getattr(values.metadata, "dimension_names", None)
    if not names or not all(names):
        return None
    return "".join(str(name)[0].upper() for name in names)
