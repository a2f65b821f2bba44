"""Z: the codes of all patches of a batch of images, on the grid of their places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from torch import Tensor

    from clicktrain.geometry.patch_grid import PatchGrid
    from clicktrain.inference.images.patches import PatchIndex
    from clicktrain.models.images.image_net import ImageNet

__all__ = ["CodeGrids", "fill"]


@dataclass(frozen=True, eq=False)
class CodeGrids:
    """Grids of codes of a batch; smaller grids lie top left in the common one.

    Parameters
    ----------
    values : Tensor of shape (B, c, m, n)
        Z. Row and column of a code are those of its patch in the image.
    mask : Tensor of shape (B, m, n), bool
        Cells that belong to the image.
    grids : sequence of PatchGrid, one per image
    """

    values: Tensor
    mask: Tensor
    grids: Sequence[PatchGrid]

    @classmethod
    def empty(cls, net: ImageNet, grids: Sequence[PatchGrid]) -> CodeGrids:
        """Make grids of zeros where the network is, of its number type."""
        like = next(net.parameters())
        size = max(grid.n_rows for grid in grids), max(grid.n_columns for grid in grids)
        mask = torch.zeros((len(grids), *size), dtype=torch.bool)
        for image, grid in enumerate(grids):
            mask[image, : grid.n_rows, : grid.n_columns] = True
        values = torch.zeros((len(grids), net.code_channels, *size), dtype=like.dtype, device=like.device)
        return cls(values, mask.to(like.device), grids)

    def with_codes(self, indices: Sequence[PatchIndex], codes: Tensor) -> Tensor:
        """Return Z with some entries replaced; gradients reach `codes`, and nothing else.

        Parameters
        ----------
        indices : sequence of PatchIndex
        codes : Tensor of shape (P, c)

        Returns
        -------
        Tensor of shape (B, c, m, n)
        """
        images, rows, columns = self._places(indices)
        values = self.values.detach().clone()
        values[images, :, rows, columns] = codes
        return values

    def write(self, indices: Sequence[PatchIndex], codes: Tensor) -> None:
        """Replace entries of Z in place, without history."""
        images, rows, columns = self._places(indices)
        with torch.no_grad():
            self.values[images, :, rows, columns] = codes.detach()

    def _places(self, indices: Sequence[PatchIndex]) -> tuple[Tensor, Tensor, Tensor]:
        places = [(index.image, *self.grids[index.image].cell(index.patch)) for index in indices]
        images, rows, columns = torch.tensor(places, device=self.values.device).reshape(-1, 3).unbind(dim=1)
        return images, rows, columns


def fill(
    net: ImageNet, codes: CodeGrids, chunks: Iterable[Sequence[PatchIndex]], patches: Iterator[Tensor]
) -> Iterator[None]:
    """Encode patches without gradient and write their codes into Z, chunk by chunk.

    Parameters
    ----------
    net : ImageNet
    codes : CodeGrids
    chunks : iterable of sequence of PatchIndex
        Which patches.
    patches : iterator of Tensor of shape (P, C, p, p)
        What these patches look like; one is taken per chunk.

    Yields
    ------
    None
        After every chunk.

    References
    ----------
    Gupta et al. 2023, arXiv 2301.13817: PatchGD, the filling of Z.
    """
    for indices in chunks:
        with torch.no_grad():
            codes.write(indices, net.encode(next(patches).to(codes.values)))
        yield
