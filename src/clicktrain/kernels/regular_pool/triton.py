"""Triton kernels of max pooling with dilated taps, 2D: forward with the chosen tap, and its gather backward.

Importing this module needs the package triton.
"""

# Triton reads the kernels' source itself: their arguments are pointers and constants without Python types.
# mypy: disable-error-code="no-untyped-def, untyped-decorator"

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import triton
import triton.language as tl

from clicktrain.kernels.blocks import accumulator, laid_out_like, places, reaches_far

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["max_pool_bwd", "max_pool_fwd"]

_BLOCK = 512


@triton.jit
def place_of(o, C, Y, X, CHANNELS_LAST: tl.constexpr):
    """Image, channel, row and column of values that are counted in the order in which they lie in memory."""
    if CHANNELS_LAST:
        c, rest = o % C, o // C
        return rest // X // Y, c, rest // X % Y, rest % X
    row = o // X
    return row // Y // C, row // Y % C, row % Y, o % X


@triton.jit
def max_pool_fwd_kernel(
    image, pooled, chosen,
    B, C, Y_out, X_out, sib, sic, siy, six,
    H: tl.constexpr, W: tl.constexpr, DY: tl.constexpr, DX: tl.constexpr,
    CHANNELS_LAST: tl.constexpr, FAR: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """One block of the largest taps, in the order in which they lie in memory."""
    o = places(tl.program_id(0), FAR) * BLOCK + tl.arange(0, BLOCK)
    b, c, y, x = place_of(o, C, Y_out, X_out, CHANNELS_LAST)
    inside = b < B
    p_map = image + b * sib + c * sic
    b_max = tl.load(p_map + y * siy + x * six, mask=inside, other=0.0)
    b_tap = tl.zeros((BLOCK,), dtype=tl.int32)
    for tap in tl.static_range(1, H * W):
        b_x = tl.load(p_map + (y + tap // W * DY) * siy + (x + tap % W * DX) * six, mask=inside, other=0.0)
        # Strictly larger: of equals the first in row-major order stays. NaN wins, as in ATen.
        wins = (b_x > b_max) | (b_x != b_x)
        b_max = tl.where(wins, b_x, b_max)
        b_tap = tl.where(wins, tap, b_tap)
    tl.store(pooled + o, b_max, mask=inside)
    tl.store(chosen + o, b_tap.to(chosen.dtype.element_ty), mask=inside)


@triton.jit
def max_pool_bwd_kernel(
    grad, chosen, out,
    B, C, Y, X, Y_out, X_out, sgb, sgc, sgy, sgx, snb, snc, sny, snx,
    H: tl.constexpr, W: tl.constexpr, DY: tl.constexpr, DX: tl.constexpr,
    CHANNELS_LAST: tl.constexpr, FAR: tl.constexpr, ACC: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Each input pixel gathers from the outputs that chose it: no atomics, so the sum has one order."""
    o = places(tl.program_id(0), FAR) * BLOCK + tl.arange(0, BLOCK)
    b, c, y, x = place_of(o, C, Y, X, CHANNELS_LAST)
    inside = b < B
    b_acc = tl.zeros((BLOCK,), dtype=ACC)
    for tap in range(H * W):
        gy, gx = y - tap // W * DY, x - tap % W * DX
        reads = inside & (gy >= 0) & (gy < Y_out) & (gx >= 0) & (gx < X_out)
        b_tap = tl.load(chosen + b * snb + c * snc + gy * sny + gx * snx, mask=reads, other=255).to(tl.int32)
        b_g = tl.load(grad + b * sgb + c * sgc + gy * sgy + gx * sgx, mask=reads & (b_tap == tap), other=0.0)
        b_acc += b_g.to(ACC)
    tl.store(out + o, b_acc.to(out.dtype.element_ty), mask=inside)


def max_pool_fwd(image: Tensor, size: tuple[int, int], dilation: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Largest taps (B, C, Y', X') of an image (B, C, Y, X), and which tap each was, counted in row-major order."""
    batch, channels, height, width = image.shape
    out_y, out_x = height - (size[0] - 1) * dilation[0], width - (size[1] - 1) * dilation[1]
    pooled = laid_out_like(image, (batch, channels, out_y, out_x), image.dtype)
    chosen = torch.empty_like(pooled, dtype=torch.uint8 if size[0] * size[1] < 255 else torch.int32)
    max_pool_fwd_kernel[triton.cdiv(pooled.numel(), _BLOCK),](
        image, pooled, chosen, batch, channels, out_y, out_x, *image.stride(),
        H=size[0], W=size[1], DY=dilation[0], DX=dilation[1],
        CHANNELS_LAST=_is_channels_last(pooled), FAR=reaches_far(image, pooled), BLOCK=_BLOCK,
    )  # fmt: skip
    return pooled, chosen


def max_pool_bwd(
    grad: Tensor, chosen: Tensor, shape_px: tuple[int, int], size: tuple[int, int], dilation: tuple[int, int]
) -> Tensor:
    """Gradient (B, C, Y, X) of the image, from that of its largest taps (B, C, Y', X')."""
    batch, channels, out_y, out_x = grad.shape
    out = laid_out_like(chosen, (batch, channels, *shape_px), grad.dtype)
    max_pool_bwd_kernel[triton.cdiv(out.numel(), _BLOCK),](
        grad, chosen, out, batch, channels, *shape_px, out_y, out_x, *grad.stride(), *chosen.stride(),
        H=size[0], W=size[1], DY=dilation[0], DX=dilation[1],
        CHANNELS_LAST=_is_channels_last(out), FAR=reaches_far(grad, out), ACC=accumulator(grad.dtype), BLOCK=_BLOCK,
    )  # fmt: skip
    return out


def _is_channels_last(maps: Tensor) -> bool:
    return maps.stride(1) == 1 and maps.shape[1] > 1
