"""How much memory a pass takes: the pass itself on the meta device, where tensors have shapes but no numbers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import torch

from clicktrain.engine.cover import Cover
from clicktrain.engine.execute import Passes
from clicktrain.engine.live import LiveBytes
from clicktrain.engine.patch_scan import patches_per_batch, scores_of_batch
from clicktrain.engine.places import Places
from clicktrain.engine.plan import DensePlan
from clicktrain.engine.state import with_state
from clicktrain.engine.windows import all_positions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor, nn

    from clicktrain.engine.planner import SelectedPlan
    from clicktrain.engine.program import Program

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
        sketch = _Sketch(program, module, live=live)
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
            scores_px = sketch.program.scores_px(image.shape[2:])
            scores = sketch.patches(image, all_positions(len(image), scores_px, image.device))
        elif isinstance(plan, DensePlan):
            scores = sketch.whole(plan, image)
        else:
            scores = sketch.chosen(_on_meta(plan), image)
        if scores.requires_grad:
            torch.autograd.grad(scores, leaves, torch.ones_like(scores), allow_unused=True)


@dataclass(frozen=True, eq=False)
class _Counted(Places):
    """Places of which only the number is known."""

    count: int

    @cached_property
    def coordinates(self) -> Tensor:
        return self.mask.new_empty((self.count, self.mask.ndim), dtype=torch.int64)


def _on_meta(plan: SelectedPlan) -> SelectedPlan:
    """Same plan with its tensors on the meta device; those that share their places still do."""
    at = plan.covering
    found = {id(p): _Counted(p.mask.to("meta"), int(p.mask.sum())) for p in plan.places.values()}
    places = {number: found[id(p)] for number, p in plan.places.items()}
    return replace(plan, covering=Cover(at.corners.to("meta"), at.side_px, at.within.to("meta")), places=places)


@dataclass(frozen=True, eq=False)
class _Sketch(Passes):
    """Passes of which equal parts are run a few times, and the memory of the others is set aside.

    Parameters
    ----------
    live : LiveBytes
    aside : list of Tensor
        Stand for what the parts that are not run leave in memory.
    """

    most_pieces: int | None = _TRIED
    live: LiveBytes = field(kw_only=True)
    aside: list[Tensor] = field(default_factory=list, kw_only=True)

    def patches(self, image: Tensor, positions: Tensor) -> Tensor:
        """Scores (N, K) of the patches at some positions."""
        fov = self.program.fov
        count = patches_per_batch(fov, self.live.device)
        return self.in_parts(positions, count, lambda part: scores_of_batch(self.module, image, part, fov))

    def in_parts(self, rows: Tensor, count: int, run: Callable[[Tensor], Tensor]) -> Tensor:
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
