"""The convolution at chosen positions: one name, several implementations."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import torch

from clicktrain.errors import ShapeError
from clicktrain.kernels.backends import resolve_backend
from clicktrain.kernels.measured import fastest_way, is_worth_measuring, problem_key
from clicktrain.kernels.selected_conv.aten import selected_conv_aten
from clicktrain.kernels.selected_conv.reference import selected_conv_reference

if TYPE_CHECKING:
    from torch import Tensor

    from clicktrain.kernels.backends import Backend
    from clicktrain.kernels.taps import Taps

__all__ = ["selected_conv"]


def selected_conv(
    values: Tensor,
    taps: Taps,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    groups: int = 1,
    backend: Backend = "auto",
) -> Tensor:
    """Convolve at chosen positions only: gather the taps of each, then one matrix product.

    Parameters
    ----------
    values : Tensor of shape (N, C)
        Values of a map, one row per place that is read.
    taps : Taps
        The rows that each of M positions reads.
    weight : Tensor of shape (K, C / groups, [u,] v, w)
    bias : Tensor of shape (K,), optional
    groups : int
        Number of channel groups that do not see each other.
    backend : {"auto", "aten", "reference", "triton"}

    Returns
    -------
    Tensor of shape (M, K)

    Raises
    ------
    ShapeError
        If channels or the number of taps do not fit.
    BackendError
        If a backend was asked for that cannot run here.
    """
    if values.shape[1] != groups * weight.shape[1] or len(taps.steps) != prod(weight.shape[2:]):
        raise ShapeError(
            f"values must have {groups * weight.shape[1]} channels and positions {prod(weight.shape[2:])} taps for a "
            f"weight of shape {tuple(weight.shape)} in {groups} groups, got {values.shape[1]} and {len(taps.steps)}."
        )

    def run(way: str, values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if way == "aten":
            return selected_conv_aten(values, taps, weight, bias, groups)
        return _by_group(way, values, taps, weight, bias, groups)

    def measured() -> str:
        operation = f"selected_conv of {len(taps.steps)} taps in {groups} groups of {values.dtype}"
        channels = (values.shape[1], len(weight))
        return fastest_way(problem_key(operation, taps.first[None, None], channels, weight.shape[2:], ()), run, inputs)

    inputs = (values, weight, bias)
    worth = is_worth_measuring(macs=len(taps) * weight.numel(), inputs=inputs[:2])
    # The kernel reads rows: the number of spatial axes does not matter to it, so it is asked for as if there were two.
    return run(resolve_backend(backend, values.device, 2, measured if worth else None), *inputs)


def _by_group(way: str, values: Tensor, taps: Taps, weight: Tensor, bias: Tensor | None, groups: int) -> Tensor:
    if way == "triton":
        # Triton is an optional package, so its kernels are imported only when asked for.
        from clicktrain.kernels.selected_conv.autograd import selected_conv_triton as convolve
    else:
        convolve = selected_conv_reference
    index = taps.index()
    biases = [None] * groups if bias is None else bias.chunk(groups)
    parts = zip(values.chunk(groups, 1), weight.chunk(groups), biases, strict=True)
    scores = [convolve(part, index, kernel, shift) for part, kernel, shift in parts]
    return scores[0] if groups == 1 else torch.cat(scores, 1)
