"""The symmetries of the pixel grid, applied to kernels instead of images: eight, of volumes sixteen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["SYMMETRIES", "turned", "turned_parameters"]

# By number of axes. A volume's slices are turned and mirrored, and their order reversed: along z it may look different.
SYMMETRIES = {2: 8, 3: 16}
_PLANE = 8


def turned(kernel: Tensor, symmetry: int) -> Tensor:
    """Turn a kernel by quarter turns, mirrored from number 4 on; from number 8 on all that with slices reversed.

    Parameters
    ----------
    kernel : Tensor of shape (..., [d,] h, w)
    symmetry : int
        0 to 7, or 0 to 15 if there are slices; 0 leaves it as it is.
    """
    if symmetry >= _PLANE:
        kernel, symmetry = kernel.flip(-3), symmetry - _PLANE
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
        0 to 7, or 0 to 15 for volumes.
    """
    return {
        name: turned(parameter, symmetry) if parameter.ndim >= 4 else parameter
        for name, parameter in module.named_parameters()
    }
