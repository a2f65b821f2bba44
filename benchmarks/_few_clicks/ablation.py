"""What each ingredient gives: the default model beside itself without one of them, as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from _markdown import machine_name, table

from _few_clicks.means import LEAD, SCORES, method_means, named, shared_sets
from _few_clicks.tables import NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping


def ablation_text(report: Mapping[str, Any]) -> str:
    """One row per form of ClickTrain: scores of the default one, and how far the others are from it."""
    rows = report["rows"]
    means, budgets = method_means(rows), sorted(named(rows, "budget"))
    head = ["Form", *(f"{NAMES[score]}, {budget:,} px" for score in SCORES for budget in budgets)]
    lines = [_line(method, means, budgets) for method in named(rows, "method")]
    about = f"Means over {len(shared_sets(rows))} sets; the first row in full, the others as differences to it."
    return f"{about} On {machine_name(report['machine'])}:\n\n{table(head, lines)}"


def _line(method: str, means: Mapping[tuple[int, str], Mapping[str, float]], budgets: list[int]) -> list[str]:
    cells = [(score, budget) for score in SCORES for budget in budgets]
    if method == LEAD:
        shown = [f"{means[budget, method][score]:.3f}" for score, budget in cells]
    else:
        shown = [f"{means[budget, method][score] - means[budget, LEAD][score]:+.3f}" for score, budget in cells]
    return [method.removeprefix(f"{LEAD}-"), *shown]
