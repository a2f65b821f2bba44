"""From images and clicks to what a classifier learns from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from clicktrain.learning.pixels.click_embeddings import embed_clicks
from clicktrain.learning.pixels.click_windows import gather_features
from clicktrain.learning.pixels.examples import close_one_of
from clicktrain.models.pixels.forest import MOST_EXAMPLES, thinned
from clicktrain.progress import Progress, as_progress

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from torch import Tensor

    from clicktrain.learning.pixels.click_windows import ClickWindows
    from clicktrain.learning.pixels.examples import Example
    from clicktrain.models.pixels.fitted import PixelModel
    from clicktrain.models.pixels.pretrained import EmbeddedHead
    from clicktrain.types import IntArray
    from clicktrain.workers import Workers

__all__ = ["ClickFeatures", "TrainingData", "extract"]


@dataclass(frozen=True, eq=False, slots=True)
class ClickFeatures:
    """What is known of clicked pixels, of several images together: all that is fitted in one go learns from it.

    Parameters
    ----------
    features : Tensor of shape (N, F)
        Of the stem.
    embeddings : Tensor of shape (N, D), optional
        By the pretrained trunk, if there is one.
    targets : Tensor of shape (N,), int64
        Class index of each, 0 to K - 1, on the CPU.
    """

    features: Tensor
    embeddings: Tensor | None
    targets: Tensor


@dataclass(frozen=True, eq=False, slots=True)
class TrainingData:
    """What a classifier learns from.

    Parameters
    ----------
    windows : ClickWindows
        The surroundings of the clicks.
    pixels : ClickFeatures
        Of very many clicks a part.
    n_clicks : int
        Pixels that were clicked.
    """

    windows: ClickWindows
    pixels: ClickFeatures
    n_clicks: int


def extract(
    model: PixelModel, examples: Sequence[Example], workers: Workers, *, anew: bool, output_stride: int, seed: int
) -> Generator[Progress, None, TrainingData]:
    """Compute what the members need of the clicks.

    Parameters
    ----------
    model : PixelModel
        Tells the classes and what its members need; need not be trained.
    examples : sequence of Example
    workers : Workers
    anew : bool
        Whether the components of the features are found now, in place, from what lies around the clicks.
    output_stride : int
        Distance of the pixels that answers will be read off from.
    seed : int
        Of the draw of clicks where there are very many.

    Yields
    ------
    Progress
    """
    found = yield from gather_features(model, examples, workers, seed=seed)
    if anew:
        # A quarter of the pixels tells the components as well, in a quarter of the time.
        model.net.components.measure([one.features[..., ::2, ::2] for one in found.maps])
    targets = model.targets(found.classes).cpu()
    drawn = thinned(targets.numpy(), MOST_EXAMPLES, seed=seed)
    features, numbers = found.at_clicks(drawn, model.local_fov), found.numbers[drawn]
    windows = yield from as_progress(Progress("features", 1, 1), found.reduced(model.net, workers))
    del found
    embeddings = None
    if model.embedded is not None:
        embeddings = yield from _embed(model.embedded, examples, numbers, output_stride, workers)
    pixels = ClickFeatures(features, embeddings, targets[torch.from_numpy(drawn)])
    return TrainingData(windows, pixels, sum(len(example.clicks) for example in examples))


def _embed(
    head: EmbeddedHead, examples: Sequence[Example], numbers: IntArray, stride: int, workers: Workers
) -> Generator[Progress, None, Tensor]:
    """Embed clicks, given by their numbers, ascending, through all examples."""
    found: list[Tensor] = []
    first = 0
    for example in examples:
        clicks = example.clicks
        mine = numbers[(numbers >= first) & (numbers < first + len(clicks))] - first
        first += len(clicks)
        if len(mine):
            found.append((yield from embed_clicks(head, example, clicks.some(mine), stride, workers)))
        close_one_of(examples, example.source)
    return torch.cat(found)
