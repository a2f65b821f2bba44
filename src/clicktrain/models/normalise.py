"""Intensities brought to a common scale, with numbers of the whole image or of the model, never of a tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["ChannelStatistics"]


@dataclass(frozen=True, slots=True)
class ChannelStatistics:
    """Mean and standard deviation of every channel.

    Parameters
    ----------
    mean, deviation : tuple of float, one per channel
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @classmethod
    def of(cls, image: Tensor) -> ChannelStatistics:
        """Measure an image.

        Parameters
        ----------
        image : Tensor of shape (C, Y, X)
        """
        deviation, mean = torch.std_mean(image.double(), dim=(1, 2), correction=0)
        return cls(tuple(mean.tolist()), tuple(deviation.tolist()))

    @classmethod
    def pooled(cls, parts: Sequence[ChannelStatistics]) -> ChannelStatistics:
        """Combine the statistics of several images, each counting alike."""
        means = torch.tensor([p.mean for p in parts], dtype=torch.float64)
        squares = torch.tensor([p.deviation for p in parts], dtype=torch.float64) ** 2 + means**2
        mean = means.mean(dim=0)
        deviation = (squares.mean(dim=0) - mean**2).clamp_min(0).sqrt()
        return cls(tuple(mean.tolist()), tuple(deviation.tolist()))

    def apply(self, image: Tensor) -> Tensor:
        """Return the image with mean 0 and deviation 1 in every channel; a flat channel becomes 0.

        Parameters
        ----------
        image : Tensor of shape (C, Y, X)

        Returns
        -------
        Tensor of shape (C, Y, X), float32
        """
        mean = torch.tensor(self.mean, dtype=torch.float64, device=image.device).view(-1, 1, 1)
        spread = [d if d > 0 else 1.0 for d in self.deviation]
        deviation = torch.tensor(spread, dtype=torch.float64, device=image.device).view(-1, 1, 1)
        return ((image.double() - mean) / deviation).float()
