"""Whole images: the patch scan beside the dense pass, fragments and the planned pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from _report import say

from _engine.bench import Findings
from _engine.memory import peak_bytes
from _engine.networks import MAKERS, make_case
from _engine.patches import best_scan, sample_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from _engine.bench import Bench
    from _engine.networks import Case
    from _engine.patches import TimedScan

PASSES = {"dense": "dense", "fragments": "fragments", "planned": "auto"}


def whole_images(bench: Bench) -> Findings:
    """Every network, forward and with gradient."""
    figures: dict[str, float] = {}
    for name in MAKERS:
        case = make_case(name, bench)
        figures |= {
            f"{name}.fov_px": case.dense.fov[0],
            f"{name}.image_px": case.image.shape[-1],
            f"{name}.patches": case.patches,
            f"{name}.mac_ratio": case.patches * case.patch_macs / case.dense_macs,
        }
        for gradient in (False, True):
            say(f"{name}: {'forward and backward' if gradient else 'forward'}")
            figures |= _one_table_row(bench, case, gradient)
    return Findings(figures)


def whole_pass(case: Case, strategy: str, *, gradient: bool) -> Callable[[], object]:
    """Score all patches in one pass; with gradient, that of the mean score."""

    def run() -> None:
        with torch.set_grad_enabled(gradient):
            scores = case.dense(case.image, strategy=strategy)
            if gradient:
                case.step(scores)

    return run


def _one_table_row(bench: Bench, case: Case, gradient: bool) -> dict[str, float]:
    own = best_scan(bench, case, "own", gradient=gradient)
    last = best_scan(bench, case, "channels last", gradient=gradient)[0]
    scans = {"patch_scan": own[0], "patch_scan_128": own[max(own)], "patch_scan_channels_last": last}
    passes = {name: whole_pass(case, strategy, gradient=gradient) for name, strategy in PASSES.items()}
    seconds = _seconds(bench, case, scans, passes)
    key = f"{case.name}.step_" if gradient else f"{case.name}."
    figures = {f"{key}{name}_s": s for name, s in seconds.items()}
    figures |= {f"{key}patch_batch": own[0].scan.batch, f"{key}patch_batch_channels_last": last.scan.batch}
    planned_s = seconds["planned"]
    speedup = f"{case.name}.{'step' if gradient else 'forward'}_speedup"
    figures |= {
        speedup: seconds["patch_scan"] / planned_s,
        f"{speedup}_batch_128": seconds["patch_scan_128"] / planned_s,
        f"{speedup}_channels_last": seconds["patch_scan_channels_last"] / planned_s,
        f"{speedup}_dense": seconds["patch_scan"] / seconds["dense"],
        f"{speedup}_fragments": seconds["patch_scan"] / seconds["fragments"],
    }
    return figures | _memory(bench, case, own[0], passes, key)


def _seconds(
    bench: Bench, case: Case, scans: dict[str, TimedScan], passes: dict[str, Callable[[], object]]
) -> dict[str, float]:
    """Seconds for all patches; the scans' are those of a sample, scaled."""
    samples = {name: sample_of(case, timed) for name, timed in scans.items()}
    works = {name: lambda t=timed, p=samples[name]: t.scan.run(p) for name, timed in scans.items()}
    seconds = bench.side_by_side(works | passes, least_s=2.0)
    return {n: s * case.patches / len(samples[n]) if n in samples else s for n, s in seconds.items()}


def _memory(
    bench: Bench, case: Case, timed: TimedScan, passes: dict[str, Callable[[], object]], key: str
) -> dict[str, float]:
    given = [case.image, *case.module.parameters(), *case.module.buffers()]
    positions = sample_of(case, timed)[: timed.scan.batch]
    works = {"patch_scan": lambda: timed.scan.run(positions), **passes}
    return {f"{key}{name}_peak_bytes": peak_bytes(bench, work, given) for name, work in works.items()}
