"""The feature list of ilastik's pixel classification, for images of any dimension.

References
----------
Berg et al. 2019, ilastik: interactive machine learning for (bio)image analysis, doi 10.1038/s41592-019-0582-9.
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from skimage.feature import hessian_matrix_eigvals

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        With n spatial axes F is 1 + 6 (4 + 2 n) per channel.
    """
    values = picture.array.astype(np.float32)
    channels = np.moveaxis(values, -1, 0) if picture.axes.endswith("C") else values[np.newaxis]
    return np.stack([feature for channel in channels for feature in _channel_features(channel)], axis=-1)


def _channel_features(values: np.ndarray) -> Iterator[np.ndarray]:
    yield gaussian_filter(values, SMOOTHING_PX)
    for sigma_px in SIGMAS_PX:
        yield from _features_at(values, sigma_px)


def _features_at(values: np.ndarray, sigma_px: float) -> Iterator[np.ndarray]:
    """Gaussian, gradient, Laplacian, difference of Gaussians; eigenvalues of structure tensor and Hessian."""
    # Upper triangle of a symmetric matrix, row by row.
    pairs = list(combinations_with_replacement(range(values.ndim), 2))
    smooth = gaussian_filter(values, sigma_px)
    gradient = [derivative(values, sigma_px, (axis,)) for axis in range(values.ndim)]
    hessian = [derivative(values, sigma_px, pair) for pair in pairs]
    tensor = [gaussian_filter(gradient[i] * gradient[j], INTEGRATION * sigma_px) for i, j in pairs]
    yield smooth
    yield np.sqrt(sum(part**2 for part in gradient))
    yield sum(part for part, (i, j) in zip(hessian, pairs, strict=True) if i == j)
    yield smooth - gaussian_filter(values, NARROW * sigma_px)
    yield from hessian_matrix_eigvals(tensor)
    yield from hessian_matrix_eigvals(hessian)


def derivative(values: np.ndarray, sigma_px: float, axes: tuple[int, ...]) -> np.ndarray:
    """Derivative of Gaussian, once along each of `axes`; an axis may come twice."""
    order = tuple(axes.count(axis) for axis in range(values.ndim))
    found = gaussian_filter(values, sigma_px, order=order)
    if 2 in order:
        # A sampled and cut second derivative does not sum to zero: brightness alone would look like curvature.
        kernel_sum = gaussian_filter1d(np.ones(1), sigma_px, order=2)[0]
        found -= kernel_sum * gaussian_filter(values, sigma_px)
    return found
