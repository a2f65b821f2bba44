"""Mixture-of-Depths twins of the patch encoders: every second block of a stage works on few channels."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from torch import nn

from clicktrain.errors import ClickTrainError
from clicktrain.models.layers.blocks import Bottleneck, InvertedResidual
from clicktrain.models.layers.channel_choice import kept_channels
from clicktrain.models.layers.mod import ModBlock

if TYPE_CHECKING:
    from collections.abc import Callable

    from clicktrain.config.images import EncoderName
    from clicktrain.models.layers.blocks import BlockFactory
    from clicktrain.models.layers.channel_choice import Places

    NormFactory = Callable[[int], nn.Module]

__all__ = ["RATIOS", "mod_twin"]

# The reference's choice: the channels that enter the first block of each network.
RATIOS: dict[EncoderName, int] = {"resnet": 64, "mobilenet": 16}


def mod_twin(name: EncoderName, c: int | None = None, *, places: Places = "first") -> BlockFactory:
    """Return what stands in for every second block of an encoder's stages.

    Parameters
    ----------
    name : {"resnet", "mobilenet"}
    c : int, optional
        A block of C channels works on floor(C / c) of them; by default 64 for "resnet" and 16 for "mobilenet".
    places : {"first", "last", "own"}

    Raises
    ------
    ClickTrainError
        If the encoder has no second blocks, or c leaves some block without channels (when that block is made).

    References
    ----------
    Cakaj, Mehnert, Yang 2024, arXiv 2409.17016.
    """
    makers: dict[str, Callable[..., nn.Module]] = {"resnet": _bottleneck, "mobilenet": _inverted_residual}
    if name not in makers:
        raise ClickTrainError(
            f"encoder must have stages of two blocks or more for Mixture-of-Depths, got {name!r}. "
            f"Use {' or '.join(makers)}."
        )
    return partial(makers[name], c=RATIOS[name] if c is None else c, places=places)


def _bottleneck(
    in_channels: int, out_channels: int, *, stride: int, norm: NormFactory, c: int, places: Places
) -> nn.Module:
    k = kept_channels(in_channels, c)
    # The host's block without its shortcut, which the sum is, and with its activation behind the sum.
    block = Bottleneck(k, k, stride=stride, norm=norm)
    return nn.Sequential(ModBlock(block.body, in_channels, k, places=places), block.activation)


def _inverted_residual(
    in_channels: int, out_channels: int, *, stride: int, norm: NormFactory, c: int, places: Places
) -> nn.Module:
    k = kept_channels(in_channels, c)
    return ModBlock(InvertedResidual(k, k, stride=stride, norm=norm).body, in_channels, k, places=places)
