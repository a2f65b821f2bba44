"""Per-axis sizes of dilated kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clicktrain.errors import ShapeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["per_axis", "reach_px", "valid_shape", "window"]


def per_axis(value: int | Sequence[int], ndim: int, name: str) -> tuple[int, ...]:
    """Give `value` once per spatial axis.

    Raises
    ------
    ShapeError
        If there is another number of values than axes, or one is below 1.
    """
    values = (int(value),) * ndim if isinstance(value, int) else tuple(int(v) for v in value)
    if len(values) != ndim or min(values) < 1:
        raise ShapeError(f"{name} must be one positive whole number, or one per spatial axis ({ndim}), got {value}.")
    return values


def reach_px(size: Sequence[int], dilation: Sequence[int]) -> tuple[int, ...]:
    """Pixels between the first and the last tap of a kernel, per axis."""
    return tuple((k - 1) * d for k, d in zip(size, dilation, strict=True))


def valid_shape(image: Tensor, size: Sequence[int], dilation: Sequence[int]) -> tuple[int, ...]:
    """Spatial shape of the output of a kernel that stays inside the image.

    Raises
    ------
    ShapeError
        If the kernel reaches beyond the image.
    """
    shape_px = tuple(image.shape[2:])
    out = tuple(n - r for n, r in zip(shape_px, reach_px(size, dilation), strict=True))
    if min(out) < 1:
        needed = tuple(r + 1 for r in reach_px(size, dilation))
        raise ShapeError(
            f"image must be at least {needed} px for dilation={tuple(dilation)} and a kernel of {tuple(size)}, "
            f"got {shape_px}. Use a larger image or a smaller dilation."
        )
    return out


def window(image: Tensor, start_px: Sequence[int], shape_px: Sequence[int]) -> Tensor:
    """View of `shape_px` pixels of an image (B, C, *spatial) from `start_px` on."""
    for axis, (start, length) in enumerate(zip(start_px, shape_px, strict=True), start=2):
        # The gradient of a view is a map of zeros with the view's gradient copied in: none where nothing is cut off.
        if length != image.shape[axis]:
            image = image.narrow(axis, start, length)
    return image
