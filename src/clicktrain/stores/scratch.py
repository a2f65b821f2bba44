"""Names for what is in the making: hidden, beside its final place, and different in every process."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["beside"]

_NUMBERS = itertools.count()


def beside(path: Path) -> Path:
    """A name in the same folder that nobody else uses, as only a rename within one folder is atomic."""
    return path.parent / f".clicktrain-{os.getpid()}-{next(_NUMBERS)}{path.suffix}"
