"""What a trained model says about itself, in values that its file keeps and people read."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from clicktrain.config.base import Frozen
from clicktrain.config.classes import ClassInfo  # noqa: TC001 - pydantic reads the annotations at run time
from clicktrain.config.pixels import NetworkConfig, PostprocessConfig, SettingsName, TrainingConfig

__all__ = ["ModelSummary", "SelectedChannels", "TrainedClicks"]


class TrainedClicks(Frozen):
    """The clicks a model has learned from, counted."""

    per_class: Annotated[dict[int, int], Field(title="Per class", description="Clicked pixels of each class number.")]
    sha256: Annotated[str, Field(title="Fingerprint", description="SHA-256 of image shapes, positions and classes.")]

    @property
    def total(self) -> int:
        """Clicked pixels of all classes."""
        return sum(self.per_class.values())


class SelectedChannels(Frozen):
    """The channels that one Mixture-of-Depths block works on, in the images the model was trained on."""

    block: Annotated[str, Field(title="Block")]
    of: Annotated[int, Field(ge=1, title="Of", description="Channels that enter the block.")]
    channels: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1, title="Channels")]
    scores: Annotated[tuple[float, ...], Field(title="Scores", description="What the block's result is weighed by.")]

    @model_validator(mode="after")
    def _every_channel_is_there_and_has_a_score(self) -> Self:
        if len(self.scores) != len(self.channels) or max(self.channels) >= self.of:
            raise ValueError("there must be one score per channel, and no more channels than enter the block")
        return self

    @property
    def text(self) -> str:
        """The block and its channels, in a line."""
        return f"{self.block}: {', '.join(map(str, self.channels))} of {self.of}"


class ModelSummary(Frozen):
    """What a model file says about itself, without its weights."""

    kind: Annotated[Literal["pixel"], Field(title="Kind")] = "pixel"
    format_version: Annotated[int, Field(ge=1, title="Format version")]
    versions: Annotated[dict[str, str], Field(title="Made with", description="Version of each library.")]
    preset: Annotated[SettingsName, Field(title="Preset")]
    architecture: Annotated[NetworkConfig, Field(title="Architecture")]
    training: Annotated[TrainingConfig, Field(title="Training")]
    postprocess: Annotated[PostprocessConfig, Field(title="Finish")] = PostprocessConfig()
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
    selected: Annotated[
        tuple[SelectedChannels, ...],
        Field(title="Selected channels", description="Of the training images; other images choose their own."),
    ] = ()
    skipped: Annotated[
        float,
        Field(ge=0, le=1, title="Work skipped", description="Share of the context network's multiply-accumulates."),
    ] = 0.0

    @model_validator(mode="after")
    def _statistics_fit_the_channels(self) -> Self:
        if not len(self.channel_mean) == len(self.channel_deviation) == self.channels:
            raise ValueError("there must be one mean and one deviation per channel")
        return self

    @property
    def selection_text(self) -> str:
        """How many channels the blocks work on and what that saves, in short; empty for a model without such blocks."""
        if not self.selected:
            return ""
        first, blocks = self.selected[0], len(self.selected)
        where = "1 block" if blocks == 1 else f"{blocks} blocks"
        return f"{len(first.channels)} of {first.of} channels in {where}, {_percent(self.skipped)} of the work skipped"

    @property
    def selection_details(self) -> str:
        """The channels of every block, a line each, and what the work skipped is counted in; empty as well."""
        if not self.selected:
            return ""
        skipped = f"{_percent(self.skipped)} of the context network's multiply-accumulates skipped"
        return "\n".join([*(one.text for one in self.selected), skipped])


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
