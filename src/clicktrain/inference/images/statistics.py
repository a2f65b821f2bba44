"""Mean and deviation of a whole image, looked through once, block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clicktrain.models.pixels.normalise import ChannelStatistics

if TYPE_CHECKING:
    from collections.abc import Generator

    from clicktrain.images.regions import ImageRegions

__all__ = ["of_number_type", "streamed"]


def streamed(regions: ImageRegions) -> Generator[None, None, ChannelStatistics]:
    """Measure an open image in double precision; one block is in memory at a time.

    Yields
    ------
    None
        After every block.

    Returns
    -------
    ChannelStatistics

    References
    ----------
    Chan, Golub, LeVeque 1983, The American Statistician 37(3): how means and squares of parts are joined.
    """
    count, mean, squares = 0, np.zeros(regions.n_channels), np.zeros(regions.n_channels)
    for block in regions.blocks():
        values = regions.read(*block).reshape(regions.n_channels, -1).astype(np.float64)
        n = values.shape[1]
        part = values.mean(axis=1)
        shift = part - mean
        squares += ((values - part[:, np.newaxis]) ** 2).sum(axis=1) + shift**2 * count * n / (count + n)
        mean += shift * n / (count + n)
        count += n
        yield
    return ChannelStatistics(tuple(mean.tolist()), tuple(np.sqrt(squares / count).tolist()))


def of_number_type(dtype: np.dtype[Any], n_channels: int) -> ChannelStatistics:
    """Return the scale that brings the largest whole number of a type to 1; floats stay as they are."""
    largest = float(np.iinfo(dtype).max) if dtype.kind in "ui" else 1.0
    return ChannelStatistics((0.0,) * n_channels, (largest,) * n_channels)
