"""Images and clicks as a classifier sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from clicktrain.clicks import Clicks
from clicktrain.models.binning import binned, binned_clicks
from clicktrain.models.forest import MOST_EXAMPLES, thinned
from clicktrain.models.normalise import ChannelStatistics
from clicktrain.training.clicked import Example
from clicktrain.training.embedded import embed_clicks
from clicktrain.training.strokes import strokes_of
from clicktrain.types import Progress

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from torch import Tensor

    from clicktrain.config import Preset
    from clicktrain.models.fitted import FittedModel
    from clicktrain.models.pretrained import EmbeddedHead
    from clicktrain.types import IntArray

__all__ = ["EmbeddedClicks", "SeenClicks", "see", "used_statistics"]


@dataclass(frozen=True, eq=False, slots=True)
class EmbeddedClicks:
    """Embeddings of clicks, of several images together.

    Parameters
    ----------
    codes : Tensor of shape (N, D)
    targets : Tensor of shape (N,), int64
        Class index of each, 0 to K - 1.
    strokes : ndarray of shape (N,), int64
        Number of the stroke that each belongs to.
    """

    codes: Tensor
    targets: Tensor
    strokes: IntArray


@dataclass(frozen=True, eq=False, slots=True)
class SeenClicks:
    """What a classifier learns from.

    Parameters
    ----------
    binning : int
        Pixels along a side of the squares that the images were binned in.
    examples : tuple of Example
        Binned images with clicks.
    embedded : EmbeddedClicks, optional
        Without one if the classifier has no pretrained part.
    n_clicks : int
        Pixels that were clicked.
    """

    binning: int
    examples: tuple[Example, ...]
    embedded: EmbeddedClicks | None
    n_clicks: int


def see(
    model: FittedModel, images: Sequence[Tensor], clicks: Sequence[Clicks], settings: Preset, binning: int, *, seed: int
) -> Generator[Progress, None, SeenClicks]:
    """Bin images, normalise them and embed their clicks.

    Parameters
    ----------
    model : FittedModel
        Tells the classes and whether there is a pretrained part; need not be trained.
    images : sequence of Tensor of shape (C, [Z,] Y, X), float32
    clicks : sequence of Clicks
        One per image; images without any are left out.
    settings : Preset
    binning : int
    seed : int
        Of the draw of clicks that are embedded, where there are very many.

    Yields
    ------
    Progress

    Returns
    -------
    SeenClicks
    """
    examples: list[Example] = []
    strokes: list[IntArray] = []
    for done, (image, part) in enumerate(zip(images, clicks, strict=True)):
        if model.net.code_channels:
            yield Progress("features", done, len(images))
        if len(part):
            coarse = binned(image, binning)
            seen, first = binned_clicks(part, binning)
            statistics = used_statistics(coarse, model.statistics, settings)
            examples.append(Example(coarse, seen, statistics, model.overview(coarse)))
            strokes.append(strokes_of(part)[first])
    embedded, head = None, model.embedded
    if head is not None:
        targets = [model.targets(torch.from_numpy(example.clicks.classes)) for example in examples]
        embedded = yield from _embed(head, examples, targets, strokes, every_px=settings.finish.every_px, seed=seed)
    return SeenClicks(binning, tuple(examples), embedded, sum(map(len, clicks)))


def used_statistics(image: Tensor, trained_on: ChannelStatistics | None, settings: Preset) -> ChannelStatistics:
    """Return what an image is normalised with.

    Parameters
    ----------
    image : Tensor of shape (C, [Z,] Y, X)
        Binned, where the classifier bins images.
    trained_on : ChannelStatistics, optional
        Of the training images; as long as there are none, the image's own stand for them.
    settings : Preset
    """
    if settings.network.normalisation == "ends":
        return ChannelStatistics.of_ends(image)
    by_model = settings.network.normalisation == "model"
    return trained_on if by_model and trained_on is not None else ChannelStatistics.of(image)


def _embed(
    head: EmbeddedHead,
    examples: Sequence[Example],
    targets: Sequence[Tensor],
    strokes: Sequence[IntArray],
    *,
    every_px: int,
    seed: int,
) -> Generator[Progress, None, EmbeddedClicks]:
    """Embed clicks of all images, a part of them if there are very many."""
    known = torch.cat(list(targets))
    kept = thinned(known.numpy(), MOST_EXAMPLES, seed=seed)
    codes: list[Tensor] = []
    numbers: list[IntArray] = []
    first = first_stroke = 0
    for example, stroke in zip(examples, strokes, strict=True):
        clicks = example.clicks
        mine = kept[(kept >= first) & (kept < first + len(clicks))] - first
        if len(mine):
            some = Clicks(clicks.positions_px[mine], clicks.classes[mine], clicks.shape_px)
            codes.append((yield from embed_clicks(head, example, some, every_px)))
            numbers.append(stroke[mine] + first_stroke)
        first += len(clicks)
        first_stroke += int(stroke.max()) + 1
    return EmbeddedClicks(torch.cat(codes), known[torch.from_numpy(kept)], np.concatenate(numbers))
