"""Random numbers that depend on a seed and on the place in the training alone."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["generator", "seeded"]


def generator(*place: int) -> torch.Generator:
    """Return a generator for one place, such as (seed, epoch, batch).

    A training that is resumed at a place draws what the undisturbed one would have drawn: the place is all of the
    random state that a checkpoint has to keep.
    """
    return torch.Generator().manual_seed(_seed(place))


@contextmanager
def seeded(device: torch.device, *place: int) -> Iterator[None]:
    """Seed the global random state for one place, and leave it as it was afterwards."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(_seed(place))
        yield


def _seed(place: tuple[int, ...]) -> int:
    return int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0] >> np.uint64(1))
