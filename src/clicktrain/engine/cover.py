"""Equal windows of the score map that hold all chosen positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Cover", "at_hand", "bounding_side", "count_windows", "cover", "sides_to_try"]

# Binary digits of a side that are kept behind the first one.
_BITS_KEPT = 3
# Coordinates that the processor goes through sooner than it asks a GPU about them, which takes several questions.
_FEW = 1 << 14


@dataclass(frozen=True, eq=False)
class Cover:
    """Equal windows of the score map that hold all chosen positions.

    Parameters
    ----------
    corners : Tensor of shape (M, 1 + ndim), int64
        Batch index and first score of each window.
    side_px : tuple of int
        Scores per axis of a window.
    within : Tensor of shape (N, 1 + ndim), int64
        Window and place inside it of each position.
    """

    corners: Tensor
    side_px: tuple[int, ...]
    within: Tensor

    def on(self, device: torch.device) -> Cover:
        """Cover with its tensors on a device."""
        if self.corners.device == device:
            return self
        return Cover(self.corners.to(device), self.side_px, self.within.to(device))


def at_hand(positions: Tensor) -> Tensor:
    """Positions where it is the fastest to plan with them: on the processor, unless there are many."""
    return positions.cpu() if positions.numel() <= _FEW else positions


def cover(positions: Tensor, scores_px: tuple[int, ...], side_px: tuple[int, ...]) -> Cover:
    """Cover positions by windows on a regular grid that starts at the first position.

    Parameters
    ----------
    positions : Tensor of shape (N, 1 + ndim), int64
        Batch index and place in the score map.
    scores_px : tuple of int
        Spatial shape of the score map.
    side_px : tuple of int
        Spatial shape of the windows, at most `scores_px`.
    """
    keys, shape = _window_keys(positions, side_px)
    windows, window_of = torch.unique(keys, return_inverse=True)
    cells = _cells(windows, shape)
    first = positions.amin(0)
    # Windows at the end of the map are shifted inwards, so that all have one size.
    last = [int(positions[:, 0].max()), *(n - s for n, s in zip(scores_px, side_px, strict=True))]
    corners = torch.minimum(first + cells * positions.new_tensor([1, *side_px]), positions.new_tensor(last))
    within = torch.cat([window_of[:, None], (positions - corners[window_of])[:, 1:]], 1)
    return Cover(corners, side_px, within)


def _window_keys(positions: Tensor, side_px: tuple[int, ...]) -> tuple[Tensor, tuple[int, ...]]:
    """One number per window for each position, and the shape of the grid of windows that the numbers count."""
    cells = (positions - positions.amin(0)) // positions.new_tensor([1, *side_px])
    shape = tuple((cells.amax(0) + 1).tolist())
    keys = cells[:, 0]
    for axis, length in enumerate(shape[1:], start=1):
        keys = keys * length + cells[:, axis]
    return keys, shape


def _cells(keys: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Windows of such numbers; `torch.unravel_index` takes longer than all else that a cover does."""
    axes: list[Tensor] = []
    for length in reversed(shape[1:]):
        axes.insert(0, keys % length)
        keys = keys // length
    return torch.stack([keys, *axes], 1)


def count_windows(positions: Tensor, side_px: tuple[int, ...]) -> int:
    """Windows that a cover would have."""
    return len(torch.unique(_window_keys(positions, side_px)[0]))


def bounding_side(positions: Tensor, scores_px: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of one window that holds all positions of every image, hardly larger than it must be.

    Sides go in steps of an eighth of a power of two, within the score map `scores_px`: positions that are drawn again
    and again from the same clicks then meet shapes that were planned before.
    """
    places = positions[:, 1:]
    sides = (places.amax(0) - places.amin(0) + 1).tolist()
    return tuple(min(_rounded_up(side), n) for side, n in zip(sides, scores_px, strict=True))


def _rounded_up(side_px: int) -> int:
    step = 1 << max(0, side_px.bit_length() - 1 - _BITS_KEPT)
    return -(-side_px // step) * step


def sides_to_try(positions: Tensor, scores_px: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Shapes of windows from one score to all: powers of two, cut to the box around all positions."""
    whole = bounding_side(positions, scores_px)
    powers = [2**i for i in range((max(whole) - 1).bit_length())]
    sides = [tuple(min(p, n) for n in whole) for p in powers] + [whole]
    return list(dict.fromkeys([(1,) * len(whole), *sides]))
