"""Class probabilities of every pixel, tile by tile."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from clicktrain.engine.shrinking import ShrinkingTiles, equal_tiles, even_tile
from clicktrain.inference.pixels.postprocess import finishing, wanted_guide
from clicktrain.inference.pixels.strided import StridedAxis, StridedRegion, slice_step
from clicktrain.kernels.regular_conv.aten import channels_last
from clicktrain.models.pixels.blend import blended
from clicktrain.models.pixels.features import grey_view, prepare, stem_features

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from torch import Tensor

    from clicktrain.geometry.tiles import Tile
    from clicktrain.models.pixels.features import PreparedImage
    from clicktrain.models.pixels.fitted import FittedModel
    from clicktrain.models.pixels.forest import Forest
    from clicktrain.models.pixels.normalise import ChannelStatistics
    from clicktrain.models.pixels.pretrained import EmbeddedHead
    from clicktrain.progress import Progress
    from clicktrain.types import FloatArray

__all__ = ["LEAST_PX", "TILE_PX", "predict_tiles", "region_of"]

# By number of axes. What is computed beyond a tile's border, by the embedding above all, and what trees wait for each
# other cost less the larger a tile is.
TILE_PX = {2: (512, 512), 3: (32, 128, 128)}
# Stem and context network work through a tile in parts of at most this size, so that what they keep stays close to the
# processor and a stop takes effect sooner. Tiles of volumes are one part.
_PART_PX = {2: (256, 256), 3: (32, 128, 128)}
# Features of a whole tile; images of many channels get smaller tiles.
_MOST_BYTES = 1 << 28
# What tiles may shrink to where memory runs out; their surroundings are larger than that.
LEAST_PX = {2: (16, 16), 3: (8, 16, 16)}


def predict_tiles(
    model: FittedModel, image: Tensor, statistics: ChannelStatistics, *, tile_px: Sequence[int] | None = None
) -> Generator[Progress, None, FloatArray]:
    """Classify every pixel; the answer does not depend on the tiles.

    Parameters
    ----------
    model : FittedModel
    image : Tensor of shape (C, [Z,] Y, X), float32
    statistics : ChannelStatistics
        What the image is normalised with.
    tile_px : sequence of int, optional
        Sides of a tile; smaller ones are taken where memory runs out.

    Yields
    ------
    Progress
        Before every part of a tile and every member's answer, in volumes between slices, and while all is finished.

    Returns
    -------
    ndarray of shape (K, [Z,] Y, X), float32
        Probabilities, which sum to 1 in every pixel.

    Raises
    ------
    ClickTrainError
        If memory runs out for the smallest tile.
    """
    prepared = prepare(image, statistics, model.fov, overview=model.overview(image))
    tile = even_tile(prepared.shape_px, tile_px or _tile_px(model), (1,) * model.ndim)
    tiles = ShrinkingTiles(prepared.shape_px, tile, model.fov, LEAST_PX[model.ndim])
    probabilities = yield from _blended_tiles(model, prepared, tiles)
    yield tiles.progress("predicting")
    guide = wanted_guide(prepared, model.postprocess, spacing_px=model.spacing_px)
    for _ in finishing(probabilities, guide, model.postprocess, model.n_clicks, spacing_px=model.spacing_px):
        yield tiles.progress("predicting")
    return probabilities


def _blended_tiles(
    model: FittedModel, prepared: PreparedImage, tiles: ShrinkingTiles
) -> Generator[Progress, None, FloatArray]:
    """Probabilities as the members give them, of all tiles."""
    grey = grey_view(prepared)
    probabilities = np.empty((len(model.classes), *prepared.shape_px), np.float32)
    while tiles:
        here = (slice(None), *tiles.first.inner)
        try:
            probabilities[here] = yield from _classify(model, prepared, grey, tiles)
        except (RuntimeError, MemoryError) as error:
            tiles.shrink(error)
        else:
            tiles.finish()
    return probabilities


def _tile_px(model: FittedModel) -> list[int]:
    """Shape of the largest tile whose features are kept."""
    sides = list(TILE_PX[model.ndim])

    def needed_bytes() -> int:
        return 4 * model.net.feature_channels * math.prod(map(_seen_px, sides, model.local_fov))

    while needed_bytes() > _MOST_BYTES and max(sides) > min(LEAST_PX[model.ndim]):
        sides[sides.index(max(sides))] //= 2
    return sides


def _seen_px(size: int, fov: int) -> int:
    return size + fov - 1


def _classify(
    model: FittedModel, prepared: PreparedImage, grey: PreparedImage, tiles: ShrinkingTiles
) -> Generator[Progress, None, FloatArray]:
    """Probabilities (K, [slices,] rows, columns) of the first tile."""
    answers: dict[str, Tensor] = {}
    raw = yield from _features(model, prepared, tiles)
    if model.forest is not None:
        yield tiles.progress("predicting")
        answers["trees"] = _by_forest(model, model.forest, raw, _known(model, prepared, tiles, with_last=True))
    answers["local"] = yield from _by_context(model, raw, tiles)
    del raw
    if model.embedded is not None:
        yield tiles.progress("predicting", half_done=True)
        answers["embedding"] = yield from _by_embedding(model, model.embedded, grey, tiles)
    with torch.inference_mode():
        probabilities: FloatArray = blended(answers, model.n_clicks, ndim=model.ndim).cpu().numpy()
    return probabilities


def _features(model: FittedModel, prepared: PreparedImage, tiles: ShrinkingTiles) -> Generator[Progress, None, Tensor]:
    """Features that the context network needs of the first tile, (1, F, *size + local_fov - 1)."""
    origin, size = region_of(tiles.first)
    corner = [first - (fov - 1) // 2 for first, fov in zip(origin, model.local_fov, strict=True)]
    shape = list(map(_seen_px, size, model.local_fov))
    largest = map(_seen_px, _PART_PX[model.ndim], model.local_fov)
    no_local = (1,) * model.ndim
    parts = _parts(shape, list(largest), no_local)
    raw = prepared.padded.new_empty((1, model.net.feature_channels, *shape) if len(parts) > 1 else 0)
    for part in parts:
        yield tiles.progress("predicting")
        first = [start + place.start for start, place in zip(corner, part.inner, strict=True)]
        part_px = [place.stop - place.start for place in part.inner]
        with torch.inference_mode():
            found = stem_features(model.net, prepared, first, part_px, no_local)
            if len(parts) == 1:
                return found
            raw[(slice(None), slice(None), *part.inner)] = found
    return raw


def _by_context(model: FittedModel, raw: Tensor, tiles: ShrinkingTiles) -> Generator[Progress, None, Tensor]:
    """Probabilities of a tile, given features that begin as far before it as the network sees."""
    _, size = region_of(tiles.first)
    answer = raw.new_empty((len(model.classes), *size))
    for part in _parts(size, _PART_PX[model.ndim], model.local_fov):
        yield tiles.progress("predicting", half_done=True)
        with torch.inference_mode():
            seen = raw[(slice(None), slice(None), *part.outer)]
            answer[(slice(None), *part.inner)] = _by_members(model, seen)
    return answer


def _parts(shape_px: Sequence[int], largest_px: Sequence[int], fov_px: Sequence[int]) -> list[Tile]:
    """Parts of one shape, so that a network plans for one."""
    part_px = even_tile(shape_px, largest_px, (1,) * len(shape_px))
    return equal_tiles([slice(0, n) for n in shape_px], part_px, fov_px)


def _by_members(model: FittedModel, raw: Tensor) -> Tensor:
    # Laid out once as convolutions read it, not by every layer that begins at the features.
    features = channels_last(model.net.standardise(raw))
    scores = torch.stack([member(features) for member in model.dense])
    return F.softmax(scores.mean(dim=0), dim=1)[0]


def _by_forest(model: FittedModel, forest: Forest, raw: Tensor, region: StridedRegion) -> Tensor:
    """Probabilities in a region, given features that begin as far before it as the context network sees."""
    inner = raw[0]
    axes = zip(region.along, region.origin, model.local_fov, strict=True)
    for axis, (places, first, fov) in enumerate(axes, start=1):
        numbers = torch.tensor(places.numbers, device=raw.device)
        inner = inner.index_select(axis, numbers - first + (fov - 1) // 2)
    rows = inner.movedim(0, -1).reshape(-1, len(inner)).cpu().numpy()
    return region.between(torch.from_numpy(forest.probabilities(rows)).to(raw).T.reshape(-1, *inner.shape[1:]))


def _known(
    model: FittedModel, prepared: PreparedImage, tiles: ShrinkingTiles, *, with_last: bool = False
) -> StridedRegion:
    """Pixels that the answers in the first tile are read off from."""
    output_stride = model.postprocess.output_stride
    return StridedRegion.around(*region_of(tiles.first), prepared.shape_px, output_stride, with_last=with_last)


def _by_embedding(
    model: FittedModel, head: EmbeddedHead, grey: PreparedImage, tiles: ShrinkingTiles
) -> Generator[Progress, None, Tensor]:
    if model.ndim == 3:
        return (yield from _by_slices(model, head, grey, tiles))
    region = _known(model, grey, tiles)
    output_stride = model.postprocess.output_stride
    with torch.inference_mode():
        maps = head.embed(grey.window(region.corner, region.extent, head.fov), output_stride=output_stride)
        return region.between(head.probabilities_of(grey.with_codes(maps, region.corner, output_stride=output_stride)))


def _by_slices(
    model: FittedModel, head: EmbeddedHead, grey: PreparedImage, tiles: ShrinkingTiles
) -> Generator[Progress, None, Tensor]:
    """Probabilities of a tile of a volume: slices some way apart are embedded, those between lie between."""
    region = _known(model, grey, tiles)
    step = slice_step(model.spacing_px[0])
    slices = StridedAxis.around(region.origin[0], region.size[0], length=grey.shape_px[0], step=step, with_last=True)
    region = replace(region, along=(slices, *region.along[1:]))
    parts: list[Tensor] = []
    for number in slices.numbers:
        if parts:
            yield tiles.progress("predicting", half_done=True)
        window = grey.window((number, *region.corner[1:]), (1, *region.extent[1:]), head.fov_among(3))
        with torch.inference_mode():
            parts.append(head.probabilities_of(head.embed(window, output_stride=model.postprocess.output_stride)))
    return region.between(torch.cat(parts, dim=1))


def region_of(tile: Tile) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """First pixel and size of a tile's output."""
    return tuple(part.start for part in tile.inner), tuple(part.stop - part.start for part in tile.inner)
