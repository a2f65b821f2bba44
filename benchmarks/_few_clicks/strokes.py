"""Strokes as a careful person draws them: short, inside their class, in one plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from _few_clicks.sets import classes_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LONGEST_PX = 15
# Change of direction per pixel of a hand-drawn stroke.
HEADING_NOISE_RAD = 0.3


def draw_strokes(truth: np.ndarray, budget: int, seed: Sequence[int]) -> np.ndarray:
    """Draw strokes until a number of pixels is labelled, split evenly over the classes.

    Parameters
    ----------
    truth : ndarray of shape ([Z, ]Y, X), int64
        Class numbers from 1; 0 is unknown.
    budget : int
        Pixels to label; fewer are labelled where a class has not enough.
    seed : sequence of int
        The same seed and truth give the same strokes.

    Returns
    -------
    ndarray of the shape of `truth`, int64
        Class numbers; 0 is unlabelled.
    """
    rng = np.random.default_rng(seed)
    drawn = np.zeros_like(truth)
    numbers = classes_of(truth)
    share, rest = divmod(budget, len(numbers))
    for place, number in enumerate(numbers):
        _draw_class(drawn, truth == number, number, share + (place < rest), rng)
    return drawn


def _draw_class(drawn: np.ndarray, inside: np.ndarray, number: int, wanted: int, rng: np.random.Generator) -> None:
    starts = np.argwhere(inside)
    left = min(wanted, len(starts))
    while left:
        for pixel in _stroke(inside, starts[rng.integers(len(starts))], rng):
            left -= int(drawn[pixel] == 0)
            drawn[pixel] = number
            if not left:
                break


def _stroke(inside: np.ndarray, start: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[int, ...]]:
    """Walk through the plane of the last two axes, and end where the class or the image does."""
    *plane, y, x = start.tolist()
    angle = rng.uniform(0, 2 * np.pi)
    for _ in range(LONGEST_PX):
        pixel = (*plane, round(y), round(x))
        in_image = all(0 <= place < length for place, length in zip(pixel, inside.shape, strict=True))
        if not in_image or not inside[pixel]:
            return
        yield pixel
        angle += rng.normal(0, HEADING_NOISE_RAD)
        y, x = y + np.sin(angle), x + np.cos(angle)
