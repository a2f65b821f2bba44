"""Several answers made one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["blended"]

# A member that is sure and wrong must not outvote the others: no probability counts as less than this.
_LEAST = 1e-3


def blended(parts: Sequence[Tensor]) -> Tensor:
    """Geometric mean of probabilities, brought to sum 1; one alone stays as it is.

    Parameters
    ----------
    parts : sequence of Tensor of shape (K, ...)
    """
    if len(parts) == 1:
        return parts[0]
    logarithms = torch.stack([(part + _LEAST).log() for part in parts]).mean(dim=0)
    return torch.softmax(logarithms, dim=0)
