"""From the blended answers to the probabilities that people see: neighbours agree, rare classes stay rare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from clicktrain.inference.guided import smooth_along_edges
from clicktrain.models.blend import way_between

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clicktrain.config import FinishConfig
    from clicktrain.types import FloatArray

__all__ = ["class_shares", "finished"]

# The shares of the classes count half up to the first number of clicks, and in full from the second on; in volumes
# always in full.
_CLICKS = (50, 200)
_AT_FEW = {2: 0.5, 3: 1.0}


def finished(
    probabilities: FloatArray, grey: FloatArray, config: FinishConfig, clicks: int, *, spacing_px: Sequence[float] = ()
) -> FloatArray:
    """Smooth probabilities and weigh classes by how common they are in the image, in place.

    Strokes show every class alike, images do not: argmax of balanced probabilities gives a rare class far too many
    pixels. How common each class is follows from the probabilities themselves: one step of the reference's expectation
    maximisation. Further steps drive a class that is merely uncertain out of the image.

    Parameters
    ----------
    probabilities : ndarray of shape (K, [Z,] Y, X), float32
        As if all classes were equally common.
    grey : ndarray of shape ([Z,] Y, X)
        What the image looks like, of variance about 1.
    config : FinishConfig
    clicks : int
        Number of clicks that the classifier was trained on.
    spacing_px : sequence of float, optional
        Distance of neighbours along each axis, in pixels of a slice; 1 by custom. Infinite where neighbours along an
        axis have nothing to do with each other.

    Returns
    -------
    ndarray of shape (K, [Z,] Y, X), float32
        The same array; sums to 1 in every pixel.

    References
    ----------
    Saerens, Latinne, Decaestecker 2002, Adjusting the outputs of a classifier to new a priori probabilities, Neural
    Computation 14, section 2.
    """
    spacing = spacing_px or (1.0,) * grey.ndim
    if config.guided_px:
        smooth_along_edges(probabilities, grey, config.guided_px, spacing)
    if config.smoothing_px:
        sigmas_px = [config.smoothing_px / distance for distance in spacing]
        for one in probabilities:
            gaussian_filter(one, sigmas_px, output=one, truncate=3.0)
    strength = config.prior * _evidence(clicks, grey.ndim)
    if strength:
        weights = (class_shares(probabilities) * len(probabilities)) ** strength
        probabilities *= weights.astype(np.float32).reshape(-1, *(1,) * grey.ndim)
        probabilities /= probabilities.sum(axis=0)
    return probabilities


def class_shares(probabilities: FloatArray) -> FloatArray:
    """Estimate which share of an image each class has, cautiously: what nobody knows counts as evenly shared.

    Parameters
    ----------
    probabilities : ndarray of shape (K, [Z,] Y, X)
        As if all classes were equally common.

    Returns
    -------
    ndarray of shape (K,), float64
        Sums to 1.
    """
    shares: FloatArray = probabilities.mean(axis=tuple(range(1, probabilities.ndim)), dtype=np.float64)
    return shares


def _evidence(clicks: int, ndim: int) -> float:
    return _AT_FEW[ndim] + (1 - _AT_FEW[ndim]) * way_between(clicks, *_CLICKS)
