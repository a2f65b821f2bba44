"""Reading images from files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clicktrain.errors import ImageError
from clicktrain.images.axes import check_image, drop_singletons, guess_axes
from clicktrain.images.decoders import read_raw

if TYPE_CHECKING:
    from pathlib import Path

    from clicktrain.types import AnyArray

__all__ = ["ImageFile", "read_image"]


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
        If it is no image, is damaged, is a stack over time, or cannot be used; see `check_image`.
    """
    raw = read_raw(path)
    try:
        array, names = _with_axes(raw.array, axes.upper() if axes else raw.axes)
        check_image(array, names)
    except ImageError as error:
        raise ImageError(f"`{path}`: {error}") from error
    return ImageFile(array, names)


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
