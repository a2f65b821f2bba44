"""What a trained whole-image model says about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clicktrain.config.images import ImageModelSummary, TrainedImages
from clicktrain.models.files import FORMAT_VERSION
from clicktrain.models.pixels.summary import library_versions

if TYPE_CHECKING:
    from clicktrain.config.images import ImagePreset
    from clicktrain.models.images.fitted import FittedImageModel

__all__ = ["summarise_images"]


def summarise_images(model: FittedImageModel, settings: ImagePreset, *, preset: str, seed: int) -> ImageModelSummary:
    """Collect what the model file keeps beside the weights.

    Parameters
    ----------
    model : FittedImageModel
    settings : ImagePreset
    preset : str
        Name the settings were chosen by.
    seed : int
    """
    record = model.record
    return ImageModelSummary(
        format_version=FORMAT_VERSION,
        versions=library_versions(),
        preset=preset,
        architecture=settings.network,
        training=settings.training,
        seed=seed,
        n_parameters=model.n_parameters,
        channels=model.n_channels,
        channel_mean=model.statistics.mean,
        channel_deviation=model.statistics.deviation,
        classes=model.classes,
        images=TrainedImages(per_class=record.per_class, validated=record.validated, sha256=record.sha256),
        epochs_run=record.epochs_run,
        best_epoch=record.best_epoch,
        validation_loss=record.validation_loss,
    )
