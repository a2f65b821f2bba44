"""From images and clicks to a trained model, and further from there."""

from __future__ import annotations

from dataclasses import replace
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

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    import torch

    from clicktrain.annotations.clicks import Clicks
    from clicktrain.config import Preset
    from clicktrain.images.source import ImageSource
    from clicktrain.images.statistics import ImageStatistics
    from clicktrain.learning.pixels.extract import TrainingData

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
    data = yield from _extract(model, images, measured, clicks, settings, seed)
    # A quarter of the pixels tells mean and deviation as well, in a quarter of the time.
    model.net.standardise.measure(data.windows.windows[..., ::2, ::2])
    model = yield from _with_heads(model, data, settings)
    yield from _train(model, data, settings, steps=settings.training.steps, seed=seed)
    return model


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
    data = yield from _extract(model, images, measured, clicks, settings, seed)
    trained = yield from _with_heads(model.copied(), data, settings)
    yield from _train(trained, data, settings, steps=settings.training.more_steps, seed=seed)
    return trained


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
    return (yield from extract(model, examples, output_stride=stride, seed=seed))


def _with_heads(model: PixelModel, data: TrainingData, settings: Preset) -> Generator[Progress, None, PixelModel]:
    """Fit what needs no gradient steps, anew each time: it costs less than to go on."""
    yield Progress("training", 0, settings.training.steps)
    pixels, trees = data.pixels, settings.network.trees
    forest = Forest.grown(pixels.features.cpu().numpy(), pixels.targets.numpy(), n_trees=trees) if trees else None
    embedded = model.embedded
    if embedded is not None and pixels.embeddings is not None:
        embedded = embedded.fitted(pixels.embeddings, pixels.targets, len(model.classes))
    return replace(model, forest=forest, embedded=embedded, postprocess=settings.postprocess, n_clicks=data.n_clicks)


def _train(
    model: PixelModel, data: TrainingData, settings: Preset, *, steps: int, seed: int
) -> Generator[Progress, None, None]:
    yield Progress("training", 0, steps)
    # In place: the windows can be as large as the image's features, and nobody needs them raw any more.
    model.net.standardise.apply_(data.windows.windows)
    targets = model.targets(data.windows.classes)
    yield from train(model, data.windows, targets, settings.training, steps=steps, seed=seed)
