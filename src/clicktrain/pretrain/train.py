"""Train trunk and refiner so that a closed-form head on a few strokes labels the rest of the image, and another one."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clicktrain.models.ridge import ridge
from clicktrain.models.trunk import Refiner, Trunk
from clicktrain.pretrain.padded import embed, refine
from clicktrain.pretrain.tasks import Task, random_task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clicktrain.pretrain.pool import Pool

__all__ = ["FewClicks", "Report", "pretrain"]

MARGIN_PX = 20
_QUERIES = 3000
_TASKS_PER_STEP = 2
_LEARNING_RATE = 2e-3


class FewClicks(nn.Module):
    """All that is pretrained: trunk, refiner and how far the head is held back by how few clicks there are.

    The refiner sees the head's scores around a pixel. It spares the trunk to learn what the neighbours tell anyway, and
    is left behind after training.
    """

    def __init__(self, width: int = 32, levels: int = 5, embedding: int = 48) -> None:
        super().__init__()
        self.trunk = Trunk(width, levels, embedding)
        self.refiner = Refiner(embedding)
        # Logarithms of the head's penalty and of the scores' scale, each a line over the logarithm of the clicks.
        self.penalty = nn.Parameter(torch.tensor([-4.0, 0.0]))
        self.sharpness = nn.Parameter(torch.tensor([1.8, 0.0]))

    def scores(self, embedding: Tensor, task: Task) -> tuple[Tensor, Tensor]:
        """Scores (2, K, Y, X) of both images, as the head gives them and refined."""
        strokes = torch.from_numpy(task.strokes)
        known = strokes > 0
        evidence = math.log(int(known.sum()) / 100)
        penalty, sharpness = (torch.exp(line[0] + line[1] * evidence) for line in (self.penalty, self.sharpness))
        clicked = embedding[0].permute(1, 2, 0)[known]
        coefficients = ridge(clicked, strokes[known] - 1, task.n_classes, penalty)
        plain = sharpness * F.conv2d(embedding, coefficients[:, :-1, None, None], coefficients[:, -1])
        refined = torch.stack(
            [refine(self.refiner, s, e[None], evidence) for s, e in zip(plain, embedding, strict=True)]
        )
        return plain, refined


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
        Cross-entropy of the plain head, a running mean.
    """

    step: int = 0
    tasks: int = 0
    over: float = 0.0
    loss: float = math.nan


def pretrain(model: FewClicks, pool: Pool, *, seconds: float, seed: int) -> Iterator[Report]:
    """Train a model in place for a given time.

    Parameters
    ----------
    model : FewClicks
    pool : Pool
        Generated images.
    seconds : float
    seed : int

    Yields
    ------
    Report
        After every step.
    """
    rng = np.random.default_rng(seed)
    report = Report()
    optimizer = torch.optim.AdamW(model.parameters(), lr=_LEARNING_RATE, weight_decay=1e-4)
    begun = time.monotonic()
    while (over := (time.monotonic() - begun) / seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = _LEARNING_RATE * _pace(report.step, over)
        loss = _step(model, pool, rng)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        mean = loss if math.isnan(report.loss) else 0.99 * report.loss + 0.01 * loss
        report = Report(report.step + 1, report.tasks + _TASKS_PER_STEP, over, mean)
        yield report


def _pace(step: int, over: float) -> float:
    """Share of the learning rate: rising over the first steps, then falling with the time that is left."""
    return min(1, (step + 1) / 200) * (0.5 * (1 + math.cos(math.pi * over)) + 0.01)


def _step(model: FewClicks, pool: Pool, rng: np.random.Generator) -> float:
    """Add up the gradient of some tasks; returns the mean loss of the plain head."""
    losses = []
    for _ in range(_TASKS_PER_STEP):
        images, task = _draw(pool, rng)
        plain, refined = model.scores(embed(model.trunk, images), task)
        places, wanted = _queries(task, rng)
        by_head, by_refiner = (F.cross_entropy(s.permute(0, 2, 3, 1)[places], wanted) for s in (plain, refined))
        ((0.5 * by_head + by_refiner) / _TASKS_PER_STEP).backward()  # type: ignore[no-untyped-call]
        losses.append(float(by_head.detach()))
    return float(np.mean(losses))


def _draw(pool: Pool, rng: np.random.Generator) -> tuple[Tensor, Task]:
    while True:
        images, shown = pool.draw(rng)
        task = random_task(shown, rng, MARGIN_PX)
        if task is not None and len(np.unique(task.strokes)) == task.n_classes + 1:
            return torch.from_numpy(images)[:, None], task


def _queries(task: Task, rng: np.random.Generator) -> tuple[tuple[Tensor, ...], Tensor]:
    """Pixels to be asked for, half of them evenly over the classes, and their classes."""
    inner = np.zeros_like(task.targets)
    window = (slice(None), slice(MARGIN_PX, -MARGIN_PX), slice(MARGIN_PX, -MARGIN_PX))
    inner[window] = task.targets[window]
    inner[0][task.strokes > 0] = 0
    known = np.flatnonzero(inner)
    parts = [rng.choice(known, _QUERIES // 2)]
    for number in range(1, task.n_classes + 1):
        of_class = known[inner.ravel()[known] == number]
        if len(of_class):
            parts.append(rng.choice(of_class, _QUERIES // 2 // task.n_classes))
    chosen = np.concatenate(parts)
    places = tuple(torch.from_numpy(axis) for axis in np.unravel_index(chosen, inner.shape))
    return places, torch.from_numpy(inner.ravel()[chosen] - 1)
