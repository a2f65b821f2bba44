"""The d-regularly sparse convolution through ATen's dilated convolution (oneDNN on CPU, cuDNN on CUDA)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["channels_last", "regular_conv_aten"]


def channels_last(image: Tensor) -> Tensor:
    """Lay the image out with its channels innermost, where a dilated convolution reads whole cache lines."""
    layout = torch.channels_last if image.ndim == 4 else torch.channels_last_3d
    return image.contiguous(memory_format=layout)


def regular_conv_aten(
    image: Tensor, weight: Tensor, bias: Tensor | None, spacing_px: Sequence[int], groups: int
) -> Tensor:
    """Convolve with dilation; see `regular_conv`."""
    conv = F.conv2d if image.ndim == 4 else F.conv3d
    return conv(channels_last(image), weight, bias, dilation=tuple(spacing_px), groups=groups)
