"""One opener per file format for reading regions; what has no regions is read whole."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tifffile

from clicktrain.errors import ImageError, StorageError
from clicktrain.images.decoders import check_readable, check_whole_tiff, ends_in_alpha, explained, read_raw

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clicktrain.images.regions import Sliceable

__all__ = ["StoredImage", "is_zarr", "open_stored"]

_ZARR_FILES = ("zarr.json", ".zarray", ".zgroup")


class StoredImage(NamedTuple):
    """An open file.

    Parameters
    ----------
    values : Sliceable
    axes : str or None
        One letter per axis; None where the format does not tell.
    kind : str
        Name of the format, for errors.
    n_samples : int or None
        Channels that count, the first ones; None for all.
    """

    values: Sliceable
    axes: str | None
    kind: str
    n_samples: int | None = None


def is_zarr(path: Path) -> bool:
    """Tell whether a folder is an image stored as Zarr, not one that holds images."""
    return any((path / name).exists() for name in _ZARR_FILES)


@contextmanager
def open_stored(path: Path) -> Iterator[StoredImage]:
    """Open a TIFF, Zarr, NPY, PNG or JPEG image at full resolution.

    Raises
    ------
    StorageError
        If the file cannot be read from the disk.
    ImageError
        If it is damaged or of another kind.
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
            values = np.lib.format.open_memmap(path, mode="r")
        yield StoredImage(values, None, "NPY")
    else:
        yield StoredImage(*read_raw(path), "PNG or JPEG")


@contextmanager
def _open_tiff(path: Path) -> Iterator[StoredImage]:
    with explained(path, "TIFF"):
        file = tifffile.TiffFile(path)
    with file:
        with explained(path, "TIFF"):
            check_whole_tiff(file)
            series = file.series[0]
            values, axes = _tiff_values(path, series), series.axes
            samples = None
            if "S" in axes and ends_in_alpha(series):
                samples = series.shape[axes.index("S")] - 1
        yield StoredImage(values, axes if "C" in axes else axes.replace("S", "C"), "TIFF", samples)


def _tiff_values(path: Path, series: tifffile.TiffPageSeries) -> Sliceable:
    import zarr

    if series.dataoffset is not None and not series.keyframe.is_tiled:
        # Uncompressed in one piece: without this, the whole image may be a single strip.
        return np.memmap(
            path, series.dtype.newbyteorder(series.keyframe.parent.byteorder), "r", series.dataoffset, series.shape
        )
    store = series.aszarr(level=0)
    values: Sliceable = zarr.open_array(store, mode="r")
    return values


def _open_zarr(path: Path) -> StoredImage:
    import zarr

    if not is_zarr(path):
        raise StorageError(f"`{path}` must be an image file or a Zarr folder, got another folder. Give its files.")
    with explained(path, "Zarr"):
        node = zarr.open(path, mode="r")
        if isinstance(node, zarr.Array):
            return StoredImage(node, _array_axes(node), "Zarr")
        scales = _multiscales(path, dict(node.attrs))
        values = node[scales["datasets"][0]["path"]]
        if not isinstance(values, zarr.Array):
            raise ValueError("the first dataset is no array")
        return StoredImage(values, _ome_axes(scales), "OME-Zarr")


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


def _array_axes(values: Any) -> str | None:
    names = getattr(values.metadata, "dimension_names", None)
    if not names or not all(names):
        return None
    return "".join(str(name)[0].upper() for name in names)
