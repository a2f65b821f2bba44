"""Coarse first: how soon there is something to see, and what that costs in all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from _report import say

from _engine.bench import Findings
from _engine.networks import MAKERS, make_case
from _engine.whole import whole_pass

if TYPE_CHECKING:
    from _engine.bench import Bench
    from _engine.networks import Case


def coarse_first(bench: Bench) -> Findings:
    """Refinement beside one planned pass; the figures are the worst of all networks."""
    figures: dict[str, float] = {}
    cases = [make_case(name, bench) for name in MAKERS]
    if not hasattr(cases[0].dense, "refine"):
        return Findings()
    for case in cases:
        say(f"coarse first: {case.name}")
        first_s, total_s, pass_s = _seconds(bench, case)
        figures |= {
            f"{case.name}.refine_first_s": first_s,
            f"{case.name}.refine_s": total_s,
            f"{case.name}.refine_cost_ratio": total_s / pass_s,
            f"{case.name}.refine_first_share": first_s / total_s,
        }
    for key in ("cost_ratio", "first_share"):
        figures[f"refine.{key}"] = max(figures[f"{case.name}.refine_{key}"] for case in cases)
    return Findings(figures)


def _seconds(bench: Bench, case: Case) -> tuple[float, float, float]:
    """Shortest seconds to the first scores, to the last ones, and of one pass, in turn."""

    def first() -> None:
        next(iter(case.dense.refine(case.image)))

    def refine() -> None:
        for _ in case.dense.refine(case.image):
            pass

    works = {"refine": refine, "pass": whole_pass(case, "auto", gradient=False), "first": first}
    seconds = bench.side_by_side(works, rounds=5, least_s=2.0)
    return seconds["first"], seconds["refine"], seconds["pass"]
