"""The convolution of chosen channels as a gather, a convolution and a sum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from clicktrain.kernels.mod_conv.shapes import margins_px, middle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from clicktrain.kernels.regular_conv.activations import ModActivation

__all__ = ["mod_conv_aten"]


def mod_conv_aten(
    image: Tensor,
    channels: Tensor,
    scores: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    dilation: Sequence[int],
    padding_px: Sequence[int],
    activation: ModActivation,
) -> Tensor:
    """Gather, convolve and add; see `mod_conv`."""
    k = channels.shape[1]
    images = torch.arange(len(image), device=image.device)[:, None]
    convolve = F.conv2d if image.ndim == 4 else F.conv3d
    made = convolve(image[images, channels], weight, bias, padding=tuple(padding_px), dilation=tuple(dilation))
    made = made.relu() if activation == "relu" else made
    kept = middle(image, margins_px(weight.shape[2:], dilation, padding_px))
    weighed = made * scores[(..., *(None,) * (image.ndim - 2))]
    return torch.cat((kept[:, :k] + weighed, kept[:, k:]), 1)
