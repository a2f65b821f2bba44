"""Normalisation that does the same to a patch whatever else is in its batch, in training and after it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clicktrain.config.images import NormName

__all__ = ["CellNorm", "FrozenBatchNorm", "measuring", "norm_layer"]

_LEAST_GROUP = 8
_MOST_GROUPS = 32


class FrozenBatchNorm(nn.Module):
    """Batch normalisation with statistics that are measured once and stay as they are; scale and shift are learned.

    Parameters
    ----------
    channels : int
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("deviation", torch.ones(channels))
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.measures = False

    def forward(self, maps: Tensor) -> Tensor:
        """Normalise maps of shape (B, C, Y, X) or codes of shape (B, C)."""
        if self.measures:
            self._measure(maps.detach())
        scale = self.weight / self.deviation
        shift = self.bias - self.mean * scale
        shape = (1, -1) + (1,) * (maps.ndim - 2)
        return maps * scale.view(shape) + shift.view(shape)

    def _measure(self, maps: Tensor) -> None:
        deviation, mean = torch.std_mean(maps.transpose(0, 1).flatten(1), dim=1, correction=0)
        self.mean.copy_(mean)
        # A channel without variation carries nothing: leave its scale alone instead of dividing by zero.
        self.deviation.copy_(torch.where(deviation > 1e-6, deviation, torch.ones_like(deviation)))


class CellNorm(nn.Module):
    """Normalisation of every cell of a grid by its own channels, blind to the size of the grid.

    Parameters
    ----------
    channels : int
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, grids: Tensor) -> Tensor:
        """Normalise grids of shape (B, C, m, n)."""
        cells: Tensor = self.norm(grids.movedim(1, -1))
        return cells.movedim(-1, 1)


@contextmanager
def measuring(module: nn.Module) -> Iterator[None]:
    """Let each FrozenBatchNorm of a module take its statistics from what passes through it, first layers first."""
    layers = [layer for layer in module.modules() if isinstance(layer, FrozenBatchNorm)]
    for layer in layers:
        layer.measures = True
    try:
        yield
    finally:
        for layer in layers:
            layer.measures = False


def norm_layer(name: NormName) -> Callable[[int], nn.Module]:
    """Return what makes the layer for a number of channels.

    Parameters
    ----------
    name : {"group", "frozen_batch"}
        There are 32 groups at most, of at least 8 channels where there are so many. They level the contrast of
        patches, as each is normalised by itself.
    """
    return FrozenBatchNorm if name == "frozen_batch" else _group_norm


def _group_norm(channels: int) -> nn.Module:
    most = min(_MOST_GROUPS, max(1, channels // _LEAST_GROUP))
    return nn.GroupNorm(next(groups for groups in range(most, 0, -1) if channels % groups == 0), channels)
