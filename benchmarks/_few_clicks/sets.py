"""Sets of labelled images: read from folders, split where there is only one image, cut to a window."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.ndimage import uniform_filter

from clicktrain.images.decoders import read_raw

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUFFIXES = (".png", ".tif", ".tiff")
# Strokes need room: a class with fewer pixels than this makes an image useless.
LEAST_PX = 100


class Picture(NamedTuple):
    """An image.

    Parameters
    ----------
    array : ndarray with axes in the order of `axes`
    axes : str
        "YX" or "ZYX", and "C" at the end where there are colours.
    """

    array: np.ndarray
    axes: str


class Example(NamedTuple):
    """An image and its ground truth.

    Parameters
    ----------
    picture : Picture
    truth : ndarray of shape ([Z, ]Y, X), int64
        Class numbers from 1; 0 is unknown.
    """

    picture: Picture
    truth: np.ndarray

    def part(self, window: tuple[slice, ...]) -> Example:
        return Example(self.picture._replace(array=self.picture.array[window]), self.truth[window])


def set_names(root: Path) -> list[str]:
    """Folders that hold images which can be read."""
    return sorted(folder.name for folder in root.iterdir() if (folder / "images").is_dir() and _image_paths(folder))


def read_set(folder: Path, count: int, size_px: int) -> list[Example]:
    """Read the first images of a set that can be learned from.

    Parameters
    ----------
    folder : Path
        With images/NAME and labels/NAME.
    count : int
        Most images to read.
    size_px : int
        Larger images are cut to windows of this size, per axis.

    Returns
    -------
    list of Example
        All of the same axes. An only image gives two, its halves.
    """
    paths = _image_paths(folder)
    examples: Iterator[Example] = (_read(path, folder / "labels" / path.name) for path in paths)
    if len(paths) == 1:
        examples = iter(halves(next(examples)))
    cut = (example.part(rarest_window(example.truth, size_px)) for example in examples)
    usable = list(islice((example for example in cut if len(classes_of(example.truth)) > 1), count))
    return [example for example in usable if example.picture.axes == usable[0].picture.axes]


def classes_of(truth: np.ndarray) -> list[int]:
    """Class numbers, ascending; none if strokes of some class would have no room."""
    numbers, counts = np.unique(truth[truth > 0], return_counts=True)
    return numbers.tolist() if counts.min(initial=LEAST_PX) >= LEAST_PX else []


def halves(example: Example) -> list[Example]:
    """Cut in the middle of the longest axis."""
    shape = example.truth.shape
    axis = int(np.argmax(shape))
    before, middle = (slice(None),) * axis, shape[axis] // 2
    return [example.part((*before, slice(middle))), example.part((*before, slice(middle, None)))]


def rarest_window(truth: np.ndarray, size_px: int) -> tuple[slice, ...]:
    """The window that holds most of the rarest class."""
    numbers, counts = np.unique(truth[truth > 0], return_counts=True)
    if max(truth.shape) <= size_px or not len(numbers):
        return (slice(size_px),) * truth.ndim
    sizes = [min(size_px, length) for length in truth.shape]
    rare = (truth == numbers[counts.argmin()]).astype(float)
    centre = np.unravel_index(uniform_filter(rare, sizes, mode="constant").argmax(), truth.shape)
    starts = [
        min(max(place - size // 2, 0), length - size)
        for place, size, length in zip(centre, sizes, truth.shape, strict=True)
    ]
    return tuple(slice(start, start + size) for start, size in zip(starts, sizes, strict=True))


def _image_paths(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "images").iterdir() if path.suffix in SUFFIXES)


def _read(image: Path, labels: Path) -> Example:
    array = read_raw(image).array
    truth = read_raw(labels, palette=False).array.astype(np.int64)
    if array.shape[: truth.ndim] != truth.shape or array.ndim - truth.ndim > 1:
        raise SystemExit(f"labels must have the shape of their image, got {truth.shape} for {array.shape} in {image}.")
    # Files of stacks seldom name their axes, but labels have no channels.
    return Example(Picture(array, "ZYX"[-truth.ndim :] + "C" * (array.ndim - truth.ndim)), truth)
