"""What a session needs of a classifier; `PixelClassifier` is the one that people use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from clicktrain.annotations.clicks import Clicks
    from clicktrain.config import ClassInfo, PresetName, SettingsName
    from clicktrain.config.summaries import ModelSummary
    from clicktrain.progress import ProgressCallback
    from clicktrain.types import FloatArray, IntArray

__all__ = ["Classifier", "Look"]


class Look(Protocol):
    """An image that was taken in."""

    def segment(self, clicks: Clicks) -> FloatArray:
        """Return (K, [Z,] Y, X) probabilities in the order of `clicks.present`, within a blink."""


class Classifier(Protocol):
    """A trainable classifier of pixels; work that is stopped or fails leaves it as it was."""

    preset: SettingsName
    position_encoding: bool

    def __init__(self, *, preset: PresetName, position_encoding: bool) -> None: ...

    def clone(self, *, preset: PresetName, position_encoding: bool) -> Self:
        """Return a new, untrained one that is made as this one in all else."""

    @property
    def classes_(self) -> IntArray:
        """Class numbers, ascending; raises NotFittedError before training."""

    @property
    def class_infos(self) -> tuple[ClassInfo, ...]:
        """Names and colours of the classes, saved with the model."""

    @class_infos.setter
    def class_infos(self, infos: tuple[ClassInfo, ...]) -> None: ...

    def fit(
        self,
        images: Any,
        labels: Clicks,
        *,
        axes: str | None = None,
        voxel_size: Sequence[float] | None = None,
        progress: ProgressCallback | None = None,
    ) -> Self:
        """Learn from nothing."""

    def continue_fit(
        self,
        images: Any,
        labels: Clicks,
        *,
        axes: str | None = None,
        voxel_size: Sequence[float] | None = None,
        progress: ProgressCallback | None = None,
    ) -> Self:
        """Go on learning."""

    def predict_proba(
        self, image: Any, *, axes: str | None = None, progress: ProgressCallback | None = None
    ) -> FloatArray:
        """Return (K, [Z,] Y, X) probabilities in the order of `classes_`."""

    def embed(self, image: Any, *, axes: str | None = None, progress: ProgressCallback | None = None) -> Look | None:
        """Take in an image, so that its clicks can be answered at once; None where that cannot be done."""

    def summary(self) -> ModelSummary:
        """Say what the trained classifier is."""

    def save(self, path: Path) -> None:
        """Write a model file, whole or not at all."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a model file."""
