"""One lazy image, whatever it is stored as: regions of any resolution are read as they are needed."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from io import IOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

import numpy as np

from clicktrain.errors import ImageError
from clicktrain.images.openers import OpenArrays, open_file
from clicktrain.images.stored import StoredImage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clicktrain.geometry.region import Region
    from clicktrain.types import AnyArray

__all__ = ["ImageSource", "open_image"]


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

    def close(self) -> None:
        """Let go of open files and of what was kept; the next read opens them again."""
        ...


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
    if _is_source(image):
        return image
    if isinstance(image, str | Path) or hasattr(image, "__fspath__"):
        path = Path(image)
        return StoredImage(partial(open_file, path), name or f"`{image}`", axes=axes, frame=frame, path=path)
    levels = tuple(map(_as_array, image if multiscale else (image,)))
    if not levels or any(level is None for level in levels):
        raise ImageError(f"images must be arrays or paths, got {type(image).__name__}.")
    return StoredImage(
        partial(_given, OpenArrays(levels, axes, n_samples=n_channels)), name or "image", axes=axes, frame=frame
    )


@contextmanager
def _given(arrays: OpenArrays) -> Iterator[OpenArrays]:
    yield arrays


def _is_source(image: object) -> TypeGuard[ImageSource]:
    # Methods alone: to ask for its shape would open its file. An open file has such methods too.
    methods = all(callable(getattr(image, name, None)) for name in ("read", "close"))
    return methods and not isinstance(image, IOBase)


def _as_array(image: Any) -> Any:
    """What can be sliced as it is, or what NumPy makes of it; None for what is no array at all."""
    if isinstance(getattr(image, "dtype", None), np.dtype) and hasattr(image, "shape"):
        return image
    try:
        array = np.asarray(image)
    except ValueError:
        return None
    return array if array.ndim and array.dtype != object else None
