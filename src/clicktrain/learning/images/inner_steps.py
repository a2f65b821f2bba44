"""PatchGD on one batch of images."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from clicktrain.images.prefetch import prefetched
from clicktrain.inference.images.codes import CodeGrids, fill
from clicktrain.inference.images.patches import PatchIndex, in_chunks
from clicktrain.learning.images.seeds import generator, seeded

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from torch import Tensor

    from clicktrain.config.images import ImageTrainingConfig
    from clicktrain.geometry.patch_grid import PatchGrid
    from clicktrain.inference.images.patches import PatchReader
    from clicktrain.models.images.image_net import ImageNet

__all__ = ["Targets", "encoder_factor", "patches_per_step", "plan_steps", "train_on_batch"]


@dataclass(frozen=True, eq=False)
class Targets:
    """What the images of a batch are.

    Parameters
    ----------
    targets : Tensor of shape (B,), int64
        Class index of every image.
    weights : Tensor of shape (K,)
        Of each class in the loss.
    """

    targets: Tensor
    weights: Tensor

    def loss(self, scores: Tensor) -> Tensor:
        """Weighted cross-entropy, as a mean over the images.

        Not divided by the sum of the weights, which would undo them in a batch of one image.

        Parameters
        ----------
        scores : Tensor of shape (B, K)
        """
        each = F.cross_entropy(scores, self.targets, weight=self.weights.to(scores), reduction="none")
        return each.mean()


def train_on_batch(
    net: ImageNet,
    reader: PatchReader,
    answers: Targets,
    config: ImageTrainingConfig,
    step: Callable[[], None],
    *,
    place: tuple[int, ...],
) -> Generator[float | None, None, float]:
    """Fill Z, then learn from a few patches at a time until every patch had its turn.

    At each of J inner steps the next patches of a shuffled order are encoded with gradient and written into Z; the loss
    of the head's answer to the whole Z flows back into the head and, through these patches, into the encoder. After
    epsilon inner steps the mean of their gradients is followed.

    The encoder's gradient is multiplied, where it enters the encoder, by `encoder_factor`, which is J where a batch
    takes every patch: an inner step sees only that share of the patches. With epsilon = J, patches that do not
    overlap and no dropout, no weight moves within the batch, and the head's and the encoder's gradients are exactly
    those of backpropagation through the whole images. With epsilon < J the same factor makes the encoder's gradient
    of an optimizer step an unbiased estimate, over the random order, of the gradient of the whole images, so that
    epsilon changes how often is stepped and not the proportion of the two gradients. Entries of Z that were written
    before the last step are then somewhat out of date, as in the paper.

    Parameters
    ----------
    net : ImageNet
        Whose gradients are zero.
    reader : PatchReader
        Of the images of the batch.
    answers : Targets
    config : ImageTrainingConfig
    step : callable
        Follows the gradients and clears them. If epsilon does not divide J, the last step sums up fewer.
    place : tuple of int
        Seed and place in the training, which determine the shuffled order and the dropout.

    Yields
    ------
    float or None
        None after each chunk of the filling, then the loss of every inner step.

    Returns
    -------
    float
        Mean loss over the inner steps.

    References
    ----------
    Gupta et al. 2023, arXiv 2301.13817: PatchGD. The factor of the encoder's gradient is derived here: with
    epsilon = J each code's gradient is divided by J but flows in one of the J inner steps only.
    """
    steps = plan_steps(reader.grids, config, generator(*place))
    # What the first inner step encodes with gradient would be overwritten before anyone had read it.
    first = set(steps[0])
    filled = [index for index in reader.all_indices() if index not in first]
    chunks = in_chunks(filled, min(config.chunk_patches, max(map(len, steps))))
    codes = CodeGrids.empty(net, reader.grids)
    factors = torch.tensor([encoder_factor(len(grid), config) for grid in reader.grids])
    losses: list[float] = []
    with closing(prefetched(reader.read, [*chunks, *steps])) as patches:
        for _ in fill(net, codes, chunks, patches):
            yield None
        for j, indices in enumerate(steps):
            with seeded(codes.values.device, *place, j):
                loss = _backward(net, codes, indices, next(patches), answers, factors, _summed(j, config))
            if (j + 1) % config.n_summed == 0 or j + 1 == len(steps):
                step()
            losses.append(loss)
            yield loss
    return sum(losses) / len(losses)


def plan_steps(
    grids: Sequence[PatchGrid], config: ImageTrainingConfig, random: torch.Generator
) -> list[list[PatchIndex]]:
    """Draw which patches are encoded with gradient at each inner step; none is taken twice.

    Images with grids of the same shape get the same positions. Of an image of N patches, ceil(sampling * N) are taken
    each time, and what is left in the last steps.

    Parameters
    ----------
    grids : sequence of PatchGrid
    config : ImageTrainingConfig
    random : torch.Generator

    Returns
    -------
    list of list of PatchIndex, of length J
    """
    shapes = sorted({grid.shape for grid in grids})
    orders = {shape: torch.randperm(math.prod(shape), generator=random).tolist() for shape in shapes}
    steps: list[list[PatchIndex]] = []
    for j in range(config.n_inner_steps):
        taken = [(image, orders[grid.shape], patches_per_step(len(grid), config)) for image, grid in enumerate(grids)]
        steps.append([PatchIndex(image, patch) for image, order, k in taken for patch in order[j * k : (j + 1) * k]])
    return steps


def patches_per_step(n_patches: int, config: ImageTrainingConfig) -> int:
    """Patches k of an image of N that are encoded with gradient at an inner step."""
    return math.ceil(config.sampling * n_patches - 1e-9)


def encoder_factor(n_patches: int, config: ImageTrainingConfig) -> float:
    """What the gradient of an image's codes is multiplied by: J over the share of its patches that J steps take."""
    taken = min(config.n_inner_steps * patches_per_step(n_patches, config), n_patches)
    return config.n_inner_steps * n_patches / taken


def _backward(
    net: ImageNet,
    codes: CodeGrids,
    indices: Sequence[PatchIndex],
    patches: Tensor,
    answers: Targets,
    factors: Tensor,
    summed: int,
) -> float:
    if indices:
        fresh = net.encode(patches.to(codes.values))
        scale = factors[[index.image for index in indices]].to(fresh).unsqueeze(1)
        fresh.register_hook(lambda gradient: gradient * scale)  # type: ignore[no-untyped-call]
        values = codes.with_codes(indices, fresh)
        codes.write(indices, fresh)
    else:
        # All patches of all images had their turn.
        values = codes.values
    loss = answers.loss(net.score(values, codes.mask))
    (loss / summed).backward()  # type: ignore[no-untyped-call]
    return float(loss.detach())


def _summed(j: int, config: ImageTrainingConfig) -> int:
    """Inner steps that the optimizer step after inner step `j` sums up."""
    start = j // config.n_summed * config.n_summed
    return min(config.n_summed, config.n_inner_steps - start)
