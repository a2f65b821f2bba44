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
# Filters of larger sigma are taken of an image that was smoothed before, by a kernel cut at so many sigma.
WIDEST_PX, WINDOW = 1.0, 3.5


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
    works = product(channels, (SMOOTHING_PX, *SIGMAS_PX))
    # On all cores, as ilastik does; the filters themselves use one.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = [part for found in pool.map(lambda work: _features_at(*work), works) for part in found]
    return np.concatenate([part.reshape(*channels[0].shape, -1) for part in parts], axis=-1)


def _features_at(values: np.ndarray, sigma_px: float) -> list[np.ndarray]:
    if sigma_px == SMOOTHING_PX:
        return [gaussian_smoothing(values, sigma_px)]
    # A Gaussian of a Gaussian is a Gaussian: wide kernels, which cost most, are applied once for all, as ilastik does.
    inner_px = min(sigma_px, WIDEST_PX)
    outer_px = (sigma_px**2 - inner_px**2) ** 0.5
    before = gaussian_smoothing(values, outer_px, window_size=WINDOW) if outer_px else values
    smooth = gaussian_smoothing(before, inner_px)
    return [
        smooth,
        gaussian_gradient_magnitude(before, inner_px),
        laplacian_of_gaussian(before, inner_px),
        smooth - gaussian_smoothing(values, NARROW * sigma_px),
        structure_tensor_eigenvalues(before, inner_px, INTEGRATION * sigma_px),
        hessian_of_gaussian_eigenvalues(before, inner_px),
    ]
