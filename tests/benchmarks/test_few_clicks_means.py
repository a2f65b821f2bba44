from __future__ import annotations

from typing import Any

import pytest
from _few_clicks.means import gaps, groups, method_means, shared_sets
from _few_clicks.tables import report_text


def row(name: str, method: str, iou: float, image: int = 0) -> dict[str, Any]:
    where = {"set": name, "method": method, "image": image, "budget": 50}
    return where | {"iou": iou, "ap": iou, "fit_s": 1.0, "predict_s": 2.0}


ROWS = [
    row("a", "clicktrain", 0.6),
    row("a", "clicktrain", 0.8, image=1),
    row("a", "forest", 0.5),
    row("a", "trees", 0.6),
    row("b", "clicktrain", 0.2),
    row("b", "forest", 0.4),
    row("b", "trees", 0.3),
    row("c", "forest", 1.0),
]
REPORT = {"rows": ROWS, "choose_on": ["b"], "refused": [], "machine": {"cores": 2, "processor": "some"}}


def test_sets_count_alike_whatever_their_number_of_images() -> None:
    assert method_means(ROWS)[50, "clicktrain"]["iou"] == pytest.approx((0.7 + 0.2) / 2)


def test_means_are_over_the_same_sets_for_every_method() -> None:
    assert shared_sets(ROWS) == ["a", "b"]
    assert method_means(ROWS)[50, "forest"]["iou"] == pytest.approx((0.5 + 0.4) / 2)


def test_gap_is_to_the_best_peer_of_each_set() -> None:
    found = gaps(ROWS, 50, "iou")
    assert [(gap.name, gap.peer) for gap in found] == [("a", "trees"), ("b", "forest")]
    assert [gap.difference for gap in found] == pytest.approx([0.1, -0.2])


def test_other_forms_of_clicktrain_are_no_peers() -> None:
    assert not gaps([row("a", "clicktrain", 0.6), row("a", "clicktrain-fast", 0.5)], 50, "iou")


def test_sets_that_choices_were_made_on_are_told_apart() -> None:
    apart = groups(ROWS, ["b"])
    assert [{one["set"] for one in part} for part in apart.values()] == [{"a", "c"}, {"b"}]


def test_report_names_the_worst_set_and_its_peer() -> None:
    assert "| 50 | IoU | -0.050 | -0.200 | b, forest | 1 of 2 |" in report_text(REPORT | {"choose_on": []})
