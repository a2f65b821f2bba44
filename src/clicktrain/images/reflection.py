"""What lies beyond the border of an image: its reflection, the edge pixels not repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from clicktrain.types import AnyArray

__all__ = ["reflected_span"]


def reflected_span(start: int, stop: int, length: int) -> tuple[int, int, AnyArray | None]:
    """What to read of an axis for places that may lie beyond its ends, and which of it each place shows."""
    if start >= 0 and stop <= length:
        return start, stop, None
    places = np.arange(start, stop)
    folded = np.zeros_like(places) if length == 1 else places % (2 * (length - 1))
    shown = np.minimum(folded, 2 * (length - 1) - folded) if length > 1 else folded
    first, last = int(shown.min()), int(shown.max()) + 1
    return first, last, shown - first
