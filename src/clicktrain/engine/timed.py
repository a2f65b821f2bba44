"""How long a plan really takes on this computer, segment by segment."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

from clicktrain.engine.dense_pass import run_segment
from clicktrain.engine.execute import filled_for
from clicktrain.engine.segments import FoldedMaps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from clicktrain.engine.plan import DensePlan
    from clicktrain.engine.program import Program

__all__ = ["measured_s"]


def measured_s(
    program: Program,
    plan: DensePlan,
    module: nn.Module,
    image_px: Sequence[int],
    device: torch.device,
    repeats: int = 3,
) -> tuple[float, ...]:
    """Seconds of every segment of a forward pass over noise, the shortest of a few passes each.

    Parameters
    ----------
    program : Program
    plan : DensePlan
    module : Module
        On the device.
    image_px : sequence of int
        Spatial shape of the image.
    device : device
    repeats : int
        Passes, after one that does not count.
    """
    generator = torch.Generator().manual_seed(0)
    image = torch.randn((1, program.in_channels, *image_px), generator=generator).to(device)
    with torch.no_grad():
        image = filled_for(program, plan, image)
        passes = [_pass_s(program, plan, module, image) for _ in range(1 + repeats)][1:]
    return tuple(map(min, zip(*passes, strict=True)))


def _pass_s(program: Program, plan: DensePlan, module: nn.Module, image: torch.Tensor) -> list[float]:
    maps = {0: FoldedMaps(image, (1,) * program.ndim)}
    seconds = []
    for segment in plan.segments:
        start_s = _now_s(image.device)
        maps = run_segment(program, segment, maps, tuple(image.shape[2:]), module)
        seconds.append(_now_s(image.device) - start_s)
    return seconds


def _now_s(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
