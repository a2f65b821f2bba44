"""Names for what is in the making: hidden, beside its final place, and never used twice."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["beside"]


def beside(path: Path) -> Path:
    """A name in the same folder that nobody else uses, as only a rename within one folder is atomic."""
    # Process numbers are not enough: machines and containers that write into one folder may share them.
    return path.parent / f".clicktrain-{uuid4().hex}{path.suffix}"
