"""How far a running computation is: computations are generators of progress, and closing one stops it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator

    T = TypeVar("T")

__all__ = ["Progress", "ProgressCallback", "as_progress", "drained", "run_to_end"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running computation is.

    Parameters
    ----------
    stage : str
        What is being done, fit to be shown: "features", "training", "predicting".
    step : int
        Steps done, from 0.
    total : int
        Steps in this stage.
    loss : float or None
        Training loss of the last step, where there is one; of the last step of a validation, its mean loss.
    accuracy : float or None
        Share of the validation's answers that are right, at its last step.
    """

    stage: str
    step: int
    total: int
    loss: float | None = None
    accuracy: float | None = None

    @property
    def fraction(self) -> float:
        """Share of the stage that is done, 0 to 1."""
        return self.step / self.total if self.total else 1.0


ProgressCallback: TypeAlias = Callable[[Progress], None]


def run_to_end(steps: Generator[Progress, None, T], progress: ProgressCallback | None = None) -> T:
    """Run to the end, telling `progress` of every step; what it raises closes the computation."""
    with closing(steps):
        while True:
            try:
                step = next(steps)
            except StopIteration as stop:
                result: T = stop.value
                return result
            if progress is not None:
                progress(step)


def drained(steps: Generator[object, None, T]) -> T:
    """Run to the end, where nobody waits for a single step, and return the result."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: T = stop.value
            return result


def as_progress(now: Progress, steps: Generator[object, None, T]) -> Generator[Progress, None, T]:
    """Yield `now` for every step of work without a count of its own, and return its result."""
    with closing(steps):
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                result: T = stop.value
                return result
            yield now
