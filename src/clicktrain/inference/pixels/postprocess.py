"""From the blended answers to the probabilities that people see: neighbours agree, rare classes stay rare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from clicktrain.inference.pixels.guided_filter import guide_of, smooth_along_edges
from clicktrain.models.pixels.blend import way_between

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clicktrain.config import PostprocessConfig
    from clicktrain.models.pixels.features import PreparedImage
    from clicktrain.types import FloatArray

__all__ = ["class_shares", "finished", "finishing", "wanted_guide"]

# The shares of the classes count half up to the first number of clicks, and in full from the second on; in volumes
# always in full.
_CLICKS = (50, 200)
_AT_FEW = {2: 0.5, 3: 1.0}


def wanted_guide(
    prepared: PreparedImage, config: PostprocessConfig, *, spacing_px: Sequence[float] = ()
) -> FloatArray | None:
    """What the image shows, for probabilities that are to follow it.

    Parameters
    ----------
    prepared : PreparedImage
    config : PostprocessConfig
    spacing_px : sequence of float, optional
        Distance of neighbours along each axis, in pixels of a slice; 1 by custom.

    Returns
    -------
    ndarray of shape ([Z,] Y, X), float32, or None
        None where `config` does not ask for it.
    """
    return guide_of(prepared, spacing_px or (1.0,) * len(prepared.shape_px)) if config.guided_px else None


def finished(
    probabilities: FloatArray,
    guide: FloatArray | None,
    config: PostprocessConfig,
    clicks: int,
    *,
    spacing_px: Sequence[float] = (),
) -> FloatArray:
    """Do at once what `finishing` does step by step, and return the array."""
    for _ in finishing(probabilities, guide, config, clicks, spacing_px=spacing_px):
        pass
    return probabilities


def finishing(
    probabilities: FloatArray,
    guide: FloatArray | None,
    config: PostprocessConfig,
    clicks: int,
    *,
    spacing_px: Sequence[float] = (),
) -> Iterator[None]:
    """Smooth probabilities and weigh classes by how common they are in the image, in place.

    Strokes show every class alike, images do not: argmax of balanced probabilities gives a rare class far too many
    pixels. How common each class is follows from the probabilities themselves: one step of the reference's expectation
    maximisation. Further steps drive a class that is merely uncertain out of the image.

    Parameters
    ----------
    probabilities : ndarray of shape (K, [Z,] Y, X), float32
        As if all classes were equally common; in the end they sum to 1 in every pixel.
    guide : ndarray of shape ([Z,] Y, X), optional
        As `wanted_guide` makes it.
    config : PostprocessConfig
    clicks : int
        Number of clicks that the classifier was trained on.
    spacing_px : sequence of float, optional
        Distance of neighbours along each axis, in pixels of a slice; 1 by custom. Infinite where neighbours along an
        axis have nothing to do with each other.

    Yields
    ------
    None
        Where the work can be given up.

    References
    ----------
    Saerens, Latinne, Decaestecker 2002, Adjusting the outputs of a classifier to new a priori probabilities, Neural
    Computation 14, section 2.
    """
    ndim = probabilities.ndim - 1
    spacing = spacing_px or (1.0,) * ndim
    if config.guided_px and guide is not None:
        yield from smooth_along_edges(probabilities, guide, config.guided_px, spacing)
    if config.smoothing_px:
        sigmas_px = [config.smoothing_px / distance for distance in spacing]
        for one in probabilities:
            gaussian_filter(one, sigmas_px, output=one, truncate=3.0)
            yield
    strength = config.prior * _evidence(clicks, ndim)
    if strength:
        weights = (class_shares(probabilities) * len(probabilities)) ** strength
        probabilities *= weights.astype(np.float32).reshape(-1, *(1,) * ndim)
        probabilities /= probabilities.sum(axis=0)


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
