"""Many equal windows of an image as one batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["all_positions", "gather_windows", "pick"]


def gather_windows(image: Tensor, corners: Tensor, shape_px: Sequence[int]) -> Tensor:
    """Cut windows out of a batch of images.

    Parameters
    ----------
    image : Tensor of shape (B, C, *spatial)
    corners : Tensor of shape (M, 1 + ndim), int64
        Batch index and first pixel of each window.
    shape_px : sequence of int
        Spatial shape of the windows.

    Returns
    -------
    Tensor of shape (M, C, *shape_px)
    """
    ndim = len(shape_px)
    index = [corners[:, 0].view(-1, *[1] * ndim)]
    for axis, length in enumerate(shape_px):
        within = torch.arange(length, device=corners.device).view(*[-1 if a == axis else 1 for a in range(ndim)])
        index.append(corners[:, 1 + axis].view(-1, *[1] * ndim) + within)
    return image.movedim(1, -1)[tuple(index)].movedim(-1, 1)


def pick(maps: Tensor, positions: Tensor) -> Tensor:
    """Values (N, K) of maps (B, K, *spatial) at positions (N, 1 + ndim), batch index first."""
    return maps.movedim(1, -1)[positions.unbind(1)]


def all_positions(batch: int, shape_px: Sequence[int], device: torch.device) -> Tensor:
    """Every position (N, 1 + ndim) of a batch of maps, batch index first, in row-major order."""
    axes = [torch.arange(n, device=device) for n in (batch, *shape_px)]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 1 + len(shape_px))
