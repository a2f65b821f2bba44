"""What a trained model says about itself, in values that its file keeps and people read."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from clicktrain.config.base import Frozen
from clicktrain.config.classes import ClassInfo  # noqa: TC001 - pydantic reads the annotations at run time
from clicktrain.config.pixels import NetworkConfig, PostprocessConfig, SettingsName, TrainingConfig

__all__ = ["ModelSummary", "TrainedClicks"]


class TrainedClicks(Frozen):
    """The clicks a model has learned from, counted."""

    per_class: Annotated[dict[int, int], Field(title="Per class", description="Clicked pixels of each class number.")]
    sha256: Annotated[str, Field(title="Fingerprint", description="SHA-256 of image shapes, positions and classes.")]

    @property
    def total(self) -> int:
        """Clicked pixels of all classes."""
        return sum(self.per_class.values())


class ModelSummary(Frozen):
    """What a model file says about itself, without its weights."""

    kind: Annotated[Literal["pixel"], Field(title="Kind")] = "pixel"
    format_version: Annotated[int, Field(ge=1, title="Format version")]
    versions: Annotated[dict[str, str], Field(title="Made with", description="Version of each library.")]
    preset: Annotated[SettingsName, Field(title="Preset")]
    architecture: Annotated[NetworkConfig, Field(title="Architecture")]
    training: Annotated[TrainingConfig, Field(title="Training")]
    postprocess: Annotated[PostprocessConfig, Field(title="Postprocessing")] = PostprocessConfig()
    seed: Annotated[int, Field(title="Seed")]
    fov_px: Annotated[
        tuple[int, ...],
        Field(min_length=2, max_length=3, title="Field of view", description="Patch sides, ([z,] y, x), in pixels."),
    ]
    n_parameters: Annotated[int, Field(ge=0, title="Parameters", description="Trained weights.")]
    channels: Annotated[int, Field(ge=1, le=4096, title="Channels", description="Channels an image must have.")]
    channel_mean: Annotated[tuple[float, ...], Field(title="Channel means", description="Of the training images.")]
    channel_deviation: Annotated[tuple[float, ...], Field(title="Channel deviations")]
    classes: Annotated[tuple[ClassInfo, ...], Field(min_length=2, title="Classes")]
    clicks: Annotated[TrainedClicks, Field(title="Clicks")]

    @model_validator(mode="after")
    def _statistics_fit_the_channels(self) -> Self:
        if not len(self.channel_mean) == len(self.channel_deviation) == self.channels:
            raise ValueError("there must be one mean and one deviation per channel")
        return self
