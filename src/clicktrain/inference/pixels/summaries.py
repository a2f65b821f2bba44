"""One number per pixel out of the class probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from clicktrain.geometry.region import Region
    from clicktrain.stores.sinks import RegionSink
    from clicktrain.types import AnyArray, FloatArray, IntArray, LabelArray

__all__ = ["ClassSink", "ConfidenceSink", "class_dtype", "class_numbers", "confidence"]


def confidence(probabilities: FloatArray) -> FloatArray:
    """Say how sure the classifier is of the class it chose.

    Parameters
    ----------
    probabilities : ndarray of shape (K, ...), float32

    Returns
    -------
    ndarray of shape (...), float32
        From 0, all classes equally likely, to 1, certain.
    """
    chance = 1 / len(probabilities)
    largest: FloatArray = probabilities.max(axis=0)
    above_chance: FloatArray = np.clip((largest - chance) / (1 - chance), 0, 1)
    return above_chance


def class_dtype(classes: IntArray) -> np.dtype[np.unsignedinteger]:
    """The smallest of uint8 and uint16 that holds all class numbers."""
    return np.dtype(np.uint8 if classes.max() <= np.iinfo(np.uint8).max else np.uint16)


def class_numbers(probabilities: FloatArray, classes: IntArray) -> LabelArray:
    """Return the most probable class of every pixel.

    Parameters
    ----------
    probabilities : ndarray of shape (K, ...), float32
    classes : ndarray of shape (K,), int64
        Class numbers, 65535 at most.

    Returns
    -------
    ndarray of shape (...), uint8, or uint16 where a class number is beyond 255
    """
    numbers: LabelArray = classes.astype(class_dtype(classes))[probabilities.argmax(axis=0)]
    return numbers


class ConfidenceSink:
    """Takes probabilities and keeps how sure the classifier is of each pixel's class.

    Parameters
    ----------
    sink : RegionSink
        Gets the confidence, of shape region.shape_px.
    """

    def __init__(self, sink: RegionSink) -> None:
        self._sink = sink

    def write(self, region: Region, values: AnyArray) -> None:
        """Keep the confidence of a region, given its probabilities (K, *region.shape_px)."""
        self._sink.write(region, confidence(values))

    def prepare(self) -> None:
        """Make ready what was written."""
        self._sink.prepare()

    def close(self) -> None:
        """Bring what was written to its place."""
        self._sink.close()

    def abort(self) -> None:
        """Leave nothing behind."""
        self._sink.abort()


class ClassSink:
    """Takes probabilities and keeps the number of each pixel's most probable class.

    Parameters
    ----------
    sink : RegionSink
        Gets the class numbers, of shape region.shape_px.
    classes : ndarray of shape (K,), int64
    """

    def __init__(self, sink: RegionSink, classes: IntArray) -> None:
        self._sink, self._classes = sink, classes

    def write(self, region: Region, values: AnyArray) -> None:
        """Keep the classes of a region, given its probabilities (K, *region.shape_px)."""
        self._sink.write(region, class_numbers(values, self._classes))

    def prepare(self) -> None:
        """Make ready what was written."""
        self._sink.prepare()

    def close(self) -> None:
        """Bring what was written to its place."""
        self._sink.close()

    def abort(self) -> None:
        """Leave nothing behind."""
        self._sink.abort()
