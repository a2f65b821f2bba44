"""What all commands share: errors in one line, exit codes, progress bars."""

from __future__ import annotations

import functools
import os
import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import typer

from clicktrain.errors import ClickTrainError, is_out_of_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    P = ParamSpec("P")
    R = TypeVar("R")

__all__ = ["BAD_INPUT", "SOME_FAILED", "STOPPED", "complain", "guarded", "progress_bar", "tell_done"]

# What messages call a setting, as in Python, and what its option is called.
_OPTIONS = {
    "axes": "--axes",
    "epochs": "--epochs",
    "label": "--heat-label",
    "patch_px": "--patch",
    "position_encoding": "--position-encoding",
    "sampling": "--sampling",
    "validation_share": "--validation",
    "voxel_size": "--voxel-size",
}
_SETTING = re.compile(rf"(?<![-`\w])({'|'.join(_OPTIONS)})(?= must | cannot )")

SOME_FAILED = 1
BAD_INPUT = 2
STOPPED = 130


def complain(message: str) -> None:
    """Write one line to stderr, which calls settings as the options are called."""
    line = _SETTING.sub(lambda found: _OPTIONS[found[1]], " ".join(message.split()))
    typer.echo(f"clicktrain: {line}", err=True)


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """Let a command end with one line and an exit code where it would end with a traceback.

    Exit code 2 stands for bad input, 130 for being stopped: by Ctrl-C, or by a pipe that was closed.
    """

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except ClickTrainError as error:
            complain(str(error))
            raise typer.Exit(BAD_INPUT) from error
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            complain("the images must fit into memory, got too large ones. Take fewer or smaller images.")
            raise typer.Exit(BAD_INPUT) from error
        except KeyboardInterrupt as error:
            complain("stopped.")
            raise typer.Exit(STOPPED) from error
        except BrokenPipeError as error:
            _drop_stdout()
            complain("stopped, as nobody reads the output.")
            raise typer.Exit(STOPPED) from error

    return run


def tell_done(n_images: int, n_skipped: int, n_done: int, seconds: float, where: str) -> None:
    """Say how many images were done, before and now."""
    if n_skipped:
        typer.echo(f"{n_skipped} of {n_images} images were done already{where if n_skipped == n_images else ''}")
    if n_skipped < n_images:
        typer.echo(f"{n_done} of {n_images} images classified in {seconds:.1f} s{where}")


@contextmanager
def progress_bar(description: str) -> Iterator[Callable[[float, str], None]]:
    """Show a bar on stderr while a terminal is there to show it.

    Yields
    ------
    callable of (fraction, description)
        Moves the bar; 1 is the end.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(description, total=1.0)
        yield lambda fraction, text: bar.update(task, completed=fraction, description=text)


def _drop_stdout() -> None:
    # Python flushes stdout at exit once more and would complain about the closed pipe.
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)
