"""Curves of both scores against the number of clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from _few_clicks.means import groups, is_peer, method_means, named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from _few_clicks.means import Row

TITLES = {"iou": "Mean IoU", "ap": "Mean average precision"}
PANEL_INCHES = (5.0, 3.6)


def draw_curves(report: Mapping[str, Any], path: Path) -> None:
    """Write one panel per score and group of sets, one line per method."""
    parts = groups(report["rows"], report["choose_on"])
    size = (len(TITLES) * PANEL_INCHES[0], len(parts) * PANEL_INCHES[1])
    figure = Figure(size, layout="constrained")
    panels = figure.subplots(len(parts), len(TITLES), squeeze=False)
    for line, (title, rows) in zip(panels, parts.items(), strict=True):
        for panel, score in zip(line, TITLES, strict=True):
            _draw_panel(panel, rows, score)
        line[0].set_title(title, loc="left")
    panels[0, 0].legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def _draw_panel(panel: Axes, rows: Sequence[Row], score: str) -> None:
    means, budgets = method_means(rows), sorted(named(rows, "budget"))
    for method in named(rows, "method") if means else []:
        line = "--" if is_peer(method) else "-"
        panel.plot(budgets, [means[budget, method][score] for budget in budgets], line, marker="o", label=method)
    panel.set_xscale("log")
    panel.set_xticks(budgets)
    panel.xaxis.set_major_formatter(ScalarFormatter())
    panel.minorticks_off()
    panel.set(xlabel="labelled pixels", ylabel=TITLES[score])
    panel.grid(alpha=0.3)
