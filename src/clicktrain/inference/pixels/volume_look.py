"""A volume whose clicked slices are embedded as they are clicked, which answers in these slices before any training."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from clicktrain.annotations.clicks import check_trainable
from clicktrain.errors import ClicksError
from clicktrain.inference.pixels.postprocess import finished, wanted_guide
from clicktrain.inference.pixels.strided import StridedRegion, read_off
from clicktrain.models.pixels.features import grey_view, prepare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from clicktrain.annotations.clicks import Clicks
    from clicktrain.config import PostprocessConfig
    from clicktrain.models.pixels.features import PreparedImage
    from clicktrain.models.pixels.normalise import ChannelStatistics
    from clicktrain.models.pixels.pretrained import EmbeddedHead
    from clicktrain.types import FloatArray, IntArray

__all__ = ["VolumeLook", "look_into"]

# Embeddings of slices that are kept.
_MOST_BYTES = 1 << 30
# Slices that one answer may wait for.
_MOST_NEW = 8
# They need not be neighbours.
_SLICES_APART = (np.inf, 1.0, 1.0)


@dataclass(frozen=True, eq=False, slots=True)
class VolumeLook:
    """Answers clicks in the slices that hold some: to embed a whole volume would take as long as to train.

    Parameters
    ----------
    head : EmbeddedHead
        Whose coefficients do not matter.
    grey : PreparedImage
        One grey view of the volume.
    guide : ndarray of shape (Z, Y, X), optional
        What the volume shows, if `postprocess` asks for it.
    postprocess : PostprocessConfig
    """

    head: EmbeddedHead
    grey: PreparedImage
    guide: FloatArray | None
    postprocess: PostprocessConfig
    _maps: OrderedDict[int, Tensor] = field(default_factory=OrderedDict)

    def segment(self, clicks: Clicks) -> FloatArray:
        """Classify every pixel of the clicked slices by clicks of this volume alone.

        Parameters
        ----------
        clicks : Clicks
            Of two classes or more.

        Returns
        -------
        ndarray of shape (K, Z, Y, X), float32
            In the order of `clicks.present`; 1 / K in slices without clicks. Where clicks lie in many new slices, those
            with the most count.

        Raises
        ------
        ClicksError
            If the clicks are of one class only, or were made for a volume of another shape.
        """
        check_trainable([clicks])
        if clicks.shape_px != self.grey.shape_px:
            raise ClicksError(
                f"clicks must be made for a volume of shape {self.grey.shape_px}, got {clicks.shape_px}. "
                "Look at the volume that was clicked."
            )
        slices = self._embedded(clicks)
        with torch.inference_mode():
            head = self._fitted(clicks, slices.tolist())
            maps = torch.stack([self._maps[number] for number in slices.tolist()], dim=2)
            shape = (len(slices), *self.grey.shape_px[1:])
            region = StridedRegion.around((0, 0, 0), shape, shape, self.postprocess.output_stride)
            found: FloatArray = region.between(head.probabilities_of(maps)).cpu().numpy()
        answer = np.full((len(found), *self.grey.shape_px), 1 / len(found), np.float32)
        guide = None if self.guide is None else self.guide[slices]
        answer[:, slices] = finished(found, guide, self.postprocess, len(clicks), spacing_px=_SLICES_APART)
        return answer

    def _fitted(self, clicks: Clicks, slices: Sequence[int]) -> EmbeddedHead:
        """Fit the head to the clicks in some slices."""
        inside = [clicks.positions_px[:, 0] == number for number in slices]
        clicked = [
            read_off(self._maps[number][0], clicks.positions_px[mine, 1:], self.postprocess.output_stride)
            for number, mine in zip(slices, inside, strict=True)
        ]
        targets = [np.searchsorted(clicks.present, clicks.classes[mine]) for mine in inside]
        return self.head.fitted(torch.cat(clicked), torch.from_numpy(np.concatenate(targets)), len(clicks.present))

    def _embedded(self, clicks: Clicks) -> IntArray:
        """Numbers of the clicked slices, ascending, which are embedded now."""
        wanted = _enough(clicks, set(self._maps))
        for number in wanted.tolist():
            if number in self._maps:
                self._maps.move_to_end(number)
                continue
            rows, columns = self.grey.shape_px[1:]
            window = self.grey.window((number, 0, 0), (1, rows, columns), self.head.fov_among(3))
            with torch.inference_mode():
                maps = self.head.embed(window, output_stride=self.postprocess.output_stride)
                self._maps[number] = maps[:, :, 0]
        most = max(len(wanted), _MOST_BYTES // max(1, _bytes(self._maps[int(wanted[0])])))
        while len(self._maps) > most:
            self._maps.popitem(last=False)
        return wanted


def look_into(
    head: EmbeddedHead, volume: Tensor, statistics: ChannelStatistics, postprocess: PostprocessConfig
) -> VolumeLook:
    """Make a volume ready to be clicked.

    Parameters
    ----------
    head : EmbeddedHead
    volume : Tensor of shape (C, Z, Y, X), float32
    statistics : ChannelStatistics
        What the volume is normalised with.
    postprocess : PostprocessConfig
    """
    prepared = prepare(volume, statistics, head.fov_among(3))
    guide = wanted_guide(prepared, postprocess, spacing_px=_SLICES_APART)
    return VolumeLook(head, grey_view(prepared), guide, postprocess)


def _enough(clicks: Clicks, known: set[int]) -> IntArray:
    """Clicked slices that are known, and some of the others: those with the most clicks, and one of every class."""
    place = clicks.positions_px[:, 0]
    clicked, counts = np.unique(place, return_counts=True)
    most_first = clicked[np.argsort(-counts, kind="stable")].tolist()
    chosen = [number for number in most_first if number in known]
    chosen += [number for number in most_first if number not in known][:_MOST_NEW]
    for number in clicks.present:
        of_class = set(place[clicks.classes == number].tolist())
        if of_class.isdisjoint(chosen):
            chosen.append(next(one for one in most_first if one in of_class))
    return np.sort(np.array(chosen, np.int64))


def _bytes(maps: Tensor) -> int:
    return maps.numel() * maps.element_size()
