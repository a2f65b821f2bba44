"""Train the trunk so that a closed-form head on a few strokes labels the rest of the image, and another one.

References
----------
Bertinetto et al. 2019, arXiv 1805.08136: training through a closed-form head, task by task.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clicktrain.errors import ImageError
from clicktrain.models.pixels.ridge import evidence_of, ridge
from clicktrain.models.pixels.trunk import Trunk
from pretraining.padded import embed
from pretraining.queries import askable, draw_queries
from pretraining.tasks import Task, random_task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clicktrain.types import IntArray
    from pretraining.pool import Pool

__all__ = ["FewClicks", "Report", "pretrain"]

# Nothing is labelled or asked for in the border, where the padded form sees most zeros.
_MARGIN_PX = 20
_QUERIES = 3000
_TASKS_PER_STEP = 2
_LEARNING_RATE = 2e-3
_WARM_UP_STEPS = 200
_MOST_DRAWS = 1000


class FewClicks(nn.Module):
    """All that is pretrained: the trunk, and how far the head is held back by how few clicks there are.

    Parameters
    ----------
    width, levels : int
        Of the trunk.
    embedding : int
        Length of the embedding.

    Attributes
    ----------
    penalty, sharpness : Parameter of shape (2,)
        Logarithms of the head's penalty and of the scale of its scores: offset, and slope over the evidence.
    """

    def __init__(self, width: int = 32, levels: int = 5, embedding: int = 48) -> None:
        super().__init__()
        self.trunk = Trunk(width, levels, embedding)
        self.penalty = nn.Parameter(torch.tensor([-4.0, 0.0]))
        self.sharpness = nn.Parameter(torch.tensor([1.8, 0.0]))

    def scores(self, embedding: Tensor, task: Task) -> Tensor:
        """Fit the head to the strokes and score every pixel of both images.

        Parameters
        ----------
        embedding : Tensor of shape (2, D, Y, X)
        task : Task

        Returns
        -------
        Tensor of shape (2, K, Y, X)
        """
        strokes = torch.from_numpy(task.strokes)
        known = strokes > 0
        evidence = evidence_of(int(known.sum()))
        penalty, sharpness = (torch.exp(line[0] + line[1] * evidence) for line in (self.penalty, self.sharpness))
        clicked = embedding[0].permute(1, 2, 0)[known]
        coefficients = ridge(clicked, strokes[known] - 1, task.n_classes, penalty)
        return sharpness * F.conv2d(embedding, coefficients[:, :-1, None, None], coefficients[:, -1])


@dataclass(frozen=True, slots=True)
class Report:
    """How far a training is.

    Parameters
    ----------
    step, tasks : int
        Gradient steps and labelling tasks so far.
    over : float
        Share of the time that is over, 0 to 1.
    loss : float
        Cross-entropy, a running mean; NaN before the first step.
    """

    step: int = 0
    tasks: int = 0
    over: float = 0.0
    loss: float = math.nan


def pretrain(model: FewClicks, pool: Pool, *, seconds: float, seed: int) -> Iterator[Report]:
    """Train a model in place for a given time, one step at least.

    Parameters
    ----------
    model : FewClicks
    pool : Pool
        Generated images; its `with` block is open.
    seconds : float
        Above 0.
    seed : int
        Of the tasks and the turns of the images.

    Yields
    ------
    Report
        After every step.

    Raises
    ------
    ImageError
        If the images show too little for any task.
    RuntimeError
        If the gradient is no longer finite; the model is then as after the last step.
    """
    rng = np.random.default_rng(seed)
    report = Report()
    optimizer = torch.optim.AdamW(model.parameters(), lr=_LEARNING_RATE, weight_decay=1e-4)
    begun = time.monotonic()
    while report.over < 1:
        for group in optimizer.param_groups:
            group["lr"] = _LEARNING_RATE * _pace(report.step, report.over)
        loss = _step(model, optimizer, pool, rng)
        mean = loss if math.isnan(report.loss) else 0.99 * report.loss + 0.01 * loss
        over = min(1.0, (time.monotonic() - begun) / seconds)
        report = Report(report.step + 1, report.tasks + _TASKS_PER_STEP, over, mean)
        yield report


def _pace(step: int, over: float) -> float:
    """Share of the learning rate: rising over the first steps, then falling with the time that is left."""
    return min(1, (step + 1) / _WARM_UP_STEPS) * (0.5 * (1 + math.cos(math.pi * over)) + 0.01)


def _step(model: FewClicks, optimizer: torch.optim.Optimizer, pool: Pool, rng: np.random.Generator) -> float:
    """Learn from some tasks; returns the mean loss."""
    losses = []
    for _ in range(_TASKS_PER_STEP):
        images, task = _draw(pool, rng)
        scores = model.scores(embed(model.trunk, images), task)
        places, wanted = draw_queries(askable(task, _MARGIN_PX), task.n_classes, _QUERIES, rng)
        loss = _cross_entropy(scores, places, wanted)
        (loss / _TASKS_PER_STEP).backward()  # type: ignore[no-untyped-call]
        losses.append(float(loss.detach()))
    # A step along a gradient that is not finite would spoil all weights for good.
    nn.utils.clip_grad_norm_(model.parameters(), 1.0, error_if_nonfinite=True)
    optimizer.step()
    optimizer.zero_grad()
    return float(np.mean(losses))


def _cross_entropy(scores: Tensor, places: tuple[IntArray, ...], wanted: IntArray) -> Tensor:
    """Mean loss of scores (2, K, Y, X) at some pixels."""
    asked = scores.permute(0, 2, 3, 1)[tuple(map(torch.from_numpy, places))]
    return F.cross_entropy(asked, torch.from_numpy(wanted))


def _draw(pool: Pool, rng: np.random.Generator) -> tuple[Tensor, Task]:
    """Images (2, 1, Y, X) and a task on them that leaves something to ask for."""
    for _ in range(_MOST_DRAWS):
        images, shown = pool.draw(rng)
        task = random_task(shown, rng, _MARGIN_PX)
        if task is not None and askable(task, _MARGIN_PX).any():
            return torch.from_numpy(images)[:, None], task
    raise ImageError(
        f"the generated images must show two classes or more, got none that do in {_MOST_DRAWS} draws. "
        "Generate more pairs or larger images."
    )
