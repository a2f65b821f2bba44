"""`clicktrain info`."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clicktrain.config.images import ImageModelSummary
from clicktrain.config.summaries import ModelSummary

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from clicktrain.config.summaries import ModelSummary

__all__ = ["info"]


# What only those can read who know how the network is made and trained.
_INNER = {"architecture", "training", "postprocess", "channel_mean", "channel_deviation", "clicks", "images"}


def info(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    every: Annotated[bool, typer.Option("--all", help="Show every setting as well.")] = False,
) -> None:
    """Show what a model file holds."""
    from rich.console import Console

    console = Console()
    with console.capture() as shown:
        console.print(_table(model, _summary_of(model), every=every))
    typer.echo(shown.get(), nl=False)


def _summary_of(model: Path) -> ModelSummary | ImageModelSummary:
    from clicktrain.api import ImageClassifier, PixelClassifier
    from clicktrain.api.base import read_bytes
    from clicktrain.models.files import model_kind

    if model_kind(read_bytes(model), str(model)) == "pixel":
        return PixelClassifier.load(model, device="cpu").summary()
    return ImageClassifier.load(model, device="cpu").summary()


def _table(model: Path, summary: ModelSummary | ImageModelSummary, *, every: bool) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(str(model)), title_justify="left", show_header=False, show_lines=True)
    told = _of_images(summary) if isinstance(summary, ImageModelSummary) else _of_pixels(summary)
    for name, field in type(summary).model_fields.items():
        value = getattr(summary, name)
        if name in told and not (every and name in _INNER):
            table.add_row(field.title or name, told[name])
        elif every or not (name in _INNER or value is None):
            table.add_row(field.title or name, Text(_plain(value)))
    return table


def _of_pixels(summary: ModelSummary) -> dict[str, Text]:
    """What is better told in words of its own."""
    from rich.text import Text

    network, counts = summary.architecture, summary.clicks.per_class
    kind = "pixels of volumes" if network.ndim == 3 else "pixels of images"
    if network.anisotropy != 1:
        kind += f", slices {network.anisotropy:.3g} px apart"
    classes = [
        Text.assemble(("■ ", each.color), f"{each.number} {each.name}, {counts.get(each.number, 0)} clicked pixels")
        for each in summary.classes
    ]
    return {
        "kind": Text(kind),
        "preset": Text(f"{summary.preset}, with position encoding" if network.position_encoding else summary.preset),
        "fov_px": Text(" x ".join(map(str, summary.fov_px)) + " px"),
        "classes": Text("\n").join(classes),
    }


def _of_images(summary: ImageModelSummary) -> dict[str, Text]:
    from rich.text import Text

    counts = summary.images.per_class
    counted = zip(summary.classes, counts, strict=True)
    patch_px = summary.architecture.patch_px
    return {
        "kind": Text(f"whole images, in patches of {patch_px} x {patch_px} px"),
        "classes": Text("\n".join(f"{label}, {count} images" for label, count in counted)),
        "images": Text(f"{sum(counts)}, of which {summary.images.validated} were kept to see when to stop"),
    }


def _plain(value: Any) -> str:
    from pydantic import BaseModel

    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return "\n".join(f"{fields[name].title or name}: {_plain(getattr(value, name))}" for name in fields)
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    if isinstance(value, tuple):
        return ", ".join(_plain(item) for item in value)
    if value is None or isinstance(value, bool):
        return {None: "not set", True: "yes", False: "no"}[value]
    return f"{value:.4g}" if isinstance(value, float) else str(value)
