"""Consecutive steps on maps of one fold, run on one piece of the maps after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from clicktrain.engine.fold import refold
from clicktrain.engine.pieces import Piece, plan_pieces
from clicktrain.engine.steps import run_steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from clicktrain.engine.program import Program

__all__ = ["FoldedMaps", "Segment", "SegmentRun", "run_in_pieces"]


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive steps that run together on one piece of their maps after the other.

    Parameters
    ----------
    start, stop : int
        Steps `start` to `stop` of the program.
    folded : tuple of int
        Fold of the maps, per axis: 1 keeps them whole and the taps apart, larger ones divide the distance of the taps.
    piece_px : int or None
        Values of a map per piece; None for all at once.
    """

    start: int
    stop: int
    folded: tuple[int, ...]
    piece_px: int | None = None


@dataclass(frozen=True, eq=False, slots=True)
class FoldedMaps:
    """Maps with their fold.

    Parameters
    ----------
    maps : Tensor of shape (B * prod(folded), C, *spatial)
    folded : tuple of int
    """

    maps: Tensor
    folded: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class SegmentRun:
    """A segment on an image of a certain size: what to cut, run and put together.

    Parameters
    ----------
    program : Program
    segment : Segment
    shape_px : tuple of int
        Spatial shape of the image.
    inputs, outputs : tuple of int
        Numbers of the tensors that the segment reads and gives.
    """

    program: Program
    segment: Segment
    shape_px: tuple[int, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @classmethod
    def of(cls, program: Program, segment: Segment, shape_px: tuple[int, ...]) -> SegmentRun:
        """Run of a segment on an image of `shape_px`."""
        read = {number for step in program.steps[segment.start : segment.stop] for number in step.inputs}
        inputs = tuple(sorted(number for number in read if number <= segment.start))
        outputs = tuple(number for number in program.live_after(segment.stop) if number > segment.start)
        return cls(program, segment, shape_px, inputs, outputs)

    @property
    def extent_px(self) -> tuple[int, ...]:
        """Largest extent of the segment's maps, per axis."""
        grids = [step.grid.extent_px for step in self.program.steps[self.segment.start : self.segment.stop]]
        return tuple(max(extents) for extents in zip(*grids, strict=True))

    def sides(self, extent_px: Sequence[int]) -> tuple[int, ...]:
        """Spatial shape of a folded map of `extent_px`."""
        return tuple((n - e + 1) // f for n, e, f in zip(self.shape_px, extent_px, self.segment.folded, strict=True))

    def refold(self, number: int, maps: FoldedMaps) -> Tensor:
        """Maps of input `number` in the fold of the segment."""
        extent_px = self.program.extent_px(number)
        shape_px = [n - e + 1 for n, e in zip(self.shape_px, extent_px, strict=True)]
        return refold(maps.maps, maps.folded, self.segment.folded, shape_px)

    def pieces(self, batch: int) -> list[Piece]:
        """Cut the maps of a batch, fragments counted."""
        return plan_pieces(batch, self.sides(self.extent_px), self.segment.piece_px)

    def cut(self, piece: Piece, number: int, maps: Tensor) -> Tensor:
        """What a piece reads of input `number`."""
        reach_px = self.extent_px[0] - self.program.extent_px(number)[0]
        return piece.of(maps, -(-reach_px // self.segment.folded[0]))

    def cut_all(self, piece: Piece, inputs: Sequence[Tensor]) -> list[Tensor]:
        """What a piece reads of each input."""
        return [self.cut(piece, number, maps) for number, maps in zip(self.inputs, inputs, strict=True)]

    def run(self, piece: Piece, cut: Sequence[Tensor]) -> list[Tensor]:
        """Outputs of a piece, from what it reads."""
        segment = self.segment
        maps = dict(zip(self.inputs, cut, strict=True))
        made = run_steps(self.program, segment.start, segment.stop, maps, segment.folded, self.outputs)
        wanted = Piece(slice(None), 0, piece.rows)
        return [wanted.of(made[number]) for number in self.outputs]


def run_in_pieces(run: SegmentRun, pieces: Sequence[Piece], inputs: Sequence[Tensor]) -> list[Tensor]:
    """Outputs of a segment, written piece by piece into maps that are made once."""
    whole: list[Tensor] = []
    for piece in pieces:
        made = run.run(piece, run.cut_all(piece, inputs))
        whole = whole or list(_empty_maps(run, len(inputs[0]), made))
        for maps, part in zip(whole, made, strict=True):
            target = Piece(piece.images, piece.first_row, part.shape[2]).of(maps)
            target.copy_(part)
    return whole


def _empty_maps(run: SegmentRun, batch: int, made: Sequence[Tensor]) -> Iterator[Tensor]:
    for number, part in zip(run.outputs, made, strict=True):
        rows, *_ = run.sides(run.program.extent_px(number))
        layout = torch.channels_last if part.ndim == 4 else torch.channels_last_3d
        shape = (batch, part.shape[1], rows, *part.shape[3:])
        yield torch.empty(shape, dtype=part.dtype, device=part.device, memory_format=layout)
