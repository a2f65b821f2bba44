"""Which steps run together and in what pieces: the plan of least predicted time."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd, lcm, prod
from typing import TYPE_CHECKING

from clicktrain.engine.pieces import plan_pieces
from clicktrain.engine.segments import Segment, SegmentRun

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clicktrain.engine.cost import Costs
    from clicktrain.engine.pieces import Piece
    from clicktrain.engine.program import Program, Step

__all__ = ["DensePlan", "Pass", "largest_fold", "plan_dense"]

# Pieces are tried that fill the cache with their widest map, and that leave room for others beside it.
_SHARES = (1, 3)
# Longer segments have a halo that eats what their cached pieces save.
_MOST_STEPS = 8


@dataclass(frozen=True, eq=False)
class Pass:
    """A pass to be planned.

    Parameters
    ----------
    program : Program
    batch : int
    shape_px : tuple of int
        Spatial shape of the images.
    costs : Costs
    element_bytes : int
    fragments : bool
        Whether every window runs where its taps are neighbours, or on whole maps.
    """

    program: Program
    batch: int
    shape_px: tuple[int, ...]
    costs: Costs
    element_bytes: int = 4
    fragments: bool = False


@dataclass(frozen=True, slots=True)
class DensePlan:
    """Segments of a pass over whole maps.

    Parameters
    ----------
    seconds : float
        Predicted.
    segments : tuple of Segment
    """

    seconds: float
    segments: tuple[Segment, ...]

    @property
    def folded(self) -> tuple[int, ...]:
        """Fold that the folds of all segments divide, per axis."""
        return tuple(lcm(*along) for along in zip(*(segment.folded for segment in self.segments), strict=True))


def plan_dense(job: Pass) -> list[DensePlan]:
    """Find the cheapest segments up to every step.

    The best plan up to a step is that of the best plan up to an earlier step and one segment more, so all plans are
    built from shorter ones (dynamic programming).

    Parameters
    ----------
    job : Pass

    Returns
    -------
    list of DensePlan
        Number i runs the first i steps; the last one is the whole pass.
    """
    best = [DensePlan(0.0, ())]
    for stop in range(1, len(job.program.steps) + 1):
        longer = [
            DensePlan(best[start].seconds + _segment_s(job, segment), (*best[start].segments, segment))
            for start in range(max(0, stop - _MOST_STEPS), stop)
            for segment in _segments(job, start, stop)
        ]
        best.append(min(longer, key=lambda plan: plan.seconds))
    return best


def largest_fold(program: Program, start: int, stop: int) -> tuple[int, ...]:
    """Largest fold, per axis, that steps `start` to `stop` can have in common; they may have all that divide it."""
    return tuple(gcd(*along) for along in zip(*program.largest_folds[start:stop], strict=True))


def _segments(job: Pass, start: int, stop: int) -> Iterator[Segment]:
    """Ways to run some steps together; none where windows among them need different folds."""
    steps = job.program.steps[start:stop]
    folded = (1,) * job.program.ndim
    if job.fragments:
        folded = largest_fold(job.program, start, stop)
        largest = job.program.largest_folds[start:stop]
        if any(_reads_around(step) and fold != folded for step, fold in zip(steps, largest, strict=True)):
            return
    yield Segment(start, stop, folded)
    if any(step.random for step in steps):
        # The backward pass runs pieces again, and would draw other numbers.
        return
    widest = max(step.channels for step in steps)
    for share in _SHARES:
        yield Segment(start, stop, folded, job.costs.speeds.cache_bytes // (share * widest * job.element_bytes))


def _reads_around(step: Step) -> bool:
    return step.window is not None and prod(step.window.size) > 1


def _segment_s(job: Pass, segment: Segment) -> float:
    """Predicted seconds of a segment."""
    program, speeds = job.program, job.costs.speeds
    run = SegmentRun.of(program, segment, job.shape_px)
    batch = job.batch * prod(segment.folded)
    pieces = plan_pieces(batch, run.sides(run.extent_px), segment.piece_px)
    values = {n: _values(run, n, batch, pieces) for n in range(segment.start + 1, segment.stop + 1)}
    many = len(pieces) > 1
    widest_bytes = max(program.channels(n) * values[n] for n in values) * job.element_bytes / len(pieces)
    cached = widest_bytes <= 1.5 * speeds.cache_bytes
    total_s = sum(
        job.costs.dense_s(program.steps[n - 1], values[n], pieces=len(pieces), cached=cached, repeated=many)
        for n in values
    )
    written = sum(program.channels(n) * values[n] for n in run.outputs) if many else 0.0
    return total_s + written * (1 + job.costs.gradient) / speeds.memory_per_s


def _values(run: SegmentRun, number: int, batch: int, pieces: Sequence[Piece]) -> float:
    """Values of a map that all pieces together compute, the rows that strips have in common counted for each."""
    extent_px = run.program.extent_px(number)
    rows, *others = run.sides(extent_px)
    strip = pieces[0].rows
    if strip is None:
        return batch * rows * prod(others)
    halo = (run.extent_px[0] - extent_px[0]) // run.segment.folded[0]
    return len(pieces) * min(strip + halo, rows) * prod(others)
