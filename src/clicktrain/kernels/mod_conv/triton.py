"""Triton kernels of the convolution of chosen channels, 2D: all of the forward pass, and both gradients.

Importing this module needs the package triton.
"""

# Triton reads the kernels' source itself: their arguments are pointers and constants without Python types.
# mypy: disable-error-code="no-untyped-def, untyped-decorator"

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import triton
import triton.language as tl

from clicktrain.kernels.blocks import ROWS, SUMMED, accumulator, block_of, precision_of, shares_of
from clicktrain.kernels.mod_conv.shapes import margins_px, middle

if TYPE_CHECKING:
    from torch import Tensor

    from clicktrain.kernels.regular_conv.activations import ModActivation

__all__ = ["mod_conv_bwd_image", "mod_conv_bwd_weight", "mod_conv_fwd"]

_Px = tuple[int, int]


@triton.jit
def mod_conv_fwd_kernel(
    image, channels, scores, weight, bias, out, made,
    B, K, Y, X, Y_out, X_out, sib, sic, siy, six, snb, snk, scb, sck, swk, swc, swy, swx, sob, sok, soy, sox,
    smb, smk, smy, smx,
    H: tl.constexpr, W: tl.constexpr, DY: tl.constexpr, DX: tl.constexpr, PY: tl.constexpr, PX: tl.constexpr,
    MY: tl.constexpr, MX: tl.constexpr, HAS_BIAS: tl.constexpr, RELU: tl.constexpr,
    PRECISION: tl.constexpr, ACC: tl.constexpr, BP: tl.constexpr, BK: tl.constexpr, BC: tl.constexpr,
):  # fmt: skip
    """One block of pixels of all images times one block of the k channels made."""
    o_p = tl.program_id(0).to(tl.int64) * BP + tl.arange(0, BP)
    o_k = tl.program_id(1).to(tl.int64) * BK + tl.arange(0, BK)
    b, y, x = o_p // X_out // Y_out, o_p // X_out % Y_out, o_p % X_out
    in_p, in_k = b < B, o_k < K
    b_acc = tl.zeros((BP, BK), dtype=ACC)
    for c in range(0, K, BC):
        o_c = c + tl.arange(0, BC).to(tl.int64)
        in_c = o_c < K
        # Which channel of its own image each pixel reads: [BP, BC]
        p_n = channels + b[:, None] * snb + o_c[None, :] * snk
        b_n = tl.load(p_n, mask=in_p[:, None] & in_c[None, :], other=0).to(tl.int64)
        for i in range(H):
            for j in range(W):
                y_in, x_in = y - PY + i * DY, x - PX + j * DX
                reads = in_p & (y_in >= 0) & (y_in < Y) & (x_in >= 0) & (x_in < X)
                # [BP, BC]
                p_x = image + (b * sib + y_in * siy + x_in * six)[:, None] + b_n * sic
                b_x = tl.load(p_x, mask=reads[:, None] & in_c[None, :], other=0.0)
                # [BC, BK]
                p_w = weight + o_k[None, :] * swk + o_c[:, None] * swc + i * swy + j * swx
                b_w = tl.load(p_w, mask=in_c[:, None] & in_k[None, :], other=0.0)
                b_acc += tl.dot(b_x, b_w, input_precision=PRECISION, out_dtype=ACC)
    if HAS_BIAS:
        b_acc += tl.load(bias + o_k, mask=in_k, other=0.0)[None, :]
    if RELU:
        # Not tl.maximum, which would hide NaN.
        b_acc = tl.where(b_acc < 0, 0.0, b_acc)
    inside = in_p[:, None] & in_k[None, :]
    p_m = made + b[:, None] * smb + o_k[None, :] * smk + y[:, None] * smy + x[:, None] * smx
    tl.store(p_m, b_acc.to(made.dtype.element_ty), mask=inside)
    b_s = tl.load(scores + b[:, None] * scb + o_k[None, :] * sck, mask=inside, other=0.0)
    p_i = image + b[:, None] * sib + o_k[None, :] * sic + (y[:, None] + MY) * siy + (x[:, None] + MX) * six
    b_sum = tl.load(p_i, mask=inside, other=0.0).to(ACC) + b_acc * b_s.to(ACC)
    p_o = out + b[:, None] * sob + o_k[None, :] * sok + y[:, None] * soy + x[:, None] * sox
    tl.store(p_o, b_sum.to(out.dtype.element_ty), mask=inside)


@triton.jit
def mod_conv_bwd_image_kernel(
    grad, channels, weight, out,
    B, K, Y, X, Y_out, X_out, sgb, sgk, sgy, sgx, snb, snk, swk, swc, swy, swx, sob, soc, soy, sox,
    H: tl.constexpr, W: tl.constexpr, DY: tl.constexpr, DX: tl.constexpr, PY: tl.constexpr, PX: tl.constexpr,
    PRECISION: tl.constexpr, ACC: tl.constexpr, BP: tl.constexpr, BK: tl.constexpr, BC: tl.constexpr,
):  # fmt: skip
    """Each input pixel gathers from the outputs that read it, and adds to its own channels: no atomics."""
    o_p = tl.program_id(0).to(tl.int64) * BP + tl.arange(0, BP)
    o_c = tl.program_id(1).to(tl.int64) * BC + tl.arange(0, BC)
    b, y, x = o_p // X // Y, o_p // X % Y, o_p % X
    in_p, in_c = b < B, o_c < K
    b_acc = tl.zeros((BP, BC), dtype=ACC)
    for i in range(H):
        for j in range(W):
            gy, gx = y + PY - i * DY, x + PX - j * DX
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
                b_acc += tl.dot(b_g, b_w, input_precision=PRECISION, out_dtype=ACC)
    inside = in_p[:, None] & in_c[None, :]
    b_n = tl.load(channels + b[:, None] * snb + o_c[None, :] * snk, mask=inside, other=0).to(tl.int64)
    # An image's channels are different ones, so no two programs write to one place.
    p_o = out + (b * sob + y * soy + x * sox)[:, None] + b_n * soc
    b_sum = tl.load(p_o, mask=inside, other=0.0).to(ACC) + b_acc
    tl.store(p_o, b_sum.to(out.dtype.element_ty), mask=inside)


@triton.jit
def mod_conv_bwd_weight_kernel(
    grad, image, channels, parts,
    B, K, Y, X, Y_out, X_out, share_pixels, sgb, sgk, sgy, sgx, sib, sic, siy, six, snb, snk, sps, spk, spc, spt,
    H: tl.constexpr, W: tl.constexpr, DY: tl.constexpr, DX: tl.constexpr, PY: tl.constexpr, PX: tl.constexpr,
    PRECISION: tl.constexpr, ACC: tl.constexpr, BP: tl.constexpr, BK: tl.constexpr, BC: tl.constexpr,
):  # fmt: skip
    """One block of the weight at one tap, summed over one share of the output pixels."""
    tap = tl.program_id(0) % (H * W)
    share = (tl.program_id(0) // (H * W)).to(tl.int64)
    o_k = tl.program_id(1).to(tl.int64) * BK + tl.arange(0, BK)
    o_c = tl.program_id(2).to(tl.int64) * BC + tl.arange(0, BC)
    in_k, in_c = o_k < K, o_c < K
    b_acc = tl.zeros((BK, BC), dtype=ACC)
    for p in range(0, share_pixels, BP):
        o_p = share * share_pixels + p + tl.arange(0, BP)
        b, y, x = o_p // X_out // Y_out, o_p // X_out % Y_out, o_p % X_out
        in_p = b < B
        # [BK, BP]
        p_g = grad + o_k[:, None] * sgk + (b * sgb + y * sgy + x * sgx)[None, :]
        b_g = tl.load(p_g, mask=in_k[:, None] & in_p[None, :], other=0.0)
        y_in, x_in = y - PY + tap // W * DY, x - PX + tap % W * DX
        reads = in_p & (y_in >= 0) & (y_in < Y) & (x_in >= 0) & (x_in < X)
        # [BP, BC]
        p_n = channels + b[:, None] * snb + o_c[None, :] * snk
        b_n = tl.load(p_n, mask=in_p[:, None] & in_c[None, :], other=0).to(tl.int64)
        p_x = image + (b * sib + y_in * siy + x_in * six)[:, None] + b_n * sic
        b_x = tl.load(p_x, mask=reads[:, None] & in_c[None, :], other=0.0)
        b_acc += tl.dot(b_g, b_x, input_precision=PRECISION, out_dtype=ACC)
    p_o = parts + share * sps + o_k[:, None] * spk + o_c[None, :] * spc + tap * spt
    tl.store(p_o, b_acc, mask=in_k[:, None] & in_c[None, :])


def mod_conv_fwd(
    image: Tensor,
    channels: Tensor,
    scores: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    dilation: _Px,
    padding_px: _Px,
    activation: ModActivation,
) -> tuple[Tensor, Tensor]:
    """Result (B, C, Y', X'), and what was made (B, k, Y', X') before the scores, which the backward pass reads."""
    batch, _, height, width = image.shape
    k, h, w = len(weight), weight.shape[2], weight.shape[3]
    margin_y, margin_x = margins_px((h, w), dilation, padding_px)
    kept = middle(image, (margin_y, margin_x))
    out, made = torch.empty_like(kept), kept.new_empty((batch, k, *kept.shape[2:]))
    out[:, k:] = kept[:, k:]
    block = block_of(k)
    mod_conv_fwd_kernel[triton.cdiv(made[:, 0].numel(), ROWS), triton.cdiv(k, block)](
        image, channels, scores, weight, weight if bias is None else bias, out, made,
        batch, k, height, width, *out.shape[2:], *image.stride(), *channels.stride(), *scores.stride(),
        *weight.stride(), *out.stride(), *made.stride(), H=h, W=w, DY=dilation[0], DX=dilation[1],
        PY=padding_px[0], PX=padding_px[1], MY=margin_y, MX=margin_x, HAS_BIAS=bias is not None,
        RELU=activation == "relu", PRECISION=precision_of(image.dtype), ACC=accumulator(image.dtype),
        BP=ROWS, BK=block, BC=block_of(k, SUMMED),
    )  # fmt: skip
    return out, made


def mod_conv_bwd_image(
    out: Tensor, grad: Tensor, channels: Tensor, weight: Tensor, dilation: _Px, padding_px: _Px
) -> None:
    """Add to `out` (B, C, Y, X) the gradient of the chosen channels, from that of what was made (B, k, Y', X')."""
    batch, k, out_y, out_x = grad.shape
    height, width = out.shape[2:]
    block = block_of(k)
    mod_conv_bwd_image_kernel[triton.cdiv(batch * height * width, ROWS), triton.cdiv(k, block)](
        grad, channels, weight, out, batch, k, height, width, out_y, out_x,
        *grad.stride(), *channels.stride(), *weight.stride(), *out.stride(), H=weight.shape[2], W=weight.shape[3],
        DY=dilation[0], DX=dilation[1], PY=padding_px[0], PX=padding_px[1],
        PRECISION=precision_of(grad.dtype), ACC=accumulator(grad.dtype), BP=ROWS, BK=block_of(k, SUMMED), BC=block,
    )  # fmt: skip


def mod_conv_bwd_weight(
    grad: Tensor, image: Tensor, channels: Tensor, size: _Px, dilation: _Px, padding_px: _Px
) -> Tensor:
    """Gradient (k, k, h, w) of the weight, from that of what was made (B, k, Y', X')."""
    batch, k, out_y, out_x = grad.shape
    taps = size[0] * size[1]
    shares, share_pixels = shares_of(batch * out_y * out_x, k * k * taps)
    total = torch.float64 if grad.dtype == torch.float64 else torch.float32
    parts = torch.empty((shares, k, k, taps), dtype=total, device=grad.device)
    block = block_of(k)
    mod_conv_bwd_weight_kernel[shares * taps, triton.cdiv(k, block), triton.cdiv(k, block)](
        grad, image, channels, parts, batch, k, *image.shape[2:], out_y, out_x, share_pixels,
        *grad.stride(), *image.stride(), *channels.stride(), *parts.stride(), H=size[0], W=size[1],
        DY=dilation[0], DX=dilation[1], PY=padding_px[0], PX=padding_px[1],
        PRECISION=precision_of(grad.dtype), ACC=accumulator(grad.dtype), BP=SUMMED, BK=block, BC=block,
    )  # fmt: skip
    return parts.sum(0).to(grad.dtype).view(k, k, *size)
