"""How coarse to look at images, told from the clicks: cross-validation over strokes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from clicktrain.training.seen import see

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from clicktrain.clicks import Clicks
    from clicktrain.config import Preset
    from clicktrain.models.fitted import FittedModel
    from clicktrain.models.pretrained import EmbeddedHead
    from clicktrain.training.seen import EmbeddedClicks, SeenClicks
    from clicktrain.types import IntArray, Progress

__all__ = ["can_be_held_out", "held_out_loss", "see_best"]

_FOLDS = 5
_ROUNDS = 2
# With fewer strokes of a class, to leave one out tells more of that stroke than of the binning.
_FEWEST_STROKES = 3
# Share of the loss that another binning must do away with. Chosen on half of the sets that benchmarks/few_clicks.py
# reports (docs/explanation/few_clicks.md).
_GAIN = 0.15
# A prediction that is sure and wrong must not outweigh all others.
_LEAST = 1e-3


def see_best(
    model: FittedModel,
    images: Sequence[Tensor],
    clicks: Sequence[Clicks],
    settings: Preset,
    *,
    usual: int,
    others: Sequence[int],
    seed: int,
) -> Generator[Progress, None, SeenClicks]:
    """Look at images and clicks in several binnings, and take the one in which strokes foretell each other best.

    What foretells them is the head on the pretrained embedding, which is fitted in closed form: it takes no part of a
    training to find out how well it does on strokes that it has not seen.

    Parameters
    ----------
    model, images, clicks, settings, seed
        As for `see`.
    usual : int
        The binning that is taken unless another one is better by far.
    others : sequence of int

    Yields
    ------
    Progress

    Returns
    -------
    SeenClicks
        In the usual binning without a pretrained part, and as long as there are few strokes.
    """
    best = yield from see(model, images, clicks, settings, usual, seed=seed)
    head, n_classes = model.embedded, len(model.classes)
    if not others or head is None or best.embedded is None or not can_be_held_out(best.embedded):
        return best
    least = (1 - _GAIN) * held_out_loss(head, best.embedded, n_classes)
    for binning in others:
        seen = yield from see(model, images, clicks, settings, binning, seed=seed)
        if seen.embedded is None or not can_be_held_out(seen.embedded):
            continue
        loss = held_out_loss(head, seen.embedded, n_classes)
        if loss < least:
            best, least = seen, loss
    return best


def can_be_held_out(clicks: EmbeddedClicks) -> bool:
    """Whether there are strokes enough of every class that some can be left out."""
    return all(len(numbers) >= _FEWEST_STROKES for numbers in _strokes_of_classes(clicks))


def held_out_loss(head: EmbeddedHead, clicks: EmbeddedClicks, n_classes: int) -> float:
    """Mean loss on strokes that the head was not fitted to; classes weigh alike, and so do the strokes of each.

    Parameters
    ----------
    head : EmbeddedHead
        Need not be fitted.
    clicks : EmbeddedClicks
    n_classes : int

    Returns
    -------
    float
        Negative logarithm of the probability of the right class.
    """
    losses = np.mean([_losses(head, clicks, n_classes, fold) for fold in _folds(clicks)], axis=0)
    of_strokes = np.bincount(clicks.strokes, losses) / np.maximum(np.bincount(clicks.strokes), 1)
    return float(np.mean([of_strokes[numbers].mean() for numbers in _strokes_of_classes(clicks)]))


def _folds(clicks: EmbeddedClicks) -> list[IntArray]:
    """Deal out the strokes of every class, whole ones, some times over: the fold of each click."""
    rng = np.random.default_rng(0)
    rounds: list[IntArray] = []
    for _ in range(_ROUNDS):
        fold_of = np.zeros(clicks.strokes.max() + 1, np.int64)
        for numbers in _strokes_of_classes(clicks):
            fold_of[rng.permutation(numbers)] = np.arange(len(numbers)) % _FOLDS
        rounds.append(fold_of[clicks.strokes])
    return rounds


def _strokes_of_classes(clicks: EmbeddedClicks) -> list[IntArray]:
    targets = clicks.targets.numpy()
    return [np.unique(clicks.strokes[targets == target]) for target in np.unique(targets)]


def _losses(head: EmbeddedHead, clicks: EmbeddedClicks, n_classes: int, fold: IntArray) -> NDArray[np.float64]:
    """Loss of every click, given by a head that was fitted without the click's fold."""
    losses = np.empty(len(fold))
    for number in np.unique(fold):
        held_out = torch.from_numpy(fold == number)
        fitted = head.fitted(clicks.codes[~held_out], clicks.targets[~held_out], n_classes)
        scores = clicks.codes[held_out] @ fitted.coefficients[:, :-1].T + fitted.coefficients[:, -1]
        right = torch.softmax(scores, dim=1).cpu()[torch.arange(len(scores)), clicks.targets[held_out]]
        losses[held_out.numpy()] = -(right + _LEAST).log().numpy()
    return losses
