"""The instant head: ridge regression on a pixel's embedding, in closed form."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["balanced_weights", "evidence_of", "ridge"]

_USUAL_CLICKS = 100


def evidence_of(clicks: int) -> float:
    """Logarithm of the number of clicks, 0 at 100 of them: what the head's penalty and the scores' scale hang on."""
    return math.log(max(clicks, 1) / _USUAL_CLICKS)


def balanced_weights(targets: Tensor, n_classes: int, dtype: torch.dtype) -> Tensor:
    """Weigh examples so that every class has the same share.

    Parameters
    ----------
    targets : Tensor of shape (N,), int64
        0 to K - 1; every class has examples.
    n_classes : int
    dtype : torch.dtype
        Of the weights.

    Returns
    -------
    Tensor of shape (N,)
        Sums to 1.
    """
    counts = torch.bincount(targets, minlength=n_classes).clamp_min(1).to(dtype)
    return (1 / (n_classes * counts))[targets]


def ridge(features: Tensor, targets: Tensor, n_classes: int, penalty: Tensor | float) -> Tensor:
    """Fit class scores of 0 and 1 to features, the classes weighing alike.

    Parameters
    ----------
    features : Tensor of shape (N, D)
    targets : Tensor of shape (N,), int64
        0 to K - 1; every class has examples.
    n_classes : int
    penalty : Tensor of shape () or float
        Weight of the squared coefficients, above 0; the offset is free.

    Returns
    -------
    Tensor of shape (K, D + 1)
        Coefficients; the last column is the offset.

    References
    ----------
    Bertinetto et al. 2019, arXiv 1805.08136: closed-form heads that gradients pass through.
    """
    weights = balanced_weights(targets, n_classes, features.dtype)
    mean = weights @ features
    centred = features - mean
    wanted = F.one_hot(targets, n_classes).to(features.dtype) - 1 / n_classes
    weighted = centred * weights[:, None]
    square = weighted.T @ centred + penalty * torch.eye(features.shape[1]).to(features)
    coefficients = torch.linalg.solve(square, weighted.T @ wanted).T
    offset = 1 / n_classes - coefficients @ mean
    return torch.cat((coefficients, offset[:, None]), 1)
