"""Answers that follow the edges of the image: neighbours agree where the image shows nothing between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, uniform_filter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from clicktrain.models.pixels.features import PreparedImage
    from clicktrain.types import FloatArray

__all__ = ["GuidedFilter", "guide_of", "smooth_along_edges"]

# Chosen on half of the sets that benchmarks/few_clicks.py reports (docs/explanation/few_clicks.md), as is the radius in
# config.py. Noise finer than this is no edge:
_FINEST_PX = 0.7
# and neither are differences whose square is much below this, where the image has variance 1.
_FLAT = 0.05
_ROUNDS = 2
# Percentiles of the image beyond which it is cut off: one bright speck must not make all else look flat.
_RANGE = (1.0, 99.0)
# Pixels that are looked at to find these percentiles and the direction in which channels vary most.
_SAMPLED_PX = 1_000_000
# A classifier that is sure and wrong must not spread over all its neighbours.
_LEAST = 1e-3
# Smoothed at a time: what is needed beside the answer is a few maps of this size.
_STRIP_PX = 1 << 20


def guide_of(prepared: PreparedImage, spacing_px: Sequence[float]) -> FloatArray:
    """Put the channels of an image together so that as much as possible of what they show can be seen.

    Parameters
    ----------
    prepared : PreparedImage
    spacing_px : sequence of float
        Distance of neighbours along each axis, in pixels of a slice.

    Returns
    -------
    ndarray of shape ([Z,] Y, X), float32
        Of mean 0 and variance 1 but for outliers, which are cut off; its finest noise is smoothed away.
    """
    ndim = len(prepared.shape_px)
    channels = prepared.window((0,) * ndim, prepared.shape_px, (1,) * ndim)[0]
    step = max(1, round((channels[0].numel() / _SAMPLED_PX) ** (1 / ndim)))
    sampled = (slice(None, None, step),) * ndim
    # Channel by channel, as a copy of all of a large image would be large.
    weighted = zip(_main_direction(channels[(slice(None), *sampled)].flatten(1)), channels, strict=True)
    guide = sum(weight * channel for weight, channel in weighted).cpu().numpy()
    low, high = np.percentile(guide[sampled], _RANGE)
    np.clip(guide, low, high, out=guide)
    guide -= guide.mean(dtype=np.float64)
    guide /= max(float(guide.std(dtype=np.float64)), 1e-6)
    finest_px = [_FINEST_PX / distance for distance in spacing_px]
    return np.asarray(gaussian_filter(guide, finest_px, truncate=3.0), np.float32)


def _main_direction(channels: Tensor) -> Tensor:
    """Weights (C,) of the channels (C, N) in their first principal component: their mean hides red beside green."""
    centred = channels - channels.mean(dim=1, keepdim=True)
    covariance = (centred @ centred.T).cpu().double()
    main: Tensor = torch.linalg.eigh(covariance).eigenvectors[:, -1]
    return main.to(channels)


class GuidedFilter:
    """Smooths maps, but not across the edges of a guide: in every window a map becomes a line in the guide's values.

    Parameters
    ----------
    guide : ndarray of shape ([Z,] Y, X), float32
        Of variance about 1.
    radii_px : sequence of int
        Of the windows along each axis; a side has 2 radius + 1 pixels.

    References
    ----------
    He, Sun, Tang 2013, Guided image filtering, IEEE TPAMI 35, section 3.
    """

    def __init__(self, guide: FloatArray, radii_px: Sequence[int]) -> None:
        self._sides_px = [2 * radius + 1 for radius in radii_px]
        self._guide, self._mean = guide, self._window_mean(guide)
        self._variance = np.maximum(self._window_mean(guide * guide) - self._mean**2, 0)

    def __call__(self, values: FloatArray) -> FloatArray:
        """Smooth a map of the guide's shape."""
        mean = self._window_mean(values)
        slope = self._window_mean(self._guide * values) - self._mean * mean
        slope /= self._variance + _FLAT
        mean -= slope * self._mean
        return self._window_mean(slope) * self._guide + self._window_mean(mean)

    def _window_mean(self, values: FloatArray) -> FloatArray:
        return np.asarray(uniform_filter(values, self._sides_px))


def smooth_along_edges(
    probabilities: FloatArray, guide: FloatArray, radius_px: int, spacing_px: Sequence[float]
) -> Iterator[None]:
    """Let neighbours agree on their classes, in place, where the image shows no edge between them.

    What is smoothed are the logarithms of the ratios to the first class: on the probabilities themselves, those who
    are sure would outvote the others.

    Parameters
    ----------
    probabilities : ndarray of shape (K, [Z,] Y, X), float32
    guide : ndarray of shape ([Z,] Y, X)
        The image, of variance about 1.
    radius_px : int
        Of the windows, in pixels of a slice.
    spacing_px : sequence of float
        Distance of neighbours along each axis, in pixels of a slice.

    Yields
    ------
    None
        After every strip of rows, or of slices.
    """
    radii_px = [round(radius_px / distance) for distance in spacing_px]
    # Two windows per round, one after the other.
    reach = 2 * _ROUNDS * radii_px[0]
    rows = max(reach, 1, _STRIP_PX // guide[0].size)
    above = probabilities[:, :0].copy()
    for first in range(0, len(guide), rows):
        last = min(first + rows, len(guide))
        # Rows above are smoothed already; their neighbours below want them as they were.
        source = np.concatenate((above, probabilities[:, first : last + reach]), axis=1)
        seen = guide[first - above.shape[1] : last + reach]
        kept = slice(above.shape[1], above.shape[1] + last - first)
        above = source[:, max(0, kept.stop - reach) : kept.stop].copy()
        probabilities[:, first:last] = _smoothed(source, GuidedFilter(seen, radii_px))[:, kept]
        yield


def _smoothed(probabilities: FloatArray, smooth: GuidedFilter) -> FloatArray:
    logarithms: FloatArray = np.log(probabilities + _LEAST)
    ratios = logarithms[1:] - logarithms[0]
    logarithms[0] = 0
    for target, ratio in zip(logarithms[1:], ratios, strict=True):
        for _ in range(_ROUNDS):
            ratio = smooth(ratio)
        target[...] = ratio
    logarithms -= logarithms.max(axis=0)
    np.exp(logarithms, out=logarithms)
    logarithms /= logarithms.sum(axis=0)
    return logarithms
