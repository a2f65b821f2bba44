"""Means of a map inside the dense network, over all pixels of an image, tile by tile."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import torch

from clicktrain.engine.execute import run_maps
from clicktrain.kernels.shapes import window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from clicktrain.engine.network import DenseNetwork

__all__ = ["streamed_means"]


def streamed_means(network: DenseNetwork, image: Tensor, reader: str, tile_px: int) -> Tensor:
    """Mean of every channel of the map that a step reads.

    Every patch counts with the value in its middle, so the mean is that of the image whatever the tiles are.

    Parameters
    ----------
    network : DenseNetwork
    image : Tensor of shape (B, C, [Z,] Y, X)
    reader : str
        Name of the step.
    tile_px : int
        Scores per axis of a tile.

    Returns
    -------
    Tensor of shape (C,)
    """
    program = network.program
    number = next(step.inputs[0] for step in program.steps if step.name == reader)
    scores_px = network.scores_px(image)
    # In double precision: thousands of tiles add up.
    sums = torch.zeros(program.channels(number), dtype=torch.float64, device=image.device)
    with torch.no_grad():
        for origin, size in _tiles(scores_px, tile_px):
            tile = window(image, origin, program.image_px(size))
            sums += _middle(network, tile, number, size).sum([0, *range(2, image.ndim)], dtype=torch.float64)
    count = len(image) * torch.Size(scores_px).numel()
    return (sums / count).to(image.dtype)


def _middle(network: DenseNetwork, tile: Tensor, number: int, size: tuple[int, ...]) -> Tensor:
    """Values (B, C, *size) of a map in the middle of the patches of a tile."""
    program = network.program
    plan = network.planner(tile).dense(len(tile), tuple(tile.shape[2:]))[number]
    maps = run_maps(program, plan, tile, network.module)[number]
    before = [(fov - extent) // 2 for fov, extent in zip(program.fov, program.extent_px(number), strict=True)]
    return window(maps, before, size)


def _tiles(shape_px: tuple[int, ...], tile_px: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """First score and number of scores of tiles that lie side by side."""
    for origin in product(*(range(0, n, tile_px) for n in shape_px)):
        yield origin, tuple(min(tile_px, n - o) for n, o in zip(shape_px, origin, strict=True))
