"""Mixture-of-Depths in a patch classifier: one selection of channels for all patches of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from clicktrain.kernels.channels import add_to_first
from clicktrain.models.layers.channel_selector import ChannelSelector
from clicktrain.models.layers.mod import check_channels, check_places, top_channels

if TYPE_CHECKING:
    from clicktrain.models.layers.mod import Places

__all__ = ["SharedModBlock", "SharedModBranch"]


class SharedModBranch(nn.Module):
    """The working half of a block: chosen channels through a narrow block, times their scores.

    Which channels are chosen belongs to an image, not to the weights: `select` sets it from the means of the image, and
    `clicktrain.models.pixels.selection` for all blocks of a network. Until then the first k channels count in full.

    Parameters
    ----------
    block : Module
        From k channels to k channels, without padding.
    channels : int
        Channels that enter.
    k : int
    ndim : int
        Number of spatial axes.
    reduction : int
        Of the selector's bottleneck.
    device, dtype : optional

    Attributes
    ----------
    means : Tensor of shape (C,)
        Of the image's channels where they enter.
    chosen : Tensor of shape (k,), int64
        Channels, ascending.
    scores : Tensor of shape (k,)
        Theirs.

    Raises
    ------
    ClickTrainError
        If k is not from 1 to the number of channels.
    """

    means: Tensor
    chosen: Tensor
    scores: Tensor

    def __init__(
        self,
        block: nn.Module,
        channels: int,
        k: int,
        *,
        ndim: int = 2,
        reduction: int = 4,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_channels(channels, k)
        self.block, self.channels, self.k, self.ndim = block, channels, k, ndim
        self.selector = ChannelSelector(channels, reduction, device=device, dtype=dtype)
        # Not persistent: a selection is of an image, weights are for all of them.
        self.register_buffer("means", torch.zeros(channels, device=device, dtype=dtype), persistent=False)
        self.register_buffer("chosen", torch.arange(k, device=device), persistent=False)
        self.register_buffer("scores", torch.ones(k, device=device, dtype=dtype), persistent=False)

    def extra_repr(self) -> str:
        """Name the settings in the module's printout."""
        return f"channels={self.channels}, k={self.k}"

    @torch.no_grad()
    def select(self, means: Tensor) -> None:
        """Choose channels for an image.

        Parameters
        ----------
        means : Tensor of shape (C,)
            Of all its values where they enter the block.
        """
        scores = self.selector(means[None])
        chosen = top_channels(scores, self.k)[0]
        self.means.copy_(means)
        self.chosen.copy_(chosen)
        self.scores.copy_(scores[0, chosen])

    def forward(self, values: Tensor) -> Tensor:
        """Work on the chosen channels.

        Parameters
        ----------
        values : Tensor of shape (B, C, *spatial)

        Returns
        -------
        Tensor of shape (B, k, *spatial)
            What is to be added to k channels of the input.
        """
        made: Tensor = self.block(values.index_select(1, self.chosen))
        # In training through the selector, whose only gradient this is; else the numbers that were kept.
        scores = self.selector(self.means[None])[0].index_select(0, self.chosen) if self.training else self.scores
        return made * scores[(slice(None), *(None,) * self.ndim)]


class SharedModBlock(nn.Module):
    """A block without padding that works on the channels chosen for an image and hands on the others.

    Parameters
    ----------
    branch : SharedModBranch
    margin_px : int
        Values that the branch's block cuts off on every side.
    stride : int
        Of the branch's block. In the dense network it costs nothing: taps lie further apart.
    places : {"first", "last", "own"}
        Which channels the result is added to.

    Raises
    ------
    ClickTrainError
        If the places are unknown.
    """

    def __init__(
        self, branch: SharedModBranch, *, margin_px: int = 1, stride: int = 1, places: Places = "first"
    ) -> None:
        super().__init__()
        check_places(places)
        self.branch, self.margin_px, self.stride, self.places = branch, margin_px, stride, places

    def fuse(self, values: Tensor, added: Tensor) -> Tensor:
        """Add what the branch made of `values` to their middle."""
        kept = slice(self.margin_px, -self.margin_px or None, self.stride)
        middle = values[(slice(None), slice(None), *(kept,) * self.branch.ndim)]
        if self.branch.k == self.branch.channels:
            return middle + added
        if self.places == "own":
            return torch.index_add(middle, 1, self.branch.chosen, added)
        if self.places == "first":
            return add_to_first(middle, added)
        return torch.cat((middle[:, : -self.branch.k], middle[:, -self.branch.k :] + added), 1)

    def forward(self, values: Tensor) -> Tensor:
        """Work on the chosen channels and add; (B, C, *spatial) in and out."""
        return self.fuse(values, self.branch(values))
