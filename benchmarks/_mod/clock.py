"""Times that can be compared: all candidates in turn, again and again, the shortest time of each."""

from __future__ import annotations

import time
from math import inf
from typing import TYPE_CHECKING

import torch

from clicktrain.engine.device import pick_device

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def device() -> torch.device:
    """Where networks are timed: on a GPU if there is one, whose products are then those of float32."""
    return pick_device("cuda" if torch.cuda.is_available() else "cpu")


def wait() -> None:
    """Wait until a GPU has done what was started."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def shortest_s(candidates: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Seconds of each candidate; what disturbs one round disturbs all of them alike."""
    shortest = dict.fromkeys(candidates, inf)
    for run in candidates.values():
        run()
    for _ in range(repeats):
        for name, run in candidates.items():
            wait()
            start_s = time.perf_counter()
            run()
            wait()
            shortest[name] = min(shortest[name], time.perf_counter() - start_s)
    return shortest
