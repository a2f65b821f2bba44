"""The scale-space stem of volumes: Gaussian-derivative invariants of three axes, exact and without padding."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from clicktrain.models.pixels.banded import correlate_along
from clicktrain.models.pixels.stem import gaussian_kernels

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FEATURES_PER_SCALE", "VolumeStem", "eigenvalues"]

FEATURES_PER_SCALE = 9
_INTEGRATION = 0.5
# Slices that lie far apart are hardly smoothed across; a Gaussian narrower than this is no more than its middle.
_NARROWEST_PX = 0.3
# Keeps square roots finite on flat ground.
_EPSILON = 1e-12
# Voxels whose invariants are computed together, so that they stay in the cache.
_TOGETHER = 1 << 15


class VolumeStem(nn.Module):
    """Differential features of every channel at several scales; directions mean nothing to them.

    Per channel and scale: smoothed value, gradient magnitude, Laplacian, the three Hessian eigenvalues and the three
    structure-tensor eigenvalues (square roots, so all features are linear in contrast), each three descending.

    Parameters
    ----------
    in_channels : int
    sigmas_px : sequence of float
        Scales, in pixels of a slice.
    anisotropy : float
        Distance of neighbouring slices, in pixels of a slice.

    References
    ----------
    Lindeberg 1998, Feature detection with automatic scale selection, IJCV 30: gamma-normalised derivatives. Sommer et
    al. 2011, ilastik, ISBI: the feature families.
    """

    def __init__(self, in_channels: int, sigmas_px: Sequence[float], *, anisotropy: float = 1.0) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.sigmas_px = tuple(float(s) for s in sigmas_px)
        self.anisotropy = anisotropy
        self.out_channels = in_channels * FEATURES_PER_SCALE * len(self.sigmas_px)
        distances = (anisotropy, 1.0, 1.0)
        for i, sigma in enumerate(self.sigmas_px):
            for axis, distance in enumerate(distances):
                self.register_buffer(f"derivative_{i}_{axis}", _kernels(sigma / distance), persistent=False)
                smoothing = _kernels(_INTEGRATION * sigma / distance)[:1]
                self.register_buffer(f"integration_{i}_{axis}", smoothing, persistent=False)
        self.margins_px = tuple(
            max(_radius(self._derivative(i)[axis]) + _radius(self._integration(i)[axis]) for i in self._scales)
            for axis in range(3)
        )
        self.exact_fov = tuple(2 * margin + 1 for margin in self.margins_px)

    def extra_repr(self) -> str:
        """Name the settings in the module's printout."""
        return f"{self.in_channels}, sigmas_px={self.sigmas_px}, anisotropy={self.anisotropy}"

    def forward(self, image: Tensor) -> Tensor:
        """Compute the features.

        Parameters
        ----------
        image : Tensor of shape (B, C, Z, Y, X)

        Returns
        -------
        Tensor of shape (B, S * 9 * C, Z - fov + 1, Y - fov + 1, X - fov + 1)
        """
        shape = [n - 2 * margin for n, margin in zip(image.shape[2:], self.margins_px, strict=True)]
        sizes = (len(image), len(self.sigmas_px), FEATURES_PER_SCALE, self.in_channels, *shape)
        features = torch.empty(sizes, dtype=image.dtype, device=image.device)
        for picture, slots in zip(image, features, strict=True):
            for channel in range(self.in_channels):
                for i in self._scales:
                    self._one_scale(picture[channel], i, slots[i, :, channel])
        return features.flatten(1, 3)

    @property
    def _scales(self) -> range:
        return range(len(self.sigmas_px))

    def _derivative(self, i: int) -> list[Tensor]:
        return [getattr(self, f"derivative_{i}_{axis}") for axis in range(3)]

    def _integration(self, i: int) -> list[Tensor]:
        return [getattr(self, f"integration_{i}_{axis}") for axis in range(3)]

    def _one_scale(self, values: Tensor, i: int, slots: Tensor) -> None:
        """Write the features (9, z, y, x) of a channel (Z, Y, X) at one scale."""
        derivative, integration = self._derivative(i), self._integration(i)
        inner = [_radius(kernels) for kernels in integration]
        needed = [_radius(kernels) + margin for kernels, margin in zip(derivative, inner, strict=True)]
        spare = [margin - need for margin, need in zip(self.margins_px, needed, strict=True)]
        found = _derivatives(_crop(values, spare), derivative)
        tensor = _smoothed(_products(found[1:4]), integration)
        found = _crop(found, inner)
        slots[0] = found[0]
        for part in _parts(slots.shape[1:]):
            gradient, hessian = found[1:4, part], found[4:, part]
            torch.sqrt((gradient * gradient).sum(0) + _EPSILON, out=slots[1, part])
            torch.sum(hessian[:3], dim=0, out=slots[2, part])
            slots[3:6, part] = eigenvalues(hessian)
            slots[6:, part] = eigenvalues(tensor[:, part]).clamp_min_(0).add_(_EPSILON).sqrt_()


def eigenvalues(matrices: Tensor) -> Tensor:
    """Eigenvalues of symmetric 3 x 3 matrices, in closed form.

    Parameters
    ----------
    matrices : Tensor of shape (6, ...)
        Entries zz, yy, xx, zy, zx, yx.

    Returns
    -------
    Tensor of shape (3, ...)
        Descending.

    References
    ----------
    Smith 1961, Eigenvalues of a symmetric 3 x 3 matrix, Communications of the ACM 4: the angle of the roots.
    """
    mean = matrices[:3].sum(0) / 3
    zz, yy, xx = matrices[:3] - mean
    zy, zx, yx = matrices[3:]
    zy2, zx2, yx2 = matrices[3:] ** 2
    scale = ((zz * zz + yy * yy + xx * xx + 2 * (zy2 + zx2 + yx2)) / 6).sqrt()
    determinant = zz * (yy * xx - yx2) - xx * zy2 - yy * zx2 + 2 * zy * zx * yx
    # Where all three are alike the angle does not matter; tiny numbers must not be divided.
    cosine = determinant / (2 * scale**3).clamp_min(torch.finfo(mean.dtype).tiny)
    angle = cosine.clamp_(-1, 1).acos_().div_(3)
    high = 2 * scale * angle.cos()
    low = 2 * scale * (angle + 2 * math.pi / 3).cos_()
    return torch.stack((mean + high, mean - high - low, mean + low))


def _kernels(sigma_px: float) -> Tensor:
    """Smoothing and derivatives times sigma, of shape (3, 2 radius + 1); narrow ones look at the neighbours alone."""
    width_px = max(sigma_px, _NARROWEST_PX)
    scale = torch.tensor([1.0, sigma_px / width_px, (sigma_px / width_px) ** 2], dtype=torch.float64)
    return (gaussian_kernels(width_px) * scale[:, None]).float()


def _radius(kernels: Tensor) -> int:
    return kernels.shape[1] // 2


def _crop(values: Tensor, margins_px: Sequence[int]) -> Tensor:
    """Cut margins off the last three axes."""
    for axis, margin in zip((-3, -2, -1), margins_px, strict=True):
        values = values.narrow(axis, margin, values.shape[axis] - 2 * margin)
    return values


def _parts(shape: Sequence[int]) -> list[slice]:
    """Slabs of slices, together at most `_TOGETHER` voxels if a slice is smaller than that."""
    step = max(1, _TOGETHER // (shape[1] * shape[2]))
    return [slice(start, start + step) for start in range(0, shape[0], step)]


def _derivatives(values: Tensor, kernels: Sequence[Tensor]) -> Tensor:
    """Smoothed value, derivatives z, y, x, zz, yy, xx, zy, zx, yx of (Z, Y, X), of shape (10, z, y, x)."""
    along_z, along_y, along_x = kernels
    by_order = {}
    for z, one in enumerate(correlate_along(values[None], along_z, -3)[0]):
        for y, other in enumerate(correlate_along(one[None], along_y[: 3 - z], -2)[0]):
            for x, last in enumerate(correlate_along(other[None], along_x[: 3 - z - y], -1)[0]):
                by_order[z, y, x] = last
    orders = [
        (0, 0, 0),
        (1, 0, 0),
        (0, 1, 0),
        (0, 0, 1),
        (2, 0, 0),
        (0, 2, 0),
        (0, 0, 2),
        (1, 1, 0),
        (1, 0, 1),
        (0, 1, 1),
    ]
    return torch.stack([by_order[order] for order in orders])


def _products(gradient: Tensor) -> Tensor:
    z, y, x = gradient
    return torch.stack((z * z, y * y, x * x, z * y, z * x, y * x))


def _smoothed(values: Tensor, kernels: Sequence[Tensor]) -> Tensor:
    for axis, kernel in zip((-3, -2, -1), kernels, strict=True):
        values = correlate_along(values, kernel, axis)[:, 0]
    return values
