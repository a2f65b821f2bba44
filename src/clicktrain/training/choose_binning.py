"""How coarsely to look at images, told from the clicks: cross-validation over strokes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from clicktrain.models.ridge import ridge
from clicktrain.training.seen import see

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from clicktrain.clicks import Clicks
    from clicktrain.config import Preset
    from clicktrain.models.fitted import FittedModel
    from clicktrain.models.pretrained import EmbeddedHead
    from clicktrain.training.seen import ClickedPixels, SeenClicks
    from clicktrain.types import IntArray, Progress

__all__ = ["can_be_held_out", "held_out_loss", "see_best"]

_FOLDS = 5
_ROUNDS = 2
# Which share of the loss another binning must do away with, times the square root of the number of strokes: what few
# strokes tell is mostly luck. This and the ridge below were chosen on half of the sets that benchmarks/few_clicks.py
# reports (docs/explanation/few_clicks.md).
_GAIN = 1.25
# Penalty of a ridge regression on standardised features, and what its scores are multiplied by.
_PENALTY, _SHARPNESS = 0.01, 4.0
# A prediction that is sure and wrong must not outvote the other one.
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

    What foretells them are two ridge regressions, one on the stem's features and one on the pretrained embedding. They
    are fitted in closed form, so it takes no training to find out how well they do on strokes that they have not seen.

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
        In the usual binning as long as some class has one stroke only.
    """
    best = yield from see(model, images, clicks, settings, usual, seed=seed)
    if not others or not can_be_held_out(best.pixels):
        return best
    n_strokes = len(np.unique(best.pixels.strokes))
    least = (1 - _GAIN / n_strokes**0.5) * held_out_loss(best.pixels, len(model.classes), model.embedded)
    for binning in others:
        seen = yield from see(model, images, clicks, settings, binning, seed=seed)
        if can_be_held_out(seen.pixels):
            loss = held_out_loss(seen.pixels, len(model.classes), model.embedded)
            best, least = (seen, loss) if loss < least else (best, least)
    return best


def can_be_held_out(pixels: ClickedPixels) -> bool:
    """Whether every class has strokes left when one of them is left out."""
    return all(len(numbers) > 1 for numbers in _strokes_of_classes(pixels))


def held_out_loss(pixels: ClickedPixels, n_classes: int, head: EmbeddedHead | None) -> float:
    """Mean loss on strokes that nothing was fitted to; classes weigh alike, and so do the strokes of each.

    Parameters
    ----------
    pixels : ClickedPixels
    n_classes : int
    head : EmbeddedHead, optional
        Is fitted to the codes; without it the features alone foretell.

    Returns
    -------
    float
        1 minus the probability of the right class.
    """
    losses = np.mean([_losses(pixels, n_classes, head, fold) for fold in _folds(pixels)], axis=0)
    of_strokes = np.bincount(pixels.strokes, losses) / np.maximum(np.bincount(pixels.strokes), 1)
    return float(np.mean([of_strokes[numbers].mean() for numbers in _strokes_of_classes(pixels)]))


def _folds(pixels: ClickedPixels) -> list[IntArray]:
    """Deal out the strokes of every class, whole ones, some times over: the fold of each click."""
    rng = np.random.default_rng(0)
    rounds: list[IntArray] = []
    for _ in range(_ROUNDS):
        fold_of = np.zeros(pixels.strokes.max() + 1, np.int64)
        for numbers in _strokes_of_classes(pixels):
            fold_of[rng.permutation(numbers)] = np.arange(len(numbers)) % _FOLDS
        rounds.append(fold_of[pixels.strokes])
    return rounds


def _strokes_of_classes(pixels: ClickedPixels) -> list[IntArray]:
    targets = pixels.targets.numpy()
    return [np.unique(pixels.strokes[targets == target]) for target in np.unique(targets)]


def _losses(pixels: ClickedPixels, n_classes: int, head: EmbeddedHead | None, fold: IntArray) -> NDArray[np.float64]:
    """Loss of every click, foretold without the click's fold."""
    deviation, mean = torch.std_mean(pixels.features, dim=0, correction=0)
    features = (pixels.features - mean) / (deviation + 1e-6) / pixels.features.shape[1] ** 0.5
    losses = np.empty(len(fold))
    for number in np.unique(fold):
        held_out = torch.from_numpy(fold == number)
        known = pixels.targets[~held_out]
        coefficients = ridge(features[~held_out].cpu().double(), known, n_classes, _PENALTY) * _SHARPNESS
        foretold = _logarithms(features[held_out], coefficients)
        if head is not None and pixels.codes is not None:
            fitted = head.fitted(pixels.codes[~held_out], known, n_classes)
            foretold = (foretold + _logarithms(pixels.codes[held_out], fitted.coefficients)) / 2
        right = foretold.softmax(dim=1)[torch.arange(len(foretold)), pixels.targets[held_out]]
        losses[held_out.numpy()] = 1 - right.numpy()
    return losses


def _logarithms(values: Tensor, coefficients: Tensor) -> Tensor:
    """Logarithms of probabilities (N, K), given values (N, D) and what a ridge regression found."""
    weights = coefficients.to(values)
    return ((values @ weights[:, :-1].T + weights[:, -1]).softmax(dim=1) + _LEAST).log().cpu()
