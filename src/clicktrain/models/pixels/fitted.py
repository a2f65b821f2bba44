"""A trained network with all that its answers depend on."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch

from clicktrain.config import PostprocessConfig
from clicktrain.engine.densify import DenseNetwork, densify
from clicktrain.errors import ModelFileError
from clicktrain.models.pixels.forest import Forest
from clicktrain.models.pixels.nets import PixelNet, build_network
from clicktrain.models.pixels.normalise import ChannelStatistics
from clicktrain.models.pixels.pretrained import EmbeddedHead, Embedding
from clicktrain.models.pixels.volume_stem import VolumeStem

if TYPE_CHECKING:
    from torch import Tensor

    from clicktrain.config.summaries import ModelSummary

__all__ = ["PixelModel"]

_EMBEDDING = "embedding."
_HEAD = "head.coefficients"
_FOREST = "forest."


@dataclass(frozen=True, eq=False)
class PixelModel:
    """A network, the classes it tells apart and the statistics it was trained with.

    Parameters
    ----------
    net : PixelNet
    dense : tuple of DenseNetwork
        The dense forms of the network's members.
    classes : tuple of int
        Class numbers in the order of the scores.
    statistics : ChannelStatistics
        Of the training images.
    embedded : EmbeddedHead, optional
        Classifies by the pretrained embedding, which it keeps as it was when the model was trained.
    forest : Forest, optional
        Classifies by the stem's features.
    n_clicks : int
        Pixels that were clicked for it.
    postprocess : PostprocessConfig
        How the probabilities of a whole image are put together.
    """

    net: PixelNet
    dense: tuple[DenseNetwork, ...]
    classes: tuple[int, ...]
    statistics: ChannelStatistics
    embedded: EmbeddedHead | None = None
    forest: Forest | None = None
    n_clicks: int = 0
    postprocess: PostprocessConfig = field(default_factory=PostprocessConfig)

    @classmethod
    def of(cls, net: PixelNet, classes: tuple[int, ...], statistics: ChannelStatistics) -> PixelModel:
        """Make the dense forms and put everything together."""
        dense = tuple(densify(member, ndim=len(net.fov), fov=member.fov_px) for member in net.local_nets)
        return cls(net, dense, classes, statistics)

    @property
    def ndim(self) -> int:
        """Spatial axes: 2 for images, 3 for volumes."""
        return len(self.net.fov)

    @property
    def local_fov(self) -> tuple[int, ...]:
        """Field of view of the local network on the features, ([z,] y, x), in pixels."""
        return self.net.local_fov

    @property
    def fov(self) -> tuple[int, ...]:
        """Field of view of the whole patch classifier on the image, ([z,] y, x), in pixels."""
        if self.embedded is None:
            return self.net.fov
        return tuple(max(pair) for pair in zip(self.net.fov, self.embedded.fov_among(self.ndim), strict=True))

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.net.components.mean.device

    @property
    def output_stride(self) -> int:
        """Distance of the pixels that the members answer at; what lies between is interpolated."""
        return self.postprocess.output_stride

    @property
    def relative_voxel_size(self) -> tuple[float, ...]:
        """Distance of neighbouring pixels along each axis, in pixels of a slice."""
        stem = self.net.stem
        return (stem.anisotropy, 1.0, 1.0) if isinstance(stem, VolumeStem) else (1.0, 1.0)

    @property
    def n_parameters(self) -> int:
        """Number of trained weights."""
        return sum(parameter.numel() for parameter in self.net.parameters())

    def targets(self, numbers: Tensor) -> Tensor:
        """Indices of classes, in the order of the scores, given their numbers."""
        return torch.searchsorted(torch.tensor(self.classes, device=numbers.device), numbers.contiguous())

    def copied(self) -> PixelModel:
        """Return a copy with a network of its own, so that training can be given up without a trace."""
        net = copy.deepcopy(self.net)
        dense = PixelModel.of(net, self.classes, self.statistics).dense
        return replace(self, net=net, dense=dense)

    def weights(self) -> dict[str, Tensor]:
        """All numbers that a model file keeps, by name."""
        weights: dict[str, Tensor] = dict(self.net.state_dict())
        if self.embedded is not None:
            embedding = self.embedded.embedding.state_dict()
            weights |= {f"{_EMBEDDING}{name}": value for name, value in embedding.items()}
            weights[_HEAD] = self.embedded.coefficients
        if self.forest is not None:
            weights |= {f"{_FOREST}{name}": value for name, value in self.forest.tensors().items()}
        return weights

    @classmethod
    def restored(cls, summary: ModelSummary, weights: dict[str, Tensor], device: torch.device, name: str) -> PixelModel:
        """Rebuild a model from what its file holds.

        Raises
        ------
        ModelFileError
            If weights are missing or have other shapes than the architecture asks for.
        """
        numbers = tuple(info.number for info in summary.classes)
        net = build_network(
            summary.architecture,
            in_channels=summary.channels,
            n_classes=len(numbers),
            dropout=summary.training.dropout,
        )
        weights = dict(weights)
        try:
            forest = _restored_forest(net, summary, weights)
            embedded = _restored_head(net, summary, weights, device)
            net.load_state_dict(weights)
        except (RuntimeError, KeyError, TypeError, ValueError) as error:
            raise ModelFileError(
                f"`{name}` must hold the weights of its architecture, got others. Use a copy of it or train again."
            ) from error
        statistics = ChannelStatistics(summary.channel_mean, summary.channel_deviation)
        model = cls.of(net.to(device).eval(), numbers, statistics)
        model = replace(model, embedded=embedded, forest=forest, n_clicks=summary.clicks.total)
        return replace(model, postprocess=summary.postprocess)


def _restored_forest(net: PixelNet, summary: ModelSummary, weights: dict[str, Tensor]) -> Forest | None:
    trees = summary.architecture.trees
    if not trees:
        return None
    n_classes, n_features = len(summary.classes), net.feature_channels
    return Forest.restored(_taken(weights, _FOREST), n_trees=trees, n_classes=n_classes, n_features=n_features)


def _restored_head(
    net: PixelNet, summary: ModelSummary, weights: dict[str, Tensor], device: torch.device
) -> EmbeddedHead | None:
    if not summary.architecture.pretrained:
        return None
    embedding = Embedding.of(_taken(weights, _EMBEDDING))
    coefficients = weights.pop(_HEAD)
    wanted = (len(summary.classes), embedding.trunk.out_channels + net.code_channels + 1)
    if tuple(coefficients.shape) != wanted:
        raise ValueError(f"the head must be of shape {wanted}")
    return EmbeddedHead.of(embedding.to(device), coefficients.to(device))


def _taken(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Take what has a prefix out of `weights`, and the prefix away."""
    names = [name for name in weights if name.startswith(prefix)]
    return {name.removeprefix(prefix): weights.pop(name) for name in names}
