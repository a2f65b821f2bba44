"""Work without a count of its own, told as progress of what it is a part of."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator

    from clicktrain.types import Progress

    T = TypeVar("T")

__all__ = ["telling"]


def telling(now: Progress, steps: Generator[object, None, T]) -> Generator[Progress, None, T]:
    """Yield `now` for every step of other work, so that it can be stopped there, and return its result."""
    with closing(steps):
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                result: T = stop.value
                return result
            yield now
