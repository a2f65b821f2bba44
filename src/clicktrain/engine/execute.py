"""Run a plan on an image."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import torch

from clicktrain.engine.border import reflect_pad
from clicktrain.engine.dense_pass import dense_scores, run_segments
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

__all__ = ["run_selected", "run_whole"]

# Input pixels of one chunk of windows, where no gradient keeps all chunks alive anyway: some 100 MB of wide maps.
_CHUNK_PX = 500_000


def run_whole(program: Program, plan: DensePlan, image: Tensor, module: nn.Module) -> Tensor:
    """Scores (B, K, *spatial - fov + 1) of images (B, C, *spatial) by a plan for all of their patches."""
    scores_px = tuple(n - f + 1 for n, f in zip(image.shape[2:], program.fov, strict=True))
    scores = dense_scores(program, plan.segments, _filled(program, plan, image), module)
    return window(scores, (0,) * program.ndim, scores_px)


def run_selected(program: Program, plan: SelectedPlan, image: Tensor, module: nn.Module) -> Tensor:
    """Scores (N, K) of the positions that a plan covers."""
    covering = plan.covering
    if plan.strategy == "patches":
        return scores_of_patches(module, image, covering.corners, program.fov)[covering.within[:, 0]]
    window_px = [s + f - 1 for s, f in zip(covering.side_px, program.fov, strict=True)]
    if plan.strategy == "selected":
        windows = gather_windows(image, covering.corners, window_px)
        maps = run_segments(program, plan.dense.segments, _filled(program, plan.dense, windows), module)
        whole = {number: unfold(m.maps, m.folded) for number, m in maps.items()}
        scores = selected_scores(program, plan.start, whole, plan.places, window_px)
        return scores[plan.places[program.output].number_of(covering.within)]
    count = len(covering.corners) if torch.is_grad_enabled() else max(1, _CHUNK_PX // prod(window_px))
    chunks = torch.split(covering.corners, count)
    scores = torch.cat([run_whole(program, plan.dense, gather_windows(image, c, window_px), module) for c in chunks])
    return pick(scores, covering.within)


def _filled(program: Program, plan: DensePlan, image: Tensor) -> Tensor:
    """Images made larger at their ends, so that their scores fill every fragment of the plan's last fold."""
    missing = [-(n - f + 1) % r for n, f, r in zip(image.shape[2:], program.fov, plan.folded, strict=False)]
    return reflect_pad(image, [(0, n) for n in missing]) if any(missing) else image
