"""Patches of a batch of open images as tensors."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from clicktrain.io.regions import ImageRegions
    from clicktrain.models.normalise import ChannelStatistics
    from clicktrain.tiling.patch_grid import PatchGrid
    from clicktrain.types import AnyArray
    from clicktrain.whole_image.survey import SurveyedImage

__all__ = ["PatchReader", "Pick", "in_chunks", "opened"]


class Pick(NamedTuple):
    """One patch of a batch.

    Parameters
    ----------
    image : int
        Which image of the batch.
    patch : int
        Which patch of its grid, row by row.
    """

    image: int
    patch: int


@dataclass(frozen=True, eq=False)
class PatchReader:
    """Open images with their grids and scales.

    Parameters
    ----------
    regions : sequence of ImageRegions
    grids : sequence of PatchGrid
    scales : sequence of ChannelStatistics
        What each image's intensities are brought to a common scale with.
    """

    regions: Sequence[ImageRegions]
    grids: Sequence[PatchGrid]
    scales: Sequence[ChannelStatistics]

    def read(self, picks: Sequence[Pick]) -> Tensor:
        """Read patches, and nothing else, from storage.

        Parameters
        ----------
        picks : sequence of Pick

        Returns
        -------
        Tensor of shape (P, C, p, p), float32
            On the CPU.
        """
        side = self.grids[0].patch_px
        patches = np.empty((len(picks), self.regions[0].n_channels, side, side), np.float32)
        for target, pick in zip(patches, picks, strict=True):
            target[...] = self._scaled(pick)
        return torch.from_numpy(patches)

    def all_picks(self) -> list[Pick]:
        """List every patch of every image, image by image and row by row."""
        return [Pick(image, patch) for image, grid in enumerate(self.grids) for patch in range(len(grid))]

    def _scaled(self, pick: Pick) -> AnyArray:
        grid, scale = self.grids[pick.image], self.scales[pick.image]
        patch = self.regions[pick.image].read(*grid.corner_px(pick.patch), grid.patch_px, grid.patch_px)
        mean, deviation = (np.array(values)[:, np.newaxis, np.newaxis] for values in (scale.mean, scale.deviation))
        scaled: AnyArray = (patch - mean) / np.where(deviation > 0, deviation, 1.0)
        return scaled


@contextmanager
def opened(images: Sequence[SurveyedImage], scales: Sequence[ChannelStatistics]) -> Iterator[PatchReader]:
    """Open the images of a batch for reading their patches."""
    with ExitStack() as stack:
        regions = [stack.enter_context(each.image.opened()) for each in images]
        yield PatchReader(regions, [each.grid for each in images], scales)


def in_chunks(picks: Sequence[Pick], size: int) -> list[Sequence[Pick]]:
    """Cut a list of patches into parts of `size`, the last one smaller."""
    return [picks[start : start + size] for start in range(0, len(picks), size)]
