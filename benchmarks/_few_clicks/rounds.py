"""The rounds: train on the strokes of one image, then score that image and others."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from _few_clicks.methods import METHODS
from _few_clicks.scores import score
from _few_clicks.sets import Picture
from _few_clicks.strokes import draw_strokes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from _few_clicks.methods import Method
    from _few_clicks.sets import Example

OTHERS = 3

# Set, method, number of the training image, labelled pixels.
Round = tuple[str, str, int, int]


class Timed(NamedTuple):
    """What a call gave, and after how many seconds."""

    result: Any
    seconds: float


@dataclass(frozen=True, eq=False)
class Course:
    """One method on one set.

    Parameters
    ----------
    name : str
        Of the set.
    method : str
    examples : sequence of Example
    budgets : sequence of int
        Labelled pixels.
    images : int
        Training images, taken in turn.
    """

    name: str
    method: str
    examples: Sequence[Example]
    budgets: Sequence[int]
    images: int

    def rounds(self) -> list[Round]:
        images = range(min(self.images, len(self.examples)))
        return [(self.name, self.method, image, budget) for image in images for budget in self.budgets]


def run_course(course: Course, done: Collection[Round] = ()) -> Iterator[dict[str, Any]]:
    """One row of figures per training image and budget, but for those that are done."""
    left = [one for one in course.rounds() if one not in done]
    if not left:
        return
    model = METHODS[course.method]()
    prepared = [timed(model.prepare, example.picture) for example in course.examples]
    for one in left:
        yield _row(model, course.examples, prepared, one)


def warm_up(method: str) -> None:
    """Let a method load and plan what it does only once, which is not counted."""
    truth = np.repeat([1, 2], 32)[np.newaxis].repeat(64, axis=0)
    model = METHODS[method]()
    prepared = model.prepare(Picture(truth + np.random.default_rng(0).normal(size=truth.shape), "YX"))
    model.fit(prepared, draw_strokes(truth, 50, seed=[0])).predict_proba(prepared)


def timed(work: Callable[..., Any], *arguments: Any, **options: Any) -> Timed:
    start = time.perf_counter()
    result = work(*arguments, **options)
    return Timed(result, time.perf_counter() - start)


def _row(model: Method, examples: Sequence[Example], prepared: Sequence[Timed], one: Round) -> dict[str, Any]:
    """Figures of one round; times are those of images that were never seen before."""
    name, method, first, budget = one
    drawn = draw_strokes(examples[first].truth, budget, seed=[first, budget])
    fit_s = timed(model.fit, prepared[first].result, drawn).seconds
    tested = [first, *[k for k in range(len(examples)) if k != first][:OTHERS]]
    answers = [timed(model.predict_proba, prepared[k].result) for k in tested]
    truths = [np.where(drawn > 0, 0, examples[first].truth), *(examples[k].truth for k in tested[1:])]
    same, *others = (score(a.result, model.classes_, truth) for a, truth in zip(answers, truths, strict=True))
    other = np.mean(others, axis=0)
    return {
        "set": name,
        "method": method,
        "image": first,
        "budget": budget,
        "labelled_px": int((drawn > 0).sum()),
        "axes": examples[first].picture.axes,
        "same_iou": same.iou,
        "same_ap": same.ap,
        "other_iou": float(other[0]),
        "other_ap": float(other[1]),
        "iou": float((same.iou + other[0]) / 2),
        "ap": float((same.ap + other[1]) / 2),
        "prepare_s": prepared[first].seconds,
        "fit_s": prepared[first].seconds + fit_s,
        "predict_s": float(np.mean([prepared[k].seconds + a.seconds for k, a in zip(tested, answers, strict=True)])),
    }
