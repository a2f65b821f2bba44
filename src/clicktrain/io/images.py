"""Reading images from files and writing results as TIFF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tifffile

from clicktrain.errors import ImageError
from clicktrain.io.axes import check_image, drop_singletons, guess_axes
from clicktrain.io.files import write_whole
from clicktrain.io.readers import read_raw

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from clicktrain.types import AnyArray

__all__ = ["ImageFile", "read_image", "write_tiff"]

_CLASSIC_TIFF_LIMIT_BYTES = 2**31


@dataclass(frozen=True, eq=False)
class ImageFile:
    """An image as its file holds it.

    Parameters
    ----------
    array : ndarray with axes in the order of `axes`
    axes : str
        Name of each axis, of "C", "Z", "Y", "X".
    """

    array: AnyArray
    axes: str


def read_image(path: Path, *, axes: str | None = None) -> ImageFile:
    """Read an image or a volume that can be learned from or classified.

    Parameters
    ----------
    path : Path
        PNG, JPEG, TIFF or NPY file. Transparency is left out, values keep their type and depth.
    axes : str, optional
        Name of each axis, where the file does not tell them or tells them wrong.

    Raises
    ------
    StorageError
        If the file cannot be read from the disk.
    ImageError
        If it is no image, is damaged, is a stack over time, or cannot be used; see `clicktrain.io.axes.check_image`.
    """
    raw = read_raw(path)
    try:
        array, names = _with_axes(raw.array, axes.upper() if axes else raw.axes)
        check_image(array, names)
    except ImageError as error:
        raise ImageError(f"`{path}`: {error}") from error
    return ImageFile(array, names)


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

    def write(target: Path) -> None:
        tifffile.imwrite(
            target,
            array,
            photometric="minisblack",
            compression="zlib",
            bigtiff=array.nbytes > _CLASSIC_TIFF_LIMIT_BYTES,
            metadata={"axes": axes, **(metadata or {})},
        )

    write_whole(path, write)


def _with_axes(array: AnyArray, axes: str | None) -> tuple[AnyArray, str]:
    if axes is None:
        axes = guess_axes(array.shape)
    elif len(axes) < array.ndim:
        # Axes given by hand need not name those of length 1.
        array = array.squeeze()
    array, names = drop_singletons(array, axes)
    unknown = [name for name in names if name not in "CYXZT"]
    if unknown:
        raise ImageError(
            f"axes must be known, got {names} for shape {array.shape}, where {unknown[0]} could be anything. "
            'Give the axes, for example "CYX" for channels or "ZYX" for a volume.'
        )
    return array, names
