"""What all parts share: the device, the size of the run, and times that can be compared."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor


@dataclass
class Findings:
    """Figures by key, and rows that are too many to be figures."""

    figures: dict[str, float] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Bench:
    """One run.

    Parameters
    ----------
    device : device
    quick : bool
        Whether images are small and rows few.
    """

    device: torch.device
    quick: bool

    def noise(self, *shape: int) -> Tensor:
        """Same normal numbers on every device."""
        return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(self.device)

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def once(self, work: Callable[[], object]) -> float:
        """Seconds of one call."""
        self.wait()
        start = time.perf_counter()
        work()
        self.wait()
        return time.perf_counter() - start

    def side_by_side(
        self,
        works: Mapping[str, Callable[[], object]],
        *,
        rounds: int = 3,
        least_s: float = 1.0,
        drop: float = inf,
        always: str = "",
    ) -> dict[str, float]:
        """Shortest seconds of several works, run in turn so that a busy machine slows all of them.

        Parameters
        ----------
        works : mapping of str to callable
        rounds : int
            Fewest calls of each, after one that is not counted.
        least_s : float
            Rounds are added until this much time is spent on all of them, or there are eight times as many.
        drop : float
            A work that takes this much longer than the fastest is not repeated.
        always : str
            Work that is repeated anyway.
        """
        seconds = {name: self.once(work) for name, work in works.items()}
        # The first call also plans and loads; drop here only what is hopeless.
        kept = [n for n, s in seconds.items() if s <= 2 * drop * min(seconds.values()) + 0.5 or n == always]
        seconds.update(dict.fromkeys(kept, inf))
        spent_s, done = 0.0, 0
        rounds = 1 if self.quick else rounds
        while done < rounds or (spent_s < least_s and done < 8 * rounds):
            for name in kept:
                call_s = self.once(works[name])
                seconds[name] = min(seconds[name], call_s)
                spent_s += call_s
            fastest_s = min(seconds[name] for name in kept)
            kept = [n for n in kept if seconds[n] <= drop * fastest_s or n == always]
            done += 1
        return seconds
