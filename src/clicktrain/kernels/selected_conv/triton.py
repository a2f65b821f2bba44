"""Triton kernels of the convolution at chosen positions: forward with bias, and both gradients.

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
from clicktrain.kernels.selected_conv.readers import readers_of

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["selected_conv_bwd_values", "selected_conv_bwd_weight", "selected_conv_fwd"]


@triton.jit
def selected_conv_fwd_kernel(
    values, index, weight, bias, scores,
    M, C, K, T, svn, svc, sim, sit, swk, swc, swt, ssm, ssk,
    HAS_BIAS: tl.constexpr, PRECISION: tl.constexpr, ACC: tl.constexpr,
    BM: tl.constexpr, BK: tl.constexpr, BC: tl.constexpr,
):  # fmt: skip
    """One block of positions times one block of output channels."""
    o_m = tl.program_id(0).to(tl.int64) * BM + tl.arange(0, BM)
    o_k = tl.program_id(1).to(tl.int64) * BK + tl.arange(0, BK)
    in_m, in_k = o_m < M, o_k < K
    b_acc = tl.zeros((BM, BK), dtype=ACC)
    for t in range(T):
        o_n = tl.load(index + o_m * sim + t * sit, mask=in_m, other=0).to(tl.int64)
        for c in range(0, C, BC):
            o_c = c + tl.arange(0, BC).to(tl.int64)
            in_c = o_c < C
            # [BM, BC]
            p_v = values + o_n[:, None] * svn + o_c[None, :] * svc
            b_v = tl.load(p_v, mask=in_m[:, None] & in_c[None, :], other=0.0)
            # [BC, BK]
            p_w = weight + o_k[None, :] * swk + o_c[:, None] * swc + t * swt
            b_w = tl.load(p_w, mask=in_c[:, None] & in_k[None, :], other=0.0)
            b_acc += tl.dot(b_v, b_w, input_precision=PRECISION, out_dtype=ACC)
    if HAS_BIAS:
        b_acc += tl.load(bias + o_k, mask=in_k, other=0.0)[None, :]
    p_s = scores + o_m[:, None] * ssm + o_k[None, :] * ssk
    tl.store(p_s, b_acc.to(scores.dtype.element_ty), mask=in_m[:, None] & in_k[None, :])


@triton.jit
def selected_conv_bwd_values_kernel(
    grad, positions, offsets, weight, out,
    N, C, K, T, sgm, sgk, swk, swc, swt, son, soc,
    PRECISION: tl.constexpr, ACC: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, BC: tl.constexpr,
):  # fmt: skip
    """Each row gathers, tap by tap, from the positions that read it: no atomics, so the sum has one order."""
    o_n = tl.program_id(0).to(tl.int64) * BN + tl.arange(0, BN)
    o_c = tl.program_id(1).to(tl.int64) * BC + tl.arange(0, BC)
    in_n, in_c = o_n < N, o_c < C
    b_acc = tl.zeros((BN, BC), dtype=ACC)
    for t in range(T):
        b_start = tl.load(offsets + o_n * T + t, mask=in_n, other=0)
        b_count = tl.load(offsets + o_n * T + t + 1, mask=in_n, other=0) - b_start
        longest = tl.max(b_count)
        # Far from the clicks whole blocks of rows are read by nobody.
        if longest > 0:
            for k in range(0, K, BK):
                o_k = k + tl.arange(0, BK).to(tl.int64)
                in_k = o_k < K
                b_g = tl.zeros((BN, BK), dtype=ACC)
                for entry in range(longest):
                    listed = entry < b_count
                    o_m = tl.load(positions + b_start + entry, mask=listed, other=0)
                    # [BN, BK]
                    p_g = grad + o_m[:, None] * sgm + o_k[None, :] * sgk
                    b_g += tl.load(p_g, mask=listed[:, None] & in_k[None, :], other=0.0)
                # [BK, BC]
                p_w = weight + o_k[:, None] * swk + o_c[None, :] * swc + t * swt
                b_w = tl.load(p_w, mask=in_k[:, None] & in_c[None, :], other=0.0)
                b_acc += tl.dot(b_g.to(b_w.dtype), b_w, input_precision=PRECISION, out_dtype=ACC)
    p_o = out + o_n[:, None] * son + o_c[None, :] * soc
    tl.store(p_o, b_acc.to(out.dtype.element_ty), mask=in_n[:, None] & in_c[None, :])


@triton.jit
def selected_conv_bwd_weight_kernel(
    grad, values, index, parts,
    M, C, K, T, share_rows, sgm, sgk, svn, svc, sim, sit, sps, spk, spc, spt,
    PRECISION: tl.constexpr, ACC: tl.constexpr, BM: tl.constexpr, BK: tl.constexpr, BC: tl.constexpr,
):  # fmt: skip
    """One block of the weight at one tap, summed over one share of the positions."""
    t = tl.program_id(0) % T
    share = (tl.program_id(0) // T).to(tl.int64)
    o_k = tl.program_id(1).to(tl.int64) * BK + tl.arange(0, BK)
    o_c = tl.program_id(2).to(tl.int64) * BC + tl.arange(0, BC)
    in_k, in_c = o_k < K, o_c < C
    b_acc = tl.zeros((BK, BC), dtype=ACC)
    for m in range(0, share_rows, BM):
        o_m = share * share_rows + m + tl.arange(0, BM)
        in_m = o_m < M
        o_n = tl.load(index + o_m * sim + t * sit, mask=in_m, other=0).to(tl.int64)
        # [BK, BM]
        p_g = grad + o_k[:, None] * sgk + o_m[None, :] * sgm
        b_g = tl.load(p_g, mask=in_k[:, None] & in_m[None, :], other=0.0)
        # [BM, BC]
        p_v = values + o_n[:, None] * svn + o_c[None, :] * svc
        b_v = tl.load(p_v, mask=in_m[:, None] & in_c[None, :], other=0.0)
        b_acc += tl.dot(b_g, b_v, input_precision=PRECISION, out_dtype=ACC)
    p_o = parts + share * sps + o_k[:, None] * spk + o_c[None, :] * spc + t * spt
    tl.store(p_o, b_acc, mask=in_k[:, None] & in_c[None, :])


def selected_conv_fwd(values: Tensor, index: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Scores (M, K) of values (N, C) at an index (M, T), with a weight (K, C, T)."""
    kernels, channels, taps = weight.shape
    scores = torch.empty((len(index), kernels), dtype=values.dtype, device=values.device)
    block = block_of(kernels)
    selected_conv_fwd_kernel[triton.cdiv(len(index), ROWS), triton.cdiv(kernels, block)](
        values, index, weight, weight if bias is None else bias, scores, len(index), channels, kernels, taps,
        *values.stride(), *index.stride(), *weight.stride(), *scores.stride(), HAS_BIAS=bias is not None,
        PRECISION=precision_of(values.dtype), ACC=accumulator(values.dtype),
        BM=ROWS, BK=block, BC=block_of(channels, SUMMED),
    )  # fmt: skip
    return scores


def selected_conv_bwd_values(grad: Tensor, index: Tensor, weight: Tensor, rows: int) -> Tensor:
    """Gradient (N, C) of the values, N = `rows`, from that of the scores (M, K); weight (K, C, T)."""
    kernels, channels, taps = weight.shape
    positions, offsets = readers_of(index, rows)
    out = torch.empty((rows, channels), dtype=grad.dtype, device=grad.device)
    block = block_of(channels)
    selected_conv_bwd_values_kernel[triton.cdiv(rows, ROWS), triton.cdiv(channels, block)](
        grad, positions, offsets, weight, out, rows, channels, kernels, taps,
        *grad.stride(), *weight.stride(), *out.stride(),
        PRECISION=precision_of(grad.dtype), ACC=accumulator(grad.dtype),
        BN=ROWS, BK=block_of(kernels, SUMMED), BC=block,
    )  # fmt: skip
    return out


def selected_conv_bwd_weight(grad: Tensor, values: Tensor, index: Tensor) -> Tensor:
    """Gradient (K, C, T) of the weight, from that of the scores (M, K)."""
    (positions, taps), kernels, channels = index.shape, grad.shape[1], values.shape[1]
    shares, share_rows = shares_of(positions, kernels * channels * taps)
    total = torch.float64 if grad.dtype == torch.float64 else torch.float32
    parts = torch.empty((shares, kernels, channels, taps), dtype=total, device=grad.device)
    block_k, block_c = block_of(kernels), block_of(channels)
    selected_conv_bwd_weight_kernel[shares * taps, triton.cdiv(kernels, block_k), triton.cdiv(channels, block_c)](
        grad, values, index, parts, positions, channels, kernels, taps, share_rows,
        *grad.stride(), *values.stride(), *index.stride(), *parts.stride(),
        PRECISION=precision_of(grad.dtype), ACC=accumulator(grad.dtype), BM=SUMMED, BK=block_k, BC=block_c,
    )  # fmt: skip
    return parts.sum(0).to(grad.dtype)
