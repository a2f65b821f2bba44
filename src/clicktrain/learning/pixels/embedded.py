"""Embeddings of clicked pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from clicktrain.inference.pixels.strided import StridedRegion, read_off
from clicktrain.learning.pixels.coverage import cover
from clicktrain.models.pixels.features import grey_view
from clicktrain.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Generator

    from torch import Tensor

    from clicktrain.annotations.clicks import Clicks
    from clicktrain.learning.pixels.clicked import Example
    from clicktrain.models.pixels.features import PreparedImage
    from clicktrain.models.pixels.pretrained import EmbeddedHead
    from clicktrain.types import IntArray

__all__ = ["embed_clicks"]

# Few sizes, so that windows of one shape are met again and again.
_SIDES_PX = (32, 64, 128, 256)


def embed_clicks(
    head: EmbeddedHead, example: Example, clicks: Clicks, output_stride: int
) -> Generator[Progress, None, Tensor]:
    """Embed clicked pixels as the answers later are: read off between every so many pixels.

    Parameters
    ----------
    head : EmbeddedHead
    example : Example
    clicks : Clicks
        Some of the example's, one at least.
    output_stride : {1, 2}
        1 embeds the very pixels.

    Yields
    ------
    Progress
        Before every window of pixels.

    Returns
    -------
    Tensor of shape (N, D)
        With the codes of the image's overview at the very pixels, if it has one.
    """
    prepared = example.prepared(head.fov_among(len(clicks.shape_px)))
    grey = grey_view(prepared)
    places = torch.from_numpy(clicks.positions_px).to(example.image.device)
    if output_stride == 1:
        yield Progress("features", 0, 1)
        with torch.inference_mode():
            found = head.embed_at(grey.padded, places)
    else:
        found = yield from _by_windows(head, grey, clicks, output_stride)
    # Usable where gradients are computed as well.
    return prepared.with_codes_at(found.clone(), places)


def _by_windows(
    head: EmbeddedHead, grey: PreparedImage, clicks: Clicks, output_stride: int
) -> Generator[Progress, None, Tensor]:
    sides = _cheapest_sides(clicks, head.fov)
    origins, owner = cover(clicks, sides)
    size = [min(pair) for pair in zip(sides, clicks.shape_px, strict=True)]
    found: list[Tensor] = []
    for number, origin in enumerate(origins):
        yield Progress("features", number, len(origins))
        region = StridedRegion.around(origin.tolist(), size, clicks.shape_px, output_stride)
        inside = clicks.positions_px[owner == number] - region.corner
        window = grey.window(region.corner, region.extent, head.fov_among(len(sides)))
        with torch.inference_mode():
            maps = head.embed(window, output_stride=output_stride).flatten(0, -3)
            found.append(read_off(maps, inside[:, -2:], output_stride))
    # From the order of the windows to that of the clicks.
    return torch.cat(found)[torch.from_numpy(owner.argsort(kind="stable").argsort())]


def _cheapest_sides(clicks: Clicks, fov: tuple[int, int]) -> tuple[int, ...]:
    """Sides of the windows, of one slice, that hold all clicks and see the fewest pixels."""
    flat = (1,) * (len(clicks.shape_px) - 2)

    def seen_px(side_px: int) -> int:
        origins: IntArray = cover(clicks, (*flat, side_px, side_px))[0]
        return len(origins) * (side_px + fov[0]) * (side_px + fov[1])

    best_px = min(_SIDES_PX, key=seen_px)
    return (*flat, best_px, best_px)
