"""Small images whose right answer is known."""

from __future__ import annotations

import numpy as np


def two_textures(side_px: int = 96, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Left half smooth, right half striped, same mean; returns the image and the true classes 1 and 2."""
    rng = np.random.default_rng(seed)
    truth = np.ones((side_px, side_px), np.int64)
    truth[:, side_px // 2 :] = 2
    stripes = np.where(np.arange(side_px)[:, None] % 4 < 2, 40.0, -40.0)
    image = 128 + np.where(truth == 2, stripes, 0) + rng.normal(0, 8, truth.shape)
    return image.clip(0, 255).astype(np.uint8), truth


def strokes(truth: np.ndarray, *, rows: tuple[int, ...] = (20, 60)) -> np.ndarray:
    """A short diagonal stroke of every class from each of `rows` on, so that stripes are met in every phase."""
    labels = np.zeros_like(truth)
    for row in rows:
        for number in np.unique(truth):
            columns = np.flatnonzero(truth[row] == number)
            start = len(columns) // 3
            for step, column in enumerate(columns[start : start + 10]):
                labels[row + step // 2, column] = number
    return labels
