"""Run a plan on an image."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import torch

from clicktrain.engine.border import reflect_pad
from clicktrain.engine.dense_pass import run_segments
from clicktrain.engine.fold import unfold
from clicktrain.engine.patch_scan import scores_of_patches
from clicktrain.engine.selected_pass import selected_scores
from clicktrain.engine.windows import gather_windows, pick
from clicktrain.kernels.shapes import window

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from clicktrain.engine.plan import DensePlan
    from clicktrain.engine.planner import SelectedPlan
    from clicktrain.engine.program import Program
    from clicktrain.engine.segments import FoldedMaps

__all__ = ["Passes", "filled_for", "run_selected", "run_whole"]

# Input pixels of one chunk of windows, where no gradient keeps all chunks alive anyway: some 100 MB of wide maps.
_CHUNK_PX = 500_000


def run_whole(program: Program, plan: DensePlan, image: Tensor, module: nn.Module) -> Tensor:
    """Scores (B, K, *spatial - fov + 1) of images (B, C, *spatial) by a plan for all of their patches."""
    return Passes(program, module).whole(plan, image)


def run_selected(program: Program, plan: SelectedPlan, image: Tensor, module: nn.Module) -> Tensor:
    """Scores (N, K) of the positions that a plan covers."""
    return Passes(program, module).chosen(plan, image)


@dataclass(frozen=True, eq=False)
class Passes:
    """Runs plans of one program.

    Parameters
    ----------
    program : Program
    module : Module
        Holds the parameters that the steps read.
    most_pieces : int, optional
        Pieces of a segment to run, where their shapes alone matter; all where it is not said.
    """

    program: Program
    module: nn.Module
    most_pieces: int | None = None

    def whole(self, plan: DensePlan, image: Tensor) -> Tensor:
        """Scores (B, K, *spatial - fov + 1) of images (B, C, *spatial)."""
        scores = self._maps(plan, image)[self.program.output]
        scores_px = self.program.scores_px(image.shape[2:])
        return window(unfold(scores.maps, scores.folded), (0,) * self.program.ndim, scores_px)

    def chosen(self, plan: SelectedPlan, image: Tensor) -> Tensor:
        """Scores (N, K) of the positions that a plan covers."""
        covering = plan.covering
        if plan.strategy == "patches":
            return self.patches(image, covering.corners)[covering.within[:, 0]]
        window_px = self.program.image_px(covering.side_px)
        if plan.strategy == "selected":
            return self._selected(plan, gather_windows(image, covering.corners, window_px))
        count = len(covering.corners) if torch.is_grad_enabled() else max(1, _CHUNK_PX // prod(window_px))
        scores = self.in_parts(
            covering.corners, count, lambda part: self.whole(plan.dense, gather_windows(image, part, window_px))
        )
        return pick(scores, covering.within)

    def patches(self, image: Tensor, positions: Tensor) -> Tensor:
        """Scores (N, K) of the patches at some positions."""
        return scores_of_patches(self.module, image, positions, self.program.fov)

    def in_parts(self, rows: Tensor, count: int, run: Callable[[Tensor], Tensor]) -> Tensor:
        """Run on `count` rows at a time and put the results together."""
        return torch.cat([run(part) for part in torch.split(rows, count)])

    def _selected(self, plan: SelectedPlan, windows: Tensor) -> Tensor:
        whole = {number: unfold(m.maps, m.folded) for number, m in self._maps(plan.dense, windows).items()}
        scores = selected_scores(self.program, plan.start, whole, plan.places, windows.shape[2:])
        return scores[plan.places[self.program.output].number_of(plan.covering.within)]

    def _maps(self, plan: DensePlan, image: Tensor) -> dict[int, FoldedMaps]:
        filled = filled_for(self.program, plan, image)
        return run_segments(self.program, plan.segments, filled, self.module, self.most_pieces)


def filled_for(program: Program, plan: DensePlan, image: Tensor) -> Tensor:
    """Images, made larger at their ends so that their scores fill every fragment of the plan's folds."""
    missing = [-n % f for n, f in zip(program.scores_px(image.shape[2:]), plan.folded, strict=False)]
    return reflect_pad(image, [(0, n) for n in missing]) if any(missing) else image
