"""Reports of the benchmark of a few clicks as Markdown; reads nothing but the report."""

from __future__ import annotations

from collections import defaultdict
from statistics import fmean
from typing import TYPE_CHECKING, Any

from _markdown import machine_name, table

from _few_clicks.means import SCORES, gaps, groups, method_means, named, set_means, shared_sets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from _few_clicks.means import Gap, Row

NAMES = {"iou": "IoU", "ap": "AP"}

EXPLANATION = """\
IoU: mean over classes of the most probable class. AP: mean over classes of the average precision. Half of each counts
the unlabelled pixels of the training image, half up to three other images. Seconds are those for an image that was
never seen before, its features included.
"""


def summary_text(report: Mapping[str, Any]) -> str:
    """Means over sets and the differences to the best peer, under the name of the machine."""
    parts = [f"Measured on {machine_name(report['machine'])}.\n", EXPLANATION]
    for title, rows in groups(report["rows"], report["choose_on"]).items():
        parts += [f"**{title}**\n", _mean_table(rows), _gap_table(rows)]
    return "\n".join(part for part in parts if part)


def report_text(report: Mapping[str, Any]) -> str:
    """All tables, those of the single sets included."""
    parts = [summary_text(report)]
    for title, rows in groups(report["rows"], report["choose_on"]).items():
        parts += [f"**{title}, one by one** (IoU / AP)\n", _set_table(rows)]
    refused = [f"- {one['method']} on {one['set']}: {one['why']}\n" for one in report["refused"]]
    return "\n".join([*parts, "**Not possible**\n", "".join(refused)] if refused else parts)


def _mean_table(rows: Sequence[Row]) -> str:
    names = shared_sets(rows)
    if not names:
        return "No set was done by every method.\n"
    lines = [
        (
            f"{budget:,}",
            method,
            f"{mean['iou']:.3f}",
            f"{mean['ap']:.3f}",
            seconds(mean["fit_s"]),
            seconds(mean["predict_s"]),
        )
        for (budget, method), mean in method_means(rows).items()
    ]
    head = ("Labelled pixels", "Method", "Mean IoU", "Mean AP", "Fit", "Predict an image")
    return f"Means over the sets that every method did, {len(names)} in number:\n\n{table(head, lines)}"


def seconds(value: float) -> str:
    return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"


def _gap_table(rows: Sequence[Row]) -> str:
    """How far ClickTrain is from the best peer of each set."""
    every = [(budget, score, gaps(rows, budget, score)) for budget in sorted(named(rows, "budget")) for score in SCORES]
    lines = [_gap_line(budget, score, found) for budget, score, found in every if found]
    head = ("Labelled pixels", "Score", "ClickTrain - best peer, mean", "Worst", "Where", "Ahead on")
    return table(head, lines) if lines else ""


def _gap_line(budget: int, score: str, found: Sequence[Gap]) -> list[str]:
    worst = min(found, key=lambda gap: gap.difference)
    ahead = sum(gap.difference > 0 for gap in found)
    mean = fmean(gap.difference for gap in found)
    where = f"{worst.name}, {worst.peer}"
    return [f"{budget:,}", NAMES[score], f"{mean:+.3f}", f"{worst.difference:+.3f}", where, f"{ahead} of {len(found)}"]


def _set_table(rows: Sequence[Row]) -> str:
    """One line per set and budget, one column per method."""
    methods = named(rows, "method")
    answers: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
    for (name, method, budget), mean in set_means(rows).items():
        answers[name, budget][method] = f"{mean['iou']:.3f} / {mean['ap']:.3f}"
    best = {budget: [{g.name: g for g in gaps(rows, budget, score)} for score in SCORES] for _, budget in answers}
    lines = [
        (name, f"{budget:,}", *(by_method.get(method, "-") for method in methods), _differences(best[budget], name))
        for (name, budget), by_method in sorted(answers.items())
    ]
    return table(("Set", "Labelled pixels", *methods, "ClickTrain - best peer"), lines)


def _differences(best: Sequence[Mapping[str, Gap]], name: str) -> str:
    return (
        " / ".join(f"{by_set[name].difference:+.3f} ({by_set[name].peer})" for by_set in best if name in by_set) or "-"
    )
