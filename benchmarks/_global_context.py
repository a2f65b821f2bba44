"""The report of the benchmark of global context as Markdown and as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from _markdown import machine_name, table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np

HEAD = ("Position encoding", "IoU, same section", "Other section", "Train", "Classify")
SHADES = ("#202020", "#e69f00", "#56b4e9")
PANEL_INCHES = 2.6


def summary_text(report: Mapping[str, Any]) -> str:
    """One row without and one with the position encoding."""
    figures = report["figures"]
    rows = [_row(figures, title, key) for title, key in (("off", "local"), ("on", "global"))]
    return f"Measured on {machine_name(report['machine'])}:\n\n" + table(HEAD, rows)


def _row(figures: Mapping[str, float], title: str, encoding: str) -> list[str]:
    def of(key: str, form: str) -> str:
        return form.format(figures[f"global_context.{encoding}.{key}"])

    scores = [of(f"{where}_iou", "{:.3f}") for where in ("same", "other")]
    return [title, *scores, of("fit_s", "{:.1f} s"), of("predict_s", "{:.1f} s")]


def draw_answers(image: np.ndarray, maps: Mapping[str, np.ndarray], path: Path) -> None:
    """Show an image beside maps of its classes 1, 2 and 3."""
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

    figure = Figure((PANEL_INCHES * (1 + len(maps)), PANEL_INCHES + 0.3), layout="constrained")
    first, *others = figure.subplots(1, 1 + len(maps))
    first.imshow(image, cmap="gray")
    first.set_title("image")
    for panel, (title, classes) in zip(others, maps.items(), strict=True):
        panel.imshow(classes, cmap=ListedColormap(SHADES), vmin=1, vmax=3, interpolation="nearest")
        panel.set_title(title)
    for panel in (first, *others):
        panel.set_axis_off()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
