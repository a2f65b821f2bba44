"""The report of the benchmark of going on as Markdown."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Any

from _markdown import machine_name, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HEAD = ("Trained on", "Mean IoU", "Mean average precision", "Seconds")


def summary_text(report: Mapping[str, Any]) -> str:
    """One row per way to train, means over the sets."""
    ways = dict.fromkeys(row["way"] for row in report["rows"])
    rows = [_row(way, [row for row in report["rows"] if row["way"] == way]) for way in ways]
    sets = len({row["set"] for row in report["rows"]})
    return f"{sets} sets, measured on {machine_name(report['machine'])}:\n\n" + table(HEAD, rows)


def _row(way: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    iou, precision, seconds = (fmean(row[key] for row in rows) for key in ("iou", "ap", "fit_s"))
    return [way, f"{iou:.3f}", f"{precision:.3f}", f"{seconds:.1f}"]
