"""Inputs of the convolution of chosen channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from clicktrain.kernels.mod_conv import mod_conv
from tests.kernels.cases import DEVICE, noise, outputs_and_gradients

if TYPE_CHECKING:
    from torch import Tensor

# Batch, channels, chosen ones, spatial shape, kernel, dilation, padding: odd sizes, one channel, all channels.
MOD_CONVOLUTIONS = {
    "B2-C7-k3-5x7-k3-d1-p1": (2, 7, 3, (5, 7), (3, 3), (1, 1), (1, 1)),
    "B1-C4-k1-13x8-k3-d2x3-p0": (1, 4, 1, (13, 8), (3, 3), (2, 3), (0, 0)),
    "B3-C5-k5-7x9-k5x1-d1-p1x0": (3, 5, 5, (7, 9), (5, 1), (1, 1), (1, 0)),
    "B1-C40-k19-9x15-k3-d1-p0": (1, 40, 19, (9, 15), (3, 3), (1, 1), (0, 0)),
    "B70-C3-k2-2x1-k1-d1-p0": (70, 3, 2, (2, 1), (1, 1), (1, 1), (0, 0)),
}


def mod_inputs(case: str, ndim: int = 2) -> tuple[Tensor, list[Tensor], dict[str, object]]:
    """Channels that differ from image to image, then image, scores, weight and bias, then dilation and padding."""
    batch, channels, k, shape, size, dilation, padding = MOD_CONVOLUTIONS[case]
    if ndim == 3:
        shape, size, dilation, padding = (4, *shape), (3, *size), (1, *dilation), (1, *padding)
    drawn = torch.rand((batch, channels), generator=torch.Generator().manual_seed(5)).topk(k).indices.to(DEVICE)
    tensors = [
        noise(batch, channels, *shape),
        noise(batch, k, seed=4),
        noise(k, k, *size, seed=2),
        noise(k, seed=3),
    ]
    return drawn, tensors, {"dilation": dilation, "padding_px": padding}


def mod_convolved(
    backend: str, channels: Tensor, inputs: list[Tensor], dtype: torch.dtype, **options: object
) -> list[Tensor]:
    """Result and all gradients, in double precision."""
    leaves = [tensor.detach().to(dtype).requires_grad_() for tensor in inputs]

    def run(image: Tensor, scores: Tensor, *others: Tensor) -> Tensor:
        return mod_conv(image, channels, scores, *others, backend=backend, **options)

    return [result.double() for result in outputs_and_gradients(run, leaves)]
