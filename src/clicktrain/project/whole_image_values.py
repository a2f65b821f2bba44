"""Frozen values that come out of a session of whole images, and what such a session needs of a classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

from clicktrain.inference.images.answering import AnsweringModel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from clicktrain.config.images import ImagePreset, ImagePresetName
    from clicktrain.geometry.patch_grid import PatchGrid
    from clicktrain.progress import ProgressCallback
    from clicktrain.project.values import ImageInput
    from clicktrain.types import FloatArray

__all__ = ["HeatMap", "ImageAnswer", "ImageModel", "ImagesReport"]


class ImageModel(AnsweringModel, Protocol):
    """A trainable classifier of whole images; `clicktrain.ImageClassifier` is the one that people use."""

    def __init__(self, *, preset: ImagePresetName | ImagePreset) -> None: ...

    def fit(self, images: Sequence[Any], labels: Sequence[str], *, progress: ProgressCallback | None = None) -> Self:
        """Learn from nothing."""

    def save(self, path: Path) -> None:
        """Write a model file, whole or not at all."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a model file."""


@dataclass(frozen=True, slots=True)
class ImagesReport:
    """What a training used and took.

    Parameters
    ----------
    n_images : int
    classes : tuple of str
        Labels, sorted.
    seconds : float
    accuracy : float or None
        Share of right answers about the validation images, in the epoch that was kept; None where there were none.
    """

    n_images: int
    classes: tuple[str, ...]
    seconds: float
    accuracy: float | None


@dataclass(frozen=True, slots=True, eq=False)
class ImageAnswer:
    """What an image is.

    Parameters
    ----------
    image : ImageInput
    probabilities : tuple of (str, float)
        Every class with its probability, the most probable first.
    generation : int
        Number of the request that asked for it; later requests have larger numbers.
    """

    image: ImageInput
    probabilities: tuple[tuple[str, float], ...]
    generation: int

    @property
    def label(self) -> str:
        """The most probable class."""
        return self.probabilities[0][0]


@dataclass(frozen=True, slots=True, eq=False)
class HeatMap:
    """How much each patch of an image speaks for a class.

    Parameters
    ----------
    image : ImageInput
    label : str
        The class.
    values : ndarray of shape (m, n), float32
        Positive where a patch speaks for the class.
    largest : float
        Largest absolute value.
    grid : PatchGrid
        Where the values lie over the image.
    generation : int
        Number of the request that asked for it.
    """

    image: ImageInput
    label: str
    values: FloatArray
    largest: float
    grid: PatchGrid
    generation: int
