"""Numbers of a whole image that each of its tiles needs, from one pass over it."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod
from typing import TYPE_CHECKING

import numpy as np

from clicktrain.errors import ImageError
from clicktrain.geometry.region import Region
from clicktrain.geometry.schedule import cut
from clicktrain.geometry.spread import spread_boxes

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from numpy.typing import NDArray

    from clicktrain.images.source import ImageSource

    Doubles = NDArray[np.float64]

__all__ = ["ImageStatistics", "measure"]

# Blocks in which an image is looked through, by number of axes.
_BLOCK_PX = {2: (1024, 1024), 3: (32, 256, 256)}
# With more channels than this the blocks are smaller, as they are kept in double precision.
_BLOCK_CHANNELS = 8
# Of an image that is larger than this, boxes all over it are measured: so many along each axis, and so large.
_MOST_PX = 1 << 26
_BOXES, _BOX_PX = {2: (8, 8), 3: (4, 4, 4)}, {2: (512, 512), 3: (32, 96, 96)}
# Pixels in the sample that percentiles are taken of.
_SAMPLED_PX = 1 << 18
# What counts as dark and, from the other side, as bright: of the values in order, those between these shares. A
# hundredth may be hot pixels. Then how many deviations the two means lie apart in a normal distribution.
_END = (0.01, 0.1)
_DEVIATIONS = 3.31
# Where nearly all is background, the percentiles are those of noise: what is bright and rare makes the scale then.
_LEAST_SHARE = 0.5


@dataclass(frozen=True, eq=False, slots=True)
class ImageStatistics:
    """Mean, covariance, range and a sample of an image's values.

    Parameters
    ----------
    mean : ndarray of shape (C,), float64
    covariance : ndarray of shape (C, C), float64
    low, high : ndarray of shape (C,), float64
        Smallest and largest value.
    sample : ndarray of shape (C, N), float64
        Values of pixels all over the image; of a small image all of them.
    """

    mean: Doubles
    covariance: Doubles
    low: Doubles
    high: Doubles
    sample: Doubles

    @property
    def deviation(self) -> Doubles:
        """Standard deviation of each channel; shape (C,)."""
        found: Doubles = np.sqrt(np.diag(self.covariance))
        return found

    def percentile_scale(self) -> tuple[Doubles, Doubles]:
        """What stands for mean and deviation: middle and distance of the darkest and the brightest tenth.

        The darkest and the brightest hundredth are left out: they may be hot pixels. Once what is dark and what is
        bright fill a tenth each, it does not matter how much there is of either. For a normal distribution middle and
        distance equal mean and deviation. The distance is never less than half the deviation.

        Returns
        -------
        middle, distance : ndarray of shape (C,), float64
        """
        ordered = np.sort(self.sample, axis=1)
        n = ordered.shape[1]
        first = round(_END[0] * n)
        last = max(first + 1, round(_END[1] * n))
        dark, bright = ordered[:, first:last].mean(axis=1), ordered[:, ::-1][:, first:last].mean(axis=1)
        return (dark + bright) / 2, np.maximum((bright - dark) / _DEVIATIONS, _LEAST_SHARE * self.deviation)

    def check_contrast(self, name: str) -> None:
        """Refuse an image that shows nothing.

        Raises
        ------
        ImageError
            If all values are the same.
        """
        if (self.low == self.high).all() and len(set(self.low.tolist())) == 1:
            raise ImageError(
                f"{name} must have contrast, got {self.low[0]:g} in every pixel. "
                "Check that it is the right file or layer."
            )


class _Moments:
    """Mean and covariance of what was added so far.

    References
    ----------
    Chan, Golub, LeVeque 1983, The American Statistician 37(3): how means and squares of parts are joined.
    """

    def __init__(self, n_channels: int) -> None:
        self.count = 0
        self.mean = np.zeros(n_channels)
        self.products = np.zeros((n_channels, n_channels))
        self.low, self.high = np.full(n_channels, np.inf), np.full(n_channels, -np.inf)

    def add(self, values: Doubles) -> None:
        """Take in the values (C, N) of more pixels."""
        n = values.shape[1]
        part = values.mean(axis=1)
        apart, shift = values - part[:, np.newaxis], part - self.mean
        self.products += apart @ apart.T + np.outer(shift, shift) * (self.count * n / (self.count + n))
        self.mean += shift * n / (self.count + n)
        self.count += n
        self.low, self.high = np.minimum(self.low, values.min(axis=1)), np.maximum(self.high, values.max(axis=1))


def measure(source: ImageSource, *, exact: bool = False) -> Generator[None, None, ImageStatistics]:
    """Look through an image once; one block is in memory at a time.

    Parameters
    ----------
    source : ImageSource
    exact : bool
        Look at every pixel also of a huge image, of which it otherwise is boxes all over it, always the same ones. What
        is measured does not depend on how the image is stored.

    Yields
    ------
    None
        After every block.

    Returns
    -------
    ImageStatistics
    """
    # Never a coarser resolution: means of noisy pixels vary less, and the same image would then be seen otherwise.
    blocks = _blocks(source.shape_px, source.n_channels, exact=exact)
    total_px = sum(block.n_px for block in blocks)
    moments, sample = _Moments(source.n_channels), []
    rng = np.random.default_rng(0)
    for block in blocks:
        values = source.read(block).reshape(source.n_channels, -1).astype(np.float64)
        moments.add(values)
        sample.append(_some(values, total_px, rng))
        yield
    return ImageStatistics(
        moments.mean, moments.products / moments.count, moments.low, moments.high, np.concatenate(sample, axis=1)
    )


def _some(values: Doubles, total_px: int, rng: np.random.Generator) -> Doubles:
    """A block's share of the sample; at random, as every so-manieth pixel may be a column of the image."""
    if total_px <= _SAMPLED_PX:
        return values
    n = values.shape[1]
    return values[:, rng.integers(0, n, ceil(n * _SAMPLED_PX / total_px))]


def _blocks(shape_px: Sequence[int], n_channels: int, *, exact: bool) -> list[Region]:
    ndim = len(shape_px)
    sides = [max(1, side // ceil(n_channels / _BLOCK_CHANNELS)) for side in _BLOCK_PX[ndim][-2:]]
    sides = [*_BLOCK_PX[ndim][:-2], *sides]
    whole = exact or prod(shape_px) <= _MOST_PX
    boxes = [Region.whole(shape_px)] if whole else spread_boxes(shape_px, _BOXES[ndim], _BOX_PX[ndim])
    return [block for box in boxes for block in cut(box, sides)]
