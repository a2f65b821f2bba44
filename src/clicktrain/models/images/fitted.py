"""A trained network for whole images, with all that its answers depend on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clicktrain.errors import ModelFileError
from clicktrain.models.images.image_net import ImageNet, build_image_network
from clicktrain.models.pixels.normalise import ChannelStatistics

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from clicktrain.config.images import ImageModelSummary, ImageNetworkConfig

__all__ = ["FittedImageModel", "TrainingRecord"]


@dataclass(frozen=True)
class TrainingRecord:
    """How a training went.

    Parameters
    ----------
    per_class : tuple of int
        Images of each class, validation images as well.
    validated : int
        Images that were not learned from.
    sha256 : str
        Fingerprint of images and labels.
    epochs_run : int
    best_epoch : int
        Epoch whose weights were kept, from 1.
    validation_loss : float or None
        In that epoch.
    """

    per_class: tuple[int, ...]
    validated: int
    sha256: str
    epochs_run: int
    best_epoch: int
    validation_loss: float | None


@dataclass(frozen=True, eq=False)
class FittedImageModel:
    """A network, the classes it tells apart and what intensities are scaled with.

    Parameters
    ----------
    net : ImageNet
    config : ImageNetworkConfig
    classes : tuple of int or tuple of str
        In the order of the scores.
    statistics : ChannelStatistics
        Of the training images.
    record : TrainingRecord
    """

    net: ImageNet
    config: ImageNetworkConfig
    classes: tuple[int, ...] | tuple[str, ...]
    statistics: ChannelStatistics
    record: TrainingRecord

    @property
    def n_channels(self) -> int:
        """Channels that an image must have."""
        return len(self.statistics.mean)

    @property
    def n_parameters(self) -> int:
        """Number of trained weights."""
        return sum(parameter.numel() for parameter in self.net.parameters())

    def scale_for(self, own: ChannelStatistics) -> ChannelStatistics:
        """Return what an image's intensities are scaled with, given its own statistics."""
        return self.statistics if self.config.scaling == "model" else own

    def weights(self) -> dict[str, Tensor]:
        """All numbers that a model file keeps, by name."""
        return dict(self.net.state_dict())

    @classmethod
    def restored(
        cls, summary: ImageModelSummary, weights: dict[str, Tensor], device: torch.device, name: str
    ) -> FittedImageModel:
        """Rebuild a model from what its file holds.

        Raises
        ------
        ModelFileError
            If weights are missing or have other shapes than the architecture asks for.
        """
        net = build_image_network(summary.architecture, in_channels=summary.channels, n_classes=len(summary.classes))
        try:
            net.load_state_dict(weights)
        except RuntimeError as error:
            raise ModelFileError(
                f"`{name}` must hold the weights of its architecture, got others. Use a copy of it or train again."
            ) from error
        statistics = ChannelStatistics(summary.channel_mean, summary.channel_deviation)
        record = TrainingRecord(
            per_class=summary.images.per_class,
            validated=summary.images.validated,
            sha256=summary.images.sha256,
            epochs_run=summary.epochs_run,
            best_epoch=summary.best_epoch,
            validation_loss=summary.validation_loss,
        )
        return cls(net.to(device).eval(), summary.architecture, summary.classes, statistics, record)
