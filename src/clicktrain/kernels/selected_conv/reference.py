"""The definition of the convolution at chosen positions, in plain torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["selected_conv_reference"]


def selected_conv_reference(values: Tensor, index: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Gather the taps of every position, then sum their weighted channels.

    Parameters
    ----------
    values : Tensor of shape (N, C)
    index : Tensor of shape (M, T), int64
        The rows of `values` that each position reads, in row-major order of the taps.
    weight : Tensor of shape (K, C, *size), with prod(size) = T
    bias : Tensor of shape (K,), optional

    Returns
    -------
    Tensor of shape (M, K)
    """
    scores = torch.einsum("mtc,kct->mk", values[index], weight.flatten(2))
    return scores if bias is None else scores + bias
