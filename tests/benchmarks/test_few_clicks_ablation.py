from __future__ import annotations

from typing import Any

from _few_clicks.ablation import ablation_text


def row(method: str, budget: int, iou: float) -> dict[str, Any]:
    scores = {"iou": iou, "ap": iou / 2, "fit_s": 1.0, "predict_s": 2.0}
    return {"set": "a", "method": method, "image": 0, "budget": budget, **scores}


def test_forms_are_shown_as_differences_to_the_default_one() -> None:
    rows = [row("clicktrain", 50, 0.5), row("clicktrain", 200, 0.7), row("clicktrain-bare", 50, 0.6)]
    rows.append(row("clicktrain-bare", 200, 0.4))
    text = ablation_text({"rows": rows, "machine": {"cores": 2, "processor": "some"}})
    assert "| clicktrain | 0.500 | 0.700 | 0.250 | 0.350 |" in text
    assert "| bare | +0.100 | -0.300 | +0.050 | -0.150 |" in text
