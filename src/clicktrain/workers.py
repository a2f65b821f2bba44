"""Independent pieces of work side by side: a few threads, each of which computes on one core.

PyTorch's own threads divide single operations, and wait in a loop for each other after every one of them. Where
operations are small and other programs compute as well, nearly all time goes into that waiting.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, TypeVar

import torch
from threadpoolctl import ThreadpoolController

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from types import TracebackType

    T = TypeVar("T")

__all__ = ["Workers", "on_one_core", "settle"]


class Workers:
    """As many threads as PyTorch would use on a processor; on other devices there are none, and work is done at once.

    Parameters
    ----------
    device : torch.device
    """

    def __init__(self, device: torch.device) -> None:
        count = torch.get_num_threads() if device.type == "cpu" else 1
        self.count = count
        self._pool = None if count == 1 else ThreadPoolExecutor(count, "clicktrain", _limit_this_thread)

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def submit(self, task: Callable[[], T]) -> Future[T]:
        """Begin a task beside all else; without threads it is done at once."""
        if self._pool is not None:
            return self._pool.submit(task)
        future: Future[T] = Future()
        future.set_result(task())
        return future

    def run(self, tasks: Iterable[Callable[[], T]]) -> Generator[None, None, list[T]]:
        """Run tasks side by side.

        Parameters
        ----------
        tasks : iterable of callable
            Asked for one by one, in the calling thread, a few more than there are threads at a time.

        Yields
        ------
        None
            After every task.

        Returns
        -------
        list
            What they return, in their order. What one of them raises is raised when all that were begun have ended.
        """
        ahead = self.count if self._pool is not None else 0
        results: list[T] = []
        begun: deque[Future[T]] = deque()
        waiting = iter(tasks)
        try:
            while True:
                while len(begun) <= ahead and (task := next(waiting, None)) is not None:
                    begun.append(self.submit(task))
                if not begun:
                    return results
                results.append(begun.popleft().result())
                yield
        finally:
            settle(begun)


def settle(futures: Iterable[Future[T]]) -> None:
    """Give up what was not begun, and wait for what was; nobody wants to know any more how it ends."""
    for future in futures:
        if not future.cancel():
            wait([future])


@contextmanager
def on_one_core() -> Iterator[None]:
    """Let PyTorch compute in the calling thread alone; other threads do not see it, and afterwards all is as before."""
    # The first question makes PyTorch set the thread up, which would undo the limit.
    torch.get_num_threads()
    with _controller().limit(limits=1, user_api="openmp"):
        yield


def _limit_this_thread() -> None:
    torch.get_num_threads()
    _controller().limit(limits=1, user_api="openmp")


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
