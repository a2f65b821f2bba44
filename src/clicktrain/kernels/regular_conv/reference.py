"""The definition of the d-regularly sparse convolution, in plain torch."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import torch

from clicktrain.kernels.shapes import valid_shape, window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["regular_conv_reference"]


def regular_conv_reference(
    image: Tensor, weight: Tensor, bias: Tensor | None, dilation: Sequence[int], groups: int
) -> Tensor:
    """Sum one shifted, weighted copy of the image per tap; see `regular_conv`."""
    size = weight.shape[2:]
    shape_px = valid_shape(image, size, dilation)
    out_channels, group_channels = weight.shape[:2]
    scores = image.new_zeros((len(image), groups, out_channels // groups, *shape_px))
    for tap in product(*(range(k) for k in size)):
        start_px = [t * d for t, d in zip(tap, dilation, strict=True)]
        shifted = window(image, start_px, shape_px).reshape(len(image), groups, group_channels, *shape_px)
        index: tuple[slice | int, ...] = (slice(None), slice(None), *tap)
        at_tap = weight[index].view(groups, -1, group_channels)
        scores = scores + torch.einsum("bgc...,gkc->bgk...", shifted, at_tap)
    scores = scores.flatten(1, 2)
    return scores if bias is None else scores + bias.view(-1, *[1] * len(size))
