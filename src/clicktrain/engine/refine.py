"""Coarse first: the scores of every s-th pixel, then those between, fragment by fragment, nothing computed twice.

In the dense network a layer behind a stride reads values that lie apart, so the scores at one fragment of the pixels
need its maps at the same fragment only. Steps are grouped by how far apart their values lie (levels) and walked depth
first: a level runs on one fragment of the maps before, then all levels below it, then its next fragment.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import chain, groupby, product
from math import prod
from operator import add, floordiv, mul, sub
from typing import TYPE_CHECKING

import torch

from clicktrain.engine.dense_pass import run_segments
from clicktrain.engine.precision import fast_type, in_fast_type
from clicktrain.engine.state import with_state
from clicktrain.engine.steps import run_steps
from clicktrain.kernels.regular_conv.aten import channels_last
from clicktrain.kernels.shapes import window

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import Tensor, nn

    from clicktrain.engine.plan import DensePlan
    from clicktrain.engine.program import Program

__all__ = ["Refinement", "refined_scores"]

_Px = tuple[int, ...]

# Values of a map up to which fragments run together: with fewer, starting a layer takes longer than it runs.
_BATCH_PX = 32768


@dataclass(frozen=True, eq=False, slots=True)
class Refinement:
    """Scores of an image while they are being refined.

    Parameters
    ----------
    scores : Tensor of shape (B, K, [Z - fov + 1,] Y - fov + 1, X - fov + 1)
        The same tensor each time, filled in place. A pixel that is not known yet shows a known one before it.
    spacing_px : tuple of int
        Pixels 0, spacing, 2 spacing, ... of every axis are exact, and so may others be; all are where it is 1.
    done, total : int
        Fragments that are exact, and all fragments.
    """

    scores: Tensor
    spacing_px: _Px
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class _Level:
    """Steps that run on fragments of one fold, as rows (start, stop), and what deeper levels or the caller read."""

    folded: _Px
    runs: tuple[tuple[int, int], ...]
    live: tuple[int, ...]


def refined_scores(
    program: Program, plans: Sequence[DensePlan], image: Tensor, module: nn.Module, *, fast: bool
) -> Iterator[Refinement]:
    """Score an image coarse first.

    Parameters
    ----------
    program : Program
    plans : sequence of DensePlan
        Number i runs the first i steps on whole maps.
    image : Tensor of shape (B, C, [Z,] Y, X)
    module : Module
        Holds the parameters that the steps read.
    fast : bool
        Whether to compute in fast precision.
    """
    levels = _levels(program)
    grids = _grids([level.folded for level in levels])
    walk = _Walk(program, plans, module, _fast_state(module, image) if fast else {}, levels, grids)
    scores_px = program.scores_px(image.shape[2:])
    canvas = _Canvas(image, program.classes, scores_px, grids)
    values = channels_last(image.detach().to(fast_type(module, image.device) if fast else image.dtype))
    for firsts, scores in walk.fragments(0, [(0,) * program.ndim], scores_px, {0: values}):
        yield canvas.fill(firsts, scores)


def _fast_state(module: nn.Module, image: Tensor) -> dict[str, Tensor]:
    """What a module holds in fast precision; made once, for between two fragments it must hold its own."""
    state: dict[str, Tensor] = {}

    def note(values: Tensor) -> Tensor:
        state.update(module.named_parameters())
        state.update(module.named_buffers())
        return values

    with torch.no_grad():
        in_fast_type(module, image[:0], note)
    return state


@dataclass(frozen=True, eq=False)
class _Walk:
    """The levels of a program, walked depth first.

    Parameters
    ----------
    program, plans, module
        As in `refined_scores`.
    state : mapping of str to Tensor
        What takes the place of the module's parameters.
    levels : sequence of _Level
    grids : sequence of tuple of int
        Spacings, in the order in which the grids are completed.
    """

    program: Program
    plans: Sequence[DensePlan]
    module: nn.Module
    state: Mapping[str, Tensor]
    levels: Sequence[_Level]
    grids: Sequence[_Px]

    def fragments(
        self, depth: int, firsts: Sequence[_Px], counts: _Px, maps: Mapping[int, Tensor]
    ) -> Iterator[tuple[Sequence[_Px], Tensor]]:
        """First pixels and scores (len(firsts) * B, K, *counts) of fragments, a coarse grid before those between.

        Parameters
        ----------
        depth : int
            Level to run.
        firsts : sequence of tuple of int
            First pixel of each fragment in the batch.
        counts : tuple of int
            Scores of one fragment, per axis.
        maps : mapping of int to Tensor of shape (len(firsts) * B, C, *spatial)
            What this level and those below it read.
        """
        maps = self._run(depth, maps)
        if depth + 1 == len(self.levels):
            yield firsts, maps[self.program.output]
            return
        outer = self.levels[depth].folded
        for offsets, fewer in self._siblings(depth + 1, len(firsts), counts):
            parts = [tuple(map(add, first, map(mul, offset, outer))) for offset in offsets for first in firsts]
            yield from self.fragments(depth + 1, parts, fewer, self._cut(depth + 1, offsets, fewer, maps))

    def _run(self, depth: int, maps: Mapping[int, Tensor]) -> dict[int, Tensor]:
        # Only here: between two fragments the caller's own grad mode and the module's own parameters hold.
        with torch.no_grad():
            made: dict[int, Tensor] = with_state(self.module, self.state, partial(self._run_level, depth, maps))
        return made

    def _run_level(self, depth: int, maps: Mapping[int, Tensor]) -> dict[int, Tensor]:
        level, tensors = self.levels[depth], dict(maps)
        for start, stop in level.runs:
            if start == depth == 0:
                # Whole maps leave the cache, so these steps run piece by piece.
                whole = run_segments(self.program, self.plans[stop].segments, tensors[0], self.module)
                tensors |= {number: folded.maps for number, folded in whole.items()}
            else:
                wanted = [number for number in self.program.live_after(stop) if number > start]
                tensors |= run_steps(self.program, start, stop, tensors, level.folded, wanted)
        return {number: tensors[number] for number in level.live}

    def _siblings(self, depth: int, batch: int, counts: _Px) -> Iterator[tuple[list[_Px], _Px]]:
        """Offsets in the maps before whose fragments run as one batch, and the scores of each: of one size and grid."""
        outer, inner = (self.levels[d].folded for d in (depth - 1, depth))
        ratio = tuple(map(floordiv, inner, outer))

        def kind(offset: _Px) -> tuple[int, _Px]:
            fewer = tuple(-((o - n) // r) for n, o, r in zip(counts, offset, ratio, strict=True))
            return _grid_of(tuple(map(mul, offset, outer)), self.grids), fewer

        offsets = product(*(range(min(r, n)) for r, n in zip(ratio, counts, strict=True)))
        for (_, fewer), group in groupby(sorted(offsets, key=kind), key=kind):
            same = list(group)
            size = max(1, _BATCH_PX // max(1, batch * prod(fewer)))
            for i in range(0, len(same), size):
                yield same[i : i + size], fewer

    def _cut(self, depth: int, offsets: Sequence[_Px], counts: _Px, maps: Mapping[int, Tensor]) -> dict[int, Tensor]:
        """What fragments of `counts` scores read of the maps before."""
        outer, inner = (self.levels[d].folded for d in (depth - 1, depth))
        ratio = tuple(map(floordiv, inner, outer))
        cut = {}
        for number, tensor in maps.items():
            reach_px = map(sub, self.program.fov, self.program.extent_px(number))
            shape = map(add, counts, map(floordiv, reach_px, inner))
            lengths = tuple(map(mul, shape, ratio))
            parts = [
                tensor[:, :, *(slice(o, o + n, r) for o, n, r in zip(offset, lengths, ratio, strict=True))]
                for offset in offsets
            ]
            cut[number] = parts[0] if len(parts) == 1 else torch.cat(parts)
        return cut


class _Canvas:
    """Scores of images like `like`, filled in fragment by fragment; `grids` as in `_Walk`."""

    def __init__(self, like: Tensor, classes: int, shape_px: _Px, grids: Sequence[_Px]) -> None:
        self.shape_px, self.grids, self.done = shape_px, grids, 0
        blocks = [-(-n // d) for n, d in zip(shape_px, grids[0], strict=True)]
        whole = like.new_empty((len(like), classes, *map(mul, blocks, grids[0])))
        self.scores = window(whole, (0,) * len(shape_px), shape_px)
        self.blocks = whole.view(len(like), classes, *chain(*zip(blocks, grids[0], strict=True)))

    def fill(self, firsts: Sequence[_Px], scores: Tensor) -> Refinement:
        """Write fragments (len(firsts) * B, K, *counts), each value into the pixels up to the next ones of its grid."""
        ndim = len(self.shape_px)
        for first, values in zip(firsts, scores.view(len(firsts), len(self.scores), *scores.shape[1:]), strict=True):
            behind = map(add, first, self.grids[_grid_of(first, self.grids)])
            places = self.blocks
            for axis, (n, i, j) in enumerate(zip(values.shape[2:], first, behind, strict=True)):
                places = places.narrow(2 + 2 * axis, 0, n).narrow(3 + 2 * axis, i, j - i)
            for axis in range(ndim):
                values = values.unsqueeze(3 + 2 * axis)
            places.copy_(values.expand(places.shape))
        self.done += len(firsts)
        spacing_px = next(d for d in reversed(self.grids) if self._fragments_of(d) <= self.done)
        return Refinement(self.scores, spacing_px, self.done, self._fragments_of((1,) * ndim))

    def _fragments_of(self, grid: _Px) -> int:
        """Fragments that the pixels of a grid lie in."""
        return prod(-(-min(n, s) // d) for n, s, d in zip(self.shape_px, self.grids[0], grid, strict=True))


def _levels(program: Program) -> list[_Level]:
    """Levels of a program, from whole maps to the smallest fragments."""
    most = program.largest_folds
    folds = [(1,) * program.ndim]
    # A join runs with the maps that it reads, so its own fold makes no level.
    for folded in sorted({f for step, f in zip(program.steps, most, strict=True) if len(step.inputs) == 1}, key=prod):
        if folded != folds[-1] and _divides(folds[-1], folded):
            folds.append(folded)
    depths: list[int] = []
    for step, folded in zip(program.steps, most, strict=True):
        made_at = [depths[number - 1] if number else 0 for number in step.inputs]
        # A join runs as soon as it can: it leaves one map to cut into fragments where there were several.
        depths.append(max(made_at if len(made_at) > 1 else (d for d, f in enumerate(folds) if _divides(f, folded))))
    return [_level(program, depths, depth, folded) for depth, folded in enumerate(folds)]


def _level(program: Program, depths: Sequence[int], depth: int, folded: _Px) -> _Level:
    rows = [list(row) for at, row in groupby(range(len(depths)), key=depths.__getitem__) if at == depth]
    deeper = [step for step, at in zip(program.steps, depths, strict=True) if at > depth]
    made = [0, *(number for number, at in enumerate(depths, 1) if at <= depth)]
    read = {number for step in deeper for number in step.inputs} | {program.output}
    return _Level(folded, tuple((row[0], row[-1] + 1) for row in rows), tuple(n for n in made if n in read))


def _grids(folds: Sequence[_Px]) -> list[_Px]:
    """Spacings from the largest fold to 1, through every fold, each axis divided by a prime at a time."""
    grids = [folds[-1]]
    for folded in reversed(folds):
        while grids[-1] != folded:
            grids.append(tuple(d // _prime(d // f) for d, f in zip(grids[-1], folded, strict=True)))
    return grids


def _grid_of(pixel: _Px, grids: Sequence[_Px]) -> int:
    """Number of the first grid that holds a pixel."""
    return next(i for i, grid in enumerate(grids) if _divides(grid, pixel))


def _prime(number: int) -> int:
    """Smallest prime that divides a number; 1 for 1."""
    return next((n for n in range(2, number + 1) if number % n == 0), 1)


def _divides(divisors: Sequence[int], numbers: Sequence[int]) -> bool:
    return all(n % d == 0 for d, n in zip(divisors, numbers, strict=True))
