"""Axis order: arrays as they come become `(C, [Z,] Y, X)` float32 here and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clicktrain.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from clicktrain.types import AnyArray, FloatArray

__all__ = ["check_image", "drop_singletons", "guess_axes", "to_channels_first"]

_KNOWN = frozenset("CZYX")


def guess_axes(shape: Sequence[int]) -> str:
    """Name the axes of an array by its shape alone.

    Parameters
    ----------
    shape : sequence of int
        Two lengths are rows and columns; three with a last one of 3 or 4 are rows, columns and colours.

    Returns
    -------
    str
        "YX" or "YXC".

    Raises
    ------
    ImageError
        If the shape does not tell which axis is which.
    """
    if len(shape) == 2:
        return "YX"
    if len(shape) == 3 and shape[-1] in (3, 4):
        return "YXC"
    raise ImageError(
        f"axes must be given for an image of shape {tuple(shape)}, got none. "
        'Name every axis in order, for example "CYX", "YXC" or "ZYX".'
    )


def drop_singletons(array: AnyArray, axes: str) -> tuple[AnyArray, str]:
    """Take away axes of length 1 that are not rows, columns or channels: a stack of one plane is a plane.

    Returns
    -------
    array : ndarray
        View of `array`.
    axes : str
        Names of the axes that are left.
    """
    if len(axes) != array.ndim:
        raise ImageError(f"axes must name each of the image's {array.ndim} axes, got {axes!r} for shape {array.shape}.")
    idle = tuple(i for i, name in enumerate(axes) if name not in "CYX" and array.shape[i] == 1)
    return array.squeeze(idle), "".join(name for i, name in enumerate(axes) if i not in idle)


def check_image(array: AnyArray, axes: str) -> None:
    """Refuse an image that cannot be learned from or classified.

    Parameters
    ----------
    array : ndarray with axes in the order of `axes`
        Any type; only real numbers pass.
    axes : str
        Name of each axis, of "C", "Z", "Y", "X".

    Raises
    ------
    ImageError
        If the axes do not fit, the values are no real numbers, or the image is empty, constant or not finite.
    """
    _check_axes(array.shape, axes)
    if array.dtype.kind not in "buif":
        raise ImageError(f"image must hold real numbers, got dtype {array.dtype}. Convert it to a number type first.")
    if array.size == 0:
        raise ImageError(f"image must have at least one pixel, got shape {array.shape}.")
    low, high = array.min(), array.max()
    if not np.isfinite([low, high]).all():
        bad = int(array.size - np.isfinite(array).sum())
        raise ImageError(f"image must be finite, got {bad} values that are NaN or infinite. Replace them first.")
    if low == high:
        raise ImageError(
            f"image must have contrast, got {low} in every pixel. Check that it is the right file or layer."
        )


def to_channels_first(array: ArrayLike, axes: str) -> FloatArray:
    """Check an image and bring it into the one order used inside.

    Parameters
    ----------
    array : array_like with axes in the order of `axes`
        bool, integer or float, any byte order.
    axes : str
        Name of each axis: "Y" and "X", and at most once "C" and "Z". Others only with length 1; so is a volume of one
        slice a plane.

    Returns
    -------
    ndarray of shape (C, [Z,] Y, X), float32
        C-contiguous, values as they are. Whole numbers beyond 2**24 are rounded to float32.

    Raises
    ------
    ImageError
        If the image cannot be used; see `check_image`.
    """
    image, names = drop_singletons(np.asarray(array), axes.upper())
    check_image(image, names)
    if "C" not in names:
        image, names = image[np.newaxis], f"C{names}"
    moved = image.transpose([names.index(name) for name in "CZYX" if name in names])
    with np.errstate(over="ignore"):
        values = moved.astype(np.float32, order="C")
    _check_still_usable(values)
    return values


def _check_axes(shape: tuple[int, ...], axes: str) -> None:
    if "T" in axes:
        raise ImageError(
            f"image must be of one time point, got a stack with axes {axes} and shape {shape}. "
            "Give one time point at a time."
        )
    if len(axes) != len(shape) or len(set(axes)) != len(axes) or not {"Y", "X"} <= set(axes) <= _KNOWN:
        raise ImageError(
            f'axes must name each axis once, "Y" and "X" and at most one "C" and one "Z", '
            f'got {axes!r} for shape {shape}. Give for example "YX", "YXC", "CYX" or "ZYX".'
        )


def _check_still_usable(values: FloatArray) -> None:
    low, high = values.min(), values.max()
    if not np.isfinite([low, high]).all():
        raise ImageError("image must fit into float32, got values beyond 3.4e38. Rescale it first.")
    if low == high:
        raise ImageError("image must have contrast, got differences too small for float32. Subtract its mean first.")
