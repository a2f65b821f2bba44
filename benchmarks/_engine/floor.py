"""How near a planned pass comes to the time that its multiplications alone would take in the best matrix product."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from _report import say

from _engine.bench import Findings
from _engine.networks import make_case
from _engine.whole import whole_pass

if TYPE_CHECKING:
    from collections.abc import Callable

    from _engine.bench import Bench

NETWORKS = ("plain_cnn_1", "n4")
SCORES_PX, QUICK_SCORES_PX = 1024, 256
SIDE, CHANNELS, MAP_PX = 2048, 256, 256


def floor(bench: Bench) -> Findings:
    """Fraction of the floor that large forward passes reach; the products are timed between the passes."""
    side_px = QUICK_SCORES_PX if bench.quick else SCORES_PX
    cases = [make_case(name, bench, side_px) for name in NETWORKS]
    passes = {case.name: whole_pass(case, "auto", gradient=False) for case in cases}
    say(f"floor: {side_px} x {side_px} scores beside matrix products")
    products = _products(bench)
    with torch.no_grad():
        seconds = bench.side_by_side({n: work for n, (work, _) in products.items()} | passes, rounds=5, least_s=4.0)
    rates = {name: flops / seconds[name] for name, (_, flops) in products.items()}
    figures: dict[str, float] = {f"gemm.{name}_flops_per_s": rate for name, rate in rates.items()}
    for case in cases:
        floor_s = 2 * case.dense_macs / max(rates.values())
        figures |= {
            f"{case.name}.gemm_scores_px": side_px,
            f"{case.name}.gemm_macs": case.dense_macs,
            f"{case.name}.gemm_floor_s": floor_s,
            f"{case.name}.gemm_planned_s": seconds[case.name],
            f"{case.name}.gemm_fraction": floor_s / seconds[case.name],
        }
    return Findings(figures)


def _products(bench: Bench) -> dict[str, tuple[Callable[[], object], int]]:
    """A matrix product and a 1 x 1 convolution in channels-last memory, with their floating-point operations."""
    one, other = bench.noise(SIDE, SIDE), bench.noise(SIDE, SIDE)
    maps = bench.noise(1, CHANNELS, MAP_PX, MAP_PX).contiguous(memory_format=torch.channels_last)
    weight = bench.noise(CHANNELS, CHANNELS, 1, 1).contiguous(memory_format=torch.channels_last)
    return {
        "mm": (lambda: torch.mm(one, other), 2 * SIDE**3),
        "conv1x1": (lambda: F.conv2d(maps, weight), 2 * (MAP_PX * CHANNELS) ** 2),
    }
