"""What a Mixture-of-Depths block chooses its channels by."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["ChannelSelector"]


class ChannelSelector(nn.Module):
    """Scores channels by their means: two fully connected layers with a bottleneck between.

    Parameters
    ----------
    channels : int
    reduction : int
        How many times fewer values the bottleneck has.
    device, dtype : optional

    References
    ----------
    Cakaj, Mehnert, Yang 2024, arXiv 2409.17016. The activation between the layers is not stated there; ReLU, as in
    squeeze-and-excitation (Hu et al. 2018), is taken.
    """

    def __init__(
        self,
        channels: int,
        reduction: int = 16,
        *,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.squeeze = nn.Linear(channels, hidden, device=device, dtype=dtype)
        self.excite = nn.Linear(hidden, channels, device=device, dtype=dtype)

    def forward(self, means: Tensor) -> Tensor:
        """Score channels, 0 to 1, by means of shape (B, C)."""
        return torch.sigmoid(self.excite(torch.relu(self.squeeze(means))))
