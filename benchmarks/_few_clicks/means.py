"""Means of rows over images and over sets, and how far ClickTrain is from its best peer."""

from __future__ import annotations

from collections import defaultdict
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    Row = dict[str, Any]

LEAD = "clicktrain"
SCORES = ("iou", "ap")
FIGURES = (*SCORES, "fit_s", "predict_s")


class Gap(NamedTuple):
    """ClickTrain beside the best peer of a set, at one budget and in one score."""

    name: str
    lead: float
    peer: str
    best: float

    @property
    def difference(self) -> float:
        return self.lead - self.best


def groups(rows: Sequence[Row], chosen: Collection[str]) -> dict[str, list[Row]]:
    """Rows of the sets that choices were made on and of the others, apart."""
    if not chosen:
        return {"All sets": list(rows)}
    apart = {
        "Sets that no choice was made on": [row for row in rows if row["set"] not in chosen],
        "Sets that choices were made on": [row for row in rows if row["set"] in chosen],
    }
    return {title: part for title, part in apart.items() if part}


def named(rows: Sequence[Row], key: str) -> list[Any]:
    """Different values of a column, in the order in which they come."""
    return list(dict.fromkeys(row[key] for row in rows))


def is_peer(method: str) -> bool:
    """Whether it is no form of ClickTrain."""
    return not method.startswith(LEAD)


def shared_sets(rows: Sequence[Row]) -> list[str]:
    """Sets that every method has done with every budget: means over other sets could not be compared."""
    done = {(row["set"], row["method"], row["budget"]) for row in rows}
    wanted = [(method, budget) for method in named(rows, "method") for budget in named(rows, "budget")]
    return [name for name in named(rows, "set") if all((name, *one) in done for one in wanted)]


def set_means(rows: Sequence[Row]) -> dict[tuple[str, str, int], dict[str, float]]:
    """Figures by set, method and budget."""
    collected = defaultdict(list)
    for row in rows:
        collected[row["set"], row["method"], row["budget"]].append(row)
    return {key: {figure: fmean(row[figure] for row in part) for figure in FIGURES} for key, part in collected.items()}


def method_means(rows: Sequence[Row]) -> dict[tuple[int, str], dict[str, float]]:
    """Figures by budget and method, every set counting alike."""
    means, names = set_means(rows), shared_sets(rows)
    keys = [(budget, method) for budget in sorted(named(rows, "budget")) for method in named(rows, "method")]
    return {
        (budget, method): {key: fmean(means[name, method, budget][key] for name in names) for key in FIGURES}
        for budget, method in keys
        if names
    }


def gaps(rows: Sequence[Row], budget: int, score: str) -> list[Gap]:
    """Of all sets where ClickTrain and at least one peer gave an answer."""
    means = set_means([row for row in rows if row["budget"] == budget])
    found = []
    for name in named(rows, "set"):
        by_method = {method: mean[score] for (where, method, _), mean in means.items() if where == name}
        peers = {method: value for method, value in by_method.items() if is_peer(method)}
        if LEAD in by_method and peers:
            best = max(peers, key=peers.__getitem__)
            found.append(Gap(name, by_method[LEAD], best, peers[best]))
    return found
