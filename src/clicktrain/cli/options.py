"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from clicktrain.config import DeviceName

__all__ = ["Axes", "Device", "Overwrite", "SkipExisting"]

Axes: TypeAlias = Annotated[
    str | None,
    typer.Option(help='Axes of all images, such as "YX", "YXC", "CYX" or "ZYX", where the files do not tell them.'),
]
Device: TypeAlias = Annotated[DeviceName, typer.Option(help='Where to compute; "auto" takes a GPU if there is one.')]
Overwrite: TypeAlias = Annotated[bool, typer.Option("--overwrite", help="Replace results that are there already.")]
SkipExisting: TypeAlias = Annotated[
    bool, typer.Option("--skip-existing", help="Leave out what an earlier run did with the same model and options.")
]
