"""Images of which only the regions that are asked for are read."""

from __future__ import annotations

import math
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from clicktrain.errors import ImageError
from clicktrain.images.axes import guess_axes
from clicktrain.images.decoders import explained
from clicktrain.images.openers import open_stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from clicktrain.types import AnyArray

__all__ = ["ImageRegions", "LazyImage", "Sliceable"]

# Blocks in which a whole image is looked through once.
_BLOCK_PX = 1024
_BLOCK_AREA_PX = 2**22


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


@dataclass(frozen=True, eq=False)
class LazyImage:
    """An image that is opened when it is needed.

    Parameters
    ----------
    source : ndarray, other sliceable array, or path
        Arrays as they are; paths of TIFF, OME-Zarr, NPY, PNG or JPEG.
    name : str
        What to call it in errors.
    axes : str, optional
        Name of each axis, where the source does not tell.

    Notes
    -----
    Of TIFF, Zarr and NPY files the chunks under a region are read, no more. PNG and JPEG know no regions: they are
    decoded whole while they are open. So is each strip of a compressed TIFF, even if it is the whole image.
    """

    source: Sliceable | Path
    name: str
    axes: str | None = None

    @classmethod
    def of(cls, image: Any, axes: str | None, position: int) -> LazyImage:
        """Make one from what a user gave.

        Parameters
        ----------
        image : array_like or path
        axes : str, optional
        position : int
            Of the image in its list, for errors.

        Raises
        ------
        ImageError
            If it is neither.
        """
        if isinstance(image, str | Path) or hasattr(image, "__fspath__"):
            return cls(Path(image), f"`{image}`", axes)
        if not all(hasattr(image, name) for name in ("shape", "dtype", "__getitem__")):
            raise ImageError(f"images must be arrays or paths, got {type(image).__name__} as number {position + 1}.")
        return cls(image, f"image {position + 1}", axes)

    @contextmanager
    def opened(self) -> Iterator[ImageRegions]:
        """Open the image for reading regions, and close its file at the end.

        Raises
        ------
        StorageError
            If the file cannot be read from the disk.
        ImageError
            If it is damaged, of an unknown kind, or no 2D image of real numbers.
        """
        with ExitStack() as stack:
            if isinstance(self.source, Path):
                stored = stack.enter_context(open_stored(self.source))
                values, axes, samples = stored.values, self.axes or stored.axes, stored.n_samples
                guard = _Guard(self.source, stored.kind)
            else:
                values, axes, samples, guard = self.source, self.axes, None, None
            yield ImageRegions.of(values, axes, self.name, n_samples=samples, guard=guard)


@dataclass(frozen=True)
class _Guard:
    path: Path
    kind: str

    def __call__(self) -> AbstractContextManager[None]:
        return explained(self.path, self.kind)


@dataclass(frozen=True, eq=False)
class ImageRegions:
    """An open image.

    Parameters
    ----------
    values : Sliceable
    axes : str
        Name of each of its axes; all but C, Y and X are of length 1.
    name : str
        What to call it in errors.
    n_channels : int
    guard : callable
        Makes what reading runs in.
    """

    values: Sliceable
    axes: str
    name: str
    n_channels: int
    guard: Callable[[], AbstractContextManager[None]]

    @classmethod
    def of(
        cls,
        values: Sliceable,
        axes: str | None,
        name: str,
        *,
        n_samples: int | None = None,
        guard: Callable[[], AbstractContextManager[None]] | None = None,
    ) -> ImageRegions:
        """Check axes and number type; `n_samples` leaves out the channels after the first ones."""
        try:
            names = _checked_axes(tuple(values.shape), axes)
        except ImageError as error:
            raise ImageError(f"{name}: {error}") from error
        if np.dtype(values.dtype).kind not in "buif":
            raise ImageError(f"{name} must hold real numbers, got dtype {values.dtype}. Convert it first.")
        channels = values.shape[names.index("C")] if "C" in names else 1
        return cls(values, names, name, n_samples or channels, guard or nullcontext)

    @property
    def shape_px(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.values.shape[self.axes.index("Y")], self.values.shape[self.axes.index("X")]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Number type of the values."""
        dtype: np.dtype[Any] = np.dtype(self.values.dtype)
        return dtype

    def read(self, y_px: int, x_px: int, height_px: int, width_px: int) -> AnyArray:
        """Read a region.

        Parameters
        ----------
        y_px, x_px : int
            Top left pixel.
        height_px, width_px : int
            The region lies inside the image.

        Returns
        -------
        ndarray of shape (C, height_px, width_px)
            Values as they are stored.

        Raises
        ------
        ImageError
            If values are NaN or infinite, or the file is damaged.
        """
        spans = {"Y": slice(y_px, y_px + height_px), "X": slice(x_px, x_px + width_px), "C": slice(0, self.n_channels)}
        with self.guard():
            region = np.asarray(self.values[tuple(spans.get(axis, 0) for axis in self.axes)])
        names = [axis for axis in self.axes if axis in spans]
        if "C" not in names:
            region, names = region[np.newaxis], ["C", *names]
        if region.dtype.kind == "f" and not np.isfinite(region).all():
            raise ImageError(f"{self.name} must be finite, got values that are NaN or infinite. Replace them first.")
        return region.transpose([names.index(axis) for axis in "CYX"])

    def blocks(self) -> Iterator[tuple[int, int, int, int]]:
        """List blocks (y, x, height, width) of a few million pixels that make up the image and read no chunk twice."""
        height, width = self._block_px()
        rows, columns = self.shape_px
        for y in range(0, rows, height):
            for x in range(0, columns, width):
                yield y, x, min(height, rows - y), min(width, columns - x)

    def _block_px(self) -> tuple[int, int]:
        chunks = getattr(self.values, "chunks", None)
        if not chunks or not all(isinstance(size, int) for size in chunks):
            return _BLOCK_PX, _BLOCK_PX
        rows, columns = chunks[self.axes.index("Y")], chunks[self.axes.index("X")]
        width = columns * math.ceil(_BLOCK_PX / columns)
        most_rows = max(1, _BLOCK_AREA_PX // width // rows)
        return rows * min(most_rows, math.ceil(_BLOCK_PX / rows)), width


def _checked_axes(shape: tuple[int, ...], axes: str | None) -> str:
    names = (axes or guess_axes(shape)).upper()
    wide = [size > 1 for size in shape]
    if len(names) == sum(wide):
        # Axes given by hand need not name those of length 1.
        left = iter(names)
        names = "".join(next(left) if named else "_" for named in wide)
    used = [name for i, name in enumerate(names) if name in "CYX" or shape[i : i + 1] != (1,)]
    if len(names) != len(shape) or len(set(used)) != len(used) or not {"Y", "X"} <= set(used) <= set("CYX"):
        raise ImageError(
            f'axes must name each axis of one 2D image once, "Y" and "X" and at most one "C", '
            f'got {names!r} for shape {shape}. Give for example "YX", "YXC" or "CYX", and one plane of a stack.'
        )
    if 0 in shape:
        raise ImageError(f"image must have at least one pixel, got shape {shape}.")
    return names
