"""How much memory a command may take."""

from __future__ import annotations

import ctypes
import re
import sys

import psutil

from clicktrain.errors import ClickTrainError

__all__ = ["give_back_freed_memory", "parse_bytes", "room_for_work"]

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
# What is left for tiles, however little was allowed: the smallest tiles work with that.
_LEAST_BYTES = 1 << 25
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


def room_for_work(most_bytes: int | None) -> int:
    """What is left for the work itself of what the program may take, beside what it takes already.

    Parameters
    ----------
    most_bytes : int, optional
        By default half of the free memory.
    """
    if most_bytes is None:
        return int(psutil.virtual_memory().available) // 2
    return max(_LEAST_BYTES, most_bytes - int(psutil.Process().memory_info().rss))


def give_back_freed_memory() -> None:
    """Let large arrays go back to the system when they are freed, in this whole process.

    By default glibc keeps blocks of up to 32 MB once it has seen some freed, among them holes that the next tile does
    not fit into, so that a long run takes half as much again as it uses. Elsewhere nothing is changed.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)
