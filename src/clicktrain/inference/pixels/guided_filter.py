"""Answers that follow the edges of the image: neighbours agree where the image shows nothing between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter, uniform_filter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clicktrain.geometry.region import Region
    from clicktrain.inference.pixels.constants import Guide
    from clicktrain.models.pixels.window import ImageWindow
    from clicktrain.types import FloatArray

__all__ = ["GuidedFilter", "guide_reach", "guide_values", "smooth_along_edges", "smoothing_reach"]

# Chosen on half of the sets that benchmarks/few_clicks.py reports (docs/explanation/few_clicks.md), as is the radius in
# config.py. Noise finer than this is no edge:
_FINEST_PX = 0.7
# Deviations after which that Gaussian is cut off.
_TRUNCATE = 3.0
# and neither are differences whose square is much below this, where the image has variance 1.
_FLAT = 0.05
_ROUNDS = 2
# A classifier that is sure and wrong must not spread over all its neighbours.
_LEAST = 1e-3


def guide_values(window: ImageWindow, guide: Guide, region: Region, voxel_size: Sequence[float]) -> FloatArray:
    """Put the channels of a region of an image together.

    Parameters
    ----------
    window : ImageWindow
        Holds what lies `guide_reach` around the region.
    guide : Guide
    region : Region
        Inside the image.
    voxel_size : sequence of float
        Distance of neighbours along each axis, in pixels of a slice.

    Returns
    -------
    ndarray of shape region.shape_px, float32
        Of mean 0 and variance 1 over the image but for outliers, which are cut off; its finest noise is smoothed away.
    """
    around = region.grown(guide_reach(voxel_size)).clipped(window.shape_px)
    channels = window.values[0][(slice(None), *around.within(window.region))].cpu().numpy()
    values = np.tensordot(np.array(guide.direction, np.float32), channels, axes=1)
    np.clip(values, guide.low, guide.high, out=values)
    values -= np.float32(guide.mean)
    values /= np.float32(guide.deviation)
    finest_px = [_FINEST_PX / step for step in voxel_size]
    smoothed: FloatArray = gaussian_filter(values, finest_px, truncate=_TRUNCATE)[region.within(around)]
    return smoothed


def guide_reach(voxel_size: Sequence[float]) -> tuple[int, ...]:
    """How far beyond a pixel its guide's noise filter looks along each axis."""
    return tuple(int(_TRUNCATE * _FINEST_PX / step + 0.5) for step in voxel_size)


def smoothing_reach(radius_px: int, voxel_size: Sequence[float]) -> tuple[int, ...]:
    """How far beyond a pixel `smooth_along_edges` looks along each axis: two windows per round, one after the other."""
    return tuple(2 * _ROUNDS * radius for radius in _radii(radius_px, voxel_size))


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
    probabilities: FloatArray, guide: FloatArray, radius_px: int, voxel_size: Sequence[float]
) -> None:
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
    voxel_size : sequence of float
        Distance of neighbours along each axis, in pixels of a slice.
    """
    smooth = GuidedFilter(guide, _radii(radius_px, voxel_size))
    logarithms: FloatArray = np.log(probabilities + _LEAST)
    ratios = logarithms[1:] - logarithms[0]
    logarithms[0] = 0
    for target, ratio in zip(logarithms[1:], ratios, strict=True):
        for _ in range(_ROUNDS):
            ratio = smooth(ratio)
        target[...] = ratio
    logarithms -= logarithms.max(axis=0)
    np.exp(logarithms, out=probabilities)
    probabilities /= probabilities.sum(axis=0)


def _radii(radius_px: int, voxel_size: Sequence[float]) -> list[int]:
    return [round(radius_px / distance) for distance in voxel_size]
