"""The head that answers from a grid of patch codes, of any size."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clicktrain.models.layers.norm import CellNorm

__all__ = ["GridHead", "masked_pool"]


class GridHead(nn.Module):
    """3x3 convolutions on the grid of codes, then mean and maximum over its cells, then a linear layer.

    Parameters
    ----------
    code_channels : int
    n_classes : int
    width : int
        Channels of the convolutions.
    levels : int
        Number of convolutions.
    dropout : float
        Share of the linear layer's inputs left out in training.

    Notes
    -----
    Cells that the mask leaves out are zero before every convolution, like what lies beyond the border of the grid: an
    image gets the same answer alone and beside a larger one in a batch.
    """

    def __init__(self, code_channels: int, n_classes: int, *, width: int, levels: int, dropout: float = 0.0) -> None:
        super().__init__()
        channels = [code_channels] + [width] * levels
        self.convs = nn.ModuleList([nn.Conv2d(a, width, 3, padding=1) for a in channels[:-1]])
        self.norms = nn.ModuleList([CellNorm(width) for _ in range(levels)])
        self.activation = nn.ReLU()
        self.dropout = nn.Dropout(dropout)
        self.to_scores = nn.Linear(2 * width, n_classes)

    def forward(self, codes: Tensor, mask: Tensor) -> Tensor:
        """Score images.

        Parameters
        ----------
        codes : Tensor of shape (B, c, m, n)
        mask : Tensor of shape (B, m, n), bool
            Cells that belong to the image.

        Returns
        -------
        Tensor of shape (B, K)
        """
        # What is padding must not spread even where it is NaN, so it is replaced, not multiplied.
        outside = ~mask.unsqueeze(1)
        cells = codes.masked_fill(outside, 0)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            cells = self.activation(norm(conv(cells))).masked_fill(outside, 0)
        scores: Tensor = self.to_scores(self.dropout(masked_pool(cells, mask)))
        return scores


def masked_pool(cells: Tensor, mask: Tensor) -> Tensor:
    """Mean and maximum over the cells of a mask; of none both are 0.

    Parameters
    ----------
    cells : Tensor of shape (B, C, m, n)
        Not negative, and 0 outside of the mask.
    mask : Tensor of shape (B, m, n), bool

    Returns
    -------
    Tensor of shape (B, 2 * C)
    """
    count = mask.sum(dim=(1, 2)).clamp_min(1).unsqueeze(1)
    return torch.cat([cells.sum(dim=(2, 3)) / count, cells.amax(dim=(2, 3))], dim=1)
