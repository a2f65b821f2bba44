"""What a trained model says about itself."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np

from clicktrain.config.summaries import ModelSummary, TrainedClicks
from clicktrain.models.files import FORMAT_VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clicktrain.annotations.clicks import Clicks
    from clicktrain.config import ClassInfo, Preset, SettingsName
    from clicktrain.models.pixels.fitted import PixelModel

__all__ = ["count_clicks", "library_versions", "summarise"]

_LIBRARIES = ("napari-clicktrain", "torch", "numpy", "scikit-learn")


def summarise(
    model: PixelModel,
    settings: Preset,
    *,
    preset: SettingsName,
    seed: int,
    classes: Sequence[ClassInfo],
    clicks: TrainedClicks,
) -> ModelSummary:
    """Collect what `clicktrain info` shows and the model file keeps.

    Parameters
    ----------
    model : PixelModel
    settings : Preset
    preset : str
        Name the settings were chosen by.
    seed : int
    classes : sequence of ClassInfo
        In the order of the scores.
    clicks : TrainedClicks
    """
    return ModelSummary(
        format_version=FORMAT_VERSION,
        versions=library_versions(),
        preset=preset,
        architecture=settings.network,
        training=settings.training,
        postprocess=settings.postprocess,
        seed=seed,
        fov_px=model.fov,
        n_parameters=model.n_parameters,
        channels=model.net.stem.in_channels,
        channel_mean=model.statistics.mean,
        channel_deviation=model.statistics.deviation,
        classes=tuple(classes),
        clicks=clicks,
    )


def count_clicks(clicks: Sequence[Clicks]) -> TrainedClicks:
    """Count the clicks of every class and take a fingerprint of all of them.

    Parameters
    ----------
    clicks : sequence of Clicks
        One per image.
    """
    digest = hashlib.sha256()
    for part in clicks:
        rows = np.column_stack((part.positions_px, part.classes))
        digest.update(repr(part.shape_px).encode() + np.unique(rows, axis=0).astype("<i8").tobytes())
    numbers = sorted({number for part in clicks for number in part.present})
    counts = {number: sum(part.count(number) for part in clicks) for number in numbers}
    return TrainedClicks(per_class=counts, sha256=digest.hexdigest())


def library_versions() -> dict[str, str]:
    """Version of each library that a model's answers may depend on."""
    return {name: _version(name) for name in _LIBRARIES}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
