"""The eight symmetries of the pixel grid, applied to kernels instead of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["SYMMETRIES", "turned", "turned_parameters"]

SYMMETRIES = 8


def turned(kernel: Tensor, symmetry: int) -> Tensor:
    """Turn a kernel by quarter turns, mirrored from number 4 on.

    Parameters
    ----------
    kernel : Tensor of shape (..., h, w)
    symmetry : int
        0 to 7; 0 leaves it as it is.
    """
    mirrored = kernel.flip(-1) if symmetry >= 4 else kernel
    return torch.rot90(mirrored, symmetry % 4, (-2, -1))


def turned_parameters(module: nn.Module, symmetry: int) -> dict[str, Tensor]:
    """Return the parameters of a network with square kernels, each kernel turned alike.

    The stem's features are invariant, so a network with turned kernels on a patch scores as the network itself does on
    the patch turned the other way: training with a random symmetry each step teaches that directions mean nothing,
    without copying a single patch.

    Parameters
    ----------
    module : nn.Module
    symmetry : int
        0 to 7.
    """
    return {
        name: turned(parameter, symmetry) if parameter.ndim >= 4 else parameter
        for name, parameter in module.named_parameters()
    }
