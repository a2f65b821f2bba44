"""Clicked pixels, as people make them: strokes, and single pixels anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from torch import Tensor

# Change of direction per pixel of a hand-drawn stroke.
HEADING_NOISE_RAD = 0.3
STROKE_PX = 100


def scattered(count: int, side_px: int, seed: int = 0) -> Tensor:
    """Different pixels of a square, anywhere; shape (count, 2)."""
    drawn = np.random.default_rng(seed).choice(side_px**2, count, replace=False)
    return torch.from_numpy(np.stack(np.divmod(drawn, side_px), axis=1))


def stroked(count: int, side_px: int, brush_px: int = 1, seed: int = 0) -> Tensor:
    """Different pixels of a square in strokes of up to 100 pixels; shape (count, 2)."""
    rng = np.random.default_rng(seed)
    painted: dict[tuple[int, int], None] = {}
    while len(painted) < count:
        _stroke(painted, min(STROKE_PX, count - len(painted)), side_px, brush_px, rng)
    return torch.tensor(list(painted))


def _stroke(
    painted: dict[tuple[int, int], None], count: int, side_px: int, brush_px: int, rng: np.random.Generator
) -> None:
    """Add a random walk that paints so many new pixels, or ends at the border."""
    y, x = rng.uniform(0, side_px, 2)
    angle = rng.uniform(0, 2 * np.pi)
    least = -(brush_px // 2)
    wanted = len(painted) + count
    while 0 <= y < side_px and 0 <= x < side_px:
        for dy in range(least, least + brush_px):
            for dx in range(least, least + brush_px):
                pixel = int(y) + dy, int(x) + dx
                if len(painted) < wanted and 0 <= min(pixel) and max(pixel) < side_px:
                    painted[pixel] = None
        if len(painted) == wanted:
            return
        angle += rng.normal(0, HEADING_NOISE_RAD)
        y, x = y + np.sin(angle), x + np.cos(angle)
