"""How much memory a command may take."""

from __future__ import annotations

import re

import psutil

from clicktrain.errors import ClickTrainError

__all__ = ["parse_bytes", "room_for_work"]

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
# What is left for tiles, however little was allowed: the smallest tiles work with that.
_LEAST_BYTES = 1 << 25


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
