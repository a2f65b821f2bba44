"""Reading what comes next while the present is being worked on."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from concurrent.futures import Future

    T = TypeVar("T")
    R = TypeVar("R")

__all__ = ["prefetched"]


def prefetched(read: Callable[[T], R], items: Iterable[T], *, ahead: int = 1) -> Generator[R, None, None]:
    """Yield `read(item)` of all items in order, reading up to `ahead` of them in advance, one at a time, in a thread.

    Parameters
    ----------
    read : callable
        What it raises is raised here, in its turn.
    items : iterable
    ahead : int
        Results that wait at most; with the one in use, `ahead + 1` exist at once.
    """
    todo = iter(items)
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(1, "clicktrain-read") as thread:
        try:
            waiting.extend(thread.submit(read, item) for item in islice(todo, ahead))
            while waiting:
                result = waiting.popleft().result()
                waiting.extend(thread.submit(read, item) for item in islice(todo, 1))
                yield result
                del result
        finally:
            for future in waiting:
                future.cancel()
