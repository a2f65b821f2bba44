"""How coarsely to look at images, told from the clicks: cross-validation over strokes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from clicktrain.annotations.clicks import Clicks
from clicktrain.learning.pixels.seen import ClickedPixels, see
from clicktrain.learning.pixels.strokes import strokes_of
from clicktrain.models.pixels.binning import binned_shape
from clicktrain.models.pixels.forest import thinned
from clicktrain.models.pixels.ridge import ridge
from clicktrain.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from clicktrain.config import Preset
    from clicktrain.learning.pixels.seen import SeenClicks
    from clicktrain.models.pixels.fitted import FittedModel
    from clicktrain.models.pixels.pretrained import EmbeddedHead
    from clicktrain.types import IntArray

__all__ = ["can_be_held_out", "held_out_loss", "see_best", "strokes_of_all"]

_FOLDS = 5
_ROUNDS = 2
# Which share of the usual binning's loss another one must do away with, times the square root of the number of strokes:
# what few strokes tell is mostly luck. This and the ridge below were chosen on half of the sets that
# benchmarks/few_clicks.py reports (docs/explanation/few_clicks.md).
_GAIN = 1.25
# So few strokes that they would have to tell of more than this are not asked: the first answers come sooner.
_MOST_GAIN = 0.5
# Penalty of a ridge regression on standardised features, and what its scores are multiplied by.
_PENALTY, _SHARPNESS = 0.01, 4.0
# More pixels hardly tell more of few strokes, and take longer.
_MOST_PIXELS = 1000
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
        In the usual binning as long as there are few strokes, or only one of some class.
    """
    best = yield from see(model, images, clicks, settings, usual, seed=seed)
    if not others:
        return best
    # Clicks a few pixels apart know each other as well as those that touch: on the coarsest grid they do.
    strokes = strokes_of_all(clicks, max(usual, *others))
    share = _GAIN / len(np.unique(strokes[best.pixels.numbers])) ** 0.5
    if share > _MOST_GAIN or not can_be_held_out(best.pixels, strokes):
        return best
    n_classes = len(model.classes)
    least = (1 - share) * (yield from held_out_loss(best.pixels, strokes, n_classes, model.embedded))
    for binning in others:
        seen = yield from see(model, images, clicks, settings, binning, seed=seed)
        if can_be_held_out(seen.pixels, strokes):
            loss = yield from held_out_loss(seen.pixels, strokes, n_classes, model.embedded)
            best, least = (seen, loss) if loss < least else (best, least)
        # The surroundings of very many clicks are large: let go of them before others are computed.
        del seen
    return best


def strokes_of_all(clicks: Sequence[Clicks], grid_px: int) -> IntArray:
    """Strokes of the clicks of several images, those that touch on a grid being one.

    Parameters
    ----------
    clicks : sequence of Clicks
        One per image; images share no strokes.
    grid_px : int
        Pixels along a side of the grid's squares.

    Returns
    -------
    ndarray of shape (M,), int64
        Number of the stroke of each click, counted through all images.
    """
    numbers: list[IntArray] = []
    found = 0
    for part in clicks:
        coarse = Clicks(part.positions_px // grid_px, part.classes, binned_shape(part.shape_px, grid_px))
        numbers.append(strokes_of(coarse) + found)
        found = int(numbers[-1].max(initial=found - 1)) + 1
    return np.concatenate(numbers)


def can_be_held_out(pixels: ClickedPixels, strokes: IntArray) -> bool:
    """Whether every class has strokes left when one of them is left out.

    Parameters
    ----------
    pixels : ClickedPixels
    strokes : ndarray of shape (M,), int64
        Number of the stroke of each click that was given.
    """
    return all(len(numbers) > 1 for numbers in _strokes_of_classes(pixels.targets, strokes[pixels.numbers]))


def held_out_loss(
    pixels: ClickedPixels, strokes: IntArray, n_classes: int, head: EmbeddedHead | None
) -> Generator[Progress, None, float]:
    """Mean loss on strokes that nothing was fitted to; classes weigh alike, and so do the strokes of each.

    Parameters
    ----------
    pixels : ClickedPixels
    strokes : ndarray of shape (M,), int64
        Number of the stroke of each click that was given.
    n_classes : int
    head : EmbeddedHead, optional
        Is fitted to the codes; without it the features alone foretell.

    Yields
    ------
    Progress
        Before every fold.

    Returns
    -------
    float
        1 minus the probability of the right class.
    """
    drawn = torch.from_numpy(thinned(pixels.targets.numpy(), _MOST_PIXELS, seed=0))
    codes = None if pixels.codes is None else pixels.codes[drawn]
    few = ClickedPixels(pixels.features[drawn], codes, pixels.targets[drawn], pixels.numbers[drawn.numpy()])
    stroke = strokes[few.numbers]
    losses = np.zeros(len(stroke))
    folds = [(fold, number) for fold in _folds(few.targets, stroke) for number in np.unique(fold)]
    for done, (fold, number) in enumerate(folds):
        yield Progress("features", done, len(folds))
        held_out = fold == number
        losses[held_out] += _losses(few, n_classes, head, torch.from_numpy(held_out)) / _ROUNDS
    of_strokes = np.bincount(stroke, losses) / np.maximum(np.bincount(stroke), 1)
    return float(np.mean([of_strokes[numbers].mean() for numbers in _strokes_of_classes(few.targets, stroke)]))


def _folds(targets: Tensor, strokes: IntArray) -> list[IntArray]:
    """Deal out the strokes of every class, whole ones, some times over: the fold of each click."""
    rng = np.random.default_rng(0)
    rounds: list[IntArray] = []
    for _ in range(_ROUNDS):
        fold_of = np.zeros(strokes.max() + 1, np.int64)
        for numbers in _strokes_of_classes(targets, strokes):
            fold_of[rng.permutation(numbers)] = np.arange(len(numbers)) % _FOLDS
        rounds.append(fold_of[strokes])
    return rounds


def _strokes_of_classes(targets: Tensor, strokes: IntArray) -> list[IntArray]:
    known = targets.numpy()
    return [np.unique(strokes[known == target]) for target in np.unique(known)]


def _losses(pixels: ClickedPixels, n_classes: int, head: EmbeddedHead | None, held_out: Tensor) -> NDArray[np.float64]:
    """Loss of every click that is held out, foretold by the others."""
    deviation, mean = torch.std_mean(pixels.features, dim=0, correction=0)
    features = (pixels.features - mean) / (deviation + 1e-6) / pixels.features.shape[1] ** 0.5
    known = pixels.targets[~held_out]
    coefficients = ridge(features[~held_out].cpu().double(), known, n_classes, _PENALTY) * _SHARPNESS
    foretold = _logarithms(features[held_out], coefficients)
    if head is not None and pixels.codes is not None:
        fitted = head.fitted(pixels.codes[~held_out], known, n_classes)
        foretold = (foretold + _logarithms(pixels.codes[held_out], fitted.coefficients)) / 2
    right = foretold.softmax(dim=1)[torch.arange(len(foretold)), pixels.targets[held_out]]
    return np.asarray(1 - right.numpy(), np.float64)


def _logarithms(values: Tensor, coefficients: Tensor) -> Tensor:
    """Logarithms of probabilities (N, K), given values (N, D) and what a ridge regression found."""
    weights = coefficients.to(values)
    return ((values @ weights[:, :-1].T + weights[:, -1]).softmax(dim=1) + _LEAST).log().cpu()
