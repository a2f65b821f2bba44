"""From the blended answers to the probabilities that people see: neighbours agree, rare classes stay rare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from clicktrain.inference.pixels.guided_filter import smooth_along_edges, smoothing_reach
from clicktrain.models.pixels.blend import way_between

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clicktrain.config import PostprocessConfig
    from clicktrain.types import FloatArray

__all__ = ["class_weights", "reach_px", "smooth", "weigh"]

# The shares of the classes count half up to the first number of clicks, and in full from the second on; in volumes
# always in full.
_CLICKS = (50, 200)
_AT_FEW = {2: 0.5, 3: 1.0}
# Deviations after which a Gaussian is cut off.
_TRUNCATE = 3.0


def reach_px(config: PostprocessConfig, voxel_size: Sequence[float]) -> tuple[int, ...]:
    """How far beyond a region its postprocessing looks along each axis, in pixels.

    Parameters
    ----------
    config : PostprocessConfig
    voxel_size : sequence of float
        Distance of neighbours along each axis, in pixels of a slice.
    """
    guided = smoothing_reach(config.guided_px, voxel_size) if config.guided_px else (0,) * len(voxel_size)
    blurred = [int(_TRUNCATE * config.smoothing_px / distance + 0.5) for distance in voxel_size]
    return tuple(one + other for one, other in zip(guided, blurred, strict=True))


def smooth(
    probabilities: FloatArray, guide: FloatArray | None, config: PostprocessConfig, voxel_size: Sequence[float]
) -> None:
    """Let neighbours agree, in place.

    Parameters
    ----------
    probabilities : ndarray of shape (K, [Z,] Y, X), float32
    guide : ndarray of shape ([Z,] Y, X), optional
        What the image shows there, of variance about 1.
    config : PostprocessConfig
    voxel_size : sequence of float
        Distance of neighbours along each axis, in pixels of a slice. Infinite where neighbours along an axis have
        nothing to do with each other.
    """
    if config.guided_px and guide is not None:
        smooth_along_edges(probabilities, guide, config.guided_px, voxel_size)
    if config.smoothing_px:
        sigmas_px = [config.smoothing_px / distance for distance in voxel_size]
        for one in probabilities:
            gaussian_filter(one, sigmas_px, output=one, truncate=_TRUNCATE)


def class_weights(
    shares: Sequence[float], config: PostprocessConfig, clicks: int, ndim: int
) -> tuple[float, ...] | None:
    """Weigh classes by how common they are in the image.

    Strokes show every class alike, images do not: argmax of balanced probabilities gives a rare class far too many
    pixels. How common each class is follows from the probabilities themselves: one step of the reference's expectation
    maximisation. Further steps drive a class that is merely uncertain out of the image.

    Parameters
    ----------
    shares : sequence of float, one per class
        Mean probability of each class over the image, as if all were equally common: where no member knows
        anything, all classes count alike. Sums to 1.
    config : PostprocessConfig
    clicks : int
        Number of clicks that the classifier was trained on.
    ndim : int

    Returns
    -------
    tuple of float, one per class, or None
        None where it makes no difference.

    References
    ----------
    Saerens, Latinne, Decaestecker 2002, Adjusting the outputs of a classifier to new a priori probabilities, Neural
    Computation 14, section 2.
    """
    strength = config.prior * (_AT_FEW[ndim] + (1 - _AT_FEW[ndim]) * way_between(clicks, *_CLICKS))
    if not strength:
        return None
    return tuple(float((share * len(shares)) ** strength) for share in shares)


def weigh(probabilities: FloatArray, weights: Sequence[float] | None) -> None:
    """Multiply probabilities (K, ...) by the weight of their class and bring them to sum 1, in place."""
    if weights is not None:
        probabilities *= np.array(weights, np.float32).reshape(-1, *(1,) * (probabilities.ndim - 1))
        probabilities /= probabilities.sum(axis=0)
