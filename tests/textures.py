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


def two_textures_in_depth(shape: tuple[int, int, int] = (12, 28, 44)) -> tuple[np.ndarray, np.ndarray]:
    """Left half smooth, right half stripes along z, same mean; returns the volume and the true classes 1 and 2."""
    rng = np.random.default_rng(0)
    truth = np.ones(shape, np.int64)
    truth[:, :, shape[2] // 2 :] = 2
    stripes = np.where(np.arange(shape[0])[:, None, None] % 4 < 2, 40.0, -40.0)
    volume = 128 + np.where(truth == 2, stripes, 0) + rng.normal(0, 8, shape)
    return volume.clip(0, 255).astype(np.uint8), truth


def strokes_in_slices(truth: np.ndarray, *, slices: tuple[int, ...] = (3, 4, 5, 6)) -> np.ndarray:
    """A short stroke of every class in each of `slices`, so that stripes are met in every phase."""
    labels = np.zeros_like(truth)
    for number in slices:
        labels[number] = strokes(truth[number], rows=(truth.shape[1] // 2,))
    return labels
