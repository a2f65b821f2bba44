"""Intensities brought to a common scale, with numbers of the whole image or of the model, never of a tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from clicktrain.types import AnyArray

__all__ = ["ChannelStatistics"]

# A deviation that is smaller, beside the mean, is what rounding leaves of a channel that is the same everywhere.
_FLAT = 1e-12


@dataclass(frozen=True, slots=True)
class ChannelStatistics:
    """Mean and standard deviation of every channel, or what stands for them.

    Parameters
    ----------
    mean, deviation : tuple of float, one per channel
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @classmethod
    def pooled(cls, parts: Sequence[ChannelStatistics]) -> ChannelStatistics:
        """Combine the statistics of several images, each counting alike."""
        means = torch.tensor([p.mean for p in parts], dtype=torch.float64)
        squares = torch.tensor([p.deviation for p in parts], dtype=torch.float64) ** 2 + means**2
        mean = means.mean(dim=0)
        deviation = (squares.mean(dim=0) - mean**2).clamp_min(0).sqrt()
        return cls(tuple(mean.tolist()), tuple(deviation.tolist()))

    def apply(self, values: AnyArray) -> Tensor:
        """Subtract the mean from every channel and divide it by the deviation; a flat channel becomes 0.

        Parameters
        ----------
        values : ndarray of shape (C, [Z,] Y, X)
            Of any number type.

        Returns
        -------
        Tensor of shape (C, [Z,] Y, X), float32
            On the CPU.
        """
        scaled = np.empty(values.shape, np.float32)
        # Channel by channel, so that the copy in double precision is small.
        for channel, target, mean, deviation in zip(values, scaled, self.mean, self.deviation, strict=True):
            flat = deviation <= _FLAT * abs(mean)
            target[...] = 0 if flat else (channel.astype(np.float64) - mean) / deviation
        return torch.from_numpy(scaled)
