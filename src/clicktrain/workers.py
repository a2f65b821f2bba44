"""Independent pieces of work side by side: a few threads, each of which computes on one core.

PyTorch's own threads divide single operations, and wait in a loop for each other after every one of them. Where
operations are small and other programs compute as well, nearly all time goes into that waiting.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch
from threadpoolctl import ThreadpoolController

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from types import TracebackType

__all__ = ["Workers", "each_step_on_one_core", "on_one_core", "settle"]

T = TypeVar("T")
R = TypeVar("R")

_MOST = 8


class Workers:
    """As many threads as PyTorch would use on a processor, up to eight, as each holds memory of its own.

    On other devices there are none: work is done when its result is asked for.

    Parameters
    ----------
    device : torch.device
    """

    def __init__(self, device: torch.device) -> None:
        count = min(_here.count or torch.get_num_threads(), _MOST) if device.type == "cpu" else 1
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
        """Begin a task beside all else; without threads it is done when its result is asked for."""
        return _Later(task) if self._pool is None else self._pool.submit(task)

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


class _Later(Future[T]):
    """A task that is done by whoever asks for its result."""

    def __init__(self, task: Callable[[], T]) -> None:
        super().__init__()
        self._task = task

    def result(self, timeout: float | None = None) -> T:
        """Do the task; `timeout` is not heeded."""
        return self._task()


def settle(futures: Iterable[Future[T]]) -> None:
    """Give up what was not begun, and wait for what was; nobody wants to know any more how it ends."""
    for future in futures:
        if not future.cancel():
            wait([future])


@contextmanager
def on_one_core() -> Iterator[None]:
    """Let PyTorch compute in the calling thread alone; other threads do not see it, and afterwards all is as before."""
    # The first question makes PyTorch set the thread up, which would undo the limit.
    count = torch.get_num_threads()
    mkl_before = _limit_mkl(1)
    known_before, _here.count = _here.count, _here.count or count
    try:
        with _controller().limit(limits=1, user_api="openmp"):
            yield
    finally:
        _here.count = known_before
        _limit_mkl(mkl_before)


def each_step_on_one_core(steps: Generator[T, None, R]) -> Generator[T, None, R]:
    """Run a generator's steps on one core each; whoever asks for the next step is not limited in between."""
    with closing(steps):
        while True:
            with on_one_core():
                try:
                    now = next(steps)
                except StopIteration as stop:
                    result: R = stop.value
                    return result
            yield now


class _Here(threading.local):
    """Threads that PyTorch had in this thread before they were limited; 0 where they are not."""

    count = 0


_here = _Here()


def _limit_this_thread() -> None:
    torch.get_num_threads()
    _limit_mkl(1)
    _controller().limit(limits=1, user_api="openmp")


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def _limit_mkl(n_threads: int) -> int:
    """Limit MKL's threads in this thread and return the limit before, 0 for none.

    It follows OpenMP's limit only as long as nobody has called `torch.set_num_threads`.
    """
    limit = _mkl()
    return 0 if limit is None else int(limit(n_threads))


@cache
def _mkl() -> Callable[[int], int] | None:
    """MKL's function for that, where PyTorch brings MKL."""
    library = Path(torch.__file__).parent / "lib" / ("torch_cpu.dll" if sys.platform == "win32" else "libtorch_cpu.so")
    try:
        found: Callable[[int], int] = ctypes.CDLL(str(library)).MKL_Set_Num_Threads_Local
    except (OSError, AttributeError):
        return None
    return found
