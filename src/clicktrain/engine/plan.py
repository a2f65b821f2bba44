"""Which steps run together, folded how far and in what pieces: the plan of least predicted time."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, lcm, prod
from typing import TYPE_CHECKING, Literal

from clicktrain.engine.pieces import plan_pieces
from clicktrain.engine.segments import Segment, SegmentRun

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clicktrain.engine.cost import Costs
    from clicktrain.engine.pieces import Piece
    from clicktrain.engine.program import Program

__all__ = ["DensePlan", "Folding", "Pass", "folds", "plan_dense", "segment_s"]

Folding = Literal["none", "full", "auto"]
_Fold = tuple[int, ...]

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
    """

    program: Program
    batch: int
    shape_px: tuple[int, ...]
    costs: Costs
    element_bytes: int = 4


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
    def folded(self) -> _Fold:
        """Fold that the folds of all segments divide, per axis."""
        return tuple(lcm(*along) for along in zip(*(segment.folded for segment in self.segments), strict=True))


def plan_dense(job: Pass, folding: Folding = "auto") -> list[DensePlan]:
    """Find the cheapest segments up to every step.

    The best plan up to a step and fold is that of the best plan up to an earlier step and one segment more, so all
    plans are built from shorter ones (dynamic programming).

    Parameters
    ----------
    job : Pass
    folding : {"none", "full", "auto"}
        Whether maps stay whole, are folded after every stride, or what is cheaper.

    Returns
    -------
    list of DensePlan
        Number i runs the first i steps; the last one is the whole pass.
    """
    program = job.program
    whole = (1,) * program.ndim
    best: list[dict[_Fold, DensePlan]] = [{whole: DensePlan(0.0, ())}]
    for stop in range(1, len(program.steps) + 1):
        best.append({})
        for start in range(max(0, stop - _MOST_STEPS), stop):
            for before, plan in best[start].items():
                _extend(job, plan, before, (start, stop), folding, best[stop])
    return [min(plans.values(), key=lambda plan: plan.seconds) for plans in best]


def _extend(
    job: Pass, plan: DensePlan, before: _Fold, steps: tuple[int, int], folding: Folding, best: dict[_Fold, DensePlan]
) -> None:
    """Add the segment from one step to another to a plan, in every way, and keep what is cheaper."""
    for folded in folds(job.program, *steps, before, folding):
        for segment in _segments(job, *steps, folded):
            total_s = plan.seconds + segment_s(job, segment, plan.segments)
            if total_s < (best[folded].seconds if folded in best else inf):
                best[folded] = DensePlan(total_s, (*plan.segments, segment))


def folds(program: Program, start: int, stop: int, before: _Fold, folding: Folding) -> Iterator[_Fold]:
    """Folds that steps may run at: the spacing of the values that they read, and that of the maps before, or none."""
    apart = [program.spacing_px(n) for step in program.steps[start:stop] for n in step.inputs if n <= start]
    most = tuple(max(ds) for ds in zip(*apart, strict=True))
    # A branch that begins at the image again cannot run at the fold where the branch before it has ended.
    kept = before if _may_fold(program, start, stop, before) else (1,) * program.ndim
    further = most != kept and _may_fold(program, start, stop, most)
    if further and folding != "none":
        yield most
    if not further or folding != "full":
        yield kept


def _may_fold(program: Program, start: int, stop: int, folded: _Fold) -> bool:
    largest = program.largest_folds[start:stop]
    return all(n % f == 0 for most in largest for n, f in zip(most, folded, strict=True))


def _segments(job: Pass, start: int, stop: int, folded: _Fold) -> Iterator[Segment]:
    yield Segment(start, stop, folded)
    steps = job.program.steps[start:stop]
    if any(step.random for step in steps):
        # The backward pass runs pieces again, and would draw other numbers.
        return
    widest = max(step.channels for step in steps)
    for share in _SHARES:
        yield Segment(start, stop, folded, job.costs.speeds.cache_bytes // (share * widest * job.element_bytes))


def segment_s(job: Pass, segment: Segment, earlier: Sequence[Segment]) -> float:
    """Predicted seconds of a segment that reads what earlier ones have made."""
    program, speeds = job.program, job.costs.speeds
    run = SegmentRun.of(program, segment, job.shape_px)
    batch = job.batch * prod(segment.folded)
    pieces = plan_pieces(batch, run.sides(run.extent_px), segment.piece_px)
    values = {n: _values(run, n, batch, pieces) for n in range(segment.start + 1, segment.stop + 1)}
    many = len(pieces) > 1
    widest_bytes = max(program.channels(n) * values[n] for n in values) * job.element_bytes / len(pieces)
    cached = widest_bytes <= 1.5 * speeds.cache_bytes
    total_s = sum(
        job.costs.dense_s(
            program.steps[n - 1], values[n], segment.folded, pieces=len(pieces), cached=cached, repeated=many
        )
        for n in values
    )
    moved = sum(program.channels(n) * values[n] for n in run.outputs) if many else 0.0
    # A map that an earlier segment left behind may have another fold than the one made last.
    refolded = sum(program.channels(n) for n in run.inputs if _fold_of(n, earlier, program.ndim) != segment.folded)
    moved += refolded * job.batch * prod(job.shape_px)
    return total_s + moved * (1 + job.costs.gradient) / speeds.memory_per_s


def _fold_of(number: int, segments: Sequence[Segment], ndim: int) -> _Fold:
    """Fold of the map that one of the segments has made; the image is whole."""
    makers = (segment.folded for segment in reversed(segments) if segment.start < number <= segment.stop)
    return next(makers, (1,) * ndim)


def _values(run: SegmentRun, number: int, batch: int, pieces: Sequence[Piece]) -> float:
    """Values of a map that all pieces together compute, the rows that strips have in common counted for each."""
    extent_px = run.program.extent_px(number)
    rows, *others = run.sides(extent_px)
    strip = pieces[0].rows
    if strip is None:
        return batch * rows * prod(others)
    halo = (run.extent_px[0] - extent_px[0]) // run.segment.folded[0]
    return len(pieces) * min(strip + halo, rows) * prod(others)
