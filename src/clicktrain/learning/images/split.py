"""Which images are learned from, which are kept to see when to stop, and how much each class weighs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from clicktrain.learning.images.seeds import generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["balancing_weights", "batches_of_epoch", "split_images"]

# Places for random numbers that no epoch uses.
_SPLIT = 2**31


def split_images(targets: Tensor, share: float, seed: int) -> tuple[list[int], list[int]]:
    """Keep a share of every class apart, rounded down, so that at least one image of each is learned from.

    Parameters
    ----------
    targets : Tensor of shape (N,), int64
    share : float
    seed : int

    Returns
    -------
    learned, validated : list of int
        Ascending positions.
    """
    random = generator(seed, _SPLIT)
    validated: list[int] = []
    for number in torch.unique(targets):
        members = torch.nonzero(targets == number).squeeze(1)
        shuffled = members[torch.randperm(len(members), generator=random)]
        validated += shuffled[: int(share * len(members))].tolist()
    return sorted(set(range(len(targets))) - set(validated)), sorted(validated)


def balancing_weights(targets: Tensor, n_classes: int) -> Tensor:
    """Weigh classes by one over their number of images, so that the mean over the images is 1.

    Parameters
    ----------
    targets : Tensor of shape (N,), int64
    n_classes : int

    Returns
    -------
    Tensor of shape (K,)
    """
    counts = torch.bincount(targets, minlength=n_classes)
    return len(targets) / (n_classes * counts.clamp_min(1))


def batches_of_epoch(images: Sequence[int], size: int, seed: int, epoch: int) -> list[list[int]]:
    """Shuffle images for an epoch and cut them into batches."""
    order = torch.randperm(len(images), generator=generator(seed, epoch)).tolist()
    return [[images[i] for i in order[start : start + size]] for start in range(0, len(order), size)]
