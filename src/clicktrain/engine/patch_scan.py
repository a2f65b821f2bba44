"""The truth: the module itself on every patch."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import torch

from clicktrain.engine.windows import all_positions, gather_windows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

__all__ = ["patch_scan", "scores_of_patches"]

# Pixels of one batch of patches: wide maps that just fit the cache; a GPU wants many more to be busy.
_BATCH_PX = {"cpu": 60_000, "cuda": 4_000_000}


def scores_of_patches(module: nn.Module, image: Tensor, positions: Tensor, fov: Sequence[int]) -> Tensor:
    """Run the module on the patches at some positions.

    Parameters
    ----------
    module : Module
        Patch classifier.
    image : Tensor of shape (B, C, *spatial)
    positions : Tensor of shape (N, 1 + ndim), int64
        Batch index and top-left pixel of each patch.
    fov : sequence of int
        Side of the patches in pixels, per axis.

    Returns
    -------
    Tensor of shape (N, K)
    """
    count = max(1, _BATCH_PX.get(image.device.type, _BATCH_PX["cpu"]) // prod(fov))
    batches = torch.split(positions, count)
    return torch.cat([module(gather_windows(image, batch, fov)).flatten(1) for batch in batches])


def patch_scan(module: nn.Module, image: Tensor, fov: Sequence[int]) -> Tensor:
    """Run the module on every patch of an image.

    Parameters
    ----------
    module : Module
        Patch classifier.
    image : Tensor of shape (B, C, *spatial)
    fov : sequence of int
        Side of the patches in pixels, per axis.

    Returns
    -------
    Tensor of shape (B, K, *spatial - fov + 1)
    """
    shape_px = [n - f + 1 for n, f in zip(image.shape[2:], fov, strict=True)]
    positions = all_positions(len(image), shape_px, image.device)
    scores = scores_of_patches(module, image, positions, fov)
    return scores.view(len(image), *shape_px, -1).movedim(-1, 1)
