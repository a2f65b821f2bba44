"""Mixture-of-Depths for convolutional networks: a block works on the channels that matter, the others pass by.

Idea and block: Cakaj, Mehnert, Yang 2024, CNN Mixture-of-Depths, arXiv 2409.17016.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from clicktrain.errors import ClickTrainError
from clicktrain.kernels.channels import add_to_first
from clicktrain.kernels.mod_conv import mod_conv
from clicktrain.models.layers.channel_choice import (
    channel_means,
    check_channels,
    check_places,
    crop_to,
    gather,
    top_channels,
)
from clicktrain.models.layers.channel_selector import ChannelSelector

if TYPE_CHECKING:
    from clicktrain.kernels.regular_conv.activations import ModActivation
    from clicktrain.models.layers.channel_choice import Places

__all__ = ["ModBlock"]


class ModBlock(nn.Module):
    """A block that works on k of its channels.

    Which ones, every image of a batch chooses for itself, by the means of the map that enters. The patches of a patch
    classifier cannot: two that overlap would work on different channels where they do, and its dense form would have
    no work to share. There the choice is `held`: `select` makes it once for an image, from means that are given, and
    it holds for all patches and tiles until the next one. Before the first, the first k channels count in full.

    Parameters
    ----------
    block : Module
        From (B, k, *spatial) to (B, k, *spatial), or to a smaller map of the same middle where it has no padding. What
        it gives is added to its input, so it needs no shortcut of its own.
    channels : int
        Channels that enter.
    k : int
        Channels that `block` works on; see `kept_channels`.
    reduction : int
        Of the selector's bottleneck.
    places : {"first", "last", "own"}
        Which channels the result is added to.
    held : bool
        Whether the choice is held.
    ndim : int
        Spatial axes; this and the following are read of a held choice alone, whose dense form knows no shapes.
    margin_px : int
        Values that `block` cuts off on every side.
    stride : int
        Of `block`. In the dense form it costs nothing: taps lie further apart.
    device, dtype : optional
        Of the selector.

    Attributes
    ----------
    means : Tensor of shape (C,)
        Of the image's channels where they enter; this and the following are buffers of a held choice, and no weights.
    chosen : Tensor of shape (k,), int64
        Channels, ascending.
    scores : Tensor of shape (k,)
        Theirs.

    Raises
    ------
    ClickTrainError
        If k is not from 1 to the number of channels, or the places are unknown.

    References
    ----------
    Cakaj, Mehnert, Yang 2024, arXiv 2409.17016: scores times the block's result are the gradient's way to the selector;
    every second block of a stage is replaced, the first one is not.
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
        reduction: int = 16,
        places: Places = "first",
        held: bool = False,
        ndim: int = 2,
        margin_px: int = 1,
        stride: int = 1,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_channels(channels, k)
        check_places(places)
        self.block, self.channels, self.k, self.places = block, channels, k, places
        self.held, self.ndim, self.margin_px, self.stride = held, ndim, margin_px, stride
        self.selector = ChannelSelector(channels, reduction, device=device, dtype=dtype)
        if held:
            # Not persistent: a choice is of an image, weights are for all of them.
            self.register_buffer("means", torch.zeros(channels, device=device, dtype=dtype), persistent=False)
            self.register_buffer("chosen", torch.arange(k, device=device), persistent=False)
            self.register_buffer("scores", torch.ones(k, device=device, dtype=dtype), persistent=False)

    def extra_repr(self) -> str:
        """Name the settings in the module's printout."""
        return f"channels={self.channels}, k={self.k}, places={self.places!r}, held={self.held}"

    @torch.no_grad()
    def select(self, means: Tensor) -> None:
        """Choose channels for an image and hold them.

        Parameters
        ----------
        means : Tensor of shape (C,)
            Of all its values where they enter the block.

        Raises
        ------
        ClickTrainError
            If the block chooses by every map that enters.
        """
        if not self.held:
            raise ClickTrainError("select must be called on a block that holds its choice, got one with held=False.")
        scores = self.selector(means[None])
        chosen = top_channels(scores, self.k)[0]
        self.means.copy_(means)
        self.chosen.copy_(chosen)
        self.scores.copy_(scores[0, chosen])

    def forward(self, values: Tensor) -> Tensor:
        """Work on k channels.

        Parameters
        ----------
        values : Tensor of shape (B, C, *spatial)

        Returns
        -------
        Tensor of shape (B, C, *spatial)
            Of the shape that `block` gives.
        """
        return self._on_held(values) if self.held else self._on_own(values)

    def _on_held(self, values: Tensor) -> Tensor:
        """Work on the channels that are held: the same for all patches, so that there is a dense form."""
        made: Tensor = self.block(values.index_select(1, self.chosen))
        # In training through the selector, whose only gradient this is; else the numbers that were kept.
        scores = self.selector(self.means[None])[0].index_select(0, self.chosen) if self.training else self.scores
        kept = slice(self.margin_px, -self.margin_px or None, self.stride)
        middle = values[(slice(None), slice(None), *(kept,) * self.ndim)]
        return self._fused(middle, made * scores[(slice(None), *(None,) * self.ndim)], self.chosen)

    def _on_own(self, values: Tensor) -> Tensor:
        """Work on the best channels of every image."""
        scores = self.selector(channel_means(values))
        chosen = top_channels(scores, self.k)
        kept = scores.gather(1, chosen)
        conv, activation = _lone_conv(self.block)
        if conv is not None and self.places == "first":
            padding_px = [int(n) for n in conv.padding]
            return mod_conv(
                values, chosen, kept, conv.weight, conv.bias,
                dilation=conv.dilation, padding_px=padding_px, activation=activation,
            )  # fmt: skip
        added = self.block(gather(values, chosen)) * kept[(..., *(None,) * (values.ndim - 2))]
        return self._fused(crop_to(values, added.shape[2:]), added, chosen)

    def _fused(self, values: Tensor, added: Tensor, chosen: Tensor) -> Tensor:
        """Add to as many channels what was made of the chosen ones; the others are handed on unchanged."""
        if self.k == self.channels:
            return values + added
        if self.places == "first":
            return add_to_first(values, added)
        if self.places == "last":
            return torch.cat((values[:, : -self.k], values[:, -self.k :] + added), 1)
        if self.held:
            return torch.index_add(values, 1, chosen, added)
        return values.scatter_add(1, chosen[(..., *(None,) * (values.ndim - 2))].expand_as(added), added)


def _lone_conv(block: nn.Module) -> tuple[nn.Conv2d | nn.Conv3d | None, ModActivation]:
    """The convolution and its activation, if a block is just that: then it has a kernel of its own."""
    conv, *behind = list(block) if isinstance(block, nn.Sequential) and len(block) else [block]
    if not isinstance(conv, nn.Conv2d | nn.Conv3d) or [type(part) for part in behind] not in ([], [nn.ReLU]):
        return None, "none"
    is_plain = set(conv.stride) == {1} and conv.groups == 1 and conv.padding_mode == "zeros"
    is_even = all((k - 1) * d % 2 == 0 for k, d in zip(conv.kernel_size, conv.dilation, strict=True))
    fits = is_plain and is_even and not isinstance(conv.padding, str)
    return conv if fits else None, "relu" if behind else "none"
