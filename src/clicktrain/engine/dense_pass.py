"""One pass over whole maps, segment by segment, each in pieces that stay in the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from clicktrain.engine.recompute import recomputed
from clicktrain.engine.segments import FoldedMaps, SegmentRun, run_in_pieces

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

    from clicktrain.engine.program import Program
    from clicktrain.engine.segments import Segment

__all__ = ["run_segments"]


def run_segments(
    program: Program, segments: Sequence[Segment], image: Tensor, module: nn.Module
) -> dict[int, FoldedMaps]:
    """Run segments one after the other.

    Parameters
    ----------
    program : Program
    segments : sequence of Segment
        From the first step on, without gaps.
    image : Tensor of shape (B, C, *spatial)
    module : Module
        Holds the parameters that the steps read.

    Returns
    -------
    dict of int to FoldedMaps
        The tensors that steps after the last segment, or the caller, read.
    """
    shape_px = tuple(image.shape[2:])
    maps = {0: FoldedMaps(image, (1,) * program.ndim)}
    for segment in segments:
        maps = _run_segment(program, segment, maps, shape_px, module)
    return maps


def _run_segment(
    program: Program,
    segment: Segment,
    maps: Mapping[int, FoldedMaps],
    shape_px: tuple[int, ...],
    module: nn.Module,
) -> dict[int, FoldedMaps]:
    """Run one segment on the maps before it, given and returned by number; the rest as in `run_segments`."""
    run = SegmentRun.of(program, segment, shape_px)
    folded = [run.refold(n, maps[n]) for n in run.inputs]
    made = _run(run, folded, module)
    kept = {n: maps[n] for n in program.live_after(segment.stop) if n in maps}
    return kept | {n: FoldedMaps(m, segment.folded) for n, m in zip(run.outputs, made, strict=True)}


def _run(run: SegmentRun, inputs: list[Tensor], module: nn.Module) -> list[Tensor]:
    pieces = run.pieces(len(inputs[0]))
    if len(pieces) == 1:
        return run.run(pieces[0], run.cut_all(pieces[0], inputs))
    if torch.is_grad_enabled() and _wants_gradient(inputs, module):
        return recomputed(run, pieces, inputs, module)
    return run_in_pieces(run, pieces, inputs)


def _wants_gradient(inputs: Sequence[Tensor], module: nn.Module) -> bool:
    return any(t.requires_grad for t in (*inputs, *module.parameters(), *module.buffers()))
