"""How much a convolution of chosen channels cuts off, and what it is added to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clicktrain.kernels.shapes import window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["margins_px", "middle"]


def margins_px(size: Sequence[int], dilation: Sequence[int], padding_px: Sequence[int]) -> tuple[int, ...]:
    """Pixels that are lost on each side, per axis: half of what the kernel reaches, less the padding."""
    return tuple((k - 1) * d // 2 - p for k, d, p in zip(size, dilation, padding_px, strict=True))


def middle(image: Tensor, margin_px: Sequence[int]) -> Tensor:
    """View of an image (B, C, *spatial) without its margins."""
    return window(image, margin_px, [n - 2 * m for n, m in zip(image.shape[2:], margin_px, strict=True)])
