"""What is timed: what a user waits for, and the same by what people would use instead."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from _few_clicks.means import LEAD
from _few_clicks.methods import METHODS

from _speed.cases import more_and_more
from _speed.window import TICK_MS
from clicktrain import PixelClassifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from _few_clicks.methods import Method

    from _speed.cases import Case
    from _speed.window import Window

# What `clicktrain demo` does until it is trained.
FIRST_FIT = """\
from clicktrain import PixelClassifier
from clicktrain.data.samples import immunohistochemistry
sample = immunohistochemistry()
PixelClassifier().fit(sample.image, sample.clicks, axes=sample.axes)
"""


class Work(NamedTuple):
    """Something to time.

    Parameters
    ----------
    key : str
        The same for all methods that do the same.
    method : str
    title : str
    seconds : callable
        Does it once and says how long it took.
    """

    key: str
    method: str
    title: str
    seconds: Callable[[], float]


def seconds_of(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def fit_and_predict(case: Case, methods: Sequence[str]) -> Iterator[Work]:
    """Train on an image and classify it, by all methods in turn; features are computed anew each time."""
    made = {name: METHODS[name]() for name in methods}
    key = case.name.lower()
    for name, method in made.items():
        yield Work(f"fit_{key}", name, f"train, {case.in_words()}", lambda method=method: fit_s(method, case))
    for name, method in made.items():
        yield Work(f"predict_{key}", name, f"classify, {case.name}", lambda method=method: predict_s(method, case))


def fit_s(method: Method, case: Case) -> float:
    return seconds_of(lambda: method.fit(method.prepare(case.picture), case.labels))


def predict_s(method: Method, case: Case) -> float:
    return seconds_of(lambda: method.predict_proba(method.prepare(case.picture)))


def first_fit() -> Work:
    command = [sys.executable, "-c", FIRST_FIT]
    title = "train in a fresh process, as `clicktrain demo` does"
    return Work("first_fit", LEAD, title, lambda: seconds_of(lambda: subprocess.run(command, check=True)))


def strokes(case: Case) -> Iterator[Work]:
    """What ClickTrain does while one goes on drawing, with one stroke more each time."""
    image, clicks = case.picture.array, more_and_more()
    # The first call, which is not counted, trains from nothing.
    classifier = PixelClassifier()
    embedding = classifier.embed(image)

    def continue_s() -> float:
        drawn = next(clicks)
        return seconds_of(lambda: classifier.continue_fit(image, drawn))

    def first_answer_s() -> float:
        drawn = next(clicks)
        return seconds_of(lambda: embedding.segment(drawn))

    yield Work("continue_fit", LEAD, "go on training after one more stroke, RGB", continue_s)
    yield Work("embed", LEAD, "embed, RGB", lambda: seconds_of(lambda: classifier.embed(image)))
    yield Work("first_answer", LEAD, "first answer to a stroke, once embedded", first_answer_s)


def window_gap(window: Window) -> Work:
    title = f"largest gap of a {TICK_MS} ms timer of the window while it trains"
    return Work("window_gap", LEAD, title, window.largest_gap_s)
