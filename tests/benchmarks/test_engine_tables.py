"""Reports of the engine's benchmark show what was measured, and no more."""

from __future__ import annotations

from _engine.tables import report_text

STROKES = {
    f"n4.strokes_{px}px_{key}": value
    for px in (1, 3)
    for key, value in {"at_s": 2.0, "patches_s": 12.0, "masked_dense_s": 6.0, "speedup": 3.0}.items()
}


def shown(figures: dict[str, float]) -> str:
    return report_text({"machine": {"cores": 2, "processor": "some"}, "figures": figures})


def test_a_way_that_was_left_out_leaves_its_cells_empty() -> None:
    figures = {**STROKES, "n4.stroke_step_speedup": 3.0}
    assert "| 1 px wide | 2 s | 12 s | 6 s | - | 3.00x | - |" in shown(figures)
    plain = {"n4.strokes_1px_masked_plain_torch_s": 9.0, "n4.strokes_1px_speedup_plain_torch": 4.5}
    assert "| 1 px wide | 2 s | 12 s | 6 s | 9 s | 3.00x | 4.50x |" in shown({**figures, **plain})


def test_parts_that_were_not_run_have_no_tables() -> None:
    text = shown({"n4.gemm_fraction": 0.74})
    assert "| n4, share of the floor | 0.74 |" in text
    assert "px wide" not in text
