"""Settings and file summary of the whole-image classifier, as frozen, checked values."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, ValidationError, model_validator

from clicktrain.config.base import Frozen
from clicktrain.errors import ClickTrainError

__all__ = [
    "EncoderName",
    "ImageModelSummary",
    "ImageNetworkConfig",
    "ImagePreset",
    "ImagePresetName",
    "ImageTrainingConfig",
    "NormName",
    "Scaling",
    "TrainedImages",
    "image_preset",
]

EncoderName = Literal["small", "resnet", "mobilenet"]
NormName = Literal["group", "frozen_batch"]
Scaling = Literal["model", "image", "type"]
ImagePresetName = Literal["small", "resnet", "mobilenet"]


def _steps_for_all(sampling: float) -> int:
    # 1 / 0.2 is a hair above 5 in floating point for some shares.
    return math.ceil(1 / sampling - 1e-9)


class ImageNetworkConfig(Frozen):
    """Shape of the whole-image classifier: an encoder of patches and a head on the grid of their codes."""

    encoder: Annotated[EncoderName, Field(title="Encoder")] = "small"
    patch_px: Annotated[int, Field(ge=8, le=4096, title="Patch", description="Side of a patch, in pixels.")] = 64
    stride_px: Annotated[
        int | None,
        Field(
            ge=1,
            title="Stride",
            description="Distance between neighbouring patches at most, in pixels; a patch's side if not given.",
        ),
    ] = None
    code_channels: Annotated[int, Field(ge=1, le=4096, title="Code", description="Numbers kept of each patch.")] = 64
    head_width: Annotated[int, Field(ge=4, le=4096, title="Head width", description="Channels of the head.")] = 64
    head_levels: Annotated[int, Field(ge=1, le=8, title="Head levels", description="3x3 convolutions of the head.")] = 2
    norm: Annotated[
        NormName,
        Field(
            title="Normalisation in the encoder",
            description="By statistics measured once before training, or by groups of channels, which levels the "
            "contrast of the patches.",
        ),
    ] = "frozen_batch"
    pools_maximum: Annotated[
        bool,
        Field(
            title="Maximum",
            description="Let a code tell the maximum over its patch beside the mean: for things that are small and "
            "stand out from an even ground.",
        ),
    ] = False
    scaling: Annotated[
        Scaling,
        Field(
            title="Intensities",
            description="Bring to mean 0 and deviation 1 by the training images' values or by each image's own, "
            "or divide by the largest number of the image's type.",
        ),
    ] = "model"
    dropout: Annotated[float, Field(ge=0, lt=1, title="Dropout")] = 0.0
    mod_ratio: Annotated[
        int,
        Field(
            ge=0,
            le=4096,
            title="Mixture-of-Depths",
            description="How many times fewer channels every second block of the encoder works on, chosen for each "
            "patch; 0 for all of them. 64 suits resnet, 16 mobilenet.",
        ),
    ] = 0

    @property
    def distance_px(self) -> int:
        """Distance between neighbouring patches at most, in pixels."""
        return self.stride_px or self.patch_px

    @model_validator(mode="after")
    def _patches_leave_no_gaps(self) -> Self:
        if self.distance_px > self.patch_px:
            raise ValueError("stride_px must be at most patch_px, or pixels between the patches would not count")
        return self


class ImageTrainingConfig(Frozen):
    """How PatchGD learns from whole images."""

    sampling: Annotated[
        float,
        Field(gt=0, le=1, title="Sampling", description="Share of an image's patches in memory at each inner step."),
    ] = 0.25
    inner_steps: Annotated[
        int | None,
        Field(ge=1, title="Inner steps", description="Inner steps J per batch; enough to take every patch if None."),
    ] = None
    step_every: Annotated[
        int | None,
        Field(ge=1, title="Step every", description="Inner steps that one optimizer step sums up; all if None."),
    ] = None
    epochs: Annotated[PositiveInt, Field(title="Epochs")] = 30
    batch_images: Annotated[PositiveInt, Field(title="Batch", description="Images learned from together.")] = 2
    learning_rate: Annotated[PositiveFloat, Field(title="Learning rate")] = 3e-4
    weight_decay: Annotated[float, Field(ge=0, title="Weight decay")] = 1e-2
    warm_up_epochs: Annotated[
        float, Field(ge=0, title="Warm-up", description="Epochs in which the learning rate rises.")
    ] = 2.0
    symmetries: Annotated[
        bool,
        Field(title="Symmetries", description="Turn and flip images at random; not where up and down have a meaning."),
    ] = True
    class_weights: Annotated[
        bool, Field(title="Class weights", description="Let rare classes weigh as much as common ones.")
    ] = True
    validation_share: Annotated[
        float, Field(ge=0, lt=1, title="Validation", description="Share of every class kept for early stopping.")
    ] = 0.2
    patience: Annotated[
        PositiveInt, Field(title="Patience", description="Epochs without a better validation loss before stopping.")
    ] = 10
    chunk_patches: Annotated[
        PositiveInt, Field(title="Chunk", description="Patches encoded together at most where nothing is learned.")
    ] = 64
    checkpoint_every_s: Annotated[
        float, Field(ge=0, title="Checkpoint every", description="Seconds between checkpoints, 0: after every batch.")
    ] = 30.0

    @property
    def n_inner_steps(self) -> int:
        """Inner steps J of one batch."""
        return self.inner_steps or _steps_for_all(self.sampling)

    @property
    def n_summed(self) -> int:
        """Inner steps epsilon that one optimizer step sums up."""
        return self.step_every or self.n_inner_steps

    @model_validator(mode="after")
    def _steps_fit_the_sampling(self) -> Self:
        if self.n_inner_steps > _steps_for_all(self.sampling):
            raise ValueError(
                f"inner_steps must be at most {_steps_for_all(self.sampling)} for sampling={self.sampling}, "
                "after which every patch was taken"
            )
        if self.n_summed > self.n_inner_steps:
            raise ValueError(f"step_every must be at most the number of inner steps, {self.n_inner_steps}")
        return self


class ImagePreset(Frozen):
    """A network and its training.

    `ImagePreset(network=ImageNetworkConfig(patch_px=128), training=ImageTrainingConfig(epochs=50))` changes what is
    named and leaves the rest as in the preset "small".
    """

    network: ImageNetworkConfig = ImageNetworkConfig()
    training: ImageTrainingConfig = ImageTrainingConfig()

    def with_changes(self, **changes: object) -> ImagePreset:
        """Return the settings with some of them changed, whether they belong to the network or to the training.

        Raises
        ------
        ClickTrainError
            If there is no such setting or it cannot have that value.
        """
        parts = {"network": self.network.model_dump(), "training": self.training.model_dump()}
        for name, value in changes.items():
            owner = next((part for part in parts.values() if name in part), None)
            if owner is None:
                known = ", ".join(sorted(key for part in parts.values() for key in part))
                raise ClickTrainError(f"settings must be among {known}, got {name!r}.")
            owner[name] = value
        try:
            return ImagePreset.model_validate(parts)
        except ValidationError as error:
            raise ClickTrainError(_readable(error)) from error


class TrainedImages(Frozen):
    """The images a model has learned from, counted."""

    per_class: Annotated[tuple[int, ...], Field(title="Per class", description="Images of each class.")]
    validated: Annotated[int, Field(ge=0, title="Validation images", description="Of these, not learned from.")]
    sha256: Annotated[str, Field(title="Fingerprint", description="SHA-256 of shapes, labels and some patches.")]


class ImageModelSummary(Frozen):
    """What a file of a whole-image model says about itself, without its weights."""

    kind: Annotated[Literal["image"], Field(title="Kind")] = "image"
    format_version: Annotated[int, Field(ge=1, title="Format version")]
    versions: Annotated[dict[str, str], Field(title="Made with", description="Version of each library.")]
    preset: Annotated[str, Field(title="Preset")]
    architecture: Annotated[ImageNetworkConfig, Field(title="Architecture")]
    training: Annotated[ImageTrainingConfig, Field(title="Training")]
    seed: Annotated[int, Field(title="Seed")]
    n_parameters: Annotated[int, Field(ge=0, title="Parameters", description="Trained weights.")]
    channels: Annotated[int, Field(ge=1, le=4096, title="Channels", description="Channels an image must have.")]
    channel_mean: Annotated[tuple[float, ...], Field(title="Channel means", description="Of the training images.")]
    channel_deviation: Annotated[tuple[float, ...], Field(title="Channel deviations")]
    classes: Annotated[tuple[int, ...] | tuple[str, ...], Field(min_length=2, title="Classes")]
    images: Annotated[TrainedImages, Field(title="Images")]
    epochs_run: Annotated[int, Field(ge=0, title="Epochs run")]
    best_epoch: Annotated[int, Field(ge=0, title="Best epoch", description="Epoch whose weights were kept, from 1.")]
    validation_loss: Annotated[float | None, Field(title="Validation loss", description="In the best epoch.")] = None

    @model_validator(mode="after")
    def _statistics_fit_the_channels(self) -> Self:
        if not len(self.channel_mean) == len(self.channel_deviation) == self.channels:
            raise ValueError("there must be one mean and one deviation per channel")
        if len(self.images.per_class) != len(self.classes):
            raise ValueError("there must be one count of images per class")
        return self


def image_preset(name: ImagePresetName | ImagePreset) -> ImagePreset:
    """Return the settings behind a preset's name.

    Parameters
    ----------
    name : {"small", "resnet", "mobilenet"} or ImagePreset
        A small network that a processor trains in minutes; one like ResNet-50; one like MobileNetV2.

    Raises
    ------
    ClickTrainError
        If there is no such preset.
    """
    if isinstance(name, ImagePreset):
        return name
    if name not in _PRESETS:
        raise ClickTrainError(f"preset must be one of {', '.join(_PRESETS)}, got {name!r}.")
    return _PRESETS[name]


def _readable(error: ValidationError) -> str:
    first = error.errors()[0]
    limits = first.get("ctx", {})
    if first["type"] == "value_error":
        return f"{limits['error']}."
    name = str(first["loc"][-1])
    if first["type"] in _LIMITS:
        key, words = _LIMITS[first["type"]]
        return f"{name} must be {words.format(limits[key])}, got {first['input']}."
    return f"{name} cannot be {first['input']!r}: {first['msg']}."


# As pydantic calls them, under which name it tells the limit, and in words.
_LIMITS = {
    "greater_than": ("gt", "more than {:g}"),
    "greater_than_equal": ("ge", "{:g} or more"),
    "less_than": ("lt", "less than {:g}"),
    "less_than_equal": ("le", "{:g} or less"),
}

_LARGE = ImageTrainingConfig(sampling=0.125)

_PRESETS: dict[ImagePresetName, ImagePreset] = {
    "small": ImagePreset(),
    "resnet": ImagePreset(
        network=ImageNetworkConfig(encoder="resnet", patch_px=128, code_channels=256, head_width=256), training=_LARGE
    ),
    "mobilenet": ImagePreset(
        network=ImageNetworkConfig(encoder="mobilenet", patch_px=128, code_channels=128, head_width=128),
        training=_LARGE,
    ),
}
