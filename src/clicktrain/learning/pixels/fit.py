"""From images and clicks to a trained model, and further from there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from clicktrain.learning.pixels.choose_binning import see_best
from clicktrain.learning.pixels.steps import train
from clicktrain.models.pixels.features import sample_features
from clicktrain.models.pixels.fitted import FittedModel
from clicktrain.models.pixels.forest import Forest
from clicktrain.models.pixels.nets import build_network
from clicktrain.models.pixels.normalise import ChannelStatistics
from clicktrain.models.pixels.pretrained import EmbeddedHead
from clicktrain.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from torch import Tensor

    from clicktrain.annotations.clicks import Clicks
    from clicktrain.config import Preset
    from clicktrain.learning.pixels.clicked import Example
    from clicktrain.learning.pixels.seen import SeenClicks

__all__ = ["continue_model", "fit_model"]


def fit_model(
    images: Sequence[Tensor], clicks: Sequence[Clicks], settings: Preset, *, seed: int
) -> Generator[Progress, None, FittedModel]:
    """Train a network from nothing.

    Parameters
    ----------
    images : sequence of Tensor of shape (C, [Z,] Y, X), float32
    clicks : sequence of Clicks
        One per image.
    settings : Preset
    seed : int

    Yields
    ------
    Progress

    Returns
    -------
    FittedModel
    """
    model = _untrained(images, clicks, settings, seed)
    usual, *others = settings.network.binnings
    seen = yield from see_best(model, images, clicks, settings, usual=usual, others=others, seed=seed)
    return (yield from _fit(model, seen, settings, seed))


def continue_model(
    model: FittedModel, images: Sequence[Tensor], clicks: Sequence[Clicks], settings: Preset, *, seed: int
) -> Generator[Progress, None, FittedModel]:
    """Go on training a copy of a model with clicks of the classes it knows.

    Where the clicks now tell that images are better looked at in another binning, a new one is trained from nothing.

    Parameters
    ----------
    model : FittedModel
        Stays as it is.
    images, clicks, settings, seed
        As for `fit_model`.

    Yields
    ------
    Progress

    Returns
    -------
    FittedModel
    """
    present = {number for part in clicks for number in part.present}
    # Without clicks of all its classes nothing new can take its place.
    choices = settings.network.binnings if present == set(model.classes) else ()
    others = [binning for binning in choices if binning != model.binning]
    seen = yield from see_best(model, images, clicks, settings, usual=model.binning, others=others, seed=seed)
    if seen.binning != model.binning:
        # What was seen is in the terms of this embedding and these statistics.
        anew = replace(_untrained(images, clicks, settings, seed), embedded=model.embedded, statistics=model.statistics)
        return (yield from _fit(anew, seen, settings, seed))
    trained = yield from _with_heads(model.copied(), seen, settings)
    yield from _train(trained, seen, settings, steps=settings.training.more_steps, seed=seed)
    return trained


def _untrained(images: Sequence[Tensor], clicks: Sequence[Clicks], settings: Preset, seed: int) -> FittedModel:
    pooled = ChannelStatistics.pooled([ChannelStatistics.of(image) for image in images])
    classes = tuple(sorted({number for part in clicks for number in part.present}))
    net = build_network(
        settings.network,
        in_channels=images[0].shape[0],
        n_classes=len(classes),
        dropout=settings.training.dropout,
        seed=seed,
    )
    model = FittedModel.of(net.to(images[0].device), classes, pooled)
    if settings.network.pretrained:
        model = replace(model, embedded=EmbeddedHead.packaged(images[0].device))
    return model


def _fit(model: FittedModel, seen: SeenClicks, settings: Preset, seed: int) -> Generator[Progress, None, FittedModel]:
    # A quarter of the pixels tells mean and deviation as well, in a quarter of the time.
    model.net.standardise.measure(seen.clicked.windows[..., ::2, ::2])
    model = yield from _with_heads(model, seen, settings)
    yield from _train(model, seen, settings, steps=settings.training.steps, seed=seed)
    return model


def _with_heads(model: FittedModel, seen: SeenClicks, settings: Preset) -> Generator[Progress, None, FittedModel]:
    """Fit what needs no gradient steps, anew each time: it costs less than to go on."""
    yield Progress("training", 0, settings.training.steps)
    pixels, trees = seen.pixels, settings.network.trees
    forest = Forest.grown(pixels.features.cpu().numpy(), pixels.targets.numpy(), n_trees=trees) if trees else None
    embedded = model.embedded
    if embedded is not None and pixels.codes is not None:
        embedded = embedded.fitted(pixels.codes, pixels.targets, len(model.classes))
    heads = replace(model, forest=forest, embedded=embedded, postprocess=settings.postprocess)
    return replace(heads, binning=seen.binning, n_clicks=seen.n_clicks)


def _train(
    model: FittedModel, seen: SeenClicks, settings: Preset, *, steps: int, seed: int
) -> Generator[Progress, None, None]:
    yield Progress("training", 0, steps)
    sample, clicked = _sample(model, seen.examples), seen.clicked
    # In place: the windows can be as large as the image's features, and nobody needs them raw any more.
    model.net.standardise.apply_(clicked.windows)
    targets = model.targets(clicked.classes)
    yield from train(model, clicked, targets, settings.training, steps=steps, seed=seed, sample=sample)


def _sample(model: FittedModel, examples: Sequence[Example]) -> Tensor | None:
    """Patches of all images together: clicks of several images are learned from with one selection of channels."""
    if not model.net.chooses_channels:
        return None
    prepared = [example.prepared(model.net.fov) for example in examples]
    with torch.no_grad():
        features = torch.cat([sample_features(model.net, one, model.local_fov) for one in prepared])
        return model.net.standardise.apply_(features)
