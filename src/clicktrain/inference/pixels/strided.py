"""At which places of an image answers are computed, and what lies between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from clicktrain.types import IntArray

__all__ = ["StridedAxis", "StridedRegion", "read_off", "slice_step"]

# Slices this close together look alike: to skip those between changes scores by less than other strokes would.
_STEP_PX = 3.0


def slice_step(anisotropy: float) -> int:
    """How many slices to go on to the next one that is looked at."""
    return math.ceil(_STEP_PX / anisotropy)


@dataclass(frozen=True, slots=True)
class StridedAxis:
    """Places along an axis that are looked at.

    Parameters
    ----------
    numbers : tuple of int
        Ascending. They are the same whatever part of the axis they are asked for.
    """

    numbers: tuple[int, ...]

    @classmethod
    def around(cls, first: int, count: int, *, length: int, step: int, with_last: bool = False) -> StridedAxis:
        """Choose the places that `count` ones from `first` on lie on or between.

        Parameters
        ----------
        first, count : int
        length : int
            Places along the whole axis, the first of which is always known.
        step : int
        with_last : bool
            Whether the last one is known as well, even if it lies closer than `step` to the one before.
        """
        last, last_known = first + count - 1, (length - 1) // step * step
        after = min(-(-last // step) * step, last_known)
        numbers = list(range(first // step * step, after + 1, step))
        if with_last and last > last_known:
            numbers.append(length - 1)
        return cls(tuple(numbers))

    def between(self, values: Tensor, axis: int, first: int, count: int) -> Tensor:
        """Interpolate linearly along an axis; beyond the last known place all is as there.

        Parameters
        ----------
        values : Tensor
            As long as there are known places along `axis`.
        axis : int
        first, count : int
            Places wanted.

        Returns
        -------
        Tensor
            `count` long along `axis`.
        """
        wanted = range(first, first + count)
        if tuple(wanted) == self.numbers:
            return values
        known = torch.tensor(self.numbers, device=values.device)
        places = torch.arange(wanted.start, wanted.stop, device=values.device).clamp_max(self.numbers[-1])
        after = torch.searchsorted(known, places)
        before = (after - 1).clamp_min(0)
        gap = (known[after] - known[before]).clamp_min(1)
        share = ((known[after] - places) / gap).to(values.dtype)
        share = share.view(-1, *(1,) * (values.ndim - 1 - axis))
        return values.index_select(axis, before) * share + values.index_select(axis, after) * (1 - share)


@dataclass(frozen=True, slots=True)
class StridedRegion:
    """A region of an image, and the places that its answers are read off from.

    Parameters
    ----------
    origin, size : tuple of int
        First pixel and number of pixels, ([z,] y, x).
    along : tuple of StridedAxis
        For each axis.
    """

    origin: tuple[int, ...]
    size: tuple[int, ...]
    along: tuple[StridedAxis, ...]

    @classmethod
    def around(
        cls,
        origin: Sequence[int],
        size: Sequence[int],
        shape_px: Sequence[int],
        output_stride: int,
        *,
        with_last: bool = False,
    ) -> StridedRegion:
        """Choose every so many rows and columns of an image of `shape_px`, and the last ones if that is asked.

        Of a volume all slices are chosen.
        """
        steps = (*(1,) * (len(shape_px) - 2), output_stride, output_stride)
        along = [
            StridedAxis.around(first, count, length=length, step=step, with_last=with_last)
            for first, count, length, step in zip(origin, size, shape_px, steps, strict=True)
        ]
        return cls(tuple(origin), tuple(size), tuple(along))

    @property
    def corner(self) -> tuple[int, ...]:
        """First known place along each axis."""
        return tuple(places.numbers[0] for places in self.along)

    @property
    def extent(self) -> tuple[int, ...]:
        """Pixels from the first known place to the last, along each axis."""
        return tuple(places.numbers[-1] - places.numbers[0] + 1 for places in self.along)

    def between(self, values: Tensor) -> Tensor:
        """Interpolate linearly, giving (K, *size), between values of shape (K, *number of known places)."""
        for axis, (places, first, count) in enumerate(zip(self.along, self.origin, self.size, strict=True), start=1):
            values = places.between(values, axis, first, count)
        return values


def read_off(values: Tensor, positions_px: IntArray, output_stride: int) -> Tensor:
    """Interpolate linearly at single pixels.

    Parameters
    ----------
    values : Tensor of shape (D, y, x)
        Known at every so many pixels of an image, from the first on.
    positions_px : ndarray of shape (N, 2), int64
        Rows and columns.
    output_stride : int

    Returns
    -------
    Tensor of shape (N, D)
    """
    places = torch.from_numpy(positions_px).to(values.device)
    before, rest = places // output_stride, (places % output_stride).to(values.dtype) / output_stride
    after = torch.minimum(before + 1, torch.tensor(values.shape[1:], device=values.device) - 1)
    found = values.new_zeros((len(places), len(values)))
    for ends in product((0, 1), repeat=2):
        rows, columns = ((after if end else before)[:, axis] for axis, end in enumerate(ends))
        shares = [rest[:, axis] if end else 1 - rest[:, axis] for axis, end in enumerate(ends)]
        found += (values[:, rows, columns] * (shares[0] * shares[1])).T
    return found
