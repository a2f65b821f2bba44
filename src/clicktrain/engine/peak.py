"""How much memory a pass takes: the pass itself on the meta device, where tensors have shapes but no numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Literal

import torch

from clicktrain.engine.cover import Cover
from clicktrain.engine.execute import _CHUNK_PX, _filled
from clicktrain.engine.fold import unfold
from clicktrain.engine.live import LiveBytes
from clicktrain.engine.patch_scan import patches_per_batch
from clicktrain.engine.places import Places
from clicktrain.engine.plan import DensePlan
from clicktrain.engine.recompute import recomputed
from clicktrain.engine.segments import FoldedMaps, SegmentRun, run_in_pieces
from clicktrain.engine.selected_pass import selected_scores
from clicktrain.engine.state import with_state
from clicktrain.engine.windows import all_positions, gather_windows, pick
from clicktrain.kernels.shapes import window

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor, nn

    from clicktrain.engine.planner import SelectedPlan
    from clicktrain.engine.program import Program
    from clicktrain.engine.segments import Segment

__all__ = ["peak_bytes"]

_DTYPES = {2: torch.bfloat16, 4: torch.float32, 8: torch.float64}
# Of equal pieces the second finds in memory what the first has left, and so does every later one.
_TRIED = 2


def peak_bytes(
    program: Program,
    plan: DensePlan | SelectedPlan | Literal["patches"],
    module: nn.Module,
    batch: int,
    shape_px: Sequence[int],
    *,
    element_bytes: int = 4,
    gradient: bool = False,
    device: str = "cpu",
) -> int:
    """Predict the bytes of the tensors that live at once during a pass, at most, beside the images and parameters.

    The pass runs on tensors without numbers, of equal pieces the first few only, so this takes milliseconds. What an
    operation needs inside, and gives back before it ends, is not counted.

    Parameters
    ----------
    program : Program
    plan : DensePlan, SelectedPlan or "patches"
        "patches" runs the module on every patch of the images.
    module : Module
        Holds the parameters that the steps read.
    batch : int
    shape_px : sequence of int
        Spatial shape of the images.
    element_bytes : int
        Bytes of a number: 2, 4 or 8.
    gradient : bool
        Whether the gradients of the parameters are computed.
    device : str
        Type of the device.
    """
    dtype, live = _DTYPES[element_bytes], LiveBytes(device)
    with torch.inference_mode(False), torch.set_grad_enabled(gradient):
        image = torch.empty((batch, program.in_channels, *shape_px), dtype=dtype, device="meta")
        state = _without_numbers(module, dtype, gradient)
        sketch = _Sketch(program, module, live)
        with_state(module, state, lambda: _run(sketch, plan, image, [t for t in state.values() if t.requires_grad]))
    return live.peak


def _without_numbers(module: nn.Module, dtype: torch.dtype, gradient: bool) -> dict[str, Tensor]:
    """Parameters and buffers of a module on the meta device."""
    state: dict[str, Tensor] = {}
    for name, t in (*module.named_parameters(), *module.named_buffers()):
        kind = dtype if t.is_floating_point() else t.dtype
        state[name] = torch.empty_like(t, dtype=kind, device="meta").requires_grad_(gradient and t.requires_grad)
    return state


def _run(
    sketch: _Sketch, plan: DensePlan | SelectedPlan | Literal["patches"], image: Tensor, leaves: list[Tensor]
) -> None:
    with sketch.live:
        if isinstance(plan, str):
            scores = sketch.patches(image, all_positions(len(image), sketch.scores_px(image), image.device))
        elif isinstance(plan, DensePlan):
            scores = sketch.whole(plan, image)
        else:
            scores = sketch.chosen(plan, image)
        if scores.requires_grad:
            torch.autograd.grad(scores, leaves, torch.ones_like(scores), allow_unused=True)


@dataclass(frozen=True, eq=False)
class _Counted(Places):
    """Places of which only the number is known."""

    count: int

    @cached_property
    def coordinates(self) -> Tensor:
        return self.mask.new_empty((self.count, self.mask.ndim), dtype=torch.int64)


def _counted(places: Mapping[int, Places]) -> dict[int, Places]:
    """Same places on the meta device; tensors that share their places still do."""
    found = {id(p): _Counted(p.mask.to("meta"), int(p.mask.sum())) for p in places.values()}
    return {number: found[id(p)] for number, p in places.items()}


@dataclass(frozen=True, eq=False)
class _Sketch:
    """The passes of `execute`, that of equal parts run the first few and set the memory of the others aside.

    Parameters
    ----------
    program : Program
    module : Module
    live : LiveBytes
    aside : list of Tensor
        Stand for what the parts that are not run leave in memory.
    """

    program: Program
    module: nn.Module
    live: LiveBytes
    aside: list[Tensor] = field(default_factory=list)

    def scores_px(self, image: Tensor) -> tuple[int, ...]:
        """Spatial shape of the scores of an image."""
        return tuple(n - f + 1 for n, f in zip(image.shape[2:], self.program.fov, strict=True))

    def segments(self, segments: Sequence[Segment], image: Tensor) -> dict[int, FoldedMaps]:
        """Run segments one after the other, as `run_segments` does."""
        shape_px = tuple(image.shape[2:])
        maps = {0: FoldedMaps(image, (1,) * self.program.ndim)}
        for segment in segments:
            run = SegmentRun.of(self.program, segment, shape_px)
            folded = [run.refold(n, maps[n]) for n in run.inputs]
            made = self._segment(run, folded)
            maps = {n: maps[n] for n in self.program.live_after(segment.stop) if n in maps}
            maps |= {n: FoldedMaps(m, segment.folded) for n, m in zip(run.outputs, made, strict=True)}
        return maps

    def _segment(self, run: SegmentRun, inputs: list[Tensor]) -> list[Tensor]:
        pieces = run.pieces(len(inputs[0]))
        if len(pieces) == 1:
            return run.run(pieces[0], run.cut_all(pieces[0], inputs))
        if torch.is_grad_enabled() and any(t.requires_grad for t in (*inputs, *self.module.parameters())):
            return recomputed(run, pieces[:_TRIED], inputs, self.module)
        return run_in_pieces(run, pieces[:_TRIED], inputs)

    def whole(self, plan: DensePlan, image: Tensor) -> Tensor:
        """Scores (B, K, *spatial - fov + 1) of images."""
        filled = _filled(self.program, plan, image)
        last = self.segments(plan.segments, filled)[self.program.output]
        scores = unfold(last.maps, last.folded)
        return window(scores, (0,) * self.program.ndim, self.scores_px(image))

    def chosen(self, plan: SelectedPlan, image: Tensor) -> Tensor:
        """Scores (N, K) of the positions that a plan covers."""
        at = Cover(plan.covering.corners.to("meta"), plan.covering.side_px, plan.covering.within.to("meta"))
        if plan.strategy == "patches":
            return self.patches(image, at.corners)[at.within[:, 0]]
        window_px = [s + f - 1 for s, f in zip(at.side_px, self.program.fov, strict=True)]
        if plan.strategy == "selected":
            return self._selected(plan, gather_windows(image, at.corners, window_px), at.within)
        count = len(at.corners) if torch.is_grad_enabled() else max(1, _CHUNK_PX // prod(window_px))
        scores = self._in_parts(
            at.corners, count, lambda part: self.whole(plan.dense, gather_windows(image, part, window_px))
        )
        return pick(scores, at.within)

    def _selected(self, plan: SelectedPlan, windows: Tensor, within: Tensor) -> Tensor:
        maps = self.segments(plan.dense.segments, _filled(self.program, plan.dense, windows))
        whole = {number: unfold(m.maps, m.folded) for number, m in maps.items()}
        places = _counted(plan.places)
        scores = selected_scores(self.program, plan.start, whole, places, windows.shape[2:])
        return scores[places[self.program.output].number_of(within)]

    def patches(self, image: Tensor, positions: Tensor) -> Tensor:
        """Scores (N, K) of the patches at some positions."""
        fov = self.program.fov
        count = patches_per_batch(fov, "cpu")
        return self._in_parts(positions, count, lambda part: self.module(gather_windows(image, part, fov)).flatten(1))

    def _in_parts(self, rows: Tensor, count: int, run: Callable[[Tensor], Tensor]) -> Tensor:
        """Run on `count` rows at a time and put together the results of the first few."""
        parts = torch.split(rows, count)
        scores, kept = [], 0
        for part in parts[:_TRIED]:
            before = self.live.now
            scores.append(run(part))
            kept = (self.live.now - before) // len(part)
        left = sum(len(part) for part in parts[_TRIED:])
        others = rows.new_empty(kept * left, dtype=torch.uint8)
        tried = torch.cat(scores)
        self.aside.append(tried.new_empty((left, *tried.shape[1:])))
        if torch.is_grad_enabled():
            self.aside.append(others)
        return tried
