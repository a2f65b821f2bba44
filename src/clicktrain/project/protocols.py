"""What a project needs of its two classifiers; `PixelClassifier` and `ImageClassifier` are those that people use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self

from clicktrain.inference.protocols import ImagePredictor, PixelPredictor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from clicktrain.annotations.clicks import Clicks
    from clicktrain.config import ClassInfo, Preset, PresetName, SettingsName
    from clicktrain.config.images import ImagePreset, ImagePresetName
    from clicktrain.progress import ProgressCallback
    from clicktrain.types import FloatArray

__all__ = ["Embedding", "TrainableImageClassifier", "TrainablePixelClassifier"]


class Embedding(Protocol):
    """An image that was embedded, so that its clicks can be answered at once."""

    def segment(self, clicks: Clicks) -> FloatArray:
        """Return (K, [Z,] Y, X) probabilities in the order of `clicks.present`."""


class TrainablePixelClassifier(PixelPredictor, Protocol):
    """A classifier of pixels; work that is stopped or fails leaves it as it was."""

    @property
    def preset(self) -> Preset | SettingsName:
        """Name of its settings, or settings of its own."""

    @property
    def position_encoding(self) -> bool:
        """Whether it judges pixels also by where in the image they lie."""

    def __init__(self, *, preset: PresetName, position_encoding: bool) -> None: ...

    def clone(self, *, preset: PresetName, position_encoding: bool) -> Self:
        """Return a new, untrained one that is made as this one in all else."""

    @property
    def class_infos(self) -> tuple[ClassInfo, ...]:
        """Names and colours of the classes, saved with the model."""

    @class_infos.setter
    def class_infos(self, infos: tuple[ClassInfo, ...]) -> None: ...

    def fit(
        self,
        images: Sequence[Any],
        clicks: Sequence[Clicks],
        /,
        *,
        axes: str | None = None,
        voxel_size: Sequence[float] | None = None,
        progress: ProgressCallback | None = None,
    ) -> Self:
        """Learn from nothing."""

    def continue_fit(
        self,
        images: Sequence[Any],
        clicks: Sequence[Clicks],
        /,
        *,
        axes: str | None = None,
        voxel_size: Sequence[float] | None = None,
        progress: ProgressCallback | None = None,
    ) -> Self:
        """Go on learning."""

    def embed(
        self, image: Any, *, axes: str | None = None, progress: ProgressCallback | None = None
    ) -> Embedding | None:
        """Embed an image; None where that cannot be done."""

    def save(self, path: Path) -> Path:
        """Write a model file, whole or not at all, and return where."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a model file."""


class TrainableImageClassifier(ImagePredictor, Protocol):
    """A classifier of whole images."""

    def __init__(self, *, preset: ImagePresetName | ImagePreset) -> None: ...

    def fit(self, images: Sequence[Any], labels: Sequence[str], *, progress: ProgressCallback | None = None) -> Self:
        """Learn from nothing."""

    def save(self, path: Path) -> Path:
        """Write a model file, whole or not at all, and return where."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a model file."""
