"""The feature list of ilastik's pixel classification, for images of two and three axes, by compiled filters.

References
----------
Berg et al. 2019, ilastik: interactive machine learning for (bio)image analysis, doi 10.1038/s41592-019-0582-9.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from bioimage_cpp.filters import (
    gaussian_gradient_magnitude,
    gaussian_smoothing,
    hessian_of_gaussian_eigenvalues,
    laplacian_of_gaussian,
    structure_tensor_eigenvalues,
)

if TYPE_CHECKING:
    from _few_clicks.sets import Picture

SMOOTHING_PX = 0.3
SIGMAS_PX = (0.7, 1.0, 1.6, 3.5, 5.0, 10.0)
# Relative to sigma.
NARROW = 0.66
INTEGRATION = 0.5


def ilastik_features(picture: Picture) -> np.ndarray:
    """All features of all channels.

    Parameters
    ----------
    picture : Picture

    Returns
    -------
    ndarray of shape ([Z, ]Y, X, F), float32
        With n spatial axes F is 1 + 6 (4 + 2 n) per channel: Gaussian, gradient, Laplacian, difference of Gaussians,
        eigenvalues of structure tensor and Hessian, at one sigma after another.
    """
    values = picture.array.astype(np.float32)
    channels = np.moveaxis(values, -1, 0) if picture.axes.endswith("C") else values[np.newaxis]
    at_all_sigmas = [(work, sigma_px) for sigma_px, work in product(SIGMAS_PX, FILTERS)]
    works = [(gaussian_smoothing, SMOOTHING_PX), *at_all_sigmas]
    # As ilastik does: the filters themselves use one core.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = pool.map(lambda channel, work: work[0](channel, work[1]), *zip(*product(channels, works), strict=True))
        return np.concatenate([part.reshape(*channels[0].shape, -1) for part in parts], axis=-1)


def _difference_of_gaussians(values: np.ndarray, sigma_px: float) -> np.ndarray:
    return gaussian_smoothing(values, sigma_px) - gaussian_smoothing(values, NARROW * sigma_px)


def _structure_tensor_eigenvalues(values: np.ndarray, sigma_px: float) -> np.ndarray:
    return structure_tensor_eigenvalues(values, sigma_px, INTEGRATION * sigma_px)


FILTERS = (
    gaussian_smoothing,
    gaussian_gradient_magnitude,
    laplacian_of_gaussian,
    _difference_of_gaussians,
    _structure_tensor_eigenvalues,
    hessian_of_gaussian_eigenvalues,
)
