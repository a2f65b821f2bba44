"""Block sizes and number formats that the Triton kernels share.

Importing this module needs the package triton.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

__all__ = ["ROWS", "SUMMED", "accumulator", "block_of", "shares_of"]

# Rows of a block of results (pixels or positions), and terms that one matrix product adds up at a time.
ROWS = 64
SUMMED = 32
# A share is what one program of a weight's gradient sums alone; the cap bounds the memory of the partial sums.
_SHARE_ROWS = 4096
_MOST_SHARES = 64


def accumulator(dtype: torch.dtype) -> tl.dtype:
    """Format in which products of `dtype` are summed."""
    return tl.float64 if dtype == torch.float64 else tl.float32


def block_of(channels: int, most: int = 64) -> int:
    """Power of two that covers `channels`, from the 16 that a matrix product needs up to `most`."""
    return min(most, max(16, int(triton.next_power_of_2(channels))))


def shares_of(rows: int) -> tuple[int, int]:
    """Split a sum over `rows` into shares, the same on every machine so that sums have one order.

    Returns
    -------
    tuple of int
        Number of shares, and rows of each, a multiple of `SUMMED`.
    """
    shares = min(_MOST_SHARES, max(1, triton.cdiv(rows, _SHARE_ROWS)))
    return shares, SUMMED * triton.cdiv(rows, SUMMED * shares)
