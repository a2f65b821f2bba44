"""Inputs of kernels, and what is compared about them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
# Natively on a GPU; else on the CPU, where only the interpreter runs Triton kernels.
DEVICE = "cuda" if torch.cuda.is_available() and not INTERPRETED else "cpu"
# The interpreter computes with the bits of bfloat16 as if they were whole numbers.
HALVES = [torch.float16] if INTERPRETED else [torch.float16, torch.bfloat16]
# How near a format comes to the reference in double precision.
PRECISIONS = [pytest.param(torch.float64, 1e-10, id="float64"), pytest.param(torch.float32, 1e-5, id="float32")]

# Each format with another order of the values in memory.
FORMATS = [
    pytest.param(torch.float64, 1e-10, torch.contiguous_format, id="float64"),
    pytest.param(torch.float32, 1e-5, torch.channels_last, id="float32, channels last"),
]

# Batch, channels in and out, groups, spatial shape, kernel, dilation: odd sizes, outputs narrower than the dilation.
CONVOLUTIONS = {
    "B2-C3-K5-9x11-k3-d1": (2, 3, 5, 1, (9, 11), (3, 3), (1, 1)),
    "B1-C1-K1-3x3-k2-d2": (1, 1, 1, 1, (3, 3), (2, 2), (2, 2)),
    "B1-C4-K6-g2-17x8-k3x2-d4x7": (1, 4, 6, 2, (17, 8), (3, 2), (4, 7)),
    "B2-C3-K3-g3-13x13-k1x4-d5x3": (2, 3, 3, 3, (13, 13), (1, 4), (5, 3)),
    "B1-C19-K17-13x21-k3-d3": (1, 19, 17, 1, (13, 21), (3, 3), (3, 3)),
    "B70-C3-K4-3x2-k3x2-d1": (70, 3, 4, 1, (3, 2), (3, 2), (1, 1)),
}
# Spatial shape, kernel, dilation.
POOLS = {
    "3x3-k2-d2": ((3, 3), (2, 2), (2, 2)),
    "9x14-k3-d1": ((9, 14), (3, 3), (1, 1)),
    "12x20-k8x5-d1x4": ((12, 20), (8, 5), (1, 4)),
    "8x9-k1x2-d3x7": ((8, 9), (1, 2), (3, 7)),
    "15x16-k7-d2": ((15, 16), (7, 7), (2, 2)),
    "7x5-k1-d3": ((7, 5), (1, 1), (3, 3)),
    "10x6-k4x6-d3x1": ((10, 6), (4, 6), (3, 1)),
    "11x9-k2x3-d9x4": ((11, 9), (2, 3), (9, 4)),
}
VOLUME_POOLS = {
    "5x6x7-k2x3x4-d2x1x1": ((5, 6, 7), (2, 3, 4), (2, 1, 1)),
    "4x4x4-k2-d3": ((4, 4, 4), (2, 2, 2), (3, 3, 3)),
}
# Positions, rows of values, channels in and out, kernel: channels that fill no block, one position, one tap.
SELECTIONS = {
    "M37-N23-C19-K17-k3x3": (37, 23, 19, 17, (3, 3)),
    "M1-N9-C3-K5-k2x4": (1, 9, 3, 5, (2, 4)),
    "M70-N5-C1-K1-k1x1": (70, 5, 1, 1, (1, 1)),
    "M21-N90-C33-K6-k2x2": (21, 90, 33, 6, (2, 2)),
    "M9-N31-C4-K3-k2x3x2": (9, 31, 4, 3, (2, 3, 2)),
}


def noise(*shape: int, dtype: torch.dtype = torch.float64, device: str = DEVICE, seed: int = 0) -> Tensor:
    """Seeded normal noise that wants a gradient."""
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return values.to(device, dtype).requires_grad_()


def outputs_and_gradients(function: Callable[..., Tensor], inputs: Sequence[Tensor]) -> list[Tensor]:
    """Output, then the gradients of a fixed random mixture of it with respect to every input."""
    out = function(*inputs)
    mixture = noise(*out.shape, seed=1).detach().to(out)
    return [out.detach(), *torch.autograd.grad((out * mixture).sum(), list(inputs))]


def assert_all_close(got: Sequence[Tensor], expected: Sequence[Tensor], tolerance: float) -> None:
    for one, other in zip(got, expected, strict=True):
        scale = max(1.0, float(other.detach().abs().max()))
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance * scale)
