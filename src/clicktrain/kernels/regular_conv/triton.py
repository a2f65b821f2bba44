"""Triton kernels of the d-regularly sparse convolution, 2D: forward with bias and activation, and both gradients.

Importing this module needs the package triton.
"""

# Triton reads the kernels' source itself: their arguments are pointers and constants without Python types.
# mypy: disable-error-code="no-untyped-def, untyped-decorator"

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import triton
import triton.language as tl

from clicktrain.kernels.blocks import ROWS, SUMMED, accumulator, block_of, shares_of

if TYPE_CHECKING:
    from torch import Tensor

    from clicktrain.kernels.regular_conv.activations import Activation

__all__ = ["regular_conv_bwd_image", "regular_conv_bwd_weight", "regular_conv_fwd"]


@triton.jit
def tanh(x):
    """Hyperbolic tangent: the quotient cancels near 0, where the series takes over."""
    e = tl.exp(-2.0 * tl.abs(x))
    far = tl.where(x < 0, -1.0, 1.0) * (1.0 - e) / (1.0 + e)
    s = x * x
    near = x * (1.0 - s * (1 / 3 - s * (2 / 15 - s * (17 / 315 - s * (62 / 2835)))))
    return tl.where(tl.abs(x) < 0.0625, near, far)


@triton.jit
def regular_conv_fwd_kernel(
    image, weight, bias, scores,
    B, C, K, Y_out, X_out, sib, sic, siy, six, swk, swc, swy, swx, ssb, ssk, ssy, ssx,
    H: tl.constexpr, W: tl.constexpr, DY: tl.constexpr, DX: tl.constexpr, HAS_BIAS: tl.constexpr, ACT: tl.constexpr,
    ACC: tl.constexpr, BP: tl.constexpr, BK: tl.constexpr, BC: tl.constexpr,
):  # fmt: skip
    """One block of pixels of all images times one block of output channels; image and weight of one group."""
    o_p = tl.program_id(0).to(tl.int64) * BP + tl.arange(0, BP)
    o_k = tl.program_id(1).to(tl.int64) * BK + tl.arange(0, BK)
    b, y, x = o_p // X_out // Y_out, o_p // X_out % Y_out, o_p % X_out
    in_p, in_k = b < B, o_k < K
    b_acc = tl.zeros((BP, BK), dtype=ACC)
    for i in range(H):
        for j in range(W):
            p_tap = image + b * sib + (y + i * DY) * siy + (x + j * DX) * six
            for c in range(0, C, BC):
                o_c = c + tl.arange(0, BC).to(tl.int64)
                in_c = o_c < C
                # [BP, BC]
                b_x = tl.load(p_tap[:, None] + o_c[None, :] * sic, mask=in_p[:, None] & in_c[None, :], other=0.0)
                # [BC, BK]
                p_w = weight + o_k[None, :] * swk + o_c[:, None] * swc + i * swy + j * swx
                b_w = tl.load(p_w, mask=in_c[:, None] & in_k[None, :], other=0.0)
                b_acc += tl.dot(b_x, b_w, input_precision="ieee", out_dtype=ACC)
    if HAS_BIAS:
        b_acc += tl.load(bias + o_k, mask=in_k, other=0.0)[None, :]
    if ACT == "relu":
        # Not tl.maximum, which would hide NaN.
        b_acc = tl.where(b_acc < 0, 0.0, b_acc)
    if ACT == "tanh":
        b_acc = tanh(b_acc)
    p_s = scores + b[:, None] * ssb + o_k[None, :] * ssk + y[:, None] * ssy + x[:, None] * ssx
    tl.store(p_s, b_acc.to(scores.dtype.element_ty), mask=in_p[:, None] & in_k[None, :])


@triton.jit
def regular_conv_bwd_image_kernel(
    grad, weight, out,
    B, C, K, Y, X, Y_out, X_out, sgb, sgk, sgy, sgx, swk, swc, swy, swx, sob, soc, soy, sox,
    H: tl.constexpr, W: tl.constexpr, DY: tl.constexpr, DX: tl.constexpr,
    ACC: tl.constexpr, BP: tl.constexpr, BK: tl.constexpr, BC: tl.constexpr,
):  # fmt: skip
    """Each input pixel gathers from the outputs that read it: no atomics, so the sum has one order."""
    o_p = tl.program_id(0).to(tl.int64) * BP + tl.arange(0, BP)
    o_c = tl.program_id(1).to(tl.int64) * BC + tl.arange(0, BC)
    b, y, x = o_p // X // Y, o_p // X % Y, o_p % X
    in_p, in_c = b < B, o_c < C
    b_acc = tl.zeros((BP, BC), dtype=ACC)
    for i in range(H):
        for j in range(W):
            gy, gx = y - i * DY, x - j * DX
            reads = in_p & (gy >= 0) & (gy < Y_out) & (gx >= 0) & (gx < X_out)
            p_tap = grad + b * sgb + gy * sgy + gx * sgx
            for k in range(0, K, BK):
                o_k = k + tl.arange(0, BK).to(tl.int64)
                in_k = o_k < K
                # [BP, BK]
                b_g = tl.load(p_tap[:, None] + o_k[None, :] * sgk, mask=reads[:, None] & in_k[None, :], other=0.0)
                # [BK, BC]
                p_w = weight + o_k[:, None] * swk + o_c[None, :] * swc + i * swy + j * swx
                b_w = tl.load(p_w, mask=in_k[:, None] & in_c[None, :], other=0.0)
                b_acc += tl.dot(b_g, b_w, input_precision="ieee", out_dtype=ACC)
    p_o = out + b[:, None] * sob + o_c[None, :] * soc + y[:, None] * soy + x[:, None] * sox
    tl.store(p_o, b_acc.to(out.dtype.element_ty), mask=in_p[:, None] & in_c[None, :])


@triton.jit
def regular_conv_bwd_weight_kernel(
    grad, image, parts,
    B, C, K, Y_out, X_out, share_pixels, sgb, sgk, sgy, sgx, sib, sic, siy, six, sps, spk, spc, spt,
    H: tl.constexpr, W: tl.constexpr, DY: tl.constexpr, DX: tl.constexpr,
    ACC: tl.constexpr, BP: tl.constexpr, BK: tl.constexpr, BC: tl.constexpr,
):  # fmt: skip
    """One block of the weight at one tap, summed over one share of the output pixels."""
    tap = tl.program_id(0) % (H * W)
    share = (tl.program_id(0) // (H * W)).to(tl.int64)
    o_k = tl.program_id(1).to(tl.int64) * BK + tl.arange(0, BK)
    o_c = tl.program_id(2).to(tl.int64) * BC + tl.arange(0, BC)
    in_k, in_c = o_k < K, o_c < C
    b_acc = tl.zeros((BK, BC), dtype=ACC)
    for p in range(0, share_pixels, BP):
        o_p = share * share_pixels + p + tl.arange(0, BP)
        b, y, x = o_p // X_out // Y_out, o_p // X_out % Y_out, o_p % X_out
        in_p = b < B
        # [BK, BP]
        p_g = grad + o_k[:, None] * sgk + (b * sgb + y * sgy + x * sgx)[None, :]
        b_g = tl.load(p_g, mask=in_k[:, None] & in_p[None, :], other=0.0)
        # [BP, BC]
        p_x = image + b * sib + (y + tap // W * DY) * siy + (x + tap % W * DX) * six
        b_x = tl.load(p_x[:, None] + o_c[None, :] * sic, mask=in_p[:, None] & in_c[None, :], other=0.0)
        b_acc += tl.dot(b_g, b_x, input_precision="ieee", out_dtype=ACC)
    p_o = parts + share * sps + o_k[:, None] * spk + o_c[None, :] * spc + tap * spt
    tl.store(p_o, b_acc, mask=in_k[:, None] & in_c[None, :])


def regular_conv_fwd(
    image: Tensor, weight: Tensor, bias: Tensor | None, spacing_px: tuple[int, int], activation: Activation
) -> Tensor:
    """Activated scores (B, K, Y', X') of one group of channels; see `regular_conv`."""
    batch, channels, height, width = image.shape
    classes, _, h, w = weight.shape
    out_y, out_x = height - (h - 1) * spacing_px[0], width - (w - 1) * spacing_px[1]
    scores = torch.empty((batch, classes, out_y, out_x), dtype=image.dtype, device=image.device)
    block = block_of(classes)
    # Images and pixels share one axis of the grid: its other axes end at 65,535.
    regular_conv_fwd_kernel[triton.cdiv(batch * out_y * out_x, ROWS), triton.cdiv(classes, block)](
        image, weight, weight if bias is None else bias, scores, batch, channels, classes, out_y, out_x,
        *image.stride(), *weight.stride(), *scores.stride(), H=h, W=w, DY=spacing_px[0], DX=spacing_px[1],
        HAS_BIAS=bias is not None, ACT=activation, ACC=accumulator(image.dtype),
        BP=ROWS, BK=block, BC=block_of(channels, SUMMED),
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
    block = block_of(channels)
    regular_conv_bwd_image_kernel[triton.cdiv(batch * height * width, ROWS), triton.cdiv(channels, block)](
        grad, weight, out, batch, channels, classes, height, width, out_y, out_x,
        *grad.stride(), *weight.stride(), *out.stride(), H=h, W=w, DY=spacing_px[0], DX=spacing_px[1],
        ACC=accumulator(grad.dtype), BP=ROWS, BK=block_of(classes, SUMMED), BC=block,
    )  # fmt: skip
    return out


def regular_conv_bwd_weight(grad: Tensor, image: Tensor, size: tuple[int, int], spacing_px: tuple[int, int]) -> Tensor:
    """Gradient (K, C, h, w) of the weight of one group of channels, from that of its scores (B, K, Y', X')."""
    batch, classes, out_y, out_x = grad.shape
    channels, taps = image.shape[1], size[0] * size[1]
    shares, share_pixels = shares_of(batch * out_y * out_x)
    total = torch.float64 if grad.dtype == torch.float64 else torch.float32
    parts = torch.empty((shares, classes, channels, taps), dtype=total, device=grad.device)
    block_k, block_c = block_of(classes), block_of(channels)
    regular_conv_bwd_weight_kernel[shares * taps, triton.cdiv(classes, block_k), triton.cdiv(channels, block_c)](
        grad, image, parts, batch, channels, classes, out_y, out_x, share_pixels,
        *grad.stride(), *image.stride(), *parts.stride(), H=size[0], W=size[1], DY=spacing_px[0], DX=spacing_px[1],
        ACC=accumulator(grad.dtype), BP=SUMMED, BK=block_k, BC=block_c,
    )  # fmt: skip
    return parts.sum(0).to(grad.dtype).view(classes, channels, *size)
