"""The planner's choice as tables, for `clicktrain info --plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from clicktrain.config.summaries import ModelSummary
    from clicktrain.engine.explain import Explanation
    from clicktrain.engine.network import DenseNetwork

__all__ = ["show_plan"]


def show_plan(console: Console, summary: ModelSummary | None, size_px: int) -> None:
    """Print how the context network would score an image of a size, forward and with its backward pass.

    Parameters
    ----------
    console : Console
    summary : ModelSummary or None
        None for a network of the default preset with one channel and two classes.
    size_px : int
        Of the image.
    """
    from clicktrain.engine.device import pick_device
    from clicktrain.engine.explain import explain

    device = pick_device()
    context = _context(summary).to(device)
    program = context.program
    image_px = program.image_px([size_px] * program.ndim)
    for gradient in (False, True):
        found = explain(program, context.module, image_px, gradient=gradient, device=device)
        title = "forward and backward" if gradient else "forward"
        sides = " x ".join([str(size_px)] * program.ndim)
        console.print(f"\n[bold]{sides} scores, {title}[/bold]")
        for table in (_alternatives(found), _stages(found), _clicks(found)):
            console.print(table)
    console.print(f"\nby speeds measured on: {found.device}")
    console.print(_speeds(found))


def _context(summary: ModelSummary | None) -> DenseNetwork:
    from clicktrain.config import preset
    from clicktrain.engine.densify import densify
    from clicktrain.models.pixels.nets import build_network

    network = preset("auto").network if summary is None else summary.architecture
    channels, n_classes = (1, 2) if summary is None else (summary.channels, len(summary.classes))
    context = build_network(network, in_channels=channels, n_classes=n_classes).local_nets[0].eval()
    return densify(context, ndim=network.ndim, fov=context.fov_px)


def _table(*headings: str) -> Table:
    from rich.table import Table

    table = Table(*headings)
    table.columns[-1].justify = "right"
    return table


def _alternatives(found: Explanation) -> Table:
    table = _table("way", "predicted")
    fastest = min(found.alternatives.values())
    for name, seconds in found.alternatives.items():
        table.add_row(name, f"{seconds * 1e3:.1f} ms" + (" *" if seconds == fastest else ""))
    return table


def _stages(found: Explanation) -> Table:
    from rich.table import Column, Table

    numbers = [Column(name, justify="right") for name in ("GFLOP", "predicted", "measured")]
    table = Table("layers", "way", *numbers)
    for stage in found.stages:
        measured = "" if stage.measured_s is None else _ms(stage.measured_s)
        table.add_row(stage.layers, stage.way, f"{stage.gflop:.3f}", _ms(stage.seconds), measured)
    total_s = sum(stage.measured_s or 0.0 for stage in found.stages)
    gflop, predicted_s = (sum(getattr(stage, name) for stage in found.stages) for name in ("gflop", "seconds"))
    table.add_row("all", "", f"{gflop:.3f}", _ms(predicted_s), _ms(total_s) if total_s else "")
    return table


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms"


def _clicks(found: Explanation) -> Table:
    table = _table("scattered clicks", "way")
    for count, way in found.clicks.items():
        table.add_row(str(count), way)
    return table


def _speeds(found: Explanation) -> Table:
    from dataclasses import asdict

    table = _table("speed", "measured")
    for name, value in asdict(found.speeds).items():
        table.add_row(name, f"{value:.3g}")
    return table
