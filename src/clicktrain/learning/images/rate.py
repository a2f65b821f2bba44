"""The learning rate over a training."""

from __future__ import annotations

import math

__all__ = ["rate_share"]


def rate_share(done: float, warm_up: float) -> float:
    """Return the share of the full learning rate: up in a straight line, then down half a cosine to nearly nothing.

    Parameters
    ----------
    done : float
        Share of the training that is done, 0 to 1.
    warm_up : float
        Share of the training in which the rate rises.
    """
    if done < warm_up:
        return max(done / warm_up, 0.01)
    return 0.01 + 0.99 * (1 + math.cos(math.pi * (done - warm_up) / max(1 - warm_up, 1e-9))) / 2
