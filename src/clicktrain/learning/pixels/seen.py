"""Images and clicks as a classifier sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from clicktrain.annotations.clicks import Clicks
from clicktrain.learning.pixels.clicked import Example, gather_clicked
from clicktrain.learning.pixels.embedded import embed_clicks
from clicktrain.models.pixels.forest import MOST_EXAMPLES, thinned
from clicktrain.models.pixels.normalise import ChannelStatistics
from clicktrain.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from torch import Tensor

    from clicktrain.config import Preset
    from clicktrain.learning.pixels.clicked import ClickedFeatures
    from clicktrain.models.pixels.fitted import FittedModel
    from clicktrain.models.pixels.pretrained import EmbeddedHead
    from clicktrain.types import IntArray

__all__ = ["ClickedPixels", "SeenClicks", "see", "used_statistics"]


@dataclass(frozen=True, eq=False, slots=True)
class ClickedPixels:
    """What is known of clicked pixels, of several images together: all that is fitted in one go learns from it.

    Parameters
    ----------
    features : Tensor of shape (N, F)
        Of the stem.
    codes : Tensor of shape (N, D), optional
        Of the pretrained embedding, if there is one.
    targets : Tensor of shape (N,), int64
        Class index of each, 0 to K - 1, on the CPU.
    """

    features: Tensor
    codes: Tensor | None
    targets: Tensor


@dataclass(frozen=True, eq=False, slots=True)
class SeenClicks:
    """What a classifier learns from.

    Parameters
    ----------
    clicked : ClickedFeatures
        The surroundings of the clicks.
    pixels : ClickedPixels
        Of very many clicks a part.
    n_clicks : int
        Pixels that were clicked.
    """

    clicked: ClickedFeatures
    pixels: ClickedPixels
    n_clicks: int


def see(
    model: FittedModel, images: Sequence[Tensor], clicks: Sequence[Clicks], settings: Preset, *, seed: int
) -> Generator[Progress, None, SeenClicks]:
    """Normalise images, and compute what the members need of their clicks.

    Parameters
    ----------
    model : FittedModel
        Tells the classes and what its members need; need not be trained.
    images : sequence of Tensor of shape (C, [Z,] Y, X), float32
    clicks : sequence of Clicks
        One per image; images without any are left out.
    settings : Preset
    seed : int
        Of the draw of clicks where there are very many.

    Yields
    ------
    Progress

    Returns
    -------
    SeenClicks
    """
    examples = yield from _examples(model, images, clicks, settings)
    fov, local_fov = model.net.fov, model.local_fov
    clicked = yield from gather_clicked(model.net, examples, fov=fov, local_fov=local_fov, seed=seed)
    targets = model.targets(clicked.classes).cpu()
    drawn = thinned(targets.numpy(), MOST_EXAMPLES, seed=seed)
    mine = clicked.numbers[drawn]
    codes, output_stride = None, settings.postprocess.output_stride
    if model.embedded is not None:
        codes = yield from _embed(model.embedded, examples, mine, output_stride=output_stride)
    features = clicked.in_the_middle(local_fov)[drawn]
    pixels = ClickedPixels(features, codes, targets[torch.from_numpy(drawn)])
    return SeenClicks(clicked, pixels, sum(map(len, clicks)))


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


def used_statistics(image: Tensor, trained_on: ChannelStatistics | None, settings: Preset) -> ChannelStatistics:
    """Return what an image is normalised with.

    Parameters
    ----------
    image : Tensor of shape (C, [Z,] Y, X)
    trained_on : ChannelStatistics, optional
        Of the training images; as long as there are none, the image's own stand for them.
    settings : Preset
    """
    if settings.network.normalisation == "percentile":
        return ChannelStatistics.of_percentiles(image)
    by_model = settings.network.normalisation == "model"
    return trained_on if by_model and trained_on is not None else ChannelStatistics.of(image)


def _embed(
    head: EmbeddedHead, examples: Sequence[Example], numbers: IntArray, *, output_stride: int
) -> Generator[Progress, None, Tensor]:
    """Embed clicks, given by their numbers, ascending, through all examples."""
    codes: list[Tensor] = []
    first = 0
    for example in examples:
        clicks = example.clicks
        mine = numbers[(numbers >= first) & (numbers < first + len(clicks))] - first
        first += len(clicks)
        if len(mine):
            some = Clicks(clicks.positions_px[mine], clicks.classes[mine], clicks.shape_px)
            codes.append((yield from embed_clicks(head, example, some, output_stride)))
    return torch.cat(codes)
