"""What lies beyond the border of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["reflect_pad", "same_size_margins"]


def same_size_margins(fov: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Margins (before, after) in pixels per axis that give the scores the image's size, patches centred on pixels."""
    return tuple(((n - 1) // 2, n - 1 - (n - 1) // 2) for n in fov)


def reflect_pad(image: Tensor, margins: Sequence[tuple[int, int]]) -> Tensor:
    """Pad by reflection that does not repeat the edge pixel.

    Margins may exceed the image, which is then reflected again and again; an axis of one pixel repeats it.

    Parameters
    ----------
    image : Tensor of shape (..., [Z,] Y, X)
    margins : sequence of (int, int)
        Pixels before and after, for each of the last axes.

    Returns
    -------
    Tensor of shape (..., [Z + margins,] Y + margins, X + margins)
    """
    for axis, (before, after) in enumerate(margins, start=image.ndim - len(margins)):
        if before or after:
            image = image.index_select(axis, _reflected(image.shape[axis], before, after, image.device))
    return image


def _reflected(length: int, before: int, after: int, device: torch.device) -> Tensor:
    """Index of the pixel that each place of the padded axis shows."""
    places = torch.arange(-before, length + after, device=device)
    if length == 1:
        return torch.zeros_like(places)
    period = 2 * (length - 1)
    folded = places % period
    return torch.minimum(folded, period - folded)
