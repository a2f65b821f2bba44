"""Triton kernels of max pooling with spaced taps, 2D: forward with the chosen tap, and its gather backward.

Importing this module needs the package triton.
"""

# Triton reads the kernels' source itself: their arguments are pointers and constants without Python types.
# mypy: disable-error-code="no-untyped-def, untyped-decorator"

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import triton
import triton.language as tl

from clicktrain.kernels.blocks import accumulator

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["max_pool_bwd", "max_pool_fwd"]

_BLOCK_PIXELS = 256


@triton.jit
def max_pool_fwd_kernel(
    image, pooled, chosen,
    M, Y_out, X_out, sim, siy, six,
    H: tl.constexpr, W: tl.constexpr, DY: tl.constexpr, DX: tl.constexpr, BP: tl.constexpr,
):  # fmt: skip
    """One block of pixels of all maps."""
    o_p = tl.program_id(0).to(tl.int64) * BP + tl.arange(0, BP)
    m, y, x = o_p // X_out // Y_out, o_p // X_out % Y_out, o_p % X_out
    in_p = m < M
    b_max = tl.load(image + m * sim + y * siy + x * six, mask=in_p, other=0.0)
    b_tap = tl.zeros((BP,), dtype=tl.int32)
    for tap in range(1, H * W):
        p_x = image + m * sim + (y + tap // W * DY) * siy + (x + tap % W * DX) * six
        b_x = tl.load(p_x, mask=in_p, other=0.0)
        # Strictly larger: of equals the first in row-major order stays. NaN wins, as in ATen.
        wins = (b_x > b_max) | (b_x != b_x)
        b_max = tl.where(wins, b_x, b_max)
        b_tap = tl.where(wins, tap, b_tap)
    tl.store(pooled + o_p, b_max, mask=in_p)
    tl.store(chosen + o_p, b_tap, mask=in_p)


@triton.jit
def max_pool_bwd_kernel(
    grad, chosen, out,
    M, Y, X, Y_out, X_out, sgm, sgy, sgx,
    H: tl.constexpr, W: tl.constexpr, DY: tl.constexpr, DX: tl.constexpr, ACC: tl.constexpr, BP: tl.constexpr,
):  # fmt: skip
    """Each input pixel gathers from the outputs that chose it: no atomics, so the sum has one order."""
    o_p = tl.program_id(0).to(tl.int64) * BP + tl.arange(0, BP)
    m, y, x = o_p // X // Y, o_p // X % Y, o_p % X
    in_p = m < M
    b_acc = tl.zeros((BP,), dtype=ACC)
    for tap in range(H * W):
        gy, gx = y - tap // W * DY, x - tap % W * DX
        reads = in_p & (gy >= 0) & (gy < Y_out) & (gx >= 0) & (gx < X_out)
        b_tap = tl.load(chosen + (m * Y_out + gy) * X_out + gx, mask=reads, other=-1)
        b_g = tl.load(grad + m * sgm + gy * sgy + gx * sgx, mask=reads, other=0.0)
        b_acc += tl.where(b_tap == tap, b_g, 0.0)
    tl.store(out + o_p, b_acc.to(out.dtype.element_ty), mask=in_p)


def max_pool_fwd(image: Tensor, size: tuple[int, int], spacing_px: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Largest taps (M, Y', X') of maps (M, Y, X), and which tap each was, counted in row-major order."""
    maps, height, width = image.shape
    out_y, out_x = height - (size[0] - 1) * spacing_px[0], width - (size[1] - 1) * spacing_px[1]
    pooled = torch.empty((maps, out_y, out_x), dtype=image.dtype, device=image.device)
    chosen = torch.empty((maps, out_y, out_x), dtype=torch.int32, device=image.device)
    # Maps and pixels share one axis of the grid: its other axes end at 65,535.
    max_pool_fwd_kernel[triton.cdiv(maps * out_y * out_x, _BLOCK_PIXELS),](
        image, pooled, chosen, maps, out_y, out_x, *image.stride(),
        H=size[0], W=size[1], DY=spacing_px[0], DX=spacing_px[1], BP=_BLOCK_PIXELS,
    )  # fmt: skip
    return pooled, chosen


def max_pool_bwd(
    grad: Tensor, chosen: Tensor, shape_px: tuple[int, int], size: tuple[int, int], spacing_px: tuple[int, int]
) -> Tensor:
    """Gradient (M, Y, X) of the maps, from that of their largest taps (M, Y', X')."""
    maps, out_y, out_x = grad.shape
    height, width = shape_px
    out = torch.empty((maps, height, width), dtype=grad.dtype, device=grad.device)
    max_pool_bwd_kernel[triton.cdiv(maps * height * width, _BLOCK_PIXELS),](
        grad, chosen, out, maps, height, width, out_y, out_x, *grad.stride(),
        H=size[0], W=size[1], DY=spacing_px[0], DX=spacing_px[1], ACC=accumulator(grad.dtype), BP=_BLOCK_PIXELS,
    )  # fmt: skip
    return out
