"""Training on whole images: epochs, validation, early stop, checkpoints."""

from __future__ import annotations

import math
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clicktrain.inference.images.patches import Dihedral, opened
from clicktrain.inference.images.predict import score_image
from clicktrain.learning.images.inner_steps import Targets, train_on_batch
from clicktrain.learning.images.rate import rate_share
from clicktrain.learning.images.seeds import generator
from clicktrain.learning.images.split import batches_of_epoch
from clicktrain.learning.images.state import TrainingState, write_state
from clicktrain.progress import Progress, as_progress

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    import torch
    from torch import Tensor

    from clicktrain.config.images import ImageTrainingConfig
    from clicktrain.inference.images.inspection import InspectedImage
    from clicktrain.models.pixels.normalise import ChannelStatistics

__all__ = ["TrainingSet", "train"]

# A place for random numbers that no inner step uses.
_TURNING = 2**31 + 2


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Images with what they are.

    Parameters
    ----------
    images : sequence of InspectedImage
    scales : sequence of ChannelStatistics, one per image
    targets : Tensor of shape (N,), int64
    weights : Tensor of shape (K,)
        Of each class in the loss.
    learned, validated : sequence of int
        Positions of the images that are learned from, and of those that say when to stop.
    """

    images: Sequence[InspectedImage]
    scales: Sequence[ChannelStatistics]
    targets: Tensor
    weights: Tensor
    learned: Sequence[int]
    validated: Sequence[int]

    def answers(self, positions: Sequence[int], device: torch.device) -> Targets:
        """Return what some of the images are."""
        return Targets(self.targets[list(positions)].to(device), self.weights.to(device))


class _Checkpoints:
    """Writes a training's state from time to time."""

    def __init__(self, path: Path | None, every_s: float) -> None:
        self.path = path
        self.every_s = every_s
        # The first one comes at once: it shows early that there can be one.
        self.last_s = -math.inf

    def write(self, state: TrainingState, *, due: bool = False) -> None:
        now_s = time.monotonic()
        if self.path is not None and (due or now_s - self.last_s >= self.every_s):
            write_state(self.path, state)
            self.last_s = now_s


def train(
    state: TrainingState, data: TrainingSet, config: ImageTrainingConfig, *, seed: int, checkpoint: Path | None = None
) -> Generator[Progress, None, None]:
    """Train in place from where the state is; closing the generator stops after the current step.

    Parameters
    ----------
    state : TrainingState
        At the end its network has the best weights on the validation images or, without such images, the last ones.
    data : TrainingSet
    config : ImageTrainingConfig
    seed : int
    checkpoint : Path, optional
        Where the state is written between batches, at most every `config.checkpoint_every_s`, and at the end.

    Yields
    ------
    Progress
        After every chunk and inner step, with the loss of the last inner step.
    """
    checkpoints = _Checkpoints(checkpoint, config.checkpoint_every_s)
    while not state.position.done:
        batches = batches_of_epoch(data.learned, config.batch_images, seed, state.position.epoch)
        while state.position.batch < len(batches):
            yield from _train_batch(state, data, config, batches, seed)
            state.position = state.position.moved(batch=state.position.batch + 1)
            checkpoints.write(state)
        yield from _end_epoch(state, data, config)
        checkpoints.write(state, due=state.position.done)
    if state.best:
        state.net.load_state_dict(state.best)
    state.net.eval()


def _train_batch(
    state: TrainingState, data: TrainingSet, config: ImageTrainingConfig, batches: list[list[int]], seed: int
) -> Generator[Progress, None, None]:
    epoch, batch = state.position.epoch, state.position.batch
    picked = batches[batch]
    device = next(state.net.parameters()).device
    steps = config.n_inner_steps
    done, total = (epoch * len(batches) + batch) * steps, config.epochs * len(batches) * steps
    # The rate depends on the place alone, and so is the same in a training that was resumed here.
    share = rate_share(done / total, config.warm_up_epochs / config.epochs)
    for group in state.optimizer.param_groups:
        group["lr"] = config.learning_rate * share

    def step() -> None:
        state.optimizer.step()
        state.optimizer.zero_grad()

    state.net.train()
    state.optimizer.zero_grad()
    with opened([data.images[i] for i in picked], [data.scales[i] for i in picked]) as reader:
        if config.symmetries:
            random = generator(seed, epoch, batch, _TURNING)
            reader = reader.turned([Dihedral.drawn(random) for _ in picked])
        answers = data.answers(picked, device)
        with closing(train_on_batch(state.net, reader, answers, config, step, place=(seed, epoch, batch))) as losses:
            loss = None
            for loss_now in losses:
                done, loss = (done, loss) if loss_now is None else (done + 1, loss_now)
                yield Progress("training", done, total, loss)


def _end_epoch(state: TrainingState, data: TrainingSet, config: ImageTrainingConfig) -> Generator[Progress, None, None]:
    """Validate, keep the best weights, and find out whether to go on."""
    epoch = state.position.epoch + 1
    if data.validated:
        loss = yield from _validation_loss(state, data, config)
        best = state.position.best_loss
        if best is None or loss < best:
            state.keep_as_best()
            state.position = state.position.moved(best_loss=loss, best_epoch=epoch)
    else:
        state.position = state.position.moved(best_epoch=epoch)
    done = epoch >= config.epochs or epoch - state.position.best_epoch >= config.patience
    state.position = state.position.moved(epoch=epoch, batch=0, done=done)


def _validation_loss(
    state: TrainingState, data: TrainingSet, config: ImageTrainingConfig
) -> Generator[Progress, None, float]:
    state.net.eval()
    device = next(state.net.parameters()).device
    total, n_right = 0.0, 0
    for n, i in enumerate(data.validated):
        now = Progress("validating", n, len(data.validated))
        yield now
        steps = score_image(state.net, data.images[i], data.scales[i], chunk_patches=config.chunk_patches)
        scores = yield from as_progress(now, steps)
        total += float(data.answers([i], device).loss(scores))
        n_right += int(scores.argmax()) == int(data.targets[i])
    count = len(data.validated)
    yield Progress("validating", count, count, total / count, n_right / count)
    return total / count
