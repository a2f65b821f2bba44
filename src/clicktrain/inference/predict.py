"""Class probabilities of every pixel, tile by tile."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from clicktrain.engine.shrinking import ShrinkingTiles, even_tile
from clicktrain.engine.state import with_state
from clicktrain.inference.finish import finished
from clicktrain.kernels.regular_conv.aten import channels_last
from clicktrain.models.blend import blended
from clicktrain.models.features import grey_view, prepare, stem_features

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from torch import Tensor

    from clicktrain.models.features import PreparedImage
    from clicktrain.models.fitted import FittedModel
    from clicktrain.models.forest import Forest
    from clicktrain.models.normalise import ChannelStatistics
    from clicktrain.models.pretrained import EmbeddedHead
    from clicktrain.tiling.tiles import Tile
    from clicktrain.types import FloatArray, Progress

__all__ = ["LEAST_PX", "TILE_PX", "predict_tiles", "size_px"]

# Small enough that a stop takes effect between tiles within a blink, large enough that the border costs little.
TILE_PX = 256
# What tiles may shrink to where memory runs out; their surroundings are larger than that.
LEAST_PX = (16, 16)


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
        Side of a tile; smaller ones are taken where memory runs out.

    Yields
    ------
    Progress
        Twice a tile.

    Returns
    -------
    ndarray of shape (K, Y, X), float32
        Probabilities, which sum to 1 in every pixel.

    Raises
    ------
    ClickTrainError
        If memory runs out for the smallest tile.
    """
    prepared = prepare(image, statistics, model.fov)
    grey = grey_view(prepared)
    # Once for the image, so that every tile works on the same channels.
    selections = model.selections(prepared)
    tile = even_tile(prepared.shape_px, (tile_px, tile_px), (1, 1))
    tiles = ShrinkingTiles(prepared.shape_px, tile, model.fov, LEAST_PX)
    probabilities = np.empty((len(model.classes), *prepared.shape_px), np.float32)
    while tiles:
        yield tiles.progress("predicting")
        rows, columns = tiles.first.inner
        try:
            probabilities[:, rows, columns] = yield from _classify(model, prepared, grey, selections, tiles)
        except (RuntimeError, MemoryError) as error:
            tiles.shrink(error)
        else:
            tiles.finish()
    yield tiles.progress("predicting")
    return finished(probabilities, model.finish, model.n_clicks)


def _classify(
    model: FittedModel,
    prepared: PreparedImage,
    grey: PreparedImage,
    selections: Sequence[dict[str, Tensor]],
    tiles: ShrinkingTiles,
) -> Generator[Progress, None, FloatArray]:
    """Probabilities (K, rows, columns) of the first tile."""
    rows, columns = tiles.first.inner
    origin, size = (rows.start, columns.start), size_px(tiles.first)
    answers: dict[str, Tensor] = {}
    with torch.inference_mode():
        raw = stem_features(model.net, prepared, origin, size, model.context_fov)
        if model.forest is not None:
            answers["trees"] = _by_forest(model, model.forest, raw)
    yield tiles.progress("predicting", half_done=True)
    with torch.inference_mode():
        answers["context"] = _by_context(model, raw, selections)
        if model.embedded is not None:
            answers["embedding"] = _by_head(model.embedded, grey.window(origin, size, model.embedded.fov))
        probabilities: FloatArray = blended(answers, model.n_clicks).cpu().numpy()
    return probabilities


def _by_context(model: FittedModel, raw: Tensor, selections: Sequence[dict[str, Tensor]]) -> Tensor:
    # Laid out once as convolutions read it, not by every layer that begins at the features.
    features = channels_last(model.net.standardise(raw))
    scores = [
        with_state(member.module, selection, partial(member, features)) if selection else member(features)
        for member, selection in zip(model.dense, selections, strict=True)
    ]
    return F.softmax(torch.stack(scores).mean(dim=0), dim=1)[0]


def _by_forest(model: FittedModel, forest: Forest, raw: Tensor) -> Tensor:
    margins = [(n - 1) // 2 for n in model.context_fov]
    inner = raw[0, :, margins[0] : raw.shape[2] - margins[0], margins[1] : raw.shape[3] - margins[1]]
    rows = inner.permute(1, 2, 0).reshape(-1, len(inner)).cpu().numpy()
    return torch.from_numpy(forest.probabilities(rows)).to(raw).T.reshape(-1, *inner.shape[1:])


def _by_head(head: EmbeddedHead, grey: Tensor) -> Tensor:
    return head.probabilities_of(head.embed(grey))


def size_px(tile: Tile) -> tuple[int, int]:
    """Rows and columns of a tile's output."""
    rows, columns = tile.inner
    return rows.stop - rows.start, columns.stop - columns.start
