"""An image of any size classified tile by tile, straight into where the answers are kept."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from clicktrain.errors import ClickTrainError, is_out_of_memory
from clicktrain.geometry.region import Region
from clicktrain.geometry.schedule import TileSchedule, even_tile
from clicktrain.geometry.spread import spread_boxes
from clicktrain.inference.pixels.constants import measure_constants, read_window
from clicktrain.inference.pixels.postprocess import class_weights, reach_px, weigh
from clicktrain.inference.pixels.region import classify_window, region_to_read
from clicktrain.progress import Progress, as_progress
from clicktrain.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from concurrent.futures import Future

    from clicktrain.config import NetworkConfig
    from clicktrain.images.source import ImageSource
    from clicktrain.inference.pixels.constants import ImageConstants
    from clicktrain.models.pixels.fitted import PixelModel
    from clicktrain.models.pixels.window import ImageWindow
    from clicktrain.types import AnyArray, FloatArray

__all__ = ["LEAST_MEMORY_BYTES", "LEAST_TILE_PX", "predict_image", "tile_shape"]

# By number of axes. What is computed beyond a tile's border, by the embedding above all, costs less the larger it is.
_LARGEST_PX = {2: (1024, 1024), 3: (32, 192, 192)}
# Smaller ones would be nearly all surroundings; so they are only where memory runs out, down to the second numbers.
_SMALLEST_PX = {2: (128, 128), 3: (16, 48, 48)}
LEAST_TILE_PX = {2: (16, 16), 3: (8, 16, 16)}
# What the work on a tile takes, measured with two threads: some in any case, some per pixel, most of it for the
# embedding's trunk, and some per pixel and feature.
_FIXED_BYTES, _PIXEL_BYTES, _FEATURE_BYTES = 220_000_000, 240, 4
_USUAL_BYTES = 800_000_000
# With less the smallest tiles do not fit.
LEAST_MEMORY_BYTES = 250_000_000
# Of images up to this size the shares of the classes are those of all pixels; of larger ones those of squares all over
# the image, so many along each axis and so wide.
_WHOLE_PX = 1 << 22
_SQUARES, _SQUARE_PX = {2: (3, 3), 3: (2, 2, 2)}, {2: (256, 256), 3: (16, 96, 96)}


class Sink(Protocol):
    """Where answers are kept."""

    def write(self, region: Region, values: AnyArray) -> None:
        """Keep the probabilities (K, *region.shape_px) of a region."""


def predict_image(
    model: PixelModel,
    source: ImageSource,
    config: NetworkConfig,
    sink: Sink,
    *,
    tile_px: Sequence[int] | None = None,
) -> Generator[Progress, None, None]:
    """Classify every pixel of an image; a few tiles are in memory at a time, and the answer does not depend on them.

    Parameters
    ----------
    model : PixelModel
    source : ImageSource
    config : NetworkConfig
        Of the model.
    sink : Sink
        Gets the probabilities of each tile once, in any order.
    tile_px : sequence of int, optional
        Shape of a tile; smaller ones are taken where memory runs out.

    Yields
    ------
    Progress
        Before every part of a tile and every member's answer.

    Raises
    ------
    ImageError
        If the image cannot be used.
    ClickTrainError
        If memory runs out for the smallest tile.
    """
    begin = Progress("predicting", 0, 1)
    yield begin
    steps = measure_constants(source, config, trained_on=model.statistics, head=model.embedded)
    constants = yield from as_progress(begin, steps)
    whole = Region.whole(source.shape_px)
    tile = tuple(tile_px) if tile_px else tile_shape(model, source.shape_px)
    with Workers(model.device) as workers:
        image = _Image(model, source, constants, tile, workers)
        if class_weights([1.0] * len(model.classes), model.postprocess, model.n_clicks, model.ndim) is None:
            yield from _predict_tiles(image, whole, sink)
        elif whole.n_px <= _WHOLE_PX:
            yield from _predict_at_once(image, sink)
        else:
            shares = yield from as_progress(begin, _shares_of_squares(image))
            yield from _predict_tiles(image.weighing(shares), whole, sink)
    yield Progress("predicting", 1, 1)


@dataclass(frozen=True, eq=False, slots=True)
class _Image:
    """What is classified, by what, and in tiles of which shape."""

    model: PixelModel
    source: ImageSource
    constants: ImageConstants
    tile_px: Sequence[int]
    workers: Workers

    def weighing(self, shares: Sequence[float]) -> _Image:
        """Weigh the classes by their shares of the image."""
        model = self.model
        weights = class_weights(list(shares), model.postprocess, model.n_clicks, model.ndim)
        return replace(self, constants=replace(self.constants, class_weights=weights))


def tile_shape(model: PixelModel, shape_px: Sequence[int], memory_bytes: int | None = None) -> tuple[int, ...]:
    """Shape of the tiles that an image is cut into, as even as can be.

    Parameters
    ----------
    model : PixelModel
    shape_px : sequence of int
    memory_bytes : int, optional
        What the work on a tile may take; the largest tile that fits is taken, up to one beyond which little is gained.
    """
    room_bytes = (memory_bytes or _USUAL_BYTES) - _FIXED_BYTES
    sides = list(_LARGEST_PX[model.ndim])
    each_bytes = _PIXEL_BYTES + _FEATURE_BYTES * model.net.feature_channels
    smallest = _SMALLEST_PX[model.ndim]
    while each_bytes * _worked_px(model, sides) > room_bytes and sides > list(smallest):
        axis = max(range(model.ndim), key=lambda axis: sides[axis] / smallest[axis])
        sides[axis] = max(smallest[axis], sides[axis] * 7 // 8)
    multiples = LEAST_TILE_PX[model.ndim]
    sides = [max(step, side // step * step) for side, step in zip(sides, multiples, strict=True)]
    return even_tile(shape_px, sides, multiples)


def _worked_px(model: PixelModel, sides: Sequence[int]) -> int:
    """Pixels of a tile with what its postprocessing and local network look at around it."""
    around = reach_px(model.postprocess, model.relative_voxel_size)
    return math.prod(n + 2 * r + f for n, r, f in zip(sides, around, model.local_fov, strict=True))


def _predict_at_once(image: _Image, sink: Sink) -> Generator[Progress, None, None]:
    """Classify a small image, whose class shares are those of all its pixels."""
    whole = Region.whole(image.source.shape_px)
    answers = _Answers(np.empty((len(image.model.classes), *whole.shape_px), np.float32))
    yield from _predict_tiles(image, whole, answers)
    shares = answers.values.mean(axis=tuple(range(1, answers.values.ndim)), dtype=np.float64)
    weigh(answers.values, image.weighing(shares.tolist()).constants.class_weights)
    sink.write(whole, answers.values)


class _Answers:
    """Probabilities in memory."""

    def __init__(self, values: FloatArray) -> None:
        self.values = values

    def write(self, region: Region, values: AnyArray) -> None:
        self.values[(slice(None), *region.slices)] = values


def _predict_tiles(image: _Image, region: Region, sink: Sink) -> Generator[Progress, None, None]:
    model = image.model
    schedule = TileSchedule(region, image.tile_px, LEAST_TILE_PX[model.ndim])
    total = max(1, region.n_px)
    with _Reader(model, image.source, image.constants) as reader:
        while (now := schedule.next()) is not None:
            progress = Progress("predicting", round(schedule.fraction * total), total)
            yield progress
            try:
                # Its name is dropped, so that it is gone where memory runs out.
                seen = reader.read(now, schedule.after())
                steps = classify_window(model, seen, image.constants, now, image.workers)
                del seen
                values = yield from as_progress(progress, steps)
            except (RuntimeError, MemoryError) as error:
                _halve(schedule, now, error)
            else:
                sink.write(now, values)
                schedule.done(now)


def _halve(schedule: TileSchedule, tile: Region, error: Exception) -> None:
    if not is_out_of_memory(error):
        raise error
    if not schedule.halve(tile):
        raise ClickTrainError(
            f"memory must hold one tile of {tile.shape_px} px and its surroundings, and it is full. Close other "
            "programs, or use a network with fewer channels."
        ) from error


class _Reader:
    """Reads the next tile while the present one is computed."""

    def __init__(self, model: PixelModel, source: ImageSource, constants: ImageConstants) -> None:
        self._model, self._source, self._constants = model, source, constants
        self._thread = ThreadPoolExecutor(1, "clicktrain-read")
        self._ahead: dict[Region, Future[ImageWindow]] = {}

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def read(self, tile: Region, following: Region | None) -> ImageWindow:
        """Return what is seen of a tile, and begin to read what will be seen of the following one."""
        ahead = self._ahead.pop(tile, None)
        # What was read for a tile that has been halved since takes memory, and is of no use.
        self._ahead.clear()
        window = self._read(tile) if ahead is None else ahead.result()
        if following is not None:
            self._ahead[following] = self._thread.submit(self._read, following)
        return window

    def _read(self, tile: Region) -> ImageWindow:
        region = region_to_read(self._model, tile, self._source.shape_px)
        return read_window(self._source, self._constants, region, self._model.device)


def _shares_of_squares(image: _Image) -> Generator[Progress, None, list[float]]:
    """Mean probability of each class in squares all over a large image."""
    ndim = image.model.ndim
    sums = _Sums(len(image.model.classes))
    for square in spread_boxes(image.source.shape_px, _SQUARES[ndim], _SQUARE_PX[ndim]):
        yield from _predict_tiles(image, square, sums)
    shares: list[float] = (sums.values / sums.n_px).tolist()
    return shares


class _Sums:
    """Sums of probabilities, class by class."""

    def __init__(self, n_classes: int) -> None:
        self.values, self.n_px = np.zeros(n_classes), 0

    def write(self, region: Region, values: AnyArray) -> None:
        self.values += values.reshape(len(values), -1).sum(axis=1, dtype=np.float64)
        self.n_px += region.n_px
