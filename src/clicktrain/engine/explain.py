"""What the planner would do with an image, and why: its choice, the alternatives and the speeds that it goes by."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import torch

from clicktrain.engine.calibration import device_key, speeds_of
from clicktrain.engine.cost import Costs
from clicktrain.engine.plan import Pass, segment_s
from clicktrain.engine.planner import Planner
from clicktrain.engine.timed import measured_s

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from clicktrain.engine.plan import DensePlan
    from clicktrain.engine.program import Program
    from clicktrain.engine.segments import Segment
    from clicktrain.engine.speeds import Speeds

__all__ = ["Explanation", "Stage", "explain"]

_CLICKS = (1, 10, 100, 1000)


@dataclass(frozen=True, slots=True)
class Stage:
    """One segment of the chosen plan, in words.

    Parameters
    ----------
    layers : str
    way : str
        How its taps lie and what it is cut into.
    seconds : float
        Predicted.
    gflop : float
        Floating-point operations of the forward pass, in billions: two per multiply-accumulate.
    measured_s : float or None
        What the forward pass takes here; None where the backward pass is asked for as well.
    """

    layers: str
    way: str
    seconds: float
    gflop: float
    measured_s: float | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The plan of a pass with what else was weighed.

    Parameters
    ----------
    device : str
    speeds : Speeds
    alternatives : dict of str to float
        Predicted seconds of each way to score the whole image.
    stages : tuple of Stage
        The chosen way; none where it is the patch scan.
    clicks : dict of int to str
        What would score so many scattered pixels.
    """

    device: str
    speeds: Speeds
    alternatives: dict[str, float]
    stages: tuple[Stage, ...]
    clicks: dict[int, str]


def explain(
    program: Program, module: nn.Module, image_px: Sequence[int], *, gradient: bool, device: torch.device
) -> Explanation:
    """Explain how one float32 image would be scored.

    Parameters
    ----------
    program : Program
    module : Module
        Holds the parameters, on the device.
    image_px : sequence of int
        Spatial shape of the image, at least the field of view.
    gradient : bool
        Whether the backward pass is wanted as well.
    device : device
    """
    shape_px = tuple(image_px)
    speeds = speeds_of(device, torch.float32, program.ndim)
    planner = Planner(program, Costs(speeds, gradient), element_bytes=4)
    scores_px = program.scores_px(shape_px)
    chosen, _, plan = planner.whole(1, scores_px)
    alternatives = {
        "planned": plan.seconds,
        "dense (taps apart)": planner.dense(1, shape_px, "none")[-1].seconds,
        "fragments (folded after every stride)": planner.dense(1, shape_px, "full")[-1].seconds,
        "patch scan": planner.patches_s(prod(scores_px)),
    }
    stages: tuple[Stage, ...] = ()
    if chosen != "patches":
        measured = None if gradient else measured_s(program, plan, module, shape_px, device)
        stages = _stages(planner, plan, shape_px, measured)
    clicks = {count: _clicks(planner, count, scores_px) for count in _CLICKS if count <= prod(scores_px)}
    return Explanation(device_key(device, torch.float32, program.ndim), speeds, alternatives, stages, clicks)


def _stages(
    planner: Planner, plan: DensePlan, shape_px: tuple[int, ...], measured: tuple[float, ...] | None
) -> tuple[Stage, ...]:
    program = planner.program
    job = Pass(program, 1, shape_px, planner.costs, planner.element_bytes)
    stages = []
    for number, segment in enumerate(plan.segments):
        steps = program.steps[segment.start : segment.stop]
        layers = " ".join(dict.fromkeys(step.name for step in steps))
        predicted = segment_s(job, segment, plan.segments[:number])
        gflop = 2e-9 * sum(step.work.macs * prod(step.grid.dense_shape(shape_px)) for step in steps)
        stages.append(Stage(layers, _way(program, segment), predicted, gflop, measured[number] if measured else None))
    return tuple(stages)


def _way(program: Program, segment: Segment) -> str:
    steps = program.steps[segment.start : segment.stop]
    windows = [step.window for step in steps if step.window and prod(step.window.size) > 1]
    apart = sorted({max(1, d // f) for w in windows for d, f in zip(w.spacing_px, segment.folded, strict=True)})
    taps = f"taps {', '.join(map(str, apart))} px apart" if windows else "one tap"
    fold = f"{prod(segment.folded)} fragments, " if prod(segment.folded) > 1 else ""
    pieces = "" if segment.piece_px is None else f", pieces of {segment.piece_px} px"
    return f"{fold}{taps}{pieces}"


def _clicks(planner: Planner, count: int, scores_px: tuple[int, ...]) -> str:
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randint(0, n, (count,), generator=generator) for n in scores_px]
    plan = planner.at(torch.stack([torch.zeros_like(drawn[0]), *drawn], 1), scores_px)
    names = [step.name for step in planner.program.steps]
    where = f" from layer {names[plan.start]} on" if plan.strategy == "selected" else ""
    side = " x ".join(map(str, plan.covering.side_px))
    return f"{plan.strategy}{where}, {len(plan.covering.corners)} windows of {side} scores, {plan.seconds * 1e3:.1f} ms"
