"""Pixel models with every member that were never trained, images for them, and ways to run the work."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from clicktrain.config import NetworkConfig, PostprocessConfig
from clicktrain.images.source import open_image
from clicktrain.inference.pixels.constants import ImageConstants, measure_constants
from clicktrain.inference.pixels.stream import predict_image
from clicktrain.models.pixels.fitted import PixelModel
from clicktrain.models.pixels.forest import Forest
from clicktrain.models.pixels.nets import PixelNet, build_network
from clicktrain.models.pixels.normalise import ChannelStatistics
from clicktrain.models.pixels.pretrained import CODE_CHANNELS, EmbeddedHead, Embedding
from clicktrain.models.pixels.trunk import Trunk
from clicktrain.progress import drained
from clicktrain.stores.sinks import ArraySink

if TYPE_CHECKING:
    from clicktrain.geometry.region import Region
    from clicktrain.images.source import ImageSource

LOCAL, BOTH, ALL = ("local",), ("local", "embedding"), ("local", "trees", "embedding")
CHANNELS, N_CLASSES = 2, 3


def network_config(*, ndim: int = 2, position_encoding: bool = False, anisotropy: float = 1.0) -> NetworkConfig:
    """Settings of the smallest network that has all parts."""
    return NetworkConfig(
        sigmas_px=(0.7, 1.0),
        components=6,
        # Either of them in images, so that both are met.
        feature_stride=2 if ndim == 2 and not position_encoding else 1,
        width=4,
        levels=2,
        members=2 if ndim == 2 else 1,
        ndim=ndim,
        anisotropy=anisotropy,
        pretrained=position_encoding,
        position_encoding=position_encoding,
    )


@cache
def pixel_model(
    members: tuple[str, ...] = LOCAL, *, ndim: int = 2, position_encoding: bool = False, anisotropy: float = 1.0
) -> PixelModel:
    """A model of random weights for images of two channels."""
    config = network_config(ndim=ndim, position_encoding=position_encoding, anisotropy=anisotropy)
    net = build_network(config, in_channels=CHANNELS, n_classes=N_CLASSES, seed=5).eval()
    net.components.measure([_features(net.feature_channels, ndim)])
    statistics = ChannelStatistics((0.5,) * CHANNELS, (0.3,) * CHANNELS)
    model = PixelModel.of(net, tuple(range(1, N_CLASSES + 1)), statistics)
    return replace(
        model,
        embedded=_head(net.code_channels) if "embedding" in members else None,
        forest=_forest(net) if "trees" in members else None,
        n_clicks=60,
    )


def _features(count: int, ndim: int) -> torch.Tensor:
    """Correlated noise in as many features."""
    rng = np.random.default_rng(6)
    values = rng.normal(size=(count, count)) @ rng.normal(size=(count, 200))
    return torch.from_numpy(values.astype(np.float32)).view(count, *(1,) * (ndim - 1), 200)


def _head(code_channels: int) -> EmbeddedHead:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        trunk = Trunk(width=4, levels=2, out_channels=CODE_CHANNELS)
        coefficients = torch.randn(N_CLASSES, CODE_CHANNELS + code_channels + 1)
    return EmbeddedHead.of(Embedding(trunk).eval().requires_grad_(False), coefficients)


def _forest(net: PixelNet) -> Forest:
    rng = np.random.default_rng(4)
    targets = np.arange(30) % N_CLASSES
    features = rng.normal(size=(len(targets), net.feature_channels)).astype(np.float32)
    return Forest.grown(features, targets, n_trees=4)


def noise_source(*shape_px: int, seed: int = 0) -> ImageSource:
    """Noise in two channels."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(CHANNELS, *shape_px)).astype(np.float32)
    return open_image(values, axes="CYX" if len(shape_px) == 2 else "CZYX")


def constants_of(model: PixelModel, source: ImageSource, config: NetworkConfig | None = None) -> ImageConstants:
    """What tiles of an image need to know of it."""
    config = config or config_of(model)
    return drained(measure_constants(source, config, trained_on=model.statistics, head=model.embedded))


def config_of(model: PixelModel) -> NetworkConfig:
    """Settings of a model that was made here."""
    return network_config(
        ndim=model.ndim, position_encoding=model.net.code_channels > 0, anisotropy=model.relative_voxel_size[0]
    )


def with_postprocess(model: PixelModel, **settings: Any) -> PixelModel:
    """The model with another postprocessing."""
    return replace(model, postprocess=PostprocessConfig(**settings))


def whole(model: PixelModel, source: ImageSource, **options: Any) -> np.ndarray:
    """The answer for an image, in which every pixel was written."""
    sink = ArraySink(np.full((N_CLASSES, *source.shape_px), np.nan, np.float32))
    drained(predict_image(model, source, config_of(model), sink, **options))
    assert not np.isnan(sink.array).any()
    return sink.array


class WatchedSource:
    """An image that remembers what was read of it."""

    def __init__(self, source: ImageSource) -> None:
        self._source = source
        self.name = source.name
        self.read_regions: list[Region] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    @property
    def shapes_px(self) -> Any:
        return self._source.shapes_px

    def close(self) -> None:
        self._source.close()

    def read(self, region: Region, *, level: int = 0) -> Any:
        self.read_regions.append(region)
        return self._source.read(region, level=level)
