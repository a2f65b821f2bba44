"""How a Mixture-of-Depths block chooses channels, takes them, and adds to them what was made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import torch

from clicktrain.errors import ClickTrainError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = [
    "Places",
    "channel_means",
    "check_channels",
    "check_places",
    "crop_to",
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
