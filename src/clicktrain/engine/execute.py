"""Run a plan on an image."""

from __future__ import annotations

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
    from torch import Tensor, nn

    from clicktrain.engine.plan import DensePlan
    from clicktrain.engine.planner import SelectedPlan
    from clicktrain.engine.program import Program

__all__ = ["run_maps", "run_selected", "run_whole"]

# Input pixels of one chunk of windows, where no gradient keeps all chunks alive anyway: some 100 MB of wide maps.
_CHUNK_PX = 500_000


def run_whole(program: Program, plan: DensePlan, image: Tensor, module: nn.Module) -> Tensor:
    """Scores (B, K, *spatial - fov + 1) of images (B, C, *spatial) by a plan for all of their patches."""
    scores = run_maps(program, plan, image, module)[program.output]
    return window(scores, (0,) * program.ndim, program.scores_px(image.shape[2:]))


def run_maps(program: Program, plan: DensePlan, image: Tensor, module: nn.Module) -> dict[int, Tensor]:
    """Maps (B, C, *spatial), by number, that a plan leaves to later steps or to the caller.

    They begin at the first pixel and may be a few pixels too large: the image is reflected at its end such that its
    scores fill every fragment of the plan's folds.
    """
    missing = [-n % f for n, f in zip(program.scores_px(image.shape[2:]), plan.folded, strict=False)]
    filled = reflect_pad(image, [(0, n) for n in missing]) if any(missing) else image
    maps = run_segments(program, plan.segments, filled, module)
    return {number: unfold(m.maps, m.folded) for number, m in maps.items()}


def run_selected(program: Program, plan: SelectedPlan, image: Tensor, module: nn.Module) -> Tensor:
    """Scores (N, K) of the positions that a plan covers."""
    covering = plan.covering
    if plan.strategy == "patches":
        return scores_of_patches(module, image, covering.corners, program.fov)[covering.within[:, 0]]
    window_px = program.image_px(covering.side_px)
    if plan.strategy == "selected":
        windows = gather_windows(image, covering.corners, window_px)
        scores = selected_scores(
            program, plan.start, run_maps(program, plan.dense, windows, module), plan.places, window_px
        )
        return scores[plan.places[program.output].number_of(covering.within)]
    count = len(covering.corners) if torch.is_grad_enabled() else max(1, _CHUNK_PX // prod(window_px))
    chunks = torch.split(covering.corners, count)
    parts = [run_whole(program, plan.dense, gather_windows(image, part, window_px), module) for part in chunks]
    return pick(torch.cat(parts), covering.within)
