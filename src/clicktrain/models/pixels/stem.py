"""Scale-space stem: Gaussian-derivative invariants as fixed, exact layers.

Every value is a function of one window around its pixel, computed without padding, so the stem is a layer of a patch
classifier like any other: the same numbers come out of a patch, a tile and the whole image.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from clicktrain.models.pixels.banded import correlate_along

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FEATURES_PER_SCALE", "ScaleSpaceStem", "correlate_separably", "gaussian_kernels"]

FEATURES_PER_SCALE = 7
_TRUNCATE = 3.0
_INTEGRATION = 0.5
# Keeps the square roots of the eigenvalues differentiable and finite on flat ground.
_EPSILON = 1e-12


def gaussian_kernels(sigma_px: float) -> Tensor:
    """Sample a Gaussian and its first two derivatives, normalised to scale.

    Parameters
    ----------
    sigma_px : float
        Standard deviation in pixels.

    Returns
    -------
    Tensor of shape (3, 2 * ceil(3 sigma) + 1), float64
        Smoothing, sigma d/dx and sigma^2 d^2/dx^2, ready for correlation. They answer exactly 1, sigma and sigma^2
        to 1, x and x^2 / 2, and the derivatives answer 0 to a constant.

    References
    ----------
    Lindeberg 1998, Feature detection with automatic scale selection, IJCV 30: gamma-normalised derivatives.
    """
    radius = math.ceil(_TRUNCATE * sigma_px)
    x = torch.arange(-radius, radius + 1, dtype=torch.float64)
    smooth = torch.exp(-0.5 * (x / sigma_px) ** 2)
    smooth = smooth / smooth.sum()
    first = smooth * x
    first = first * (sigma_px / (first * x).sum())
    second = smooth * (x**2 - (smooth * x**2).sum())
    second = second * (sigma_px**2 / (second * x**2 / 2).sum())
    return torch.stack((smooth, first, second))


class ScaleSpaceStem(nn.Module):
    """Rotation-invariant differential features of every channel at several scales.

    Per channel and scale: smoothed value, gradient magnitude, Laplacian, the two Hessian eigenvalues and the two
    structure-tensor eigenvalues (square roots, so all features are linear in contrast).

    Parameters
    ----------
    in_channels : int
    sigmas_px : sequence of float
        Scales, in pixels.

    References
    ----------
    Sommer et al. 2011, ilastik, ISBI: the feature families. Weickert 1998, Anisotropic Diffusion in Image Processing:
    the structure tensor.
    """

    def __init__(self, in_channels: int, sigmas_px: Sequence[float]) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.sigmas_px = tuple(float(s) for s in sigmas_px)
        self.out_channels = in_channels * FEATURES_PER_SCALE * len(self.sigmas_px)
        self._derivative_radii = [math.ceil(_TRUNCATE * s) for s in self.sigmas_px]
        self._integration_radii = [math.ceil(_TRUNCATE * _INTEGRATION * s) for s in self.sigmas_px]
        for i, sigma in enumerate(self.sigmas_px):
            self.register_buffer(f"derivative_{i}", gaussian_kernels(sigma).float(), persistent=False)
            self.register_buffer(
                f"integration_{i}", gaussian_kernels(_INTEGRATION * sigma)[:1].float(), persistent=False
            )
        self.margin_px = max(a + b for a, b in zip(self._derivative_radii, self._integration_radii, strict=True))
        side = 2 * self.margin_px + 1
        self.exact_fov = (side, side)

    def extra_repr(self) -> str:
        """Name the settings in the module's printout."""
        return f"{self.in_channels}, sigmas_px={self.sigmas_px}"

    def forward(self, image: Tensor, stride: int = 1) -> Tensor:
        """Compute the features.

        Parameters
        ----------
        image : Tensor of shape (B, C, Y, X)
        stride : int
            Distance of the pixels whose features are computed, from the first on.

        Returns
        -------
        Tensor of shape (B, C * 7 * S, y, x)
            y and x are Y - fov + 1 and X - fov + 1, divided by the stride and rounded up.
        """
        side_y, side_x = (-(-(n - 2 * self.margin_px) // stride) for n in image.shape[-2:])
        features = image.new_empty(
            (len(image), len(self.sigmas_px), FEATURES_PER_SCALE, self.in_channels, side_y, side_x)
        )
        for picture, slots in zip(image, features, strict=True):
            for i, targets in enumerate(slots):
                for target, values in zip(targets, self._one_scale(picture, i, stride), strict=True):
                    target.copy_(values)
        return features.flatten(1, 3)

    def _one_scale(self, picture: Tensor, i: int, stride: int) -> tuple[Tensor, ...]:
        """Seven features (C, y, x) of a picture (C, Y, X)."""
        derivative: Tensor = getattr(self, f"derivative_{i}")
        integration: Tensor = getattr(self, f"integration_{i}")
        margin_px = self._integration_radii[i]
        values = _crop(picture, self.margin_px - self._derivative_radii[i] - margin_px)
        smooth_y, first_y = correlate_along(values, derivative[:2], -2).unbind(1)
        (dx,) = correlate_along(smooth_y, derivative[1:2], -1).unbind(1)
        (dy,) = correlate_along(first_y, derivative[:1], -1).unbind(1)
        tensor = correlate_separably(torch.cat((dy * dy, dx * dx, dy * dx)), integration[0], stride=stride).chunk(3)
        # All but the gradient is needed at the answered pixels alone.
        inner_y = [_crop(along_y, margin_px)[:, ::stride] for along_y in (smooth_y, first_y)]
        smooth, dxx = correlate_along(inner_y[0], derivative[::2], -1, stride=stride).unbind(1)
        (dyx,) = correlate_along(inner_y[1], derivative[1:2], -1, stride=stride).unbind(1)
        second_y = correlate_along(_crop(values, margin_px), derivative[2:], -2, stride=stride)[:, 0]
        (dyy,) = correlate_along(second_y, derivative[:1], -1, stride=stride).unbind(1)
        dy, dx = (_crop(gradient, margin_px)[:, ::stride, ::stride] for gradient in (dy, dx))
        roots = [(value.clamp_min(0) + _EPSILON).sqrt() for value in _eigenvalues(*tensor)]
        magnitude = (dy * dy + dx * dx + _EPSILON).sqrt()
        return smooth, magnitude, dyy + dxx, *_eigenvalues(dyy, dxx, dyx), *roots


def _crop(image: Tensor, margin_px: int) -> Tensor:
    return image[..., margin_px : image.shape[-2] - margin_px, margin_px : image.shape[-1] - margin_px]


def _eigenvalues(yy: Tensor, xx: Tensor, yx: Tensor) -> tuple[Tensor, Tensor]:
    middle = (yy + xx) / 2
    spread = (((yy - xx) / 2) ** 2 + yx**2 + _EPSILON).sqrt()
    return middle + spread, middle - spread


def correlate_separably(image: Tensor, kernel: Tensor, *, stride: int = 1) -> Tensor:
    """Correlate every channel of (C, Y, X) with one kernel along rows and columns, without padding."""
    along_y = correlate_along(image, kernel[None], -2, stride=stride)[:, 0]
    return correlate_along(along_y, kernel[None], -1, stride=stride)[:, 0]
