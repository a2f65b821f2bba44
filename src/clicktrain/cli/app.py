"""The command `clicktrain`."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from clicktrain.cli.demo import demo
from clicktrain.cli.info import info
from clicktrain.cli.predict import predict
from clicktrain.cli.predict_image import predict_image
from clicktrain.cli.shell import guarded
from clicktrain.cli.train import train
from clicktrain.cli.train_image import train_image

__all__ = ["app", "main"]

app = typer.Typer(
    name="clicktrain",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _command in (train, predict, train_image, predict_image, info, demo):
    app.command()(guarded(_command))


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        # A file name need not be valid text; showing it must not fail.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    # What it logs about a damaged file ends up in our own error line.
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    app()


def _show_version(wanted: bool) -> None:
    if wanted:
        from clicktrain import __version__

        typer.echo(f"clicktrain {__version__}")
        raise typer.Exit


@app.callback()
def _clicktrain(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Click a few pixels per class, get every pixel classified."""
