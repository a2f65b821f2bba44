"""An image in arrays or in a file, of which regions are read through a cache of decoded blocks."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from clicktrain.errors import ImageError
from clicktrain.geometry.region import Region
from clicktrain.images.axes import image_axes
from clicktrain.images.cache import BlockCache
from clicktrain.images.chunks import blocks_under, chunk_px
from clicktrain.images.decoders import explained
from clicktrain.images.reflection import reflected_span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from clicktrain.images.openers import OpenArrays, Sliceable
    from clicktrain.types import AnyArray

__all__ = ["StoredImage"]

# Decoded blocks that are kept, as neighbouring tiles share them; and how many at most, where those under one region are
# more.
_CACHE_BYTES, _MOST_CACHE_BYTES = 1 << 25, 1 << 29
# What is normalised is kept in single precision.
_MOST_VALUE = np.finfo(np.float32).max


@dataclass(frozen=True, eq=False, slots=True)
class _Opened:
    """Arrays that regions are read from, and what is known of their axes."""

    levels: tuple[Sliceable, ...]
    axes: str
    n_channels: int
    guard: Callable[[], AbstractContextManager[None]]
    scale: tuple[float, ...] | None
    files: ExitStack

    def shape_px(self, level: int) -> tuple[int, ...]:
        shape = self.levels[level].shape
        return tuple(int(shape[self.axes.index(name)]) for name in "ZYX" if name in self.axes)

    def chunk_px(self, level: int) -> tuple[int, ...] | None:
        return chunk_px(self.levels[level], self.axes)


class StoredImage:
    """An image in an array or a file, opened when it is first needed.

    Parameters
    ----------
    opener : callable
        Returns a context manager that gives the `OpenArrays`.
    name : str
    axes : str, optional
        Name of each axis, where the source does not tell them.
    frame : int, optional
        Which time point, if there are several.
    path : Path, optional
        File that the image is in, for messages about damage.
    """

    def __init__(
        self,
        opener: Callable[[], AbstractContextManager[OpenArrays]],
        name: str,
        *,
        axes: str | None = None,
        frame: int | None = None,
        path: Path | None = None,
    ) -> None:
        self.name, self.path = name, path
        self._opener, self._axes, self._frame = opener, axes, frame
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.RLock()
        self._opened: _Opened | None = None
        self._cache = BlockCache(_CACHE_BYTES)

    def __repr__(self) -> str:
        return f"StoredImage({self.name})"

    def __getstate__(self) -> dict[str, Any]:
        kept = ("name", "path", "_opener", "_axes", "_frame")
        return {name: getattr(self, name) for name in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._reset()

    @property
    def shapes_px(self) -> tuple[tuple[int, ...], ...]:
        """([Z,] Y, X) of each resolution, full resolution first."""
        opened = self._open()
        return tuple(opened.shape_px(level) for level in range(len(opened.levels)))

    @property
    def shape_px(self) -> tuple[int, ...]:
        """([Z,] Y, X) at full resolution."""
        return self._open().shape_px(0)

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return self._open().n_channels

    @property
    def dtype(self) -> np.dtype[Any]:
        """Number type of the values."""
        return _native(self._open().levels[0])

    @property
    def in_memory(self) -> bool:
        """Whether all of it is in memory already."""
        return all(type(level) is np.ndarray for level in self._open().levels)

    @property
    def voxel_size(self) -> tuple[float, ...] | None:
        """Distance of neighbouring pixels along ([z,] y, x), where the source tells it."""
        opened = self._open()
        if opened.scale is None or len(opened.scale) != len(opened.axes):
            return None
        return tuple(opened.scale[opened.axes.index(name)] for name in "ZYX" if name in opened.axes)

    def read(self, region: Region, *, level: int = 0) -> AnyArray:
        """Read a region, which may reach over the border: the image is reflected there, its edge pixels not repeated.

        Parameters
        ----------
        region : Region
            In pixels of the level.
        level : int
            0 is full resolution.

        Returns
        -------
        ndarray of shape (C, *region.shape_px)
            Values as they are stored.

        Raises
        ------
        ImageError
            If values are NaN or infinite, or the file is damaged.
        """
        opened = self._open()
        spans = map(reflected_span, region.start, region.stop, opened.shape_px(level))
        firsts, lasts, places = zip(*spans, strict=True)
        block = self._read_inside(opened, Region(firsts, lasts), level)
        for axis, place in enumerate(places, start=1):
            block = block if place is None else block.take(place, axis)
        return block

    def close(self) -> None:
        """Close the file and let go of what was kept; the next read opens it again."""
        with self._lock:
            if self._opened is not None:
                self._opened.files.close()
            self._opened = None
            self._cache.clear()

    def _open(self) -> _Opened:
        with self._lock:
            if self._opened is None:
                with ExitStack() as files:
                    self._opened = self._checked(files.enter_context(self._opener()), files.pop_all())
            return self._opened

    def _checked(self, arrays: OpenArrays, files: ExitStack) -> _Opened:
        with _closing_on_error(files):
            first = arrays.levels[0]
            try:
                axes = image_axes(tuple(first.shape), self._axes or arrays.axes, frame=self._frame)
            except ImageError as error:
                raise ImageError(f"{self.name}: {error}") from error
            if np.dtype(first.dtype).kind not in "buif":
                raise ImageError(f"{self.name} must hold real numbers, got dtype {first.dtype}. Convert it first.")
            channels = int(first.shape[axes.index("C")]) if "C" in axes else 1
            guard = nullcontext if self.path is None else partial(explained, self.path, arrays.kind)
            return _Opened(arrays.levels, axes, arrays.n_samples or channels, guard, arrays.scale, files)

    def _read_inside(self, opened: _Opened, region: Region, level: int) -> AnyArray:
        chunk = opened.chunk_px(level)
        if chunk is None:
            return self._read_stored(opened, region, level)
        values: AnyArray = np.empty((opened.n_channels, *region.shape_px), _native(opened.levels[level]))
        blocks = blocks_under(region, chunk, opened.shape_px(level))
        under_bytes = sum(block.n_px for block in blocks) * opened.n_channels * values.itemsize
        self._cache.hold(min(under_bytes, _MOST_CACHE_BYTES))
        for block in blocks:
            found = self._cache.get((level, block), partial(self._read_stored, opened, block, level))
            both = block.common(region)
            values[(slice(None), *both.within(region))] = found[(slice(None), *both.within(block))]
        return values

    def _read_stored(self, opened: _Opened, region: Region, level: int) -> AnyArray:
        """Read a region inside the image from storage, (C, *region)."""
        spatial = [name for name in "ZYX" if name in opened.axes]
        spans: dict[str, Any] = dict(zip(spatial, region.slices, strict=True))
        spans |= {"C": slice(0, opened.n_channels), "T": self._frame}
        with opened.guard():
            stored = opened.levels[level]
            values = np.asarray(stored[tuple(spans.get(name, 0) for name in opened.axes)], _native(stored))
        names = [name for name in opened.axes if name in "CZYX"]
        if "C" not in names:
            values, names = values[np.newaxis], ["C", *names]
        if values.dtype.kind == "f" and not np.abs(values).max(initial=0) <= _MOST_VALUE:
            raise ImageError(
                f"{self.name} must be finite, got values that are NaN, infinite or beyond float32. Replace them first."
            )
        return values.transpose([names.index(name) for name in "CZYX" if name in names])


@contextmanager
def _closing_on_error(files: ExitStack) -> Iterator[None]:
    try:
        yield
    except BaseException:
        files.close()
        raise


def _native(stored: Sliceable) -> np.dtype[Any]:
    """Number type of stored values in this machine's byte order."""
    dtype: np.dtype[Any] = np.dtype(stored.dtype)
    return dtype.newbyteorder("=")
