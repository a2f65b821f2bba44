"""Scale-space stem: Gaussian-derivative invariants as fixed, exact layers.

Every value is a function of one window around its pixel, computed without padding, so the stem is a layer of a patch
classifier like any other: the same numbers come out of a patch, a tile and the whole image.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

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

    def forward(self, image: Tensor) -> Tensor:
        """Compute the features.

        Parameters
        ----------
        image : Tensor of shape (B, C, Y, X)

        Returns
        -------
        Tensor of shape (B, C * 7 * S, Y - fov + 1, X - fov + 1)
        """
        side_y, side_x = (n - 2 * self.margin_px for n in image.shape[-2:])
        shape = (len(image), self.out_channels, side_y, side_x)
        features = torch.empty(shape, dtype=image.dtype, device=image.device)
        slots = features.chunk(self.out_channels // self.in_channels, dim=1)
        for i in range(len(self.sigmas_px)):
            values = self._one_scale(image, i)
            for slot, value in zip(slots[i * FEATURES_PER_SCALE :], values, strict=False):
                slot.copy_(value)
        return features

    def _one_scale(self, image: Tensor, i: int) -> tuple[Tensor, ...]:
        derivative: Tensor = getattr(self, f"derivative_{i}")
        integration: Tensor = getattr(self, f"integration_{i}")
        spare = self.margin_px - self._derivative_radii[i] - self._integration_radii[i]
        all_derivatives = _derivatives(_crop(image, spare), derivative)
        tensor = correlate_separably(_outer_products(all_derivatives), integration[0])
        roots = [(value.clamp_min(0) + _EPSILON).sqrt() for value in _eigenvalues(*tensor.chunk(3, dim=1))]
        inner = _crop(all_derivatives, self._integration_radii[i])
        smooth, dy, dx, dyy, dxx, dyx = inner.chunk(6, dim=1)
        magnitude = (dy * dy + dx * dx + _EPSILON).sqrt()
        return smooth, magnitude, dyy + dxx, *_eigenvalues(dyy, dxx, dyx), *roots


def _crop(image: Tensor, margin_px: int) -> Tensor:
    return image[..., margin_px : image.shape[-2] - margin_px, margin_px : image.shape[-1] - margin_px]


def _eigenvalues(yy: Tensor, xx: Tensor, yx: Tensor) -> tuple[Tensor, Tensor]:
    middle = (yy + xx) / 2
    spread = (((yy - xx) / 2) ** 2 + yx**2 + _EPSILON).sqrt()
    return middle + spread, middle - spread


def _correlate_1d(image: Tensor, kernels: Tensor, axis: int) -> Tensor:
    """Correlate channel i of `image` with kernel i along one axis.

    Depthwise convolution is fast in channels-last memory, the arithmetic around it in planes.
    """
    shape = (len(kernels), 1, -1, 1) if axis == -2 else (len(kernels), 1, 1, -1)
    weight = kernels.to(image.dtype).reshape(shape)
    return F.conv2d(image.contiguous(memory_format=torch.channels_last), weight, groups=len(kernels))


def correlate_separably(image: Tensor, kernel: Tensor) -> Tensor:
    """Correlate every channel of (B, C, Y, X) with one kernel along rows and columns, without padding."""
    kernels = kernel.expand(image.shape[1], -1)
    return _correlate_1d(_correlate_1d(image, kernels, -2), kernels, -1).contiguous()


def _derivatives(image: Tensor, kernels: Tensor) -> Tensor:
    """Return smooth, dy, dx, dyy, dxx, dyx of every channel, of shape (B, 6 C, y, x)."""
    channels = image.shape[1]
    along_y = _correlate_1d(image.repeat(1, 3, 1, 1), kernels.repeat_interleave(channels, dim=0), -2)
    order_y, order_x = (torch.tensor(order, device=image.device) for order in ((0, 1, 0, 2, 0, 1), (0, 0, 1, 0, 2, 1)))
    within = torch.arange(channels, device=image.device)
    wanted = along_y.index_select(1, (order_y[:, None] * channels + within).flatten())
    return _correlate_1d(wanted, kernels[order_x].repeat_interleave(channels, dim=0), -1).contiguous()


def _outer_products(all_derivatives: Tensor) -> Tensor:
    """Return dy dy, dx dx, dy dx of every channel, of shape (B, 3 C, y, x)."""
    _, dy, dx, *_ = all_derivatives.chunk(6, dim=1)
    return torch.cat((dy * dy, dx * dx, dy * dx), dim=1)
