"""Settings as frozen, checked values; titles and descriptions feed the command line, the widgets and the docs."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from clicktrain.config.base import Frozen
from clicktrain.errors import ClickTrainError

__all__ = [
    "DeviceName",
    "NetworkConfig",
    "PostprocessConfig",
    "Preset",
    "PresetName",
    "SettingsName",
    "TrainingConfig",
    "preset",
]

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
PresetName = Literal["fast", "auto", "wide"]
# How settings are called that no preset has.
SettingsName = Literal["fast", "auto", "wide", "custom"]


class NetworkConfig(Frozen):
    """Shape of the default patch classifier: a fixed scale-space stem and a local network, trained at the clicks."""

    sigmas_px: Annotated[
        tuple[Annotated[float, Field(gt=0, le=100)], ...],
        Field(
            min_length=1,
            max_length=100,
            title="Scales",
            description="Standard deviations of the stem's Gaussians, in pixels.",
        ),
    ]
    components: Annotated[
        int,
        Field(
            ge=0,
            le=4096,
            title="Components",
            description="Principal components of the stem's features that the local network reads; 0 for all.",
        ),
    ] = 32
    feature_stride: Annotated[
        Literal[1, 2],
        Field(title="Feature stride", description="The local network reads features at every so many pixels."),
    ] = 1
    width: Annotated[int, Field(ge=1, le=4096, title="Width", description="Channels of the local network.")]
    levels: Annotated[
        int, Field(ge=1, le=6, title="Levels", description="Convolutions; taps lie 1, 2, 4, ... features apart.")
    ]
    members: Annotated[int, Field(ge=1, le=100, title="Members", description="Networks trained and averaged.")]
    normalisation: Annotated[
        Literal["image", "percentile", "model"],
        Field(
            title="Normalisation",
            description="Bring intensities to a common scale by the mean and deviation of each image, by its darkest "
            "and its brightest tenth, or by the mean and deviation of the training images.",
        ),
    ] = "image"
    pretrained: Annotated[
        bool,
        Field(title="Pretrained", description="Add a head on a pretrained embedding of each pixel's surroundings."),
    ] = False
    trees: Annotated[
        int, Field(ge=0, le=10_000, title="Trees", description="Add this many random trees on the stem's features.")
    ] = 0
    ndim: Annotated[Literal[2, 3], Field(title="Dimensions", description="2 for images, 3 for volumes.")] = 2
    anisotropy: Annotated[
        float,
        Field(
            gt=0,
            le=100,
            title="Slice distance",
            description="Of a volume's neighbouring slices, in pixels of a slice.",
        ),
    ] = 1.0
    position_encoding: Annotated[
        bool,
        Field(
            title="Position encoding",
            description="Judge pixels also by where in the image they lie, as a coarse view of it shows.",
        ),
    ] = False

    @model_validator(mode="after")
    def _position_encoding_has_what_it_needs(self) -> Self:
        if self.position_encoding and not (self.pretrained and self.ndim == 2):
            raise ValueError("position_encoding must be off for volumes and without the pretrained part")
        return self

    @model_validator(mode="after")
    def _volumes_have_all_their_features(self) -> Self:
        if self.feature_stride > 1 and self.ndim == 3:
            raise ValueError(f"feature_stride must be 1 for volumes, got {self.feature_stride}")
        return self


class TrainingConfig(Frozen):
    """How the local network learns from the clicks."""

    steps: Annotated[PositiveInt, Field(title="Steps", description="Gradient steps of a training from nothing.")]
    more_steps: Annotated[PositiveInt, Field(title="More steps", description="Gradient steps when training goes on.")]
    clicks_per_step: Annotated[
        PositiveInt, Field(title="Clicks per step", description="Clicked pixels drawn for a step, even over classes.")
    ]
    learning_rate: Annotated[PositiveFloat, Field(title="Learning rate")]
    weight_decay: Annotated[float, Field(ge=0, title="Weight decay")]
    label_smoothing: Annotated[float, Field(ge=0, lt=1, title="Label smoothing")]
    dropout: Annotated[float, Field(ge=0, lt=1, title="Dropout")]


class PostprocessConfig(Frozen):
    """How the probabilities of a whole image are put together; by default without any short cut or smoothing."""

    output_stride: Annotated[
        Literal[1, 2],
        Field(
            title="Answers every",
            description="All members answer in every so many rows and columns; what lies between is interpolated.",
        ),
    ] = 1
    guided_px: Annotated[
        int,
        Field(
            ge=0,
            le=100,
            title="Guided smoothing",
            description="Radius of the windows in which probabilities follow the edges of the image, in pixels; "
            "where the image is flat they are smoothed four times as far.",
        ),
    ] = 0
    smoothing_px: Annotated[
        float, Field(ge=0, le=100, title="Smoothing", description="Standard deviation of a Gaussian, in pixels.")
    ] = 0.0
    prior: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            title="Prior",
            description="How far classes are weighed by how common they are in the image, if there are many clicks.",
        ),
    ] = 0.0


class Preset(Frozen):
    """A network, its training and what is done to its answers."""

    network: NetworkConfig
    training: TrainingConfig
    postprocess: PostprocessConfig = PostprocessConfig()


def preset(
    name: PresetName | Preset, *, pretrained: bool = True, ndim: int = 2, position_encoding: bool = False
) -> Preset:
    """Return the settings behind a preset's name.

    Parameters
    ----------
    name : {"fast", "auto", "wide"} or Preset
        Fewer scales and channels; the default; a wider field of view.
    pretrained : bool
        Whether the preset's pretrained part is used.
    ndim : {2, 3}
        For images or for volumes; a Preset of one's own is for one of them already.
    position_encoding : bool
        Whether it also counts where in the image a pixel lies; a Preset of one's own may have that already.

    Raises
    ------
    ClickTrainError
        If there is no such preset, or position encoding is asked for without the pretrained part or for volumes.
    """
    if not isinstance(name, Preset) and name not in _PRESETS:
        raise ClickTrainError(f"preset must be one of {', '.join(_PRESETS)}, got {name!r}.")
    chosen = name if isinstance(name, Preset) else (_PRESETS if ndim == 2 else _VOLUME_PRESETS)[name]
    changes: dict[str, object] = {} if pretrained else {"pretrained": False}
    if position_encoding:
        changes["position_encoding"] = True
    network = chosen.network.model_copy(update=changes)
    if network.position_encoding and not (network.pretrained and network.ndim == 2):
        raise ClickTrainError(
            "position_encoding must be off for volumes and without the pretrained part, got it switched on. "
            "Leave it out, or take images and the pretrained part."
        )
    return chosen.model_copy(update={"network": network})


_TRAINING = TrainingConfig(
    steps=60,
    more_steps=25,
    clicks_per_step=32,
    learning_rate=3e-3,
    weight_decay=1e-2,
    label_smoothing=0.05,
    dropout=0.2,
)

_VOLUME_TRAINING = _TRAINING.model_copy(update={"clicks_per_step": 64})

# Volumes hang on their trees.
_TREES, _VOLUME_TREES = 32, 64
# Chosen on half of the sets that benchmarks/few_clicks.py reports, see docs/explanation/few_clicks.md.
_POSTPROCESS = PostprocessConfig(output_stride=2, guided_px=3, prior=1.0)

# Smoothing and prior chosen on nuclei3d_gonuclear.
_VOLUME_POSTPROCESS = PostprocessConfig(output_stride=2, smoothing_px=1.0, prior=1.0)


def _for_images(sigmas_px: tuple[float, ...], width: int, levels: int) -> Preset:
    network = NetworkConfig(
        sigmas_px=sigmas_px,
        # Answers are read off at every second pixel, and so are the features: a quarter of the work, and on the sets of
        # benchmarks/few_clicks.py no worse.
        feature_stride=_POSTPROCESS.output_stride,
        width=width,
        levels=levels,
        members=1,
        pretrained=True,
        trees=_TREES,
    )
    return Preset(network=network, training=_TRAINING, postprocess=_POSTPROCESS)


_PRESETS: dict[PresetName, Preset] = {
    "fast": _for_images((0.7, 1.6, 3.5), width=16, levels=2),
    "auto": _for_images((0.7, 1.0, 1.6, 3.5, 5.0, 10.0), width=32, levels=3),
    "wide": _for_images((0.7, 1.0, 1.6, 3.5, 5.0, 10.0, 16.0), width=32, levels=4),
}


def _for_volumes(sigmas_px: tuple[float, ...], width: int, levels: int) -> Preset:
    network = NetworkConfig(
        sigmas_px=sigmas_px,
        width=width,
        levels=levels,
        members=1,
        # Parts of a volume show things in other shares. Chosen on nuclei3d_gonuclear and membrane3d_ovule_plantseg.
        normalisation="percentile",
        pretrained=True,
        # Fewer cost 0.006 IoU and 0.004 average precision at 200 clicks.
        components=0,
        trees=_VOLUME_TREES,
        ndim=3,
    )
    return Preset(network=network, training=_VOLUME_TRAINING, postprocess=_VOLUME_POSTPROCESS)


# What a field of view costs grows with its cube here: smaller ones, and fewer channels.
_VOLUME_PRESETS: dict[PresetName, Preset] = {
    "fast": _for_volumes((0.7, 1.6, 3.5), width=8, levels=2),
    "auto": _for_volumes((0.7, 1.0, 1.6, 3.5, 5.0), width=16, levels=3),
    "wide": _for_volumes((0.7, 1.0, 1.6, 3.5, 5.0, 10.0), width=16, levels=3),
}
