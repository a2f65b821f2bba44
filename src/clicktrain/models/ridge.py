"""The instant head: ridge regression on a pixel's embedding, in closed form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["balanced_weights", "ridge"]


def balanced_weights(targets: Tensor, n_classes: int) -> Tensor:
    """Weights of examples, (N,), that sum to 1 and give every class the same share."""
    counts = torch.bincount(targets, minlength=n_classes).clamp_min(1)
    return (1 / (n_classes * counts))[targets]


def ridge(features: Tensor, targets: Tensor, n_classes: int, penalty: Tensor | float) -> Tensor:
    """Fit class scores of 0 and 1 to features, the classes weighing alike.

    Parameters
    ----------
    features : Tensor of shape (N, D)
    targets : Tensor of shape (N,), int64
        0 to K - 1.
    n_classes : int
    penalty : Tensor of shape () or float
        Weight of the squared coefficients.

    Returns
    -------
    Tensor of shape (K, D + 1)
        Coefficients; the last column is the offset.

    References
    ----------
    Bertinetto et al. 2019, arXiv 1805.08136: closed-form heads that gradients pass through.
    """
    weights = balanced_weights(targets, n_classes).to(features.dtype)
    mean = weights @ features
    centred = features - mean
    wanted = torch.nn.functional.one_hot(targets, n_classes).to(features.dtype) - 1 / n_classes
    weighted = centred * weights[:, None]
    square = weighted.T @ centred + penalty * torch.eye(features.shape[1], dtype=features.dtype)
    coefficients = torch.linalg.solve(square, weighted.T @ wanted).T
    offset = 1 / n_classes - coefficients @ mean
    return torch.cat((coefficients, offset[:, None]), 1)
