"""Patches of a batch of open images as tensors."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from clicktrain.geometry.region import Region

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from clicktrain.geometry.patch_grid import PatchGrid
    from clicktrain.images.source import ImageSource
    from clicktrain.inference.images.inspection import InspectedImage
    from clicktrain.models.pixels.normalise import ChannelStatistics
    from clicktrain.types import AnyArray

__all__ = ["Dihedral", "PatchIndex", "PatchReader", "in_chunks", "opened"]


class PatchIndex(NamedTuple):
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


@dataclass(frozen=True)
class Dihedral:
    """One of the eight symmetries of a square.

    Parameters
    ----------
    flips_rows, flips_columns : bool
    swaps : bool
        Whether rows and columns are swapped then.
    """

    flips_rows: bool
    flips_columns: bool
    swaps: bool

    @classmethod
    def drawn(cls, random: torch.Generator) -> Dihedral:
        """Draw one."""
        return cls(*torch.randint(2, (3,), generator=random).bool().tolist())

    def came_from(self, cell: tuple[int, int], shape: tuple[int, int]) -> tuple[int, int]:
        """Find the cell of a grid of `shape` that is at `cell` once the grid has been turned."""
        row, column = cell[::-1] if self.swaps else cell
        return (
            shape[0] - 1 - row if self.flips_rows else row,
            shape[1] - 1 - column if self.flips_columns else column,
        )

    def applied(self, array: AnyArray) -> AnyArray:
        """Flip and swap the last two axes of an array."""
        flipped = array[..., :: -1 if self.flips_rows else 1, :: -1 if self.flips_columns else 1]
        return flipped.swapaxes(-1, -2) if self.swaps else flipped


@dataclass(frozen=True, eq=False)
class PatchReader:
    """Open images with their grids and scales.

    Parameters
    ----------
    images : sequence of ImageSource
    grids : sequence of PatchGrid
    scales : sequence of ChannelStatistics
        What each image's intensities are brought to a common scale with.
    turns : sequence of Dihedral, optional
        How each image is turned; the grids are those of the turned images.
    """

    images: Sequence[ImageSource]
    grids: Sequence[PatchGrid]
    scales: Sequence[ChannelStatistics]
    turns: Sequence[Dihedral] = ()

    def turned(self, turns: Sequence[Dihedral]) -> PatchReader:
        """Read as if the images had been turned, whole, before they were cut into patches.

        Parameters
        ----------
        turns : sequence of Dihedral, one per image
        """
        grids = [grid.transposed() if turn.swaps else grid for grid, turn in zip(self.grids, turns, strict=True)]
        return PatchReader(self.images, grids, self.scales, turns)

    def read(self, indices: Sequence[PatchIndex]) -> Tensor:
        """Read patches, and nothing else, from storage.

        Parameters
        ----------
        indices : sequence of PatchIndex

        Returns
        -------
        Tensor of shape (P, C, p, p), float32
            On the CPU.
        """
        side = self.grids[0].patch_px
        patches = np.empty((len(indices), self.images[0].n_channels, side, side), np.float32)
        for target, index in zip(patches, indices, strict=True):
            target[...] = self._scaled(index)
        return torch.from_numpy(patches)

    def all_indices(self) -> list[PatchIndex]:
        """List every patch of every image, image by image and row by row."""
        return [PatchIndex(image, patch) for image, grid in enumerate(self.grids) for patch in range(len(grid))]

    def _scaled(self, index: PatchIndex) -> AnyArray:
        scale = self.scales[index.image]
        patch = (
            self._turned_patch(index) if self.turns else self._patch(index.image, self.grids[index.image], index.patch)
        )
        mean, deviation = (np.array(values)[:, np.newaxis, np.newaxis] for values in (scale.mean, scale.deviation))
        scaled: AnyArray = (patch - mean) / np.where(deviation > 0, deviation, 1.0)
        return scaled

    def _turned_patch(self, index: PatchIndex) -> AnyArray:
        grid, turn = self.grids[index.image], self.turns[index.image]
        stored = grid.transposed() if turn.swaps else grid
        row, column = turn.came_from(grid.cell(index.patch), stored.shape)
        return turn.applied(self._patch(index.image, stored, row * stored.n_columns + column))

    def _patch(self, image: int, grid: PatchGrid, number: int) -> AnyArray:
        return self.images[image].read(Region.at(grid.corner_px(number), (grid.patch_px, grid.patch_px)))


@contextmanager
def opened(images: Sequence[InspectedImage], scales: Sequence[ChannelStatistics]) -> Iterator[PatchReader]:
    """Read the patches of a batch of images, and close their files at the end."""
    try:
        yield PatchReader([each.image for each in images], [each.grid for each in images], scales)
    finally:
        for each in images:
            each.image.close()


def in_chunks(indices: Sequence[PatchIndex], size: int) -> list[Sequence[PatchIndex]]:
    """Cut a list of patches into parts of `size`, the last one smaller."""
    return [indices[start : start + size] for start in range(0, len(indices), size)]
