"""The definition of the convolution of chosen channels, in plain torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from clicktrain.kernels.mod_conv.shapes import margins_px, middle
from clicktrain.kernels.regular_conv.reference import regular_conv_reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from clicktrain.kernels.regular_conv.activations import ModActivation

__all__ = ["mod_conv_reference"]


def mod_conv_reference(
    image: Tensor,
    channels: Tensor,
    scores: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    dilation: Sequence[int],
    padding_px: Sequence[int],
    activation: ModActivation,
) -> Tensor:
    """Image by image and in words: take, convolve, activate, weigh, add; see `mod_conv`."""
    results = []
    for one, numbers, score in zip(image, channels, scores, strict=True):
        taken = torch.stack([one[number] for number in numbers.tolist()])[None]
        padded = F.pad(taken, [p for p in reversed(padding_px) for _ in range(2)])
        made = regular_conv_reference(padded, weight, bias, dilation, groups=1)[0]
        made = made.relu() if activation == "relu" else made
        kept = middle(one[None], margins_px(weight.shape[2:], dilation, padding_px))[0]
        first = kept[: len(numbers)] + score.view(-1, *[1] * (made.ndim - 1)) * made
        results.append(torch.cat((first, kept[len(numbers) :])))
    return torch.stack(results)
