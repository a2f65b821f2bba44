"""Several answers made one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

__all__ = ["blended", "member_weights", "way_between"]

# A member that is sure and wrong must not outvote the others: no probability counts as less than this.
_LEAST = 1e-3
# Weights at the first number of clicks and at the second one, chosen on half of the sets that benchmarks/few_clicks.py
# reports (docs/explanation/few_clicks.md).
_CLICKS = (50, 1000)
_WEIGHTS = {"local": (0.15, 0.35), "trees": (0.25, 0.4), "embedding": (0.6, 0.25)}
# The embedding sees one slice of a volume at a time, and the local network not far. Chosen on nuclei3d_gonuclear and
# membrane3d_ovule_plantseg.
_VOLUME_WEIGHTS = {"local": (0.05, 0.2), "trees": (0.65, 0.7), "embedding": (0.3, 0.1)}


def blended(parts: Mapping[str, Tensor], clicks: int, *, ndim: int = 2) -> Tensor:
    """Geometric mean of probabilities, brought to sum 1; one alone stays as it is.

    What was learned beforehand counts most while clicks are few, what the clicks themselves teach counts more and more.

    Parameters
    ----------
    parts : mapping of str to Tensor of shape (K, ...)
        Answers of "local", "trees" and "embedding", or of some of these.
    clicks : int
        Number of clicks that the members were trained on.
    ndim : int
        Spatial axes, 2 or 3.
    """
    if len(parts) == 1:
        return next(iter(parts.values()))
    weights = member_weights(clicks, ndim=ndim)
    total = sum(weights[name] for name in parts)
    logarithms = sum((weights[name] / total) * (part + _LEAST).log() for name, part in parts.items())
    return torch.softmax(torch.as_tensor(logarithms), dim=0)


def member_weights(clicks: int, *, ndim: int = 2) -> dict[str, float]:
    """Weight of every member for a number of clicks, in images or in volumes."""
    share = way_between(clicks, *_CLICKS)
    weights = _WEIGHTS if ndim == 2 else _VOLUME_WEIGHTS
    return {name: one + share * (other - one) for name, (one, other) in weights.items()}


def way_between(clicks: int, few: int, many: int) -> float:
    """How far a number of clicks is on the way from few to many, 0 to 1, on the scale of the logarithm."""
    return min(1.0, max(0.0, math.log(max(clicks, 1) / few) / math.log(many / few)))
