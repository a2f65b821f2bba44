"""All that is timed, in one run."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from _few_clicks.means import LEAD

from _speed.cases import colour_case, grey_case
from _speed.load import Load
from _speed.rounds import run_rounds
from _speed.window import Window
from _speed.works import first_fit, fit_and_predict, strokes, window_gap
from clicktrain.cli.viewer import why_no_window

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from _speed.works import Work

METHODS = (LEAD, "ilastik-rf", "skimage-rf")


def measure(data: Path | None, rounds: int) -> Iterator[dict[str, Any]]:
    """What the report has to say, after every work."""
    obstacle = why_no_window()
    works = list(works_without_window(data))
    with ExitStack() as stack:
        if obstacle is None:
            works.append(window_gap(stack.enter_context(Window())))
        load = stack.enter_context(Load())
        for rows in run_rounds(works, load, rounds):
            yield {"rows": rows, "rounds": rounds, "left_out": {"the window": obstacle} if obstacle else {}}


def works_without_window(data: Path | None) -> Iterator[Work]:
    colour = colour_case()
    for case in (grey_case(data), colour):
        yield from fit_and_predict(case, METHODS)
    yield first_fit()
    yield from strokes(colour)
