"""At which places of an image answers are computed, and what lies between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import torch

from clicktrain.geometry.region import Region

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from clicktrain.types import IntArray

__all__ = ["StridedAxis", "StridedRegion", "read_off", "slice_step"]

# Slices this close together look alike: to skip those between changes scores by less than other strokes would.
_STEP_PX = 3.0


def slice_step(anisotropy: float) -> int:
    """Distance in slices between those that are embedded."""
    return math.ceil(_STEP_PX / anisotropy)


@dataclass(frozen=True, slots=True)
class StridedAxis:
    """Places along an axis that answers are computed at.

    Parameters
    ----------
    numbers : tuple of int
        Ascending. They are the same whatever part of the axis they are asked for.
    """

    numbers: tuple[int, ...]

    @classmethod
    def around(cls, first: int, count: int, *, length: int, step: int, with_last: bool = False) -> StridedAxis:
        """Choose the places between which `count` places from `first` on can be interpolated.

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
    region : Region
    along : tuple of StridedAxis
        For each axis.
    """

    region: Region
    along: tuple[StridedAxis, ...]

    @classmethod
    def of(cls, region: Region, shape_px: Sequence[int], stride: int) -> StridedRegion:
        """Choose every so many rows and columns of an image of `shape_px`; of a volume all slices."""
        strides = (*(1,) * (len(shape_px) - 2), stride, stride)
        along = [
            StridedAxis.around(first, count, length=length, step=step)
            for first, count, length, step in zip(region.start, region.shape_px, shape_px, strides, strict=True)
        ]
        return cls(region, tuple(along))

    @property
    def span(self) -> Region:
        """From the first place to the last along each axis."""
        return Region(tuple(a.numbers[0] for a in self.along), tuple(a.numbers[-1] + 1 for a in self.along))

    @property
    def n_places(self) -> tuple[int, ...]:
        """Number of places along each axis."""
        return tuple(len(places.numbers) for places in self.along)

    def between(self, values: Tensor, region: Region | None = None) -> Tensor:
        """Interpolate linearly, giving (K, *region), between values of shape (K, *number of places).

        Parameters
        ----------
        values : Tensor
        region : Region, optional
            A part of the whole region, which alone is wanted.
        """
        region = region or self.region
        for axis, (places, first, count) in enumerate(
            zip(self.along, region.start, region.shape_px, strict=True), start=1
        ):
            values = places.between(values, axis, first, count)
        return values


def read_off(values: Tensor, positions_px: IntArray, stride: int) -> Tensor:
    """Interpolate linearly at single pixels.

    Parameters
    ----------
    values : Tensor of shape (D, y, x)
        Known at every so many pixels of an image, from the first on.
    positions_px : ndarray of shape (N, 2), int64
        Rows and columns.
    stride : int

    Returns
    -------
    Tensor of shape (N, D)
    """
    places = torch.from_numpy(positions_px).to(values.device)
    before, rest = places // stride, (places % stride).to(values.dtype) / stride
    after = torch.minimum(before + 1, torch.tensor(values.shape[1:], device=values.device) - 1)
    found = values.new_zeros((len(places), len(values)))
    for ends in product((0, 1), repeat=2):
        rows, columns = ((after if end else before)[:, axis] for axis, end in enumerate(ends))
        shares = [rest[:, axis] if end else 1 - rest[:, axis] for axis, end in enumerate(ends)]
        found += (values[:, rows, columns] * (shares[0] * shares[1])).T
    return found
