"""Mixture-of-Depths for convolutional networks: a block works on the channels that matter, the others pass by.

Idea and block: Cakaj, Mehnert, Yang 2024, CNN Mixture-of-Depths, arXiv 2409.17016.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Tensor, nn

from clicktrain.errors import ClickTrainError, ShapeError
from clicktrain.kernels.mod_conv import mod_conv
from clicktrain.models.layers.channel_selector import ChannelSelector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clicktrain.kernels.regular_conv.activations import ModActivation

__all__ = [
    "ModBlock",
    "Places",
    "channel_means",
    "check_channels",
    "check_places",
    "crop_to",
    "fuse",
    "gather",
    "kept_channels",
    "top_channels",
]

Places = Literal["first", "last", "own"]

# The mean of fewer values says little about an image.
_LEAST_VALUES = 4


def kept_channels(channels: int, c: int) -> int:
    """Return the channels that a block works on, floor(channels / c).

    Parameters
    ----------
    channels : int
        Channels that enter the block.
    c : int
        One number for a whole network; the reference takes the channels that enter its first block.

    Raises
    ------
    ClickTrainError
        If none would be left.
    """
    if not 1 <= c <= channels:
        raise ClickTrainError(
            f"c must be from 1 to the block's {channels} channels, or no channel is left to work on, got {c}. "
            "Use a smaller c, or give k itself."
        )
    return channels // c


def check_channels(channels: int, k: int) -> None:
    """Refuse a number of channels to work on that a block does not have.

    Raises
    ------
    ClickTrainError
    """
    if not 1 <= k <= channels:
        raise ClickTrainError(f"k must be from 1 to the block's {channels} channels, got {k}.")


def check_places(places: Places) -> None:
    """Refuse places that are not known.

    Raises
    ------
    ClickTrainError
    """
    if places not in get_args(Places):
        raise ClickTrainError(f"places must be one of {', '.join(get_args(Places))}, got {places!r}.")


def channel_means(values: Tensor) -> Tensor:
    """Mean of every channel over space.

    Parameters
    ----------
    values : Tensor of shape (B, C, *spatial)

    Returns
    -------
    Tensor of shape (B, C)

    Raises
    ------
    ShapeError
        If there are too few values to speak of statistics.
    """
    shape = tuple(values.shape[2:])
    if torch.Size(shape).numel() < _LEAST_VALUES:
        raise ShapeError(
            f"values must be at least {_LEAST_VALUES} per channel for their mean to say something, got {shape}. "
            "Use larger images, or a plain block where maps are this small."
        )
    return values.flatten(2).mean(2)


def top_channels(scores: Tensor, k: int) -> Tensor:
    """Numbers of the k highest scores, ascending, so that two channels which change ranks change nothing.

    Parameters
    ----------
    scores : Tensor of shape (B, C)
    k : int

    Returns
    -------
    Tensor of shape (B, k), int64
    """
    return scores.topk(k, dim=1).indices.sort(dim=1).values


def gather(values: Tensor, channels: Tensor) -> Tensor:
    """Take channels, others for every image.

    Parameters
    ----------
    values : Tensor of shape (B, C, *spatial)
    channels : Tensor of shape (B, k), int64

    Returns
    -------
    Tensor of shape (B, k, *spatial)
    """
    images = torch.arange(values.shape[0], device=values.device)[:, None]
    return values[images, channels]


def crop_to(values: Tensor, shape_px: Sequence[int]) -> Tensor:
    """Cut the middle of `shape_px` out of values (B, C, *spatial): what a block without padding is added to."""
    for axis, length in enumerate(shape_px, start=2):
        spare = values.shape[axis] - length
        if spare < 0 or spare % 2:
            raise ShapeError(
                f"the block must keep the shape or cut off as much on both sides, got {tuple(shape_px)} from "
                f"{tuple(values.shape[2:])}. Use odd kernels and stride 1."
            )
        if spare:
            values = values.narrow(axis, spare // 2, length)
    return values


def fuse(values: Tensor, added: Tensor, channels: Tensor, k: int, places: Places = "first") -> Tensor:
    """Add what a block made of some channels to as many channels; the others are handed on unchanged.

    Parameters
    ----------
    values : Tensor of shape (B, C, *spatial)
    added : Tensor of shape (B, k, *spatial)
    channels : Tensor of shape (B, k), int64
        Where it was taken from; only "own" reads it.
    k : int
    places : {"first", "last", "own"}
        The first k channels, whichever were taken; the last k; or those that were taken.

    Returns
    -------
    Tensor of shape (B, C, *spatial)
    """
    if places == "first":
        return torch.cat((values[:, :k] + added, values[:, k:]), 1)
    if places == "last":
        return torch.cat((values[:, :-k], values[:, -k:] + added), 1)
    spread = channels[(..., *(None,) * (values.ndim - 2))].expand_as(added)
    return values.scatter_add(1, spread, added)


class ModBlock(nn.Module):
    """A block of a whole-image network that works on k channels, chosen anew for every image.

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
    device, dtype : optional
        Of the selector.

    Raises
    ------
    ClickTrainError
        If k is not from 1 to the number of channels, or the places are unknown.

    References
    ----------
    Cakaj, Mehnert, Yang 2024, arXiv 2409.17016: scores times the block's result are the gradient's way to the selector;
    every second block of a stage is replaced, the first one is not.
    """

    def __init__(
        self,
        block: nn.Module,
        channels: int,
        k: int,
        *,
        reduction: int = 16,
        places: Places = "first",
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_channels(channels, k)
        check_places(places)
        self.block, self.channels, self.k, self.places = block, channels, k, places
        self.selector = ChannelSelector(channels, reduction, device=device, dtype=dtype)

    def extra_repr(self) -> str:
        """Name the settings in the module's printout."""
        return f"channels={self.channels}, k={self.k}, places={self.places!r}"

    def forward(self, values: Tensor) -> Tensor:
        """Work on the best k channels of every image.

        Parameters
        ----------
        values : Tensor of shape (B, C, *spatial)

        Returns
        -------
        Tensor of shape (B, C, *spatial)
            Of the shape that `block` gives.
        """
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
        return fuse(crop_to(values, added.shape[2:]), added, chosen, self.k, self.places)


def _lone_conv(block: nn.Module) -> tuple[nn.Conv2d | nn.Conv3d | None, ModActivation]:
    """The convolution and its activation, if a block is just that: then it has a kernel of its own."""
    conv, *behind = list(block) if isinstance(block, nn.Sequential) and len(block) else [block]
    if not isinstance(conv, nn.Conv2d | nn.Conv3d) or [type(part) for part in behind] not in ([], [nn.ReLU]):
        return None, "none"
    is_plain = set(conv.stride) == {1} and conv.groups == 1 and conv.padding_mode == "zeros"
    is_even = all((k - 1) * d % 2 == 0 for k, d in zip(conv.kernel_size, conv.dilation, strict=True))
    fits = is_plain and is_even and not isinstance(conv.padding, str)
    return conv if fits else None, "relu" if behind else "none"
