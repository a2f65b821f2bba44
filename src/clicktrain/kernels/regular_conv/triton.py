"""Triton kernels of the d-regularly sparse convolution, 2D: forward with bias and activation, and both gradients.

Importing this module needs the package triton.
"""

# Triton reads the kernels' source itself: their arguments are pointers and constants without Python types.
# mypy: disable-error-code="no-untyped-def, untyped-decorator"

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
import triton
import triton.language as tl

from clicktrain.kernels.blocks import (
    ROWS,
    SUMMED,
    accumulator,
    block_of,
    laid_out_like,
    places,
    precision_of,
    reaches_far,
    shares_of,
)

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
    B, Y_out, X_out, sib, sic, siy, six, ssb, ssk, ssy, ssx,
    C: tl.constexpr, K: tl.constexpr, H: tl.constexpr, W: tl.constexpr, DY: tl.constexpr, DX: tl.constexpr,
    HAS_BIAS: tl.constexpr, ACT: tl.constexpr, PRECISION: tl.constexpr, FAR: tl.constexpr, ACC: tl.constexpr,
    BP: tl.constexpr, BK: tl.constexpr, BN: tl.constexpr,
):  # fmt: skip
    """One block of pixels of all images times one block of output channels; image and weight of one group."""
    N: tl.constexpr = H * W * C
    o_p = places(tl.program_id(0), FAR) * BP + tl.arange(0, BP)
    o_k = tl.program_id(1) * BK + tl.arange(0, BK)
    row = o_p // X_out
    b, y, x = row // Y_out, row % Y_out, o_p % X_out
    in_p, in_k = b < B, o_k < K
    p_pixel = image + b * sib + y * siy + x * six
    b_acc = tl.zeros((BP, BK), dtype=ACC)
    # Taps and channels are one axis, so that few channels fill a block as well.
    for n in range(0, N, BN):
        o_n = n + tl.arange(0, BN)
        in_n = o_n < N
        tap, c = places(o_n // C, FAR), places(o_n % C, FAR)
        # [BP, BN]
        p_x = p_pixel[:, None] + (tap // W * DY * siy + tap % W * DX * six + c * sic)[None, :]
        b_x = tl.load(p_x, mask=in_p[:, None] & in_n[None, :], other=0.0)
        # [BN, BK]
        b_w = tl.load(weight + o_k[None, :] * N + o_n[:, None], mask=in_n[:, None] & in_k[None, :], other=0.0)
        b_acc = tl.dot(b_x, b_w, b_acc, input_precision=PRECISION, out_dtype=ACC)
    if HAS_BIAS:
        b_acc += tl.load(bias + o_k, mask=in_k, other=0.0)[None, :]
    if ACT == "relu":
        # Not tl.maximum, which would hide NaN.
        b_acc = tl.where(b_acc < 0, 0.0, b_acc)
    if ACT == "tanh":
        b_acc = tanh(b_acc)
    p_s = scores + (b * ssb + y * ssy + x * ssx)[:, None] + (places(o_k, FAR) * ssk)[None, :]
    tl.store(p_s, b_acc.to(scores.dtype.element_ty), mask=in_p[:, None] & in_k[None, :])


@triton.jit
def regular_conv_bwd_weight_kernel(
    grad, image, parts,
    B, Y_out, X_out, share_pixels, sgb, sgk, sgy, sgx, sib, sic, siy, six,
    C: tl.constexpr, K: tl.constexpr, H: tl.constexpr, W: tl.constexpr, DY: tl.constexpr, DX: tl.constexpr,
    PRECISION: tl.constexpr, FAR: tl.constexpr, ACC: tl.constexpr,
    BP: tl.constexpr, BK: tl.constexpr, BN: tl.constexpr,
):  # fmt: skip
    """One block of the weight, taps and channels being one axis, summed over one share of the output pixels."""
    N: tl.constexpr = H * W * C
    share = places(tl.program_id(0), FAR)
    o_k = tl.program_id(1) * BK + tl.arange(0, BK)
    o_n = tl.program_id(2) * BN + tl.arange(0, BN)
    in_k, in_n = o_k < K, o_n < N
    tap, c = places(o_n // C, FAR), places(o_n % C, FAR)
    of_n = tap // W * DY * siy + tap % W * DX * six + c * sic
    b_acc = tl.zeros((BK, BN), dtype=ACC)
    for p in range(0, share_pixels, BP):
        o_p = share * share_pixels + p + tl.arange(0, BP)
        row = o_p // X_out
        b, y, x = row // Y_out, row % Y_out, o_p % X_out
        in_p = b < B
        # [BK, BP]
        p_g = grad + (places(o_k, FAR) * sgk)[:, None] + (b * sgb + y * sgy + x * sgx)[None, :]
        b_g = tl.load(p_g, mask=in_k[:, None] & in_p[None, :], other=0.0)
        # [BP, BN]
        p_x = image + (b * sib + y * siy + x * six)[:, None] + of_n[None, :]
        b_x = tl.load(p_x, mask=in_p[:, None] & in_n[None, :], other=0.0)
        b_acc = tl.dot(b_g, b_x, b_acc, input_precision=PRECISION, out_dtype=ACC)
    p_o = parts + share * K * N + o_k[:, None] * N + o_n[None, :]
    tl.store(p_o, b_acc, mask=in_k[:, None] & in_n[None, :])


def regular_conv_fwd(
    image: Tensor, weight: Tensor, bias: Tensor | None, dilation: tuple[int, int], activation: Activation
) -> Tensor:
    """Activated scores (B, K, Y', X') of one group of channels, laid out as the image; see `regular_conv`."""
    batch, channels, height, width = image.shape
    classes, _, h, w = weight.shape
    out_y, out_x = height - (h - 1) * dilation[0], width - (w - 1) * dilation[1]
    scores = laid_out_like(image, (batch, classes, out_y, out_x), image.dtype)
    block = block_of(classes, 128)
    # Images and pixels share one axis of the grid: its other axes end at 65,535.
    regular_conv_fwd_kernel[triton.cdiv(batch * out_y * out_x, ROWS), triton.cdiv(classes, block)](
        image, weight.permute(0, 2, 3, 1).contiguous(), weight if bias is None else bias, scores,
        batch, out_y, out_x, *image.stride(), *scores.stride(), C=channels, K=classes, H=h, W=w,
        DY=dilation[0], DX=dilation[1], HAS_BIAS=bias is not None, ACT=activation,
        PRECISION=precision_of(image.dtype), FAR=reaches_far(image, scores), ACC=accumulator(image.dtype),
        BP=ROWS, BK=block, BN=SUMMED,
    )  # fmt: skip
    return scores


def regular_conv_bwd_image(
    grad: Tensor, weight: Tensor, shape_px: tuple[int, int], dilation: tuple[int, int]
) -> Tensor:
    """Gradient (B, C, Y, X) of the image of one group of channels, from that of its scores (B, K, Y', X')."""
    margin_y, margin_x = (n - out for n, out in zip(shape_px, grad.shape[2:], strict=True))
    # The outputs that read a pixel lie the taps' distances before it; beyond the border there are none.
    around = F.pad(grad, (margin_x, margin_x, margin_y, margin_y))
    return regular_conv_fwd(around, weight.flip(2, 3).transpose(0, 1), None, dilation, "none")


def regular_conv_bwd_weight(grad: Tensor, image: Tensor, size: tuple[int, int], dilation: tuple[int, int]) -> Tensor:
    """Gradient (K, C, h, w) of the weight of one group of channels, from that of its scores (B, K, Y', X')."""
    batch, classes, out_y, out_x = grad.shape
    channels, taps = image.shape[1], size[0] * size[1]
    shares, share_pixels = shares_of(batch * out_y * out_x, classes * taps * channels)
    total = torch.float64 if grad.dtype == torch.float64 else torch.float32
    parts = torch.empty((shares, classes, taps * channels), dtype=total, device=grad.device)
    block_k, block_n = block_of(classes), block_of(taps * channels)
    regular_conv_bwd_weight_kernel[shares, triton.cdiv(classes, block_k), triton.cdiv(taps * channels, block_n)](
        grad, image, parts, batch, out_y, out_x, share_pixels, *grad.stride(), *image.stride(),
        C=channels, K=classes, H=size[0], W=size[1], DY=dilation[0], DX=dilation[1],
        PRECISION=precision_of(grad.dtype), FAR=reaches_far(grad, image, parts), ACC=accumulator(grad.dtype),
        BP=ROWS, BK=block_k, BN=block_n, num_stages=2,
    )  # fmt: skip
    return parts.sum(0).to(grad.dtype).view(classes, *size, channels).permute(0, 3, 1, 2)
