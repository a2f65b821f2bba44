"""Frozen values that go into a session and come out of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from clicktrain.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clicktrain.annotations.clicks import Clicks
    from clicktrain.config import SettingsName
    from clicktrain.config.summaries import ModelSummary
    from clicktrain.types import FloatArray, LabelArray

__all__ = ["ClassifierOptions", "ImageInput", "LoadReport", "Prediction", "TrainingReport"]


@dataclass(frozen=True, eq=False)
class ImageInput:
    """An image as the session holds it: by reference, read only when work starts.

    Parameters
    ----------
    array : array_like
        Anything with a shape that NumPy can read, lazy arrays too.
    axes : str
        One letter per axis, of "Z", "Y", "X" and "C".
    name : str
        Name to show to people.
    voxel_size : tuple of float, optional
        Distance of a volume's neighbouring pixels along z, y and x.

    Raises
    ------
    ImageError
        If `axes` does not name every axis of the array once, or lacks Y or X.
    """

    array: Any
    axes: str
    name: str = "image"
    voxel_size: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        shape = tuple(self.array.shape)
        if len(self.axes) != len(shape) or len(set(self.axes)) != len(self.axes) or not {"Y", "X"} <= set(self.axes):
            raise ImageError(
                f"`axes` must name each axis of an image of shape {shape} once, Y and X among them, got {self.axes!r}. "
                "Give for example 'YX', 'YXC', 'CYX' or 'ZYX'."
            )

    @property
    def shape_px(self) -> tuple[int, ...]:
        """Spatial shape: the array's shape without the channels."""
        return spatial(self.array.shape, self.axes)

    @property
    def is_volume(self) -> bool:
        """Whether it is classified in 3D."""
        return "Z" in self.axes


def spatial(shape: Sequence[int], axes: str) -> tuple[int, ...]:
    """Return the sizes of the axes that are not channels."""
    return tuple(int(size) for size, axis in zip(shape, axes, strict=True) if axis != "C")


def same_clicks(one: Clicks | None, other: Clicks | None) -> bool:
    """Tell whether both hold the same pixels with the same classes, in the same order."""
    if one is None or other is None:
        return one is other
    return (
        one.shape_px == other.shape_px
        and np.array_equal(one.positions_px, other.positions_px)
        and np.array_equal(one.classes, other.classes)
    )


@dataclass(frozen=True, slots=True)
class ClassifierOptions:
    """What a new classifier is made with.

    Parameters
    ----------
    preset : {"auto", "fast", "wide", "custom"}
        Size of the network; "custom" is that of a model with settings of its own, which is not to be had anew.
    position_encoding : bool
        Judge pixels also by where in the image they lie.
    """

    preset: SettingsName = "auto"
    position_encoding: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What the classifier says about every pixel.

    Parameters
    ----------
    image : ImageInput
        The image it belongs to.
    classes : ndarray of shape ([Z,] Y, X), uint8 or uint16
        Class number of each pixel; 0 where a first answer knows nothing.
    confidence : ndarray of shape ([Z,] Y, X), float32
        From 0 (all classes equally likely) to 1.
    generation : int
        Number of the request that asked for it; later requests have larger numbers.
    seconds : float
        Time the prediction took.
    """

    image: ImageInput
    classes: LabelArray
    confidence: FloatArray
    generation: int
    seconds: float


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """What a training run used and took.

    Parameters
    ----------
    n_clicks : int
        Labelled pixels learned from.
    seconds : float
        Time the training took.
    loss : float or None
        Training loss of the last step, if the classifier reported one.
    summary : ModelSummary
        What the classifier is now.
    """

    n_clicks: int
    seconds: float
    loss: float | None
    summary: ModelSummary = field(repr=False)

    @property
    def text(self) -> str:
        """What was used and taken, in short."""
        return f"Trained on {self.n_clicks:,} clicks in {self.seconds:.1f} s"


@dataclass(frozen=True, slots=True)
class LoadReport:
    """A model that was read from a file.

    Parameters
    ----------
    path : str
    summary : ModelSummary
        What the classifier is now.
    """

    path: str
    summary: ModelSummary = field(repr=False)
