"""How much memory a command may take."""

from __future__ import annotations

import ctypes
import re
import sys
from math import ceil

import psutil

from clicktrain.errors import ClickTrainError

__all__ = ["give_back_freed_memory", "parse_bytes", "room_for_work"]

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
# mallopt's number for the size from which glibc asks the system for a block of its own, and the size taken here.
_M_MMAP_THRESHOLD, _MMAP_BYTES = -3, 1 << 20


def parse_bytes(text: str) -> int:
    """Read a size such as "800MB" or "2GB".

    Raises
    ------
    ClickTrainError
        If it is none.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?\s*", text.lower())
    if found is None:
        raise ClickTrainError(f'--memory must be a size such as "800MB" or "2GB", got {text!r}.')
    return int(float(found[1]) * _UNITS[found[2]])


def room_for_work(most_bytes: int | None, least_bytes: int) -> int:
    """What is left for the work itself of what the program may take, beside what it takes already.

    Parameters
    ----------
    most_bytes : int, optional
        By default half of the free memory.
    least_bytes : int
        What the work needs in any case.

    Raises
    ------
    ClickTrainError
        If less would be left than the work needs.
    """
    if most_bytes is None:
        return int(psutil.virtual_memory().available) // 2
    taken_bytes = int(psutil.Process().memory_info().rss)
    if most_bytes < taken_bytes + least_bytes:
        raise ClickTrainError(
            f"--memory must be at least {ceil((taken_bytes + least_bytes) / 1e6)}MB for this model, "
            f"got {most_bytes / 1e6:g}MB. Allow more, or leave it out."
        )
    return most_bytes - taken_bytes


def give_back_freed_memory() -> None:
    """Let large arrays go back to the system when they are freed, in this whole process.

    By default glibc keeps blocks of up to 32 MB once it has seen some freed, among them holes that the next tile does
    not fit into, so that a long run takes half as much again as it uses. Elsewhere nothing is changed.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)
