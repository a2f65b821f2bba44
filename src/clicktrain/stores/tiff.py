"""Results as TIFF files."""

from __future__ import annotations

import json
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from clicktrain.stores.scratch import Scratch
from clicktrain.stores.sinks import ArraySink, absent_on_error
from clicktrain.stores.whole_files import (
    ensure_writable,
    explaining,
    move_into_place,
    write_beside,
    write_whole,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from clicktrain.geometry.region import Region
    from clicktrain.types import AnyArray

__all__ = ["TiffSink", "read_tiff_metadata", "write_tiff"]

_CLASSIC_TIFF_LIMIT_BYTES = 2**31
# Results up to this size are put together in memory. Larger ones are kept in a scratch folder until the file is
# written, and pages beyond this size are written in tiles, which not every reader knows.
_MEMORY_BYTES = 1 << 26
_TILE_PX = 512


def write_tiff(path: Path, array: AnyArray, axes: str, metadata: Mapping[str, Any] | None = None) -> None:
    """Write an array as TIFF, whole or not at all.

    Parameters
    ----------
    path : Path
        Where to; an ordinary file there is replaced.
    array : ndarray with axes in the order of `axes`
        Any type that TIFF knows.
    axes : str
        "YX", "CYX", "ZYX" or "CZYX"; each channel of each slice becomes a page.
    metadata : mapping, optional
        JSON values that are stored beside the axes in the ImageDescription.

    Raises
    ------
    StorageError
        If the file cannot be written.
    """
    write_whole(path, lambda target: _write(target, array, array.shape, array.dtype, axes, metadata))


def read_tiff_metadata(path: Path) -> dict[str, Any]:
    """Return the metadata that `write_tiff` or a `TiffSink` stored; empty if it is no such file."""
    try:
        with tifffile.TiffFile(path) as file:
            stored = json.loads(file.pages.first.description)
    except (OSError, ValueError, tifffile.TiffFileError):
        return {}
    return stored if isinstance(stored, dict) else {}


class TiffSink:
    """Keeps an image in a TIFF file, which is there once the sink is closed and not before.

    Parameters
    ----------
    path : Path
        An ordinary file there is replaced.
    shape : sequence of int
        Of the whole array, in the order of `axes`.
    dtype : numpy.dtype
    axes : str
        "YX", "CYX", "ZYX" or "CZYX".
    metadata : mapping, optional
        JSON values for the ImageDescription.

    Raises
    ------
    StorageError
        At any time, if something cannot be written; nothing is left behind after `abort`.
    """

    def __init__(
        self,
        path: Path,
        shape: Sequence[int],
        dtype: np.dtype[Any],
        axes: str,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self._path, self._axes, self._metadata = path, axes, metadata
        self._shape, self._dtype = tuple(shape), np.dtype(dtype)
        self._scratch: Scratch | None = None
        self._prepared: Scratch | None = None
        # Found out now, not after a long computation.
        ensure_writable(path)
        with absent_on_error(self):
            self._values: Any = self._room()

    def write(self, region: Region, values: AnyArray) -> None:
        """Keep a region's values."""
        with explaining(self._path):
            ArraySink(self._values).write(region, values)

    def prepare(self) -> None:
        """Write the file beside its place."""
        if self._prepared is None:
            self._prepared = write_beside(self._path, self._write)

    def close(self) -> None:
        """Bring the file to its place."""
        self.prepare()
        if self._prepared is not None:
            move_into_place(self._prepared, self._path)
        self.abort()

    def abort(self) -> None:
        """Leave nothing behind."""
        for part in (self._prepared, self._scratch):
            if part is not None:
                part.remove()
        self._values = None

    def _room(self) -> Any:
        if prod(self._shape) * self._dtype.itemsize <= _MEMORY_BYTES:
            return np.zeros(self._shape, self._dtype)
        import zarr

        chunks = (*(1,) * (len(self._shape) - 2), *(min(_TILE_PX, n) for n in self._shape[-2:]))
        with explaining(self._path):
            self._scratch = Scratch(self._path.with_suffix(".zarr"), folder=True)
            return zarr.create_array(self._scratch.path, shape=self._shape, dtype=self._dtype, chunks=chunks)

    def _write(self, target: Path) -> None:
        _write(target, self._values, self._shape, self._dtype, self._axes, self._metadata)


def _write(
    target: Path,
    values: Any,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    axes: str,
    metadata: Mapping[str, Any] | None,
) -> None:
    n_bytes, page_bytes = prod(shape) * dtype.itemsize, prod(shape[-2:]) * dtype.itemsize
    options: dict[str, Any] = {
        "photometric": "minisblack",
        "compression": "zlib",
        "bigtiff": n_bytes > _CLASSIC_TIFF_LIMIT_BYTES,
        "metadata": {"axes": axes, **(metadata or {})},
    }
    if isinstance(values, np.ndarray):
        tifffile.imwrite(target, values, **options)
    elif page_bytes <= _MEMORY_BYTES:
        tifffile.imwrite(target, _pages(values), shape=shape, dtype=dtype, **options)
    else:
        tile = (_TILE_PX, _TILE_PX)
        tifffile.imwrite(target, _tiles(values), shape=shape, dtype=dtype, tile=tile, **options)


def _pages(values: Any) -> Iterator[AnyArray]:
    for index in np.ndindex(*values.shape[:-2]):
        yield np.asarray(values[index])


def _tiles(values: Any) -> Iterator[AnyArray]:
    """Tiles of all pages, row by row; the last ones are filled up."""
    rows, columns = values.shape[-2:]
    for index in np.ndindex(*values.shape[:-2]):
        for row in range(0, rows, _TILE_PX):
            for column in range(0, columns, _TILE_PX):
                part = np.asarray(values[(*index, slice(row, row + _TILE_PX), slice(column, column + _TILE_PX))])
                yield np.pad(part, [(0, _TILE_PX - n) for n in part.shape])
