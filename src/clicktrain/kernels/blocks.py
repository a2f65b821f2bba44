"""Block sizes and number formats that the Triton kernels share.

Importing this module needs the package triton.
"""

from __future__ import annotations

# Triton reads a kernel's source itself: its arguments are without Python types.
# mypy: disable-error-code="no-untyped-def, untyped-decorator"
from typing import TYPE_CHECKING

import torch
import triton
import triton.language as tl

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "ROWS",
    "SUMMED",
    "accumulator",
    "block_of",
    "laid_out_like",
    "places",
    "precision_of",
    "reaches_far",
    "shares_of",
]

# Rows of a block of results (pixels or positions), and terms that one matrix product adds up at a time.
ROWS = 64
SUMMED = 32
# A share is what one program of a weight's gradient sums alone; the caps bound the memory of the partial sums.
_SHARE_ROWS = 4096
_MOST_SHARES, _MOST_PARTS = 128, 1 << 26
# Half of what 32 bits hold: programs also count the places that their blocks have beyond the end.
_NEAR = 1 << 30


def accumulator(dtype: torch.dtype) -> tl.dtype:
    """Format in which products of `dtype` are summed."""
    return tl.float64 if dtype == torch.float64 else tl.float32


def precision_of(dtype: torch.dtype) -> str:
    """How matrix products of `dtype` are taken, as `tl.dot` calls it.

    Numbers of 32 bits are split into two of the tensor cores' format, and three products added up: that keeps 22 of
    their 24 digits, and is several times as fast as the units that multiply whole ones.
    """
    return "tf32x3" if dtype == torch.float32 else "ieee"


@triton.jit
def places(numbers, FAR: tl.constexpr):
    """Numbers that places are counted with: a GPU divides 64 bits in many more instructions than 32."""
    return numbers.to(tl.int64) if FAR else numbers


def reaches_far(*tensors: Tensor) -> bool:
    """Whether 32 bits are too few for the places of values, counted from the first of a tensor."""
    return any(
        sum((n - 1) * abs(stride) for n, stride in zip(t.shape, t.stride(), strict=True)) >= _NEAR for t in tensors
    )


def laid_out_like(image: Tensor, shape: tuple[int, int, int, int], dtype: torch.dtype) -> Tensor:
    """Make an unwritten map whose channels lie where those of the image do: innermost, or outermost."""
    # One channel lies both ways; with more of them to come, innermost is faster.
    innermost = image.stride(1) == 1 or image.shape[1] == 1
    layout = torch.channels_last if innermost else torch.contiguous_format
    return torch.empty(shape, dtype=dtype, device=image.device, memory_format=layout)


def block_of(channels: int, most: int = 64) -> int:
    """Power of two that covers `channels`, from the 16 that a matrix product needs up to `most`."""
    return min(most, max(16, int(triton.next_power_of_2(channels))))


def shares_of(rows: int, values: int) -> tuple[int, int]:
    """Split a sum over `rows` that gives so many `values` into shares, the same on every machine: sums have one order.

    Returns
    -------
    tuple of int
        Number of shares, and rows of each, a multiple of `ROWS`.
    """
    shares = max(1, min(_MOST_SHARES, triton.cdiv(rows, _SHARE_ROWS), _MOST_PARTS // values))
    return shares, ROWS * triton.cdiv(rows, ROWS * shares)
