"""An image that was embedded beforehand, which answers clicks within a blink."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from clicktrain.annotations.clicks import check_trainable
from clicktrain.engine.shrinking import ShrinkingTiles, even_tile
from clicktrain.errors import ClicksError
from clicktrain.inference.pixels.postprocess import finished, wanted_guide
from clicktrain.inference.pixels.predict import LEAST_PX, TILE_PX, region_of
from clicktrain.inference.pixels.strided import StridedRegion, read_off
from clicktrain.models.pixels.features import grey_view, prepare
from clicktrain.models.pixels.pretrained import CODE_CHANNELS

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from torch import Tensor

    from clicktrain.annotations.clicks import Clicks
    from clicktrain.config import PostprocessConfig
    from clicktrain.models.pixels.normalise import ChannelStatistics
    from clicktrain.models.pixels.overview import Overview
    from clicktrain.models.pixels.pretrained import EmbeddedHead
    from clicktrain.progress import Progress
    from clicktrain.types import FloatArray

__all__ = ["MOST_BYTES", "FirstLook", "embedded_bytes", "look_at"]

MOST_BYTES = 1 << 30


@dataclass(frozen=True, eq=False, slots=True)
class FirstLook:
    """The embedding of an image, of every so many pixels as `postprocess` tells.

    Parameters
    ----------
    head : EmbeddedHead
        Whose coefficients do not matter.
    maps : Tensor of shape (1, D, y, x)
    shape_px : tuple of int
        (Y, X) of the image.
    guide : ndarray of shape (Y, X), optional
        What the image shows, if `postprocess` asks for it.
    postprocess : PostprocessConfig
    """

    head: EmbeddedHead
    maps: Tensor
    shape_px: tuple[int, ...]
    guide: FloatArray | None
    postprocess: PostprocessConfig

    def segment(self, clicks: Clicks) -> FloatArray:
        """Classify every pixel by clicks of this image alone.

        Parameters
        ----------
        clicks : Clicks
            Of two classes or more.

        Returns
        -------
        ndarray of shape (K, Y, X), float32
            In the order of `clicks.present`.

        Raises
        ------
        ClicksError
            If the clicks are of one class only, or were made for an image of another shape.
        """
        check_trainable([clicks])
        if clicks.shape_px != self.shape_px:
            raise ClicksError(
                f"clicks must be made for an image of shape {self.shape_px}, got {clicks.shape_px}. "
                "Look at the image that was clicked."
            )
        with torch.inference_mode():
            clicked = read_off(self.maps[0], clicks.positions_px, self.postprocess.output_stride)
            targets = torch.searchsorted(torch.tensor(clicks.present), torch.from_numpy(clicks.classes))
            head = self.head.fitted(clicked, targets, len(clicks.present))
            known = _known((0, 0), self.shape_px, self.shape_px, self.postprocess)
            probabilities: FloatArray = known.between(head.probabilities_of(self.maps)).cpu().numpy()
        return finished(probabilities, self.guide, self.postprocess, len(clicks))


def embedded_bytes(image: Tensor, *, told: bool) -> int:
    """Memory that the embedding of all pixels of an image (C, Y, X) would take.

    More of it if it is told where in the image pixels lie. What is kept may be less, but every answer has all pixels.
    """
    return image.element_size() * image[0].numel() * _channels(told)


def _grid(shape_px: Sequence[int], postprocess: PostprocessConfig) -> tuple[int, ...]:
    return tuple(-(-n // postprocess.output_stride) for n in shape_px)


def _known(
    origin: Sequence[int], size: Sequence[int], shape_px: Sequence[int], postprocess: PostprocessConfig
) -> StridedRegion:
    return StridedRegion.around(origin, size, shape_px, postprocess.output_stride)


def _channels(told: bool) -> int:
    return 2 * CODE_CHANNELS if told else CODE_CHANNELS


def look_at(
    head: EmbeddedHead,
    image: Tensor,
    statistics: ChannelStatistics,
    postprocess: PostprocessConfig,
    *,
    overview: Overview | None = None,
) -> Generator[Progress, None, FirstLook]:
    """Embed an image, tile by tile.

    Parameters
    ----------
    head : EmbeddedHead
    image : Tensor of shape (C, Y, X), float32
    statistics : ChannelStatistics
        What the image is normalised with.
    postprocess : PostprocessConfig
    overview : Overview, optional
        Of the image, where it shall count where in the image a pixel lies.

    Yields
    ------
    Progress
        Before every tile.

    Returns
    -------
    FirstLook

    Raises
    ------
    ClickTrainError
        If memory runs out for the smallest tile.
    """
    coloured = prepare(image, statistics, head.fov, overview=overview)
    prepared = grey_view(coloured)
    tile = even_tile(prepared.shape_px, TILE_PX[2], (1, 1))
    tiles = ShrinkingTiles(prepared.shape_px, tile, head.fov, LEAST_PX[2])
    output_stride = postprocess.output_stride
    maps = image.new_empty((1, _channels(overview is not None), *_grid(prepared.shape_px, postprocess)))
    while tiles:
        yield tiles.progress("features")
        region = _known(*region_of(tiles.first), prepared.shape_px, postprocess)
        corner = region.corner
        window = prepared.window(corner, region.extent, head.fov)
        here = [
            slice(along.numbers[0] // output_stride, along.numbers[-1] // output_stride + 1) for along in region.along
        ]
        try:
            with torch.inference_mode():
                embedded = head.embed(window, output_stride=output_stride)
                maps[(slice(None), slice(None), *here)] = prepared.with_codes(
                    embedded, corner, output_stride=output_stride
                )
        except (RuntimeError, MemoryError) as error:
            tiles.shrink(error)
        else:
            tiles.finish()
    return FirstLook(head, maps, prepared.shape_px, wanted_guide(coloured, postprocess), postprocess)
