"""Rows of the report: the spread of the seconds of one work, and what follows from them."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from _few_clicks.means import LEAD

if TYPE_CHECKING:
    from collections.abc import Sequence

    Row = dict[str, Any]

WHEN = ("quiet", "busy")


def row(key: str, method: str, title: str, quiet_s: Sequence[float], busy_s: Sequence[float]) -> Row:
    slowdown = median(busy_s) / median(quiet_s)
    spreads = {"quiet_s": spread(quiet_s), "busy_s": spread(busy_s)}
    return {"key": key, "method": method, "title": title, **spreads, "slowdown": slowdown}


def spread(seconds: Sequence[float]) -> dict[str, float]:
    return {"min": min(seconds), "median": median(seconds), "max": max(seconds), "count": len(seconds)}


def ratios(rows: Sequence[Row], one: Row, when: str) -> dict[str, float]:
    """How many times as long ClickTrain takes as each peer that does the same; nothing for a row of a peer."""
    if one["method"] != LEAD:
        return {}
    peers = [other for other in rows if other["key"] == one["key"] and other is not one]
    return {peer["method"]: one[f"{when}_s"]["median"] / peer[f"{when}_s"]["median"] for peer in peers}


def figures_of(rows: Sequence[Row]) -> dict[str, float]:
    figures = {}
    for one in rows:
        start = f"speed.{one['method']}.{one['key']}"
        figures[f"{start}.slowdown"] = one["slowdown"]
        for when in WHEN:
            figures[f"{start}.{when}_s"] = one[f"{when}_s"]["median"]
            for peer, ratio in ratios(rows, one, when).items():
                figures[f"{start}.{when}_ratio.{peer}"] = ratio
    return figures
