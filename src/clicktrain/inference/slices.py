"""Which slices of a volume are looked at, and what lies between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["KnownSlices", "slice_step"]

# Slices this close together look alike: to skip those between changes scores by less than other strokes would.
_STEP_PX = 3.0


def slice_step(slice_distance_px: float) -> int:
    """How many slices to go on to the next one that is looked at."""
    return math.ceil(_STEP_PX / slice_distance_px)


@dataclass(frozen=True, slots=True)
class KnownSlices:
    """Slices that are looked at.

    Parameters
    ----------
    numbers : tuple of int
        Ascending. They are the same whatever tile of the volume they are asked for.
    """

    numbers: tuple[int, ...]

    @classmethod
    def around(cls, first: int, count: int, *, length: int, step: int) -> KnownSlices:
        """Choose the slices that `count` ones from `first` on lie on or between.

        Parameters
        ----------
        first, count : int
        length : int
            Slices of the volume, the first and the last of which are always known.
        step : int
        """
        numbers = sorted({*range(0, length, step), length - 1})
        before = max(number for number in numbers if number <= first)
        after = min(number for number in numbers if number >= first + count - 1)
        return cls(tuple(number for number in numbers if before <= number <= after))

    def between(self, values: Tensor, first: int, count: int) -> Tensor:
        """Interpolate linearly.

        Parameters
        ----------
        values : Tensor of shape (K, number of known slices, Y, X)
        first, count : int
            Slices wanted.

        Returns
        -------
        Tensor of shape (K, count, Y, X)
        """
        known = torch.tensor(self.numbers, device=values.device)
        wanted = torch.arange(first, first + count, device=values.device)
        after = torch.searchsorted(known, wanted)
        before = (after - 1).clamp_min(0)
        gap = (known[after] - known[before]).clamp_min(1)
        share = ((known[after] - wanted) / gap).to(values.dtype)[:, None, None]
        return values[:, before] * share + values[:, after] * (1 - share)
