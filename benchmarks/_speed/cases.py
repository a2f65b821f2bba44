"""What is trained on: the demo's image with its clicks, and a grey image with few."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from _few_clicks.sets import Picture, classes_of, read_set
from _few_clicks.strokes import draw_strokes

from clicktrain import Clicks
from clicktrain.data.samples import immunohistochemistry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE_PX = 512
FEW_PX, FEW_CLASSES = 200, 2
STROKE_PX = 15


class Case(NamedTuple):
    """An image and clicks on it.

    Parameters
    ----------
    name : str
    picture : Picture
    labels : ndarray of shape (Y, X), int64
        Class numbers; 0 is unlabelled.
    """

    name: str
    picture: Picture
    labels: np.ndarray

    def in_words(self) -> str:
        clicked = self.labels[self.labels > 0]
        sides = " x ".join(map(str, self.labels.shape))
        return f"{len(clicked):,} px in {len(np.unique(clicked))} classes, {self.name} {sides}"


def colour_case() -> Case:
    """The demo's."""
    sample = immunohistochemistry()
    return Case("RGB", Picture(sample.image, sample.axes), labels_of(sample.clicks))


def grey_case(folder: Path | None = None) -> Case:
    """A grey image, and as many pixels of each of two classes: the demo's, or the first of a set."""
    if folder is not None:
        return read_case(folder)
    sample = immunohistochemistry()
    grey = sample.image.mean(axis=2).round().astype(np.uint8)
    return Case("grey", Picture(grey, "YX"), labels_of(first_clicks(sample.clicks)))


def read_case(folder: Path) -> Case:
    examples = read_set(folder, 1, SIZE_PX)
    if not examples or examples[0].picture.axes != "YX":
        raise SystemExit(f"--data must be a set of grey images with two classes, got {folder}.")
    picture, truth = examples[0]
    few = np.where(np.isin(truth, classes_of(truth)[:FEW_CLASSES]), truth, 0)
    return Case("grey", picture, draw_strokes(few, FEW_PX, seed=[0]))


def first_clicks(clicks: Clicks) -> Clicks:
    """The first pixels that were painted of each of the first classes."""
    share = FEW_PX // FEW_CLASSES
    kept = np.concatenate([np.flatnonzero(clicks.classes == number)[:share] for number in range(1, FEW_CLASSES + 1)])
    return Clicks(clicks.positions_px[kept], clicks.classes[kept], clicks.shape_px)


def labels_of(clicks: Clicks) -> np.ndarray:
    labels = np.zeros(clicks.shape_px, np.int64)
    labels[tuple(clicks.positions_px.T)] = clicks.classes
    return labels


def more_and_more() -> Iterator[Clicks]:
    """The demo's clicks with one stroke more every time, of those that were held back."""
    sample = immunohistochemistry()
    old, new = sample.clicks, sample.held_back
    for end in count(STROKE_PX, STROKE_PX):
        positions_px = np.concatenate([old.positions_px, new.positions_px[:end]])
        yield Clicks(positions_px, np.concatenate([old.classes, new.classes[:end]]), old.shape_px)
