"""The d-regularly sparse convolution through ATen's dilated convolution (oneDNN on CPU, cuDNN on CUDA)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from clicktrain.kernels.regular_conv.weight_gradient import (
    conv_with_own_weight_gradient,
    gains_by_own_weight_gradient,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["channels_last", "is_single_volume", "regular_conv_aten"]


def channels_last(image: Tensor) -> Tensor:
    """Lay the image out with its channels innermost, where a dilated convolution reads whole cache lines."""
    layout = torch.channels_last if image.ndim == 4 else torch.channels_last_3d
    return image.contiguous(memory_format=layout)


def regular_conv_aten(
    image: Tensor, weight: Tensor, bias: Tensor | None, dilation: Sequence[int], groups: int
) -> Tensor:
    """Convolve with dilation; see `regular_conv`."""
    image = channels_last(image)
    learns = weight.requires_grad and torch.is_grad_enabled()
    if learns and gains_by_own_weight_gradient(image, weight.shape[2:], dilation, groups):
        return conv_with_own_weight_gradient(_convolve, image, weight, bias, dilation)
    return _convolve(image, weight, bias, dilation, groups)


def _convolve(image: Tensor, weight: Tensor, bias: Tensor | None, dilation: Sequence[int], groups: int = 1) -> Tensor:
    if is_single_volume(image) and not torch.is_autocast_enabled("cpu"):
        return torch.mkldnn_convolution(image, weight, bias, [0] * 3, [1] * 3, list(dilation), groups)
    conv = F.conv2d if image.ndim == 4 else F.conv3d
    return conv(image, weight, bias, dilation=tuple(dilation), groups=groups)


def is_single_volume(image: Tensor) -> bool:
    """Whether oneDNN is asked by name: ATen unrolls the taps of one small volume, which takes up to 60 times longer.

    Parameters
    ----------
    image : Tensor of shape (B, C, [Z,] Y, X)
    """
    on_cpu = image.device.type == "cpu" and image.dtype == torch.float32
    has_onednn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return has_onednn and on_cpu and image.ndim == 5 and len(image) == 1
