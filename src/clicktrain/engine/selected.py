"""Scores at chosen pixels only, with a backward pass limited to the region that they need."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import torch

from clicktrain.engine.cost import dense_cost, patch_cost
from clicktrain.engine.windows import gather_windows, pick

if TYPE_CHECKING:
    from torch import Tensor

    from clicktrain.engine.program import Program

__all__ = ["Cover", "bounding_side", "cheapest_cover", "cover", "covered_scores"]

# Input pixels of one chunk of windows, where no gradient keeps all chunks alive anyway: some 100 MB of wide maps.
_CHUNK_PX = 500_000


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
    cells = torch.stack(torch.unravel_index(windows, shape), 1)
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


def cheapest_cover(program: Program, positions: Tensor, scores_px: tuple[int, ...], *, patches: bool) -> Cover:
    """Cover of least cost; windows of one score mean patches.

    Parameters
    ----------
    program : Program
    positions : Tensor of shape (N, 1 + ndim), int64
    scores_px : tuple of int
    patches : bool
        Whether windows of one score are run, and so priced, as patches.
    """

    def cost(side_px: tuple[int, ...]) -> int:
        windows = len(torch.unique(_window_keys(positions, side_px)[0]))
        return windows * (patch_cost(program) if patches and prod(side_px) == 1 else dense_cost(program, side_px))

    return cover(positions, scores_px, min(_sides(positions), key=cost))


def bounding_side(positions: Tensor) -> tuple[int, ...]:
    """Shape of the one window that holds all positions of every image."""
    places = positions[:, 1:]
    return tuple((places.amax(0) - places.amin(0) + 1).tolist())


def _sides(positions: Tensor) -> list[tuple[int, ...]]:
    whole = bounding_side(positions)
    powers = [2**i for i in range((max(whole) - 1).bit_length())]
    sides = [tuple(min(p, n) for n in whole) for p in powers] + [whole]
    return list(dict.fromkeys([(1,) * len(whole), *sides]))


def covered_scores(program: Program, image: Tensor, covering: Cover) -> Tensor:
    """Scores (N, K) of the covered positions of images (B, C, *spatial), by one dense pass over all windows."""
    window_px = [s + f - 1 for s, f in zip(covering.side_px, program.fov, strict=True)]
    needs_grad = torch.is_grad_enabled()
    count = len(covering.corners) if needs_grad else max(1, _CHUNK_PX // prod(window_px))
    chunks = torch.split(covering.corners, max(1, count))
    maps = torch.cat([program.run(gather_windows(image, chunk, window_px)) for chunk in chunks])
    return pick(maps, covering.within)
