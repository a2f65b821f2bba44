"""One lazy image, whatever it is stored as: regions of any resolution are read as they are needed."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from math import ceil, prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from clicktrain.errors import ImageError
from clicktrain.geometry.region import Region
from clicktrain.geometry.schedule import cut
from clicktrain.images.axes import image_axes
from clicktrain.images.cache import BlockCache
from clicktrain.images.decoders import explained
from clicktrain.images.openers import OpenArrays, open_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from clicktrain.images.openers import Sliceable
    from clicktrain.types import AnyArray

__all__ = ["ImageSource", "StoredImage", "open_image"]

# Decoded blocks that are kept: two rows of tiles of a slide share them.
_CACHE_BYTES = 1 << 26
# Smaller chunks are read several at a time.
_LEAST_BLOCK_PX = {2: (256, 256), 3: (16, 64, 64)}
# Blocks in which a whole image is looked through once.
_PASS_PX = {2: (1024, 1024), 3: (32, 256, 256)}
_PASS_AREA_PX = 1 << 22


@runtime_checkable
class ImageSource(Protocol):
    """An image or a volume of which regions can be read.

    Attributes
    ----------
    name : str
        What to call it in messages.
    shapes_px : tuple of tuple of int
        ([Z,] Y, X) of each resolution, full resolution first.
    n_channels : int
    dtype : numpy.dtype
    voxel_size : tuple of float or None
        Distance of neighbouring pixels along ([z,] y, x) at full resolution, where it is known.
    """

    name: str

    @property
    def shapes_px(self) -> tuple[tuple[int, ...], ...]:
        """([Z,] Y, X) of each resolution, full resolution first."""
        ...

    @property
    def shape_px(self) -> tuple[int, ...]:
        """([Z,] Y, X) at full resolution."""
        ...

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Number type of the values."""
        ...

    @property
    def voxel_size(self) -> tuple[float, ...] | None:
        """Distance of neighbouring pixels along each spatial axis, where it is known."""
        ...

    def read(self, region: Region, *, level: int = 0) -> AnyArray:
        """Read a region, which may reach over the border: the image is reflected there.

        Returns
        -------
        ndarray of shape (C, *region.shape_px)
            Values as they are stored.
        """
        ...

    def blocks(self, *, level: int = 0) -> list[Region]:
        """Boxes of bounded size that make up the image and read no chunk twice."""
        ...

    def close(self) -> None:
        """Let go of open files and of what was kept; the next read opens them again."""
        ...


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
        dtype: np.dtype[Any] = np.dtype(self._open().levels[0].dtype)
        return dtype

    @property
    def in_memory(self) -> bool:
        """Whether all of it is in memory already."""
        return all(type(level) is np.ndarray for level in self._open().levels)

    @property
    def voxel_size(self) -> tuple[float, ...] | None:
        """Distance of neighbouring pixels along ([z,] y, x), where the source tells it."""
        opened = self._open()
        if opened.scale is None:
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
        spans = map(_reflected, region.start, region.stop, opened.shape_px(level))
        firsts, lasts, places = zip(*spans, strict=True)
        block = self._read_inside(opened, Region(firsts, lasts), level)
        for axis, place in enumerate(places, start=1):
            block = block if place is None else block.take(place, axis)
        return block

    def blocks(self, *, level: int = 0) -> list[Region]:
        """Boxes of bounded size that make up the image and read no chunk twice."""
        opened = self._open()
        shape = opened.shape_px(level)
        chunk = _chunk_px(opened, level) or _PASS_PX[len(shape)]
        return cut(Region.whole(shape), _pass_px(chunk, shape))

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
        chunk = _chunk_px(opened, level)
        if chunk is None:
            return self._read_stored(opened, region, level)
        least = _LEAST_BLOCK_PX[len(chunk)]
        sides = [side * ceil(wanted / side) for side, wanted in zip(chunk, least, strict=True)]
        dtype = np.dtype(opened.levels[level].dtype).newbyteorder("=")
        values: AnyArray = np.empty((opened.n_channels, *region.shape_px), dtype)
        for block in _blocks_under(region, sides, opened.shape_px(level)):
            found = self._cache.get((level, block), partial(self._read_stored, opened, block, level))
            both = Region(
                tuple(map(max, block.start, region.start)),
                tuple(map(min, block.stop, region.stop)),
            )
            values[(slice(None), *both.within(region))] = found[(slice(None), *both.within(block))]
        return values

    def _read_stored(self, opened: _Opened, region: Region, level: int) -> AnyArray:
        """Read a region inside the image from storage, (C, *region)."""
        spatial = [name for name in "ZYX" if name in opened.axes]
        spans: dict[str, Any] = dict(zip(spatial, region.slices, strict=True))
        spans |= {"C": slice(0, opened.n_channels), "T": self._frame}
        with opened.guard():
            values = np.asarray(opened.levels[level][tuple(spans.get(name, 0) for name in opened.axes)])
        names = [name for name in opened.axes if name in "CZYX"]
        if "C" not in names:
            values, names = values[np.newaxis], ["C", *names]
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ImageError(f"{self.name} must be finite, got values that are NaN or infinite. Replace them first.")
        return values.transpose([names.index(name) for name in "CZYX" if name in names])


def open_image(
    image: Any,
    *,
    axes: str | None = None,
    frame: int | None = None,
    name: str | None = None,
    multiscale: bool = False,
    n_channels: int | None = None,
) -> ImageSource:
    """Make an image source of an array or a file.

    Parameters
    ----------
    image : ndarray, memory map, dask or zarr array, path, ImageSource, or with `multiscale` a sequence of arrays
        Paths of TIFF, OME-Zarr, NPY, PNG or JPEG. A source is returned as it is.
    axes : str, optional
        One letter per axis, of "T", "C", "Z", "Y", "X", where neither file nor shape tell.
    frame : int, optional
        Which time point, counted from 0, if there are several.
    name : str, optional
        What to call it in messages.
    multiscale : bool
        Whether `image` is a sequence of resolutions of one image, full resolution first.
    n_channels : int, optional
        Of an array: channels that count, the first ones; what follows, such as transparency, is left out.

    Returns
    -------
    ImageSource
        Nothing is read yet.

    Raises
    ------
    ImageError
        If it is neither array nor path; other faults are raised when the image is first used.
    """
    if isinstance(image, ImageSource):
        return image
    if isinstance(image, str | Path) or hasattr(image, "__fspath__"):
        path = Path(image)
        return StoredImage(partial(open_file, path), name or f"`{image}`", axes=axes, frame=frame, path=path)
    levels = tuple(image) if multiscale else (image if _is_array(image) else np.asarray(image),)
    if not levels or not all(map(_is_array, levels)) or levels[0].dtype == object:
        raise ImageError(f"images must be arrays or paths, got {type(image).__name__}.")
    return StoredImage(
        partial(_given, OpenArrays(levels, axes, n_samples=n_channels)), name or "image", axes=axes, frame=frame
    )


@contextmanager
def _given(arrays: OpenArrays) -> Iterator[OpenArrays]:
    yield arrays


@contextmanager
def _closing_on_error(files: ExitStack) -> Iterator[None]:
    try:
        yield
    except BaseException:
        files.close()
        raise


def _is_array(image: object) -> bool:
    return all(hasattr(image, name) for name in ("shape", "dtype", "__getitem__"))


def _chunk_px(opened: _Opened, level: int) -> tuple[int, ...] | None:
    """Spatial shape of the chunks that an array is decoded in; None for one that is in memory or mapped."""
    values = opened.levels[level]
    chunks: Sequence[Any] | None = getattr(values, "chunks", None)
    if not chunks:
        return None
    # dask gives the lengths of all chunks along an axis; the first one stands for them.
    sides = [max(1, int(side if isinstance(side, int) else side[0])) for side in chunks]
    return tuple(sides[opened.axes.index(name)] for name in "ZYX" if name in opened.axes)


def _pass_px(chunk_px: Sequence[int], shape_px: Sequence[int]) -> list[int]:
    """Whole chunks, as many as make up a block of the usual size."""
    sides = [min(side, n) for side, n in zip(chunk_px, shape_px, strict=True)]
    for axis in reversed(range(len(sides))):
        room = max(1, _PASS_AREA_PX // prod(sides))
        sides[axis] *= min(max(1, _PASS_PX[len(sides)][axis] // sides[axis]), room)
    return sides


def _blocks_under(region: Region, sides_px: Sequence[int], shape_px: Sequence[int]) -> list[Region]:
    """Blocks of a grid over the image that a region touches."""
    start = tuple(first // side * side for first, side in zip(region.start, sides_px, strict=True))
    stop = tuple(-(-last // side) * side for last, side in zip(region.stop, sides_px, strict=True))
    return cut(Region(start, stop).clipped(shape_px), sides_px)


def _reflected(start: int, stop: int, length: int) -> tuple[int, int, AnyArray | None]:
    """What to read of an axis for places that may lie beyond its ends, and which of it each place shows."""
    if start >= 0 and stop <= length:
        return start, stop, None
    places = np.arange(start, stop)
    folded = np.zeros_like(places) if length == 1 else places % (2 * (length - 1))
    shown = np.minimum(folded, 2 * (length - 1) - folded) if length > 1 else folded
    first, last = int(shown.min()), int(shown.max()) + 1
    return first, last, shown - first
