"""The planner's choice beside every way to score chosen pixels, for few and many clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from _report import say

from _engine.bench import Findings
from _engine.clicked import scattered, stroked
from _engine.networks import backward, make_case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from _engine.bench import Bench
    from _engine.networks import Case

NETWORKS = ("plain_cnn_1", "n4")
COUNTS, QUICK_COUNTS = (1, 10, 100, 1000, 10_000), (1, 100, 1000)
STRATEGIES = ("windows", "dense", "selected", "patches")
MOST_PATCHES_S = 10.0


def choices(bench: Bench) -> Findings:
    """Every network, number and arrangement of clicks, with gradient and without."""
    rows: list[dict[str, Any]] = []
    for name in NETWORKS:
        case = make_case(name, bench)
        for kind, places in _clicks(case.scores_px[0], QUICK_COUNTS if bench.quick else COUNTS):
            for gradient in (False, True):
                rows.append(_row(bench, case, kind, places.to(bench.device), gradient))
                say("planner: " + _in_words(rows[-1]))
    figures: dict[str, float] = {"planner.rows": len(rows), "planner.worst_ratio": min(row["ratio"] for row in rows)}
    for name in NETWORKS:
        figures[f"planner.worst_ratio_{name}"] = min(row["ratio"] for row in rows if row["network"] == name)
    return Findings(figures, rows)


def _clicks(side_px: int, counts: tuple[int, ...]) -> Iterator[tuple[str, Tensor]]:
    for count in counts:
        yield "scattered", scattered(count, side_px)
        if count > 1:
            yield "stroked", stroked(count, side_px)
    yield "all", torch.cartesian_prod(torch.arange(side_px), torch.arange(side_px))


def _row(bench: Bench, case: Case, kind: str, places: Tensor, gradient: bool) -> dict[str, Any]:
    plans = _predicted(case, places, gradient)
    tried = [s for s in STRATEGIES if s != "patches" or plans["patches"] < MOST_PATCHES_S]
    works = {strategy: _work(case, places, strategy, gradient) for strategy in ("auto", *tried)}
    # What is far behind the best cannot become the best, and is timed once.
    seconds = bench.side_by_side(works, rounds=4, least_s=1.0, drop=1.5, always="auto")
    best = min(tried, key=lambda strategy: seconds[strategy])
    return {
        "network": case.name,
        "clicks": len(places),
        "kind": kind,
        "gradient": gradient,
        "chosen": plans["chosen"],
        "predicted_s": plans["auto"],
        "seconds": seconds,
        "best": best,
        "ratio": seconds[best] / seconds["auto"],
    }


def _predicted(case: Case, places: Tensor, gradient: bool) -> dict[str, Any]:
    """What the planner takes, and the seconds that it expects."""
    positions = F.pad(places, (1, 0))
    with torch.set_grad_enabled(gradient):
        planner = case.dense.planner(case.image)
        plan, patches = planner.at(positions, case.scores_px), planner.patches(positions, case.scores_px)
    return {"chosen": plan.strategy, "auto": plan.seconds, "patches": patches.seconds}


def _work(case: Case, places: Tensor, strategy: str, gradient: bool) -> Callable[[], object]:
    def run() -> None:
        with torch.set_grad_enabled(gradient):
            scores = case.dense.at(case.image, places, strategy=strategy)
            if gradient:
                backward(case.module, scores.mean())

    return run


def _in_words(row: dict[str, Any]) -> str:
    with_gradient = "with gradient, " if row["gradient"] else ""
    return (
        f"{row['network']}, {row['clicks']} clicks, {row['kind']}, {with_gradient}"
        f"took {row['chosen']}, best {row['best']}, ratio {row['ratio']:.2f}"
    )
