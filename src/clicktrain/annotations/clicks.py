"""Clicks: the labelled pixels of one image, whatever they were painted with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clicktrain.errors import ClicksError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from clicktrain.types import IntArray, LabelArray

__all__ = ["LARGEST_CLASS", "Clicks", "blank_labels", "check_any", "check_trainable"]

# Class images are uint16 at most, which every viewer of labels opens.
LARGEST_CLASS = 65535


@dataclass(frozen=True, eq=False)
class Clicks:
    """Labelled pixels of one image.

    Parameters
    ----------
    positions_px : ndarray of shape (N, ndim), int64
        Array indices of the pixels, in the order of the image's spatial axes ([Z,] Y, X).
    classes : ndarray of shape (N,), int64
        Class number of each pixel, from 1.
    shape_px : tuple of int
        Spatial shape of the image the pixels belong to.

    Raises
    ------
    ClicksError
        If the arrays do not fit together, a pixel lies outside the image or a class number is below 1.
    """

    positions_px: IntArray
    classes: IntArray
    shape_px: tuple[int, ...]

    def __post_init__(self) -> None:
        ndim = len(self.shape_px)
        if self.positions_px.ndim != 2 or self.positions_px.shape[1] != ndim:
            raise ClicksError(
                f"clicks must be (N, {ndim}) positions for an image of {ndim} spatial axes, "
                f"got shape {self.positions_px.shape}. Give one row per pixel."
            )
        if self.classes.shape != self.positions_px.shape[:1]:
            raise ClicksError(
                f"clicks must have one class each, got {len(self.positions_px)} positions "
                f"and {len(self.classes)} classes. Give arrays of the same length."
            )
        if self.classes.size and self.classes.min() < 1:
            raise ClicksError(f"class numbers must be 1 or more, got {self.classes.min()}. 0 means unlabelled.")
        if self.classes.size and self.classes.max() > LARGEST_CLASS:
            raise ClicksError(
                f"class numbers must be {LARGEST_CLASS} or less, got {self.classes.max()}. Number the classes from 1."
            )
        outside = ((self.positions_px < 0) | (self.positions_px >= np.array(self.shape_px))).any(axis=1)
        if outside.any():
            raise ClicksError(
                f"clicks must lie inside the image of shape {self.shape_px}, "
                f"got {tuple(self.positions_px[outside][0].tolist())}. Check the axis order: rows are ([z,] y, x)."
            )

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def present(self) -> tuple[int, ...]:
        """Class numbers that have at least one click, ascending."""
        return tuple(int(c) for c in np.unique(self.classes))

    @classmethod
    def from_labels(cls, labels: ArrayLike, shape_px: Sequence[int] | None = None) -> Clicks:
        """Read clicks from a labels image, 0 = unlabelled.

        Parameters
        ----------
        labels : array_like of shape ([Z,] Y, X), integer
        shape_px : sequence of int, optional
            Spatial shape that the labels must have.

        Raises
        ------
        ClicksError
            If the labels are not whole numbers, are negative, or have another shape.
        """
        array = np.asarray(labels)
        if shape_px is not None and array.shape != tuple(shape_px):
            raise ClicksError(
                f"labels must have the image's spatial shape {tuple(shape_px)}, got {array.shape}. "
                "Use labels made for this image."
            )
        if array.dtype.kind not in "iub":
            raise ClicksError(
                f"labels must be whole numbers (0 = unlabelled, classes from 1), got dtype {array.dtype}."
            )
        if array.dtype.kind == "i" and array.size and array.min() < 0:
            raise ClicksError(f"class numbers must be 1 or more, got {array.min()}. 0 means unlabelled.")
        positions = np.argwhere(array)
        return cls(positions, array[tuple(positions.T)].astype(np.int64), array.shape)

    @classmethod
    def of(cls, labels: ArrayLike | Clicks, shape_px: Sequence[int]) -> Clicks:
        """Return the clicks of an image, given as labels or as clicks already.

        Parameters
        ----------
        labels : array_like of shape ([Z,] Y, X), integer, or Clicks
        shape_px : sequence of int
            Spatial shape of the image.

        Raises
        ------
        ClicksError
            If the labels or clicks belong to another shape, or the labels are no class numbers.
        """
        if not isinstance(labels, Clicks):
            return cls.from_labels(labels, shape_px)
        if labels.shape_px != tuple(shape_px):
            raise ClicksError(
                f"clicks must be made for the image's spatial shape {tuple(shape_px)}, got {labels.shape_px}. "
                "Use the clicks of this image."
            )
        return labels

    @classmethod
    def from_points(cls, points: ArrayLike, classes: ArrayLike, shape_px: Sequence[int]) -> Clicks:
        """Read clicks from points; each labels the pixel it falls in.

        Parameters
        ----------
        points : array_like of shape (N, ndim), float
            Positions in pixels; pixel centres are whole numbers.
        classes : array_like of shape (N,), integer
        shape_px : sequence of int
            Spatial shape of the image.

        Raises
        ------
        ClicksError
            If the arrays do not fit together or a point lies outside the image.
        """
        shape = tuple(int(n) for n in shape_px)
        positions = np.asarray(points, dtype=np.float64).reshape(-1, len(shape))
        whole = np.floor(positions + 0.5).astype(np.int64)
        return cls(whole, np.asarray(classes, dtype=np.int64).reshape(-1), shape)

    def some(self, chosen: NDArray[Any]) -> Clicks:
        """Return some of the clicks.

        Parameters
        ----------
        chosen : ndarray of shape (N,), bool, or of indices
        """
        return Clicks(self.positions_px[chosen], self.classes[chosen], self.shape_px)

    def to_labels(self) -> IntArray:
        """Paint the clicks into a labels image; where a pixel was clicked twice the last click counts.

        Returns
        -------
        ndarray of shape `shape_px`, int64
        """
        labels = np.zeros(self.shape_px, np.int64)
        labels[tuple(self.positions_px.T)] = self.classes
        return labels

    def count(self, number: int) -> int:
        """Number of clicks of class `number`."""
        return int((self.classes == number).sum())


def blank_labels(shape_px: Sequence[int]) -> LabelArray:
    """Return an empty labels image to paint clicks in, 0 = unlabelled."""
    return np.zeros(tuple(shape_px), np.uint8)


def check_any(clicks: Sequence[Clicks]) -> None:
    """Raise a ClicksError if there are no clicks in any of the images."""
    if not any(map(len, clicks)):
        raise ClicksError("labels must hold clicked pixels, got none. Click a few pixels of each class first.")


def check_trainable(clicks: Sequence[Clicks]) -> None:
    """Refuse clicks that nothing can be learned from.

    Parameters
    ----------
    clicks : sequence of Clicks
        One per image.

    Raises
    ------
    ClicksError
        If there are no clicks or clicks of only one class.
    """
    check_any(clicks)
    present = sorted({number for part in clicks for number in part.present})
    if len(present) == 1:
        raise ClicksError(
            f"labels must hold clicks of at least two classes, got only class {present[0]}. "
            "Click pixels of another class too."
        )
