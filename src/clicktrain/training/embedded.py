"""Embeddings of clicked pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from clicktrain.models.features import grey_view
from clicktrain.models.known import KnownRegion, read_off
from clicktrain.training.coverage import cover
from clicktrain.types import Progress

if TYPE_CHECKING:
    from collections.abc import Generator

    from torch import Tensor

    from clicktrain.clicks import Clicks
    from clicktrain.models.pretrained import EmbeddedHead
    from clicktrain.training.clicked import Example
    from clicktrain.types import IntArray

__all__ = ["embed_clicks"]

# Few sizes, so that windows of one shape are met again and again.
_SIDES_PX = (32, 64, 128, 256)


def embed_clicks(
    head: EmbeddedHead, example: Example, clicks: Clicks, every_px: int
) -> Generator[Progress, None, Tensor]:
    """Embed clicked pixels as the answers later are: read off between every so many pixels.

    Parameters
    ----------
    head : EmbeddedHead
    example : Example
    clicks : Clicks
        Some of the example's.
    every_px : {1, 2}
        1 embeds the very pixels.

    Yields
    ------
    Progress
        Between windows.

    Returns
    -------
    Tensor of shape (N, D)
    """
    prepared = example.prepared(head.fov_among(len(clicks.shape_px)))
    grey = grey_view(prepared)
    places = torch.from_numpy(clicks.positions_px).to(example.image.device)
    if every_px == 1:
        with torch.inference_mode():
            return prepared.with_codes_at(head.embed_at(grey.padded, places), places).clone()
    sides = _cheapest_sides(clicks, head.fov)
    origins, owner = cover(clicks, sides)
    found: list[Tensor] = []
    for number, origin in enumerate(origins):
        yield Progress("features", number, len(origins))
        mine = clicks.positions_px[owner == number]
        size = [min(pair) for pair in zip(sides, clicks.shape_px, strict=True)]
        region = KnownRegion.around(origin.tolist(), size, clicks.shape_px, (1,) * (len(sides) - 2) + (every_px,) * 2)
        window = grey.window(region.corner, region.extent, head.fov_among(len(sides)))
        with torch.inference_mode():
            maps = head.embed(window, every_px=every_px).reshape(-1, *(len(a.numbers) for a in region.along[-2:]))
            found.append(read_off(maps, mine[:, -2:] - region.corner[-2:], every_px))
    order = torch.from_numpy(owner.argsort(kind="stable").argsort()).to(places.device)
    with torch.inference_mode():
        return prepared.with_codes_at(torch.cat(found)[order], places).clone()


def _cheapest_sides(clicks: Clicks, fov: tuple[int, int]) -> tuple[int, ...]:
    """Sides of the windows, of one slice, that hold all clicks and see the fewest pixels."""
    flat = (1,) * (len(clicks.shape_px) - 2)

    def seen_px(side_px: int) -> int:
        origins: IntArray = cover(clicks, (*flat, side_px, side_px))[0]
        return len(origins) * (side_px + fov[0]) * (side_px + fov[1])

    best_px = min(_SIDES_PX, key=seen_px)
    return (*flat, best_px, best_px)
