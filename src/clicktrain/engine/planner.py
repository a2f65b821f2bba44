"""The planner: which exact way to score an image, or chosen patches of it, is predicted to be the fastest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, prod
from threading import Lock
from typing import TYPE_CHECKING, Literal

import torch

from clicktrain.engine.cover import Cover, bounding_side, count_windows, cover, sides_to_try
from clicktrain.engine.places import Places, needed_places
from clicktrain.engine.plan import DensePlan, Pass, plan_dense

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from torch import Tensor

    from clicktrain.engine.cost import Costs
    from clicktrain.engine.program import Program

__all__ = ["Planner", "SelectedPlan"]

# Elements touched per pixel and step to find the places that patches need, and operations started per step.
_PLACES_WORK, _PLACES_CALLS = 30, 40
# The share of a pass that may be spent on finding out whether another way is faster.
_PLANNING_SHARE = 0.25
# Another way must be predicted to take at most this share of the patches' time: one of many small operations rarely
# keeps its word.
_WORTH = 0.75
# Below this, planning takes longer than any other way could save. On a GPU it takes 2 to 4 ms, as each operation of it
# has to be started there, and on an H100 no other way saved as much of a short pass.
_SURE_S, _SURE_ON_GPU_S = 2.5e-3, 10e-3
# Below this, so does planning one pass over all positions.
_AT_ONCE_S = 1.6e-3
# Networks of one structure, such as those of a model that is trained anew after every stroke, share their plans.
_MOST_PLANS = 256
_PLANS: dict[Hashable, list[DensePlan]] = {}
_LOCK = Lock()


@dataclass(frozen=True, eq=False, slots=True)
class SelectedPlan:
    """How chosen patches are scored.

    Parameters
    ----------
    strategy : {"patches", "windows", "selected"}
    seconds : float
        Predicted.
    covering : Cover
        Windows that hold the patches' positions.
    dense : DensePlan
        Steps that run on all of every window; the rest runs at needed places only.
    start : int
        First step that runs at needed places only.
    places : mapping of int to Places
        What the patches need, by tensor; empty for the other strategies.
    """

    strategy: Literal["patches", "windows", "selected"]
    seconds: float
    covering: Cover
    dense: DensePlan
    start: int
    places: Mapping[int, Places]

    def on(self, device: torch.device) -> SelectedPlan:
        """Plan whose windows are on a device; needed places are found where they are read."""
        return replace(self, covering=self.covering.on(device))


class Planner:
    """Plans passes of one program on one device; the plans are remembered, for all programs of its structure.

    Parameters
    ----------
    program : Program
    costs : Costs
    element_bytes : int
    """

    def __init__(self, program: Program, costs: Costs, element_bytes: int) -> None:
        self.program, self.costs, self.element_bytes = program, costs, element_bytes

    def dense(self, batch: int, shape_px: tuple[int, ...], *, fragments: bool | None = None) -> list[DensePlan]:
        """Cheapest plans up to every step; for about as many images, as a plan holds for any number of them.

        In fragments or on whole maps, whichever is said; else in the way that is mostly faster on the device.
        """
        if fragments is None:
            fragments = self.costs.gradient or self.costs.speeds.always_fragments
        most = 1 << (batch - 1).bit_length()
        key = (self.program.structure, most, shape_px, fragments, self.costs, self.element_bytes)
        with _LOCK:
            plans = _PLANS.pop(key, None)
        if plans is None:
            plans = plan_dense(Pass(self.program, most, shape_px, self.costs, self.element_bytes, fragments))
        with _LOCK:
            # Those used last come last.
            _PLANS[key] = plans
            while len(_PLANS) > _MOST_PLANS:
                del _PLANS[next(iter(_PLANS))]
        return plans

    def patches(self, positions: Tensor, scores_px: tuple[int, ...]) -> SelectedPlan:
        """Plan that runs the module on every patch, each once."""
        covering = cover(positions, scores_px, (1,) * self.program.ndim)
        seconds = self._patches_s(len(covering.corners))
        return SelectedPlan("patches", seconds, covering, DensePlan(0.0, ()), 0, {})

    def windows(
        self, positions: Tensor, scores_px: tuple[int, ...], side_px: tuple[int, ...] | None = None
    ) -> SelectedPlan:
        """Plan that scores all of every window; of the cheapest side where none is given."""
        side_px = side_px or self._cheapest_side(positions, scores_px, 1, inf) or bounding_side(positions, scores_px)
        covering = cover(positions, scores_px, side_px)
        plan = self.dense(len(covering.corners), self.program.image_px(side_px))[-1]
        seconds = self._windows_s(len(covering.corners), side_px)
        return SelectedPlan("windows", seconds, covering, plan, len(self.program.steps), {})

    def _cheapest_side(
        self, positions: Tensor, scores_px: tuple[int, ...], unique: int, below_s: float
    ) -> tuple[int, ...] | None:
        """Side of the windows that are predicted to take the least time, if that is less than `below_s`.

        `unique` is a number of different positions that there are at least.
        """
        best = None
        # Large ones first: where there are many positions, they rule the small ones out.
        for side_px in reversed(sides_to_try(positions, scores_px)):
            # Most sides are out by their arithmetic alone, before windows are counted and planned.
            least_s = self.costs.least_s(self.program, side_px)
            if least_s * -(-unique // prod(side_px)) >= below_s:
                continue
            count = count_windows(positions, side_px)
            if least_s * count < below_s:
                seconds = self._windows_s(count, side_px)
                if seconds < below_s:
                    best, below_s = side_px, seconds
        return best

    def selected(
        self,
        positions: Tensor,
        scores_px: tuple[int, ...],
        side_px: tuple[int, ...],
        device: torch.device | None = None,
    ) -> SelectedPlan:
        """Plan that runs the first steps on all of every window and the rest at needed places only.

        `device` is that of the images, if the positions lie elsewhere.
        """
        covering = cover(positions, scores_px, side_px).on(device or positions.device)
        window_px, batch = self.program.image_px(side_px), len(covering.corners)
        places = needed_places(self.program, 0, covering.within, batch, window_px)
        counts = _counts(places)
        plans = self.dense(batch, window_px)
        share = batch / (1 << (batch - 1).bit_length())
        tail_s = 0.0
        best: tuple[float, int] | None = None
        for start in range(len(self.program.steps) - 1, self._first_start() - 1, -1):
            step = self.program.steps[start]
            read = sum(self.program.channels(number) for number in step.inputs)
            tail_s += self.costs.selected_s(step, counts.get(start + 1, 0), read)
            total_s = plans[start].seconds * share + tail_s
            if best is None or total_s < best[0]:
                best = (total_s, start)
        seconds, start = best or (plans[-1].seconds, len(self.program.steps))
        return SelectedPlan("selected", seconds, covering, plans[start], start, places)

    def at(self, positions: Tensor, scores_px: tuple[int, ...], device: torch.device | None = None) -> SelectedPlan:
        """Cheapest way to score chosen patches; `device` is that of the images, if the positions lie elsewhere."""
        best = self.patches(positions, scores_px)
        # One patch alone has nobody to share with.
        if best.seconds < _AT_ONCE_S or len(best.covering.corners) == 1:
            return best
        below_s = _WORTH * best.seconds
        on_gpu = (device or positions.device).type == "cuda"
        whole = self._short_pass(positions, scores_px, below_s, _SURE_ON_GPU_S if on_gpu else _SURE_S)
        if whole is not None:
            return whole if whole.seconds < below_s else best
        if best.seconds < _SURE_S:
            return best
        side_px = self._cheapest_side(positions, scores_px, len(best.covering.corners), below_s)
        if side_px is not None:
            best = self.windows(positions, scores_px, side_px)
            below_s = best.seconds
        for tried_px in dict.fromkeys((best.covering.side_px, bounding_side(positions, scores_px))):
            # What the places cost is known before they are found; few patches do not wait for them.
            places_s = self._places_s(count_windows(positions, tried_px), tried_px)
            if places_s <= _PLANNING_SHARE * below_s:
                tried = self.selected(positions, scores_px, tried_px, device)
                if tried.seconds < below_s:
                    best, below_s = tried, tried.seconds
        return best

    def _short_pass(
        self, positions: Tensor, scores_px: tuple[int, ...], below_s: float, sure_s: float
    ) -> SelectedPlan | None:
        """Plan of one pass over a box around all positions, if that is over before a better one could be found.

        It is not looked at where its arithmetic alone takes `below_s`.
        """
        side_px = bounding_side(positions, scores_px)
        if self.costs.least_s(self.program, side_px) >= min(sure_s, below_s):
            return None
        plan = self.windows(positions, scores_px, side_px)
        return plan if plan.seconds < sure_s else None

    def _first_start(self) -> int:
        """First step that may run at needed places only: behind all that can only run on maps."""
        maps_only = [
            i for i, s in enumerate(self.program.steps) if s.window and prod(s.window.size) > 1 and not s.run_selected
        ]
        return max(maps_only, default=-1) + 1

    def _patches_s(self, count: int) -> float:
        """Predicted seconds of the module on patches."""
        return count * self.costs.patch_s(self.program) + self.costs.patch_calls_s(self.program)

    def _places_s(self, count: int, side_px: tuple[int, ...]) -> float:
        elements = _PLACES_WORK * count * prod(self.program.image_px(side_px)) * len(self.program.steps)
        calls = _PLACES_CALLS * len(self.program.steps)
        return elements / self.costs.speeds.cached_per_s + calls * self.costs.speeds.call_s

    def _windows_s(self, count: int, side_px: tuple[int, ...]) -> float:
        share = count / (1 << (count - 1).bit_length())
        return self.dense(count, self.program.image_px(side_px))[-1].seconds * share


def _counts(places: Mapping[int, Places]) -> dict[int, int]:
    """Number of needed places by tensor, asked for all at once: a GPU is waited for at every question."""
    sums = torch.stack([found.mask.sum() for found in places.values()])
    return dict(zip(places, sums.tolist(), strict=True))
