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


def info(
    model: Annotated[Path, typer.Argument(help="Model file.")],
) -> None:
    """Show what a model file holds."""
    from rich.console import Console

    console = Console()
    with console.capture() as shown:
        console.print(_table(model, _summary_of(model)))
    typer.echo(shown.get(), nl=False)


def _summary_of(model: Path) -> ModelSummary | ImageModelSummary:
    from clicktrain.api import ImageClassifier, PixelClassifier
    from clicktrain.api.base import read_bytes
    from clicktrain.models.files import model_kind

    if model_kind(read_bytes(model), str(model)) == "pixel":
        return PixelClassifier.load(model, device="cpu").summary()
    return ImageClassifier.load(model, device="cpu").summary()


def _table(model: Path, summary: ModelSummary | ImageModelSummary) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(str(model)), title_justify="left", show_header=False, show_lines=True)
    for name, field in type(summary).model_fields.items():
        value = getattr(summary, name)
        if name == "classes":
            shown = _image_classes(summary) if isinstance(summary, ImageModelSummary) else _classes(summary)
        else:
            shown = Text(_plain(value))
        table.add_row(field.title or name, shown)
    return table


def _classes(summary: ModelSummary) -> Text:
    from rich.text import Text

    clicks = summary.clicks.per_class
    lines = [
        Text.assemble(("■ ", each.color), f"{each.number} {each.name}, {clicks.get(each.number, 0)} clicked pixels")
        for each in summary.classes
    ]
    return Text("\n").join(lines)


def _image_classes(summary: ImageModelSummary) -> Text:
    from rich.text import Text

    counted = zip(summary.classes, summary.images.per_class, strict=True)
    return Text("\n".join(f"{label}, {count} images" for label, count in counted))


def _plain(value: Any) -> str:
    from pydantic import BaseModel

    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return "\n".join(f"{fields[name].title or name}: {_plain(getattr(value, name))}" for name in fields)
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    if isinstance(value, tuple):
        return ", ".join(_plain(item) for item in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)
