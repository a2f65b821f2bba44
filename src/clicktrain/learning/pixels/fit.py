"""From images and clicks to a trained model, and further from there."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from clicktrain.images.statistics import measure
from clicktrain.inference.pixels.constants import image_constants, own_scale
from clicktrain.learning.pixels.examples import Example, close_one_of
from clicktrain.learning.pixels.extract import extract
from clicktrain.learning.pixels.steps import train
from clicktrain.models.pixels.fitted import PixelModel
from clicktrain.models.pixels.forest import Forest
from clicktrain.models.pixels.nets import build_network
from clicktrain.models.pixels.normalise import ChannelStatistics
from clicktrain.models.pixels.pretrained import EmbeddedHead
from clicktrain.progress import Progress, as_progress
from clicktrain.workers import Workers, settle

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    import torch

    from clicktrain.annotations.clicks import Clicks
    from clicktrain.config import Preset
    from clicktrain.images.source import ImageSource
    from clicktrain.images.statistics import ImageStatistics
    from clicktrain.learning.pixels.extract import ClickFeatures, TrainingData

__all__ = ["continue_model", "fit_model"]


def fit_model(
    images: Sequence[ImageSource], clicks: Sequence[Clicks], settings: Preset, *, seed: int, device: torch.device
) -> Generator[Progress, None, PixelModel]:
    """Train a network from nothing.

    Parameters
    ----------
    images : sequence of ImageSource
        All with as many axes and channels.
    clicks : sequence of Clicks
        One per image; images without any count for the statistics alone.
    settings : Preset
    seed : int
    device : torch.device

    Yields
    ------
    Progress

    Returns
    -------
    PixelModel
    """
    measured = yield from _measure_all(images)
    model = _untrained(measured, images[0].n_channels, clicks, settings, seed, device)
    with Workers(device) as workers:
        data = yield from _extract(model, images, measured, clicks, settings, workers, anew=True, seed=seed)
        return (yield from _trained(model, data, settings, workers, steps=settings.training.steps, seed=seed))


def continue_model(
    model: PixelModel, images: Sequence[ImageSource], clicks: Sequence[Clicks], settings: Preset, *, seed: int
) -> Generator[Progress, None, PixelModel]:
    """Go on training a copy of a model with clicks of the classes it knows.

    Parameters
    ----------
    model : PixelModel
        Stays as it is.
    images, clicks, settings, seed
        As for `fit_model`.

    Yields
    ------
    Progress

    Returns
    -------
    PixelModel
    """
    measured = yield from _measure_all(images)
    with Workers(model.device) as workers:
        data = yield from _extract(model, images, measured, clicks, settings, workers, anew=False, seed=seed)
        steps = settings.training.more_steps
        return (yield from _trained(model.copied(), data, settings, workers, steps=steps, seed=seed))


def _measure_all(images: Sequence[ImageSource]) -> Generator[Progress, None, list[ImageStatistics]]:
    found: list[ImageStatistics] = []
    for number, image in enumerate(images):
        now = Progress("features", number, len(images))
        yield now
        statistics = yield from as_progress(now, measure(image))
        statistics.check_contrast(image.name)
        close_one_of(images, image)
        found.append(statistics)
    return found


def _untrained(
    measured: Sequence[ImageStatistics],
    n_channels: int,
    clicks: Sequence[Clicks],
    settings: Preset,
    seed: int,
    device: torch.device,
) -> PixelModel:
    pooled = ChannelStatistics.pooled([own_scale(statistics) for statistics in measured])
    classes = tuple(sorted({number for part in clicks for number in part.present}))
    net = build_network(
        settings.network, in_channels=n_channels, n_classes=len(classes), dropout=settings.training.dropout, seed=seed
    )
    model = PixelModel.of(net.to(device), classes, pooled)
    return replace(model, embedded=EmbeddedHead.packaged(device)) if settings.network.pretrained else model


def _extract(
    model: PixelModel,
    images: Sequence[ImageSource],
    measured: Sequence[ImageStatistics],
    clicks: Sequence[Clicks],
    settings: Preset,
    workers: Workers,
    *,
    anew: bool,
    seed: int,
) -> Generator[Progress, None, TrainingData]:
    examples: list[Example] = []
    for image, statistics, part in zip(images, measured, clicks, strict=True):
        if len(part):
            yield Progress("features", len(examples), len(images))
            constants = image_constants(
                statistics, image, settings.network, trained_on=model.statistics, head=model.embedded
            )
            examples.append(Example(image, part, constants))
            close_one_of(images, image)
    stride = settings.postprocess.output_stride
    return (yield from extract(model, examples, workers, anew=anew, output_stride=stride, seed=seed))


def _trained(
    model: PixelModel, data: TrainingData, settings: Preset, workers: Workers, *, steps: int, seed: int
) -> Generator[Progress, None, PixelModel]:
    """Train the local networks in place, and fit what needs no gradient steps anew: it costs less than to go on."""
    yield Progress("training", 0, steps)
    pixels, embedded = data.pixels, model.embedded
    # The trees grow beside the training.
    grown = [workers.submit(partial(_grown, pixels, settings.network.trees))]
    try:
        targets = model.targets(data.windows.classes)
        yield from train(model, data.windows, targets, settings.training, steps=steps, seed=seed)
        if embedded is not None and pixels.embeddings is not None:
            embedded = embedded.fitted(pixels.embeddings, pixels.targets, len(model.classes))
        forest = grown.pop().result()
    finally:
        settle(grown)
    return replace(model, forest=forest, embedded=embedded, postprocess=settings.postprocess, n_clicks=data.n_clicks)


def _grown(pixels: ClickFeatures, n_trees: int) -> Forest | None:
    if not n_trees:
        return None
    return Forest.grown(pixels.features.cpu().numpy(), pixels.targets.numpy(), n_trees=n_trees)
