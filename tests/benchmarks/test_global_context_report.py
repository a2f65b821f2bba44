from __future__ import annotations

from typing import TYPE_CHECKING

import global_context
import numpy as np
from _global_context import draw_answers, summary_text

if TYPE_CHECKING:
    from pathlib import Path


def test_both_contexts_are_scored_on_both_sections_and_shown(monkeypatch) -> None:
    monkeypatch.setattr(global_context, "CLICKED_PX", 60)
    rows = list(global_context.rows_of(0, 128))
    assert [row["context"] for row in rows] == ["local", "global"]
    figures = global_context.figures_of(rows)
    text = summary_text({"figures": figures, "machine": {"cores": 2, "processor": "some"}})
    assert f"| on | {rows[1]['same_iou']:.3f} | {rows[1]['other_iou']:.3f} |" in text


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    image = np.zeros((20, 30), np.uint8)
    draw_answers(image, {"truth": image + 1, "global": image + 2}, tmp_path / "made" / "answers.png")
    assert (tmp_path / "made" / "answers.png").stat().st_size > 1000
