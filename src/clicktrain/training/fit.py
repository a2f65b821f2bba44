"""From images and clicks to a trained model, and further from there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from clicktrain.models.features import sample_features
from clicktrain.models.fitted import FittedModel
from clicktrain.models.nets import build_network
from clicktrain.models.normalise import ChannelStatistics
from clicktrain.models.pretrained import EmbeddedHead
from clicktrain.training.clicked import Example, gather_clicked
from clicktrain.training.instant import fit_forest, fit_head
from clicktrain.training.loop import train
from clicktrain.types import Progress

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from torch import Tensor

    from clicktrain.clicks import Clicks
    from clicktrain.config import Preset
    from clicktrain.training.clicked import ClickedFeatures

__all__ = ["continue_model", "fit_model", "used_statistics"]


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
    examples = yield from _examples(model, images, clicks, settings)
    clicked = yield from _gather(model, examples, seed)
    # A quarter of the pixels tells mean and deviation as well, in a quarter of the time.
    net.standardise.measure(clicked.windows[..., ::2, ::2])
    model = yield from _with_heads(model, examples, clicked, settings, seed)
    yield from _train(model, examples, clicked, settings, steps=settings.training.steps, seed=seed)
    return model


def continue_model(
    model: FittedModel, images: Sequence[Tensor], clicks: Sequence[Clicks], settings: Preset, *, seed: int
) -> Generator[Progress, None, FittedModel]:
    """Go on training a copy of a model with clicks of the classes it knows.

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
    trained = model.copied()
    examples = yield from _examples(model, images, clicks, settings)
    clicked = yield from _gather(trained, examples, seed)
    trained = yield from _with_heads(trained, examples, clicked, settings, seed)
    yield from _train(trained, examples, clicked, settings, steps=settings.training.more_steps, seed=seed)
    return trained


def used_statistics(image: Tensor, trained_on: ChannelStatistics | None, settings: Preset) -> ChannelStatistics:
    """Return what an image is normalised with.

    Parameters
    ----------
    image : Tensor of shape (C, [Z,] Y, X)
    trained_on : ChannelStatistics, optional
        Of the training images; as long as there are none, the image's own stand for them.
    settings : Preset
    """
    if settings.network.normalisation == "ends":
        return ChannelStatistics.of_ends(image)
    by_model = settings.network.normalisation == "model"
    return trained_on if by_model and trained_on is not None else ChannelStatistics.of(image)


def _examples(
    model: FittedModel, images: Sequence[Tensor], clicks: Sequence[Clicks], settings: Preset
) -> Generator[Progress, None, list[Example]]:
    examples: list[Example] = []
    for done, (image, part) in enumerate(zip(images, clicks, strict=True)):
        if model.net.code_channels:
            yield Progress("features", done, len(images))
        if len(part):
            statistics = used_statistics(image, model.statistics, settings)
            examples.append(Example(image, part, statistics, model.overview(image)))
    return examples


def _gather(model: FittedModel, examples: Sequence[Example], seed: int) -> Generator[Progress, None, ClickedFeatures]:
    fov, context_fov = model.net.fov, model.context_fov
    return (yield from gather_clicked(model.net, examples, fov=fov, context_fov=context_fov, seed=seed))


def _with_heads(
    model: FittedModel, examples: Sequence[Example], clicked: ClickedFeatures, settings: Preset, seed: int
) -> Generator[Progress, None, FittedModel]:
    """Fit what needs no gradient steps, anew each time: it costs less than to go on."""
    yield Progress("training", 0, settings.training.steps)
    trees = settings.network.trees
    forest = fit_forest(clicked, model, n_trees=trees, seed=seed) if trees else None
    embedded = model.embedded
    if embedded is not None:
        embedded = yield from fit_head(embedded, model, examples, every_px=settings.finish.every_px, seed=seed)
    n_clicks = sum(len(example.clicks) for example in examples)
    return replace(model, forest=forest, embedded=embedded, n_clicks=n_clicks, finish=settings.finish)


def _train(
    model: FittedModel,
    examples: Sequence[Example],
    clicked: ClickedFeatures,
    settings: Preset,
    *,
    steps: int,
    seed: int,
) -> Generator[Progress, None, None]:
    yield Progress("training", 0, steps)
    sample = _sample(model, examples)
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
        features = torch.cat([sample_features(model.net, one, model.context_fov) for one in prepared])
        return model.net.standardise.apply_(features)
