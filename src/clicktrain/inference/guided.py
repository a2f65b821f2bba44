"""Answers that follow the edges of the image: neighbours agree where the image shows nothing between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter, uniform_filter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clicktrain.types import FloatArray

__all__ = ["GuidedFilter", "smooth_along_edges"]

# Chosen on half of the sets that benchmarks/few_clicks.py reports (docs/explanation/few_clicks.md), as is the radius in
# config.py. Noise finer than this is no edge:
_FINEST_PX = 0.7
# and neither are differences whose square is much below this; the image has variance 1.
_FLAT = 0.1
_ROUNDS = 2
# A classifier that is sure and wrong must not spread over all its neighbours.
_LEAST = 1e-3


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
        self._variance = self._window_mean(guide * guide) - self._mean**2

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
    probabilities: FloatArray, grey: FloatArray, radius_px: int, spacing_px: Sequence[float]
) -> None:
    """Let neighbours agree on their classes, in place, where the image shows no edge between them.

    What is smoothed are the logarithms of the ratios to the first class: on the probabilities themselves, those who
    are sure would outvote the others.

    Parameters
    ----------
    probabilities : ndarray of shape (K, [Z,] Y, X), float32
    grey : ndarray of shape ([Z,] Y, X)
        The image, of variance about 1.
    radius_px : int
        Of the windows, in pixels of a slice.
    spacing_px : sequence of float
        Distance of neighbours along each axis, in pixels of a slice.
    """
    fine = gaussian_filter(grey, [_FINEST_PX / distance for distance in spacing_px], truncate=3.0)
    smooth = GuidedFilter(fine, [round(radius_px / distance) for distance in spacing_px])
    probabilities += _LEAST
    np.log(probabilities, out=probabilities)
    probabilities -= probabilities[0].copy()
    for ratio in probabilities[1:]:
        for _ in range(_ROUNDS):
            ratio[...] = smooth(ratio)
    probabilities -= probabilities.max(axis=0)
    np.exp(probabilities, out=probabilities)
    probabilities /= probabilities.sum(axis=0)
