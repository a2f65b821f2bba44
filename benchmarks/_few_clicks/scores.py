"""How good an answer is: one score of its classes, one of its probabilities."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.metrics import average_precision_score

# Sorting all pixels of a volume would take longer than classifying them.
MOST_SORTED_PX = 40_000


class Score(NamedTuple):
    """Means over the classes.

    Parameters
    ----------
    iou : float
        Intersection over union of the most probable classes.
    ap : float
        Average precision of each class against all others, which no threshold and no class prior can change.
    """

    iou: float
    ap: float


def score(probabilities: np.ndarray, classes: np.ndarray, truth: np.ndarray) -> Score:
    """Compare an answer with the truth.

    Parameters
    ----------
    probabilities : ndarray of shape (K, ...)
    classes : ndarray of shape (K,)
        Class number of each probability.
    truth : ndarray of shape (...), integer
        Class numbers; what is 0 does not count.
    """
    known = truth > 0
    values, right = probabilities[:, known], truth[known]
    return Score(_mean_iou(classes[values.argmax(0)], right), _mean_precision(values, classes, right))


def _mean_iou(answer: np.ndarray, right: np.ndarray) -> float:
    both = [((answer == number), (right == number)) for number in np.unique(right)]
    return float(np.mean([(a & b).sum() / (a | b).sum() for a, b in both]))


def _mean_precision(values: np.ndarray, classes: np.ndarray, right: np.ndarray) -> float:
    """Of a random sample; a class that could not be learned is left out."""
    sample = np.random.default_rng(0).permutation(right.size)[:MOST_SORTED_PX]
    values, right = values[:, sample], right[sample]
    learned = [place for place, number in enumerate(classes) if (right == number).any()]
    return float(np.mean([average_precision_score(right == classes[k], values[k]) for k in learned]))
