"""A trained network with all that its answers depend on."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clicktrain.engine.densify import DenseNetwork, densify
from clicktrain.errors import ModelFileError
from clicktrain.models.nets import PixelNet, build_network
from clicktrain.models.normalise import ChannelStatistics

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from clicktrain.config import ModelSummary

__all__ = ["FittedModel"]


@dataclass(frozen=True, eq=False)
class FittedModel:
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
    """

    net: PixelNet
    dense: tuple[DenseNetwork, ...]
    classes: tuple[int, ...]
    statistics: ChannelStatistics

    @classmethod
    def of(cls, net: PixelNet, classes: tuple[int, ...], statistics: ChannelStatistics) -> FittedModel:
        """Make the dense forms and put everything together."""
        dense = tuple(densify(member, ndim=2, fov=member.fov_px) for member in net.context_nets)
        return cls(net, dense, classes, statistics)

    @property
    def context_fov(self) -> tuple[int, int]:
        """Field of view of the context network on the features, (y, x)."""
        return self.dense[0].fov[0], self.dense[0].fov[1]

    @property
    def fov(self) -> tuple[int, int]:
        """Field of view of the whole patch classifier on the image, (y, x), in pixels."""
        return self.net.fov_px, self.net.fov_px

    @property
    def n_parameters(self) -> int:
        """Number of trained weights."""
        return sum(parameter.numel() for parameter in self.net.parameters())

    def copied(self) -> FittedModel:
        """Return an independent copy, so that training can be given up without a trace."""
        return FittedModel.of(copy.deepcopy(self.net), self.classes, self.statistics)

    @classmethod
    def restored(
        cls, summary: ModelSummary, weights: dict[str, Tensor], device: torch.device, name: str
    ) -> FittedModel:
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
        try:
            net.load_state_dict(weights)
        except RuntimeError as error:
            raise ModelFileError(
                f"`{name}` must hold the weights of its architecture, got others. Use a copy of it or train again."
            ) from error
        statistics = ChannelStatistics(summary.channel_mean, summary.channel_deviation)
        return cls.of(net.to(device).eval(), numbers, statistics)
