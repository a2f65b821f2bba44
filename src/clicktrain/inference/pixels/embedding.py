"""An image that was embedded beforehand: clicks segment it within a blink, before any training."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import torch

from clicktrain.annotations.clicks import check_trainable
from clicktrain.errors import ClicksError
from clicktrain.geometry.region import Region
from clicktrain.geometry.schedule import cut
from clicktrain.inference.pixels.constants import read_window
from clicktrain.inference.pixels.guided_filter import guide_reach, guide_values
from clicktrain.inference.pixels.postprocess import class_weights, smooth, weigh
from clicktrain.inference.pixels.strided import StridedRegion, read_off
from clicktrain.models.pixels.pretrained import CODE_CHANNELS
from clicktrain.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

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
_TILE_PX = 512
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
        numbers = self._embedded(clicks)
        with torch.inference_mode():
            head = self._fitted(clicks, numbers)
            found = np.stack([self._classified(head, self._planes[number]) for number in numbers], axis=1)
        ndim = len(self.shape_px)
        guides = [self._planes[number].guide for number in numbers]
        guide = np.stack([one for one in guides if one is not None]) if guides[0] is not None else None
        smooth(found, guide, self.postprocess, _APART)
        shares = found.mean(axis=(1, 2, 3), dtype=np.float64).tolist()
        weigh(found, class_weights(shares, self.postprocess, len(clicks), ndim))
        if ndim == 2:
            return found[:, 0]
        answer = np.full((len(found), *self.shape_px), 1 / len(found), np.float32)
        answer[:, numbers] = found
        return answer

    def _classified(self, head: EmbeddedHead, plane: _Plane) -> FloatArray:
        shape = self.shape_px[-2:]
        strided = StridedRegion.of(Region.whole(shape), shape, self.postprocess.output_stride)
        probabilities: FloatArray = strided.between(head.probabilities_of(plane.maps)).cpu().numpy()
        return probabilities

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

    def _embedded(self, clicks: Clicks) -> list[int]:
        """Numbers of the clicked planes, ascending, which are embedded now."""
        wanted: list[int] = _enough(clicks, set(self._planes)).tolist()
        for number in wanted:
            if number in self._planes:
                self._planes.move_to_end(number)
            else:
                for _ in self.embed_plane(number):
                    pass
        most = max(len(wanted), MOST_BYTES // max(1, self._planes[wanted[0]].maps.nbytes))
        while len(self._planes) > most:
            self._planes.popitem(last=False)
        return wanted

    def embed_plane(self, number: int) -> Generator[Progress, None, None]:
        """Embed a slice of a volume, or an image, which is plane 0; tile by tile."""
        rows, columns = self.shape_px[-2:]
        stride = self.postprocess.output_stride
        channels = CODE_CHANNELS * (1 if self.constants.codes is None else 2)
        grid = tuple(-(-n // stride) for n in (rows, columns))
        maps = self.head.coefficients.new_empty((1, channels, *grid))
        guide = np.empty((rows, columns), np.float32) if self.postprocess.guided_px else None
        tiles = cut(Region.whole((rows, columns)), (_TILE_PX, _TILE_PX))
        for done, tile in enumerate(tiles):
            yield Progress("features", done, len(tiles))
            self._embed_tile(number, tile, maps, guide)
        self._planes[number] = _Plane(maps, guide)

    def _embed_tile(self, number: int, tile: Region, maps: Tensor, guide: FloatArray | None) -> None:
        """Fill in what is known of a tile, whose first pixel is a multiple of the stride."""
        stride, ndim = self.postprocess.output_stride, len(self.shape_px)
        region = _in_plane(StridedRegion.of(tile, self.shape_px[-2:], stride).span, number, ndim)
        inside = _in_plane(tile, number, ndim)
        read = region.seen_by(self.head.fov_among(ndim)).grown((*(0,) * (ndim - 2), *guide_reach((1.0, 1.0))))
        window = read_window(self.source, self.constants, read, maps.device)
        grey = window.grey(*self.constants.grey)
        with torch.inference_mode():
            found = self.head.embed(grey.seen(region, self.head.fov_among(ndim)), output_stride=stride).flatten(1, -3)
            found = grey.with_codes(found, region.start[-2:], stride=stride)
        here = tuple(slice(first // stride, -(-last // stride)) for first, last in zip(*_corners(region), strict=True))
        maps[(slice(None), slice(None), *here)] = found
        if guide is not None:
            distances = _APART[3 - ndim :]
            guide[tile.slices] = guide_values(window, self.constants.guide, inside, distances).reshape(tile.shape_px)


def embed_image(
    head: EmbeddedHead, source: ImageSource, constants: ImageConstants, postprocess: PostprocessConfig
) -> Generator[Progress, None, ImageEmbedding]:
    """Embed an image, or make a volume ready to be clicked.

    Yields
    ------
    Progress
        Before every tile.
    """
    embedding = ImageEmbedding(head, source, constants, postprocess)
    if len(source.shape_px) == 2:
        yield from embedding.embed_plane(0)
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
