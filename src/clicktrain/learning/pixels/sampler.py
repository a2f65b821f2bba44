"""Which clicks a training step learns from."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["draw_balanced"]

# Clicks of a class in a step: fewer tell little of it.
_LEAST = 4


def draw_balanced(classes: Tensor, count: int) -> Tensor:
    """Draw about `count` clicks, the same number from every class.

    Without repeats where a class has enough clicks, with repeats where it has too few: strokes of a rare class weigh as
    much as those of a common one.

    Parameters
    ----------
    classes : Tensor of shape (N,), int64
        Class index of every click.
    count : int
        Clicks wanted; of many classes more are drawn, so that no step lacks one.

    Returns
    -------
    Tensor of shape (M,), int64
        Indices into `classes`.
    """
    present = torch.unique(classes)
    each = max(_LEAST, count // len(present))
    return torch.cat([_draw(torch.nonzero(classes == number).squeeze(1), each) for number in present])


def _draw(candidates: Tensor, count: int) -> Tensor:
    if len(candidates) >= count:
        return candidates[torch.randperm(len(candidates), device=candidates.device)[:count]]
    return candidates[torch.randint(len(candidates), (count,), device=candidates.device)]
