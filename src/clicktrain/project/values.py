"""Frozen values that come out of a project, and the options that go into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from clicktrain.config import SettingsName
    from clicktrain.geometry.patch_grid import PatchGrid
    from clicktrain.project.protocols import TrainablePixelClassifier
    from clicktrain.types import FloatArray, LabelArray

__all__ = ["ClassifierOptions", "HeatMap", "ImageAnswer", "ModelKind", "Prediction", "TrainingReport"]

# Which of a project's two classifiers: that of pixels or that of whole images.
ModelKind: TypeAlias = Literal["pixels", "images"]


@dataclass(frozen=True, slots=True)
class ClassifierOptions:
    """What a new classifier of pixels is made with.

    Parameters
    ----------
    preset : {"auto", "fast", "wide", "custom"}
        Size of the network; "custom" is that of a model with settings of its own, which a new one cannot have.
    position_encoding : bool
        Judge pixels also by where in the image they lie.
    """

    preset: SettingsName = "auto"
    position_encoding: bool = False

    @classmethod
    def of(cls, classifier: TrainablePixelClassifier) -> ClassifierOptions:
        """What a classifier was made with."""
        preset = classifier.preset if isinstance(classifier.preset, str) else "custom"
        return cls(preset, classifier.position_encoding)


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What the classifier says about every pixel of an image.

    Parameters
    ----------
    image_id : int
    classes : ndarray of shape ([Z,] Y, X), uint8 or uint16
        Class number of each pixel; 0 where a preview knows nothing.
    confidence : ndarray of shape ([Z,] Y, X), float32
        From 0 (all classes equally likely) to 1.
    seconds : float
        Time the prediction took.
    """

    image_id: int
    classes: LabelArray
    confidence: FloatArray
    seconds: float


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """What a training used and took.

    Parameters
    ----------
    model : {"pixels", "images"}
    n_images : int
        Images learned from.
    n_clicks : int
        Clicked pixels learned from; 0 for whole images.
    seconds : float
    loss : float or None
        Training loss of the last step, if the classifier reported one.
    accuracy : float or None
        Share of right answers about validation images, where there were any, in the epoch that was kept.
    """

    model: ModelKind
    n_images: int
    n_clicks: int
    seconds: float
    loss: float | None = None
    accuracy: float | None = None

    @property
    def text(self) -> str:
        """What was used and taken, in short."""
        images = f"{self.n_images} images"
        if self.model == "images":
            validated = "" if self.accuracy is None else f", {self.accuracy:.0%} of the validation images right"
            return f"Trained on {images} in {self.seconds:.1f} s{validated}"
        several = f" of {images}" if self.n_images > 1 else ""
        return f"Trained on {self.n_clicks:,} clicks{several} in {self.seconds:.1f} s"


@dataclass(frozen=True, slots=True, eq=False)
class ImageAnswer:
    """What a whole image is.

    Parameters
    ----------
    image_id : int
    probabilities : tuple of (str, float)
        Every class with its probability, the most probable first.
    """

    image_id: int
    probabilities: tuple[tuple[str, float], ...]

    @property
    def label(self) -> str:
        """The most probable class."""
        return self.probabilities[0][0]


@dataclass(frozen=True, slots=True, eq=False)
class HeatMap:
    """How much each patch of an image speaks for a class.

    Parameters
    ----------
    image_id : int
    label : str
        The class.
    values : ndarray of shape (m, n), float32
        Positive where a patch speaks for the class.
    largest : float
        Largest absolute value.
    grid : PatchGrid
        Where the values lie over the image.
    """

    image_id: int
    label: str
    values: FloatArray
    largest: float
    grid: PatchGrid
