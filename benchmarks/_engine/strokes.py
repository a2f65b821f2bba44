"""The exact gradient of 1,000 pixels clicked in strokes: chosen places, patches, and the masked dense pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from _report import say

from _engine.bench import Findings
from _engine.clicked import stroked
from _engine.networks import backward, make_case
from _engine.patches import best_scan
from _engine.plain_torch import dilated_scores
from clicktrain.kernels.regular_conv.weight_gradient import gains_by_own_weight_gradient

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from _engine.bench import Bench
    from _engine.networks import Case

CLICKS = 1000
BRUSHES_PX = {"strokes_1px": 1, "strokes_3px": 3}
# Ratio, and the masked pass that it compares with.
RATIOS = {"speedup": "masked_dense", "speedup_plain_torch": "masked_plain_torch"}


def strokes(bench: Bench) -> Findings:
    """N4, ten strokes of 100 pixels each, thin and three pixels wide."""
    case = make_case("n4", bench)
    scans = [best_scan(bench, case, layout, gradient=True)[0] for layout in ("own", "channels last")]
    scan = min(scans, key=lambda timed: timed.patch_s).scan
    figures: dict[str, float] = {"n4.stroke_clicks": CLICKS, "n4.stroke_patch_batch": scan.batch}
    for name, brush_px in BRUSHES_PX.items():
        say(f"strokes: {brush_px} px wide")
        places = stroked(CLICKS, case.scores_px[0], brush_px)
        positions = [tuple(place) for place in places.tolist()]
        works = {**_one_pass(case, places.to(bench.device)), "patches": lambda p=positions: scan.run(p)}
        _must_agree(case, works)
        seconds = bench.side_by_side(works, rounds=5, least_s=4.0)
        figures |= {f"n4.{name}_{way}_s": s for way, s in seconds.items()} | _ratios(name, seconds)
    # The figure is the less favourable of both brushes.
    for key in RATIOS:
        found = [figures[f"n4.{name}_{key}"] for name in BRUSHES_PX if f"n4.{name}_{key}" in figures]
        figures |= {f"n4.stroke_step_{key}": min(found)} if found else {}
    return Findings(figures)


def _ratios(name: str, seconds: dict[str, float]) -> dict[str, float]:
    """How many times faster chosen places are than the better of patches and a masked pass over the image."""
    masked = {key: seconds[way] for key, way in RATIOS.items() if way in seconds}
    return {f"n4.{name}_{key}": min(seconds["patches"], s) / seconds["at"] for key, s in masked.items()}


def _one_pass(case: Case, places: Tensor) -> dict[str, Callable[[], object]]:
    ys, xs = places.unbind(1)

    def at() -> None:
        backward(case.module, case.dense.at(case.image, places).sum() / len(places))

    def masked_dense() -> None:
        backward(case.module, case.dense(case.image)[0, :, ys, xs].sum() / len(places))

    def masked_plain_torch() -> None:
        backward(case.module, dilated_scores(case.module, case.image)[0, :, ys, xs].sum() / len(places))

    works: dict[str, Callable[[], object]] = {"at": at, "masked_dense": masked_dense}
    return {**works, "masked_plain_torch": masked_plain_torch} if _plain_torch_ends(case.image) else works


def _plain_torch_ends(image: Tensor) -> bool:
    """Where the engine has to make the gradient of N4's second layer itself, PyTorch takes minutes for it."""
    return not gains_by_own_weight_gradient(image, kernel=(5, 5), dilation=(2, 2), groups=1)


def _must_agree(case: Case, works: dict[str, Callable[[], object]]) -> None:
    """Compare all gradients, as times of different results mean nothing."""
    found = {}
    for name, work in works.items():
        work()
        found[name] = torch.cat([p.grad.flatten() for p in case.module.parameters()])
    for name, gradient in found.items():
        difference = (gradient - found["patches"]).norm() / found["patches"].norm()
        if difference > 1e-3:
            raise RuntimeError(f"{name} gives another gradient than patches: {difference:.1e} relative")
