"""Intensities brought to a common scale, with numbers of the whole image or of the model, never of a tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["ChannelStatistics"]

# What counts as dark and, from the other side, as bright: of the intensities in order, those between these shares. A
# hundredth may be hot pixels. Then how many deviations the two means lie apart in a normal distribution.
_END = (0.01, 0.1)
_DEVIATIONS = 3.31
# Where nearly all is background, ends are those of noise: what is bright and rare makes the scale then.
_LEAST_SHARE = 0.5
# Values that tell the ends well enough; to sort all of a volume would take longer than to classify some of it.
_SAMPLED = 1 << 20


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
    def of_percentiles(cls, image: Tensor) -> ChannelStatistics:
        """Measure what stands for mean and deviation: middle and distance of the darkest and the brightest tenth.

        The very ends, a hundredth each, are left out: they may be hot pixels. Once what is dark and what is bright fill
        a tenth each, it does not matter how much there is of either. Both ways of measuring give the same for a normal
        distribution. The deviation is never less than half the true one.

        Parameters
        ----------
        image : Tensor of shape (C, [Z,] Y, X)
        """
        ends = [_ends(channel) for channel in image]
        deviations = zip(ends, cls.of(image).deviation, strict=True)
        return cls(
            tuple((dark + bright) / 2 for dark, bright in ends),
            tuple(max((bright - dark) / _DEVIATIONS, _LEAST_SHARE * least) for (dark, bright), least in deviations),
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
        """Subtract the mean from every channel and divide it by the deviation; a flat channel becomes 0.

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


def _ends(channel: Tensor) -> tuple[float, float]:
    """Mean of the dark and of the bright values; of a sample that is always the same where there are very many."""
    values = channel.flatten()
    if len(values) > _SAMPLED:
        sample = torch.randint(len(values), (_SAMPLED,), generator=torch.Generator().manual_seed(0))
        values = values[sample.to(values.device)]
    ordered = values.cpu().double().sort().values
    first = round(_END[0] * len(ordered))
    last = max(first + 1, round(_END[1] * len(ordered)))
    return float(ordered[first:last].mean()), float(ordered.flip(0)[first:last].mean())
