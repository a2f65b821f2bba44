"""Rounds in which everything is done in turn, each work once on a quiet machine and once on a busy one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from _report import say

from _speed.rows import row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from _speed.rows import Row
    from _speed.works import Work


# Nothing is repeated beyond this time: a busy machine can make minutes of seconds.
MOST_S = 100


class Running(Protocol):
    def running(self) -> AbstractContextManager[None]: ...


def run_rounds(works: Sequence[Work], load: Running, rounds: int) -> Iterator[list[Row]]:
    """All rows there are, after every work."""
    for work in works:
        say(f"warm-up: {work.method}, {work.title}")
        work.seconds()
    samples: list[tuple[list[float], list[float]]] = [([], []) for _ in works]
    for number in range(1, rounds + 1):
        for work, (quiet_s, busy_s) in zip(works, samples, strict=True):
            if sum(quiet_s) < MOST_S:
                quiet_s.append(work.seconds())
            if sum(busy_s) < MOST_S:
                with load.running():
                    busy_s.append(work.seconds())
            say(f"{number} of {rounds}: {work.method}, {work.title}: {quiet_s[-1]:.3f} s, busy {busy_s[-1]:.3f} s")
            done = [(one, both) for one, both in zip(works, samples, strict=True) if all(both)]
            yield [row(one.key, one.method, one.title, *both) for one, both in done]
