"""Two other processes that compute on all cores, as on a machine that its user works with: stopped until needed."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from _speed.processes import started, told

if TYPE_CHECKING:
    from collections.abc import Iterator

LIBRARIES = ("numpy", "torch")


class Load:
    """The processes; they exist while this is entered, and compute inside `running`."""

    def __enter__(self) -> Self:
        self._processes = [started("_speed.load_child", library) for library in LIBRARIES]
        for process in self._processes:
            told(process)
        self._signal(signal.SIGSTOP)
        return self

    def __exit__(self, *_: object) -> None:
        self._signal(signal.SIGKILL)
        for process in self._processes:
            process.communicate()

    @contextmanager
    def running(self) -> Iterator[None]:
        self._signal(signal.SIGCONT)
        try:
            yield
        finally:
            self._signal(signal.SIGSTOP)

    def _signal(self, number: int) -> None:
        for process in self._processes:
            process.send_signal(number)
