"""Embeddings of clicked pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from clicktrain.geometry.region import Region
from clicktrain.inference.pixels.constants import read_window
from clicktrain.inference.pixels.strided import StridedRegion, read_off
from clicktrain.learning.pixels.coverage import cover
from clicktrain.progress import Progress, as_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from torch import Tensor

    from clicktrain.annotations.clicks import Clicks
    from clicktrain.learning.pixels.examples import Example
    from clicktrain.models.pixels.pretrained import EmbeddedHead
    from clicktrain.types import IntArray
    from clicktrain.workers import Workers

__all__ = ["embed_clicks"]

# Few sizes, so that windows of one shape are met again and again.
_SIDES_PX = (32, 64, 128, 256)


def embed_clicks(
    head: EmbeddedHead, example: Example, clicks: Clicks, stride: int, workers: Workers
) -> Generator[Progress, None, Tensor]:
    """Embed clicked pixels as the answers later are: read off between every so many pixels.

    Parameters
    ----------
    head : EmbeddedHead
    example : Example
    clicks : Clicks
        Some of the example's, one at least.
    stride : {1, 2}
    workers : Workers

    Yields
    ------
    Progress
        After every window of pixels.

    Returns
    -------
    Tensor of shape (N, D)
        With the image's position codes at the very pixels, if it has such.
    """
    sides = _cheapest_sides(clicks, head.fov)
    origins, owner = cover(clicks, sides)
    size = [min(pair) for pair in zip(sides, clicks.shape_px, strict=True)]
    regions = [Region.at(origin.tolist(), size) for origin in origins]
    tasks = (
        _embedding(head, example, region, clicks.positions_px[owner == number], stride)
        for number, region in enumerate(regions)
    )
    found = yield from as_progress(Progress("features", 0, len(regions)), workers.run(tasks))
    # From the order of the windows to that of the clicks. Usable where gradients are computed as well.
    embeddings = torch.cat(found)[torch.from_numpy(owner.argsort(kind="stable").argsort())].clone()
    if example.constants.codes is None:
        return embeddings
    places = torch.from_numpy(clicks.positions_px).to(embeddings.device)
    return torch.cat((embeddings, example.constants.codes.at(places)), dim=1)


def _embedding(
    head: EmbeddedHead, example: Example, region: Region, positions_px: IntArray, stride: int
) -> Callable[[], Tensor]:
    """Read what clicks (N, ndim) inside a region, of one slice, see, and return what embeds them."""
    fov = head.fov_among(len(region.start))
    span = StridedRegion.of(region, example.source.shape_px, stride).span
    window = read_window(example.source, example.constants, span.seen_by(fov), head.coefficients.device)

    def embed() -> Tensor:
        with torch.inference_mode():
            maps = head.embed(window.grey(*example.constants.grey).values, output_stride=stride).flatten(0, -3)
            return read_off(maps, (positions_px - span.start)[:, -2:], stride)

    return embed


def _cheapest_sides(clicks: Clicks, fov: tuple[int, int]) -> tuple[int, ...]:
    """Sides of the windows, of one slice, that hold all clicks and see the fewest pixels."""
    flat = (1,) * (len(clicks.shape_px) - 2)

    def seen_px(side_px: int) -> int:
        origins: IntArray = cover(clicks, (*flat, side_px, side_px))[0]
        return len(origins) * (side_px + fov[0]) * (side_px + fov[1])

    best_px = min(_SIDES_PX, key=seen_px)
    return (*flat, best_px, best_px)
