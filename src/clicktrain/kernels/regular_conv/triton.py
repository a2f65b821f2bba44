"""Triton kernels of the d-regularly sparse convolution, 2D: forward with bias, and the gradient of the image.

Importing this module needs the package triton.
"""

# Triton reads the kernels' source itself: their arguments are pointers and constants without Python types.
# mypy: disable-error-code="no-untyped-def, untyped-decorator"

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import triton
import triton.language as tl

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["regular_conv_bwd_image", "regular_conv_fwd"]

_BLOCK_PIXELS = 64
_BLOCK_CHANNELS = 16


@triton.jit
def regular_conv_fwd_kernel(
    image, weight, bias, scores,
    C, K, Y_out, X_out, sib, sic, siy, six, swk, swc, swy, swx, ssb, ssk, ssy, ssx,
    H: tl.constexpr, W: tl.constexpr, DY: tl.constexpr, DX: tl.constexpr,
    HAS_BIAS: tl.constexpr, ACC: tl.constexpr, BP: tl.constexpr, BK: tl.constexpr, BC: tl.constexpr,
):  # fmt: skip
    """One block of pixels times one block of output channels; image and weight of one group."""
    b = tl.program_id(2).to(tl.int64)
    o_p = tl.program_id(0).to(tl.int64) * BP + tl.arange(0, BP)
    o_k = tl.program_id(1).to(tl.int64) * BK + tl.arange(0, BK)
    y, x = o_p // X_out, o_p % X_out
    in_p, in_k = o_p < Y_out * X_out, o_k < K
    b_acc = tl.zeros((BP, BK), dtype=ACC)
    for i in range(H):
        for j in range(W):
            p_tap = image + b * sib + (y + i * DY) * siy + (x + j * DX) * six
            for c in range(0, C, BC):
                o_c = c + tl.arange(0, BC)
                in_c = o_c < C
                # [BP, BC]
                b_x = tl.load(p_tap[:, None] + o_c[None, :] * sic, mask=in_p[:, None] & in_c[None, :], other=0.0)
                # [BC, BK]
                p_w = weight + o_k[None, :] * swk + o_c[:, None] * swc + i * swy + j * swx
                b_w = tl.load(p_w, mask=in_c[:, None] & in_k[None, :], other=0.0)
                b_acc += tl.dot(b_x, b_w, input_precision="ieee", out_dtype=ACC)
    if HAS_BIAS:
        b_acc += tl.load(bias + o_k, mask=in_k, other=0.0)[None, :]
    p_s = scores + b * ssb + o_k[None, :] * ssk + y[:, None] * ssy + x[:, None] * ssx
    tl.store(p_s, b_acc.to(scores.dtype.element_ty), mask=in_p[:, None] & in_k[None, :])


@triton.jit
def regular_conv_bwd_image_kernel(
    grad, weight, out,
    C, K, Y, X, Y_out, X_out, sgb, sgk, sgy, sgx, swk, swc, swy, swx, sob, soc, soy, sox,
    H: tl.constexpr, W: tl.constexpr, DY: tl.constexpr, DX: tl.constexpr,
    ACC: tl.constexpr, BP: tl.constexpr, BK: tl.constexpr, BC: tl.constexpr,
):  # fmt: skip
    """Each input pixel gathers from the outputs that read it: no atomics, so the sum has one order."""
    b = tl.program_id(2).to(tl.int64)
    o_p = tl.program_id(0).to(tl.int64) * BP + tl.arange(0, BP)
    o_c = tl.program_id(1).to(tl.int64) * BC + tl.arange(0, BC)
    y, x = o_p // X, o_p % X
    in_p, in_c = o_p < Y * X, o_c < C
    b_acc = tl.zeros((BP, BC), dtype=ACC)
    for i in range(H):
        for j in range(W):
            gy, gx = y - i * DY, x - j * DX
            reads = in_p & (gy >= 0) & (gy < Y_out) & (gx >= 0) & (gx < X_out)
            p_tap = grad + b * sgb + gy * sgy + gx * sgx
            for k in range(0, K, BK):
                o_k = k + tl.arange(0, BK)
                in_k = o_k < K
                # [BP, BK]
                b_g = tl.load(p_tap[:, None] + o_k[None, :] * sgk, mask=reads[:, None] & in_k[None, :], other=0.0)
                # [BK, BC]
                p_w = weight + o_k[:, None] * swk + o_c[None, :] * swc + i * swy + j * swx
                b_w = tl.load(p_w, mask=in_k[:, None] & in_c[None, :], other=0.0)
                b_acc += tl.dot(b_g, b_w, input_precision="ieee", out_dtype=ACC)
    p_o = out + b * sob + o_c[None, :] * soc + y[:, None] * soy + x[:, None] * sox
    tl.store(p_o, b_acc.to(out.dtype.element_ty), mask=in_p[:, None] & in_c[None, :])


def _accumulator(dtype: torch.dtype) -> tl.dtype:
    return tl.float64 if dtype == torch.float64 else tl.float32


def regular_conv_fwd(image: Tensor, weight: Tensor, bias: Tensor | None, spacing_px: tuple[int, int]) -> Tensor:
    """Scores (B, K, Y', X') of one group of channels; see `regular_conv`."""
    batch, channels, height, width = image.shape
    classes, _, h, w = weight.shape
    out_y, out_x = height - (h - 1) * spacing_px[0], width - (w - 1) * spacing_px[1]
    scores = torch.empty((batch, classes, out_y, out_x), dtype=image.dtype, device=image.device)
    grid = (triton.cdiv(out_y * out_x, _BLOCK_PIXELS), triton.cdiv(classes, _BLOCK_CHANNELS), batch)
    regular_conv_fwd_kernel[grid](
        image, weight, weight if bias is None else bias, scores, channels, classes, out_y, out_x,
        *image.stride(), *weight.stride(), *scores.stride(), H=h, W=w, DY=spacing_px[0], DX=spacing_px[1],
        HAS_BIAS=bias is not None, ACC=_accumulator(image.dtype),
        BP=_BLOCK_PIXELS, BK=_BLOCK_CHANNELS, BC=_BLOCK_CHANNELS,
    )  # fmt: skip
    return scores


def regular_conv_bwd_image(
    grad: Tensor, weight: Tensor, shape_px: tuple[int, int], spacing_px: tuple[int, int]
) -> Tensor:
    """Gradient (B, C, Y, X) of the image of one group of channels, from that of its scores (B, K, Y', X')."""
    batch, classes, out_y, out_x = grad.shape
    _, channels, h, w = weight.shape
    height, width = shape_px
    out = torch.empty((batch, channels, height, width), dtype=grad.dtype, device=grad.device)
    grid = (triton.cdiv(height * width, _BLOCK_PIXELS), triton.cdiv(channels, _BLOCK_CHANNELS), batch)
    regular_conv_bwd_image_kernel[grid](
        grad, weight, out, channels, classes, height, width, out_y, out_x,
        *grad.stride(), *weight.stride(), *out.stride(), H=h, W=w, DY=spacing_px[0], DX=spacing_px[1],
        ACC=_accumulator(grad.dtype), BP=_BLOCK_PIXELS, BK=_BLOCK_CHANNELS, BC=_BLOCK_CHANNELS,
    )  # fmt: skip
    return out
