"""Intensities brought to a common scale, with numbers of the whole image or of the model, never of a tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["ChannelStatistics"]

# The range of the middle intensities, and how many deviations wide it is in a normal distribution.
_MIDDLE = (0.05, 0.95)
_DEVIATIONS = 3.29
# Where nearly all is background, that range is one of noise: what is bright and rare makes the scale then.
_LEAST_SHARE = 0.5
# Values that tell a range well enough; to sort all of a volume would take longer than to classify some of it.
_SAMPLED = 1 << 20


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
        image : Tensor of shape (C, [Z,] Y, X)
        """
        # Channel by channel, so that the copy in double precision is small; on the CPU, as some GPUs know no doubles.
        pairs = [torch.std_mean(channel.cpu().double(), correction=0) for channel in image]
        return cls(tuple(float(mean) for _, mean in pairs), tuple(float(deviation) for deviation, _ in pairs))

    @classmethod
    def of_range(cls, image: Tensor) -> ChannelStatistics:
        """Measure the range that the middle 90 % of an image's intensities lie in.

        Less than mean and deviation it depends on how much of what there is to see. Values of a normal distribution
        have the same mean and deviation by both ways.

        Parameters
        ----------
        image : Tensor of shape (C, [Z,] Y, X)
        """
        whole = cls.of(image)
        low, high = zip(*(_middle(channel) for channel in image), strict=True)
        deviations = zip(low, high, whole.deviation, strict=True)
        return cls(
            tuple((first + last) / 2 for first, last in zip(low, high, strict=True)),
            tuple(max((last - first) / _DEVIATIONS, _LEAST_SHARE * least) for first, last, least in deviations),
        )

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
        image : Tensor of shape (C, [Z,] Y, X)

        Returns
        -------
        Tensor of shape (C, [Z,] Y, X), float32
        """
        normalised = torch.empty_like(image, dtype=torch.float32)
        for channel, target, mean, deviation in zip(image, normalised, self.mean, self.deviation, strict=True):
            target.copy_((channel.cpu().double() - mean) / (deviation if deviation > 0 else 1.0))
        return normalised


def _middle(channel: Tensor) -> tuple[float, float]:
    """Ends of the range of the middle intensities; of a sample, always the same one, where there are very many."""
    values = channel.cpu().flatten()
    if len(values) > _SAMPLED:
        values = values[torch.randint(len(values), (_SAMPLED,), generator=torch.Generator().manual_seed(0))]
    low, high = torch.quantile(values.double(), torch.tensor(_MIDDLE, dtype=torch.float64)).tolist()
    return low, high
