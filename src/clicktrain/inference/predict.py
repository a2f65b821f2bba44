"""Class probabilities of every pixel, tile by tile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from clicktrain.models.features import prepare, stem_features
from clicktrain.tiling.tiles import plan_tiles
from clicktrain.types import Progress

if TYPE_CHECKING:
    from collections.abc import Generator

    from torch import Tensor

    from clicktrain.models.fitted import FittedModel
    from clicktrain.models.normalise import ChannelStatistics
    from clicktrain.tiling.tiles import Tile
    from clicktrain.types import FloatArray

__all__ = ["TILE_PX", "predict_tiles"]

# Small enough that a stop takes effect between tiles within a blink, large enough that the border costs little.
TILE_PX = 256


def predict_tiles(
    model: FittedModel, image: Tensor, statistics: ChannelStatistics, *, tile_px: int = TILE_PX
) -> Generator[Progress, None, FloatArray]:
    """Classify every pixel; the answer does not depend on the tiles.

    Parameters
    ----------
    model : FittedModel
    image : Tensor of shape (C, Y, X), float32
    statistics : ChannelStatistics
        What the image is normalised with.
    tile_px : int
        Side of a tile.

    Yields
    ------
    Progress
        Twice a tile.

    Returns
    -------
    ndarray of shape (K, Y, X), float32
        Probabilities, which sum to 1 in every pixel.
    """
    prepared = prepare(image, statistics, model.fov)
    tiles = plan_tiles(prepared.shape_px, (tile_px, tile_px), model.fov)
    probabilities = np.empty((len(model.classes), *prepared.shape_px), np.float32)
    for index, tile in enumerate(tiles):
        yield Progress("predicting", 2 * index, 2 * len(tiles))
        rows, columns = tile.inner
        with torch.inference_mode():
            raw = stem_features(model.net, prepared, (rows.start, columns.start), _size(tile), model.context_fov)
        yield Progress("predicting", 2 * index + 1, 2 * len(tiles))
        with torch.inference_mode():
            features = model.net.standardise(raw)
            scores = torch.stack([member(features) for member in model.dense]).mean(dim=0)
            probabilities[:, rows, columns] = F.softmax(scores, dim=1)[0].cpu().numpy()
    yield Progress("predicting", 2 * len(tiles), 2 * len(tiles))
    return probabilities


def _size(tile: Tile) -> tuple[int, int]:
    rows, columns = tile.inner
    return rows.stop - rows.start, columns.stop - columns.start
