from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from _few_clicks.figure import PANEL_INCHES, draw_curves
from PIL import Image

from tests.benchmarks.test_few_clicks_means import REPORT

if TYPE_CHECKING:
    from pathlib import Path


def test_figure_has_panels_for_both_scores_and_kinds_of_sets(tmp_path: Path) -> None:
    draw_curves(REPORT, tmp_path / "new" / "curves.png")
    with Image.open(tmp_path / "new" / "curves.png") as picture:
        width, height = picture.size
    assert width / height == pytest.approx(PANEL_INCHES[0] / PANEL_INCHES[1], abs=0.01)
