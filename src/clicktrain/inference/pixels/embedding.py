"""An image that was embedded beforehand: clicks segment it within a blink, before any training."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import torch

from clicktrain.annotations.clicks import check_trainable
from clicktrain.errors import ClicksError
from clicktrain.geometry.region import Region
from clicktrain.geometry.schedule import cut, strips
from clicktrain.inference.pixels.constants import read_window
from clicktrain.inference.pixels.guided_filter import guide_reach, guide_values
from clicktrain.inference.pixels.postprocess import class_weights, reach_px, smooth, weigh
from clicktrain.inference.pixels.strided import StridedRegion, read_off
from clicktrain.models.pixels.pretrained import CODE_CHANNELS
from clicktrain.progress import Progress, drained
from clicktrain.workers import Workers, on_one_core

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from torch import Tensor

    from clicktrain.annotations.clicks import Clicks
    from clicktrain.config import PostprocessConfig
    from clicktrain.images.source import ImageSource
    from clicktrain.inference.pixels.constants import ImageConstants
    from clicktrain.models.pixels.pretrained import EmbeddedHead
    from clicktrain.types import FloatArray, IntArray

__all__ = ["ImageEmbedding", "embed_image", "embedding_bytes"]

# Embeddings of planes that are kept.
MOST_BYTES = 1 << 30
# Planes of a volume that one answer may wait for.
_MOST_NEW = 8
_TILE_PX = (256, 512)
# Planes that are answered together need not be neighbours.
_APART = (np.inf, 1.0, 1.0)


@dataclass(frozen=True, eq=False, slots=True)
class _Plane:
    """Embedding of a plane at every so many pixels, (1, D, y, x), and what the plane shows."""

    maps: Tensor
    guide: FloatArray | None


@dataclass(frozen=True, eq=False, slots=True)
class ImageEmbedding:
    """The embedding of an image, or of those slices of a volume that were clicked.

    To embed a whole volume would take as long as to train: its slices are embedded when they are clicked, and only they
    are answered.

    Parameters
    ----------
    head : EmbeddedHead
        Whose coefficients do not matter.
    source : ImageSource
    constants : ImageConstants
        Of the image.
    postprocess : PostprocessConfig
    """

    head: EmbeddedHead
    source: ImageSource
    constants: ImageConstants
    postprocess: PostprocessConfig
    _planes: OrderedDict[int, _Plane] = field(default_factory=OrderedDict)

    @property
    def shape_px(self) -> tuple[int, ...]:
        """([Z,] Y, X) of the image."""
        return self.source.shape_px

    def segment(self, clicks: Clicks) -> FloatArray:
        """Classify every pixel by clicks of this image alone.

        Parameters
        ----------
        clicks : Clicks
            Of two classes or more.

        Returns
        -------
        ndarray of shape (K, [Z,] Y, X), float32
            In the order of `clicks.present`; 1 / K in slices of a volume without clicks. Where clicks lie in many new
            slices, those with the most count.

        Raises
        ------
        ClicksError
            If the clicks are of one class only, or were made for an image of another shape.
        """
        check_trainable([clicks])
        if clicks.shape_px != self.shape_px:
            raise ClicksError(
                f"clicks must be made for an image of shape {self.shape_px}, got {clicks.shape_px}. "
                "Embed the image that was clicked."
            )
        with on_one_core(), Workers(self.head.coefficients.device) as workers:
            numbers = self._embedded(clicks, workers)
            with torch.inference_mode():
                head = self._fitted(clicks, numbers)
            found = np.empty((len(clicks.present), len(numbers), *self.shape_px[-2:]), np.float32)
            drained(
                workers.run(
                    partial(self._classify, head, self._planes[number], strip, found[:, place])
                    for (place, number), strip in product(enumerate(numbers), strips(Region.whole(self.shape_px[-2:])))
                )
            )
        ndim = len(self.shape_px)
        shares = found.mean(axis=(1, 2, 3), dtype=np.float64).tolist()
        weigh(found, class_weights(shares, self.postprocess, len(clicks), ndim))
        if ndim == 2:
            return found[:, 0]
        answer = np.full((len(found), *self.shape_px), 1 / len(found), np.float32)
        answer[:, numbers] = found
        return answer

    def _classify(self, head: EmbeddedHead, plane: _Plane, region: Region, found: FloatArray) -> None:
        """Fill in the probabilities (K, y, x) of a region of a plane."""
        stride, shape = self.postprocess.output_stride, self.shape_px[-2:]
        grown = region.grown(reach_px(self.postprocess, (1.0, 1.0))).clipped(shape)
        strided = StridedRegion.of(grown, shape, stride)
        known = (slice(along.numbers[0] // stride, along.numbers[-1] // stride + 1) for along in strided.along)
        with torch.inference_mode():
            between = strided.between(head.probabilities_of(plane.maps[:, :, *known]))
        probabilities: FloatArray = between.cpu().numpy().copy()
        guide = None if plane.guide is None else plane.guide[grown.slices]
        smooth(probabilities, guide, self.postprocess, (1.0, 1.0))
        found[(slice(None), *region.slices)] = probabilities[(slice(None), *region.within(grown))]

    def _fitted(self, clicks: Clicks, numbers: Sequence[int]) -> EmbeddedHead:
        """Fit the head to the clicks in some planes."""
        of_click = _planes_of(clicks)
        inside = [of_click == number for number in numbers]
        stride = self.postprocess.output_stride
        clicked = [
            read_off(self._planes[number].maps[0], clicks.positions_px[mine, -2:], stride)
            for number, mine in zip(numbers, inside, strict=True)
        ]
        targets = [np.searchsorted(clicks.present, clicks.classes[mine]) for mine in inside]
        return self.head.fitted(torch.cat(clicked), torch.from_numpy(np.concatenate(targets)), len(clicks.present))

    def _embedded(self, clicks: Clicks, workers: Workers) -> list[int]:
        """Numbers of the clicked planes, ascending, which are embedded now."""
        wanted: list[int] = _enough(clicks, set(self._planes)).tolist()
        for number in wanted:
            if number in self._planes:
                self._planes.move_to_end(number)
            else:
                drained(self.embed_plane(number, workers))
        most = max(len(wanted), MOST_BYTES // max(1, self._planes[wanted[0]].maps.nbytes))
        while len(self._planes) > most:
            self._planes.popitem(last=False)
        return wanted

    def embed_plane(self, number: int, workers: Workers) -> Generator[Progress, None, None]:
        """Embed a slice of a volume, or an image, which is plane 0; tile by tile."""
        rows, columns = self.shape_px[-2:]
        stride = self.postprocess.output_stride
        channels = CODE_CHANNELS * (1 if self.constants.codes is None else 2)
        grid = tuple(-(-n // stride) for n in (rows, columns))
        maps = self.head.coefficients.new_empty((1, channels, *grid))
        guide = np.empty((rows, columns), np.float32) if self.postprocess.guided_px else None
        tiles = cut(Region.whole((rows, columns)), _TILE_PX)
        tasks = (self._embedding(number, tile, maps, guide) for tile in tiles)
        for done, _ in enumerate(workers.run(tasks), start=1):
            yield Progress("features", done, len(tiles))
        self._planes[number] = _Plane(maps, guide)

    def _embedding(self, number: int, tile: Region, maps: Tensor, guide: FloatArray | None) -> Callable[[], None]:
        """Read what a tile sees, whose first pixel is a multiple of the stride, and return what fills it in."""
        stride, ndim = self.postprocess.output_stride, len(self.shape_px)
        region = _in_plane(StridedRegion.of(tile, self.shape_px[-2:], stride).span, number, ndim)
        inside = _in_plane(tile, number, ndim)
        read = region.seen_by(self.head.fov_among(ndim)).grown((*(0,) * (ndim - 2), *guide_reach((1.0, 1.0))))
        window = read_window(self.source, self.constants, read, maps.device)
        here = tuple(slice(first // stride, -(-last // stride)) for first, last in zip(*_corners(region), strict=True))

        def embed() -> None:
            grey = window.grey(*self.constants.grey)
            with torch.inference_mode():
                found = self.head.embed(grey.seen(region, self.head.fov_among(ndim)), output_stride=stride)
                maps[(slice(None), slice(None), *here)] = grey.with_codes(
                    found.flatten(1, -3), region.start[-2:], stride=stride
                )
            if guide is not None:
                distances = _APART[3 - ndim :]
                values = guide_values(window, self.constants.guide, inside, distances)
                guide[tile.slices] = values.reshape(tile.shape_px)

        return embed


def embed_image(
    head: EmbeddedHead, source: ImageSource, constants: ImageConstants, postprocess: PostprocessConfig
) -> Generator[Progress, None, ImageEmbedding]:
    """Embed an image, or make a volume ready to be clicked.

    Yields
    ------
    Progress
        After every tile.
    """
    embedding = ImageEmbedding(head, source, constants, postprocess)
    if len(source.shape_px) == 2:
        with Workers(head.coefficients.device) as workers:
            yield from embedding.embed_plane(0, workers)
    return embedding


def embedding_bytes(shape_px: Sequence[int], *, with_position_codes: bool) -> int:
    """Memory that an answer for all pixels of an image would take while it is made."""
    return 4 * prod(shape_px) * CODE_CHANNELS * (2 if with_position_codes else 1)


def _in_plane(region: Region, number: int, ndim: int) -> Region:
    """A region of an image, or of a plane of a volume."""
    if ndim == 2:
        return region
    return Region((number, *region.start), (number + 1, *region.stop))


def _corners(region: Region) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return region.start[-2:], region.stop[-2:]


def _planes_of(clicks: Clicks) -> IntArray:
    """Plane that each click lies in."""
    if len(clicks.shape_px) == 2:
        return np.zeros(len(clicks), np.int64)
    return clicks.positions_px[:, 0]


def _enough(clicks: Clicks, known: set[int]) -> IntArray:
    """Clicked planes that are known, and some of the others: those with the most clicks, and one of every class."""
    place = _planes_of(clicks)
    clicked, counts = np.unique(place, return_counts=True)
    most_first = clicked[np.argsort(-counts, kind="stable")].tolist()
    chosen = [number for number in most_first if number in known]
    chosen += [number for number in most_first if number not in known][:_MOST_NEW]
    for number in clicks.present:
        of_class = set(place[clicks.classes == number].tolist())
        if of_class.isdisjoint(chosen):
            chosen.append(next(one for one in most_first if one in of_class))
    return np.sort(np.array(chosen, np.int64))
