"""Principal components of the stem's features: what the local network reads of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PrincipalComponents"]

# A feature that varies less carries nothing, and its scale is left alone.
_FLAT = 1e-6
# Variance of a component, where a feature has 1.
_LEAST = 1e-5


class PrincipalComponents(nn.Module):
    """Bring every feature to mean 0 and deviation 1, then all to their first principal components.

    With stored numbers, the same for every patch and tile. The features of neighbouring scales, and of colours, are
    nearly the same: a few components say what all of them do, and a network on these is smaller and learns no worse.

    Parameters
    ----------
    features : int
        F.
    components : int
        D, at most F.

    References
    ----------
    Jolliffe 2002, Principal Component Analysis, section 2.3: components of the correlation matrix.
    """

    mean: Tensor
    weight: Tensor
    exact_fov = (1, 1)

    def __init__(self, features: int, components: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("weight", torch.eye(components, features))

    def measure(self, features: Sequence[Tensor]) -> None:
        """Find the components of what is to be learned from.

        Parameters
        ----------
        features : sequence of Tensor of shape (F, [Z,] Y, X)
        """
        mean, covariance = _moments(features)
        variance = covariance.diagonal()
        deviation = torch.where(variance > _FLAT**2, variance, torch.ones_like(variance)).sqrt()
        values, directions = torch.linalg.eigh(covariance / torch.outer(deviation, deviation))
        kept = len(self.weight)
        values, directions = values.flip(0)[:kept], directions.flip(1)[:, :kept].T
        # Of variance 1 on average, which is what freshly drawn weights are made for.
        directions = directions / values.mean().clamp_min(_FLAT).sqrt()
        # What varies no more than rounding does has no direction of its own: any would do, so none is taken.
        directions[values < _LEAST] = 0
        self.mean.copy_(mean)
        self.weight.copy_(_with_fixed_signs(directions) / deviation)

    def forward(self, features: Tensor) -> Tensor:
        """Return the components (B, D, [Z,] Y, X) of features (B, F, [Z,] Y, X)."""
        offset = -(self.weight @ self.mean)
        found = torch.baddbmm(offset[:, None], self.weight.expand(len(features), -1, -1), features.flatten(2))
        return found.view(*found.shape[:2], *features.shape[2:])


def _with_fixed_signs(directions: Tensor) -> Tensor:
    """Turn each direction (D, F) so that its largest entry is positive: which way it points is chance otherwise."""
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    return directions * torch.where(largest < 0, -1.0, 1.0)


def _moments(features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean (F,) and covariance (F, F) of features, in double precision, on the CPU, as some GPUs know none."""
    counts = torch.tensor([one[0].numel() for one in features], dtype=torch.float64)
    means, covariances = zip(*(_moments_of_one(one.flatten(1)) for one in features), strict=True)
    shares, means_ = counts / counts.sum(), torch.stack(means)
    mean = shares @ means_
    between = means_ - mean
    within = torch.einsum("b,bij->ij", shares, torch.stack(covariances))
    return mean, within + (shares[:, None] * between).T @ between


def _moments_of_one(values: Tensor) -> tuple[Tensor, Tensor]:
    mean = values.mean(dim=1, keepdim=True)
    centred = values - mean
    return mean[:, 0].double().cpu(), (centred @ centred.T / values.shape[1]).double().cpu()
