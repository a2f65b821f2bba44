"""Which values of every map the chosen patches need: found backwards, from the scores to the first map."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from clicktrain.kernels.regular_pool.aten import doublings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from clicktrain.engine.program import Program, Window

__all__ = ["Places", "needed_places"]


@dataclass(frozen=True, eq=False)
class Places:
    """Some places of a map, in row-major order.

    Parameters
    ----------
    mask : Tensor of shape (B, *spatial), bool
        On the pixels of the image.
    """

    mask: Tensor

    @cached_property
    def coordinates(self) -> Tensor:
        """Batch index and pixel (n, 1 + ndim) of every place."""
        return self.mask.nonzero()

    @cached_property
    def rows(self) -> Tensor:
        """For each pixel of the images, flat, which of the places it is; anything where it is none."""
        numbers = self.mask.flatten().cumsum(0)
        return numbers.sub_(1).clamp_(min=0)

    def number_of(self, coordinates: Tensor) -> Tensor:
        """Which of the places some coordinates (n, 1 + ndim) are."""
        return self.rows[_ravel(coordinates, self.mask.shape)]

    def flat(self, shape: Sequence[int], offset_px: Sequence[int]) -> Tensor:
        """Places moved by `offset_px` as flat indices of a grid of shape (B, *spatial)."""
        # The offset as one number: as a tensor it would have to be brought to the device first.
        moved = 0
        for length, moved_px in zip(shape[1:], offset_px, strict=True):
            moved = moved * length + moved_px
        return _ravel(self.coordinates, shape) + moved


def needed_places(
    program: Program, start: int, positions: Tensor, batch: int, shape_px: Sequence[int]
) -> dict[int, Places]:
    """Find what the steps from `start` on must compute, and read, to score some patches.

    Parameters
    ----------
    program : Program
    start : int
    positions : Tensor of shape (N, 1 + ndim), int64
        Batch index and first pixel of each patch.
    batch : int
    shape_px : sequence of int
        Spatial shape of the images.

    Returns
    -------
    dict of int to Places
        For every tensor that these steps make or read, by number.
    """
    mask = torch.zeros((batch, *shape_px), dtype=torch.bool, device=positions.device)
    mask[positions.unbind(1)] = True
    places = {program.output: Places(mask)}
    for i in range(len(program.steps) - 1, start - 1, -1):
        step = program.steps[i]
        if i + 1 not in places:
            continue
        read = places[i + 1] if step.window is None else Places(_spread(places[i + 1].mask, step.window))
        for number in step.inputs:
            places[number] = Places(places[number].mask | read.mask) if number in places else read
    return places


def _ravel(coordinates: Tensor, shape: Sequence[int]) -> Tensor:
    flat = coordinates[:, 0]
    for axis, length in enumerate(shape[1:], start=1):
        flat = flat * length + coordinates[:, axis]
    return flat


def _spread(mask: Tensor, window: Window) -> Tensor:
    """Places that the windows at the places of a mask read."""
    for axis, (size, d, offset_px) in enumerate(zip(window.size, window.dilation, window.offset_px, strict=True), 1):
        for taps in doublings(size):
            mask = mask | _moved(mask, axis, taps * d)
        mask = _moved(mask, axis, offset_px)
    return mask


def _moved(mask: Tensor, axis: int, by_px: int) -> Tensor:
    if by_px == 0:
        return mask
    moved = torch.zeros_like(mask)
    left = mask.shape[axis] - by_px
    if left > 0:
        moved.narrow(axis, by_px, left).copy_(mask.narrow(axis, 0, left))
    return moved
