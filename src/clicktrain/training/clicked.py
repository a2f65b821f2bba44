"""The features around the clicks: all that training needs of an image, however large the image is."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from clicktrain.clicks import Clicks
from clicktrain.models.features import PreparedImage, prepare, stem_features
from clicktrain.training.coverage import cover, draw_windows
from clicktrain.types import Progress

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from clicktrain.models.nets import PixelNet
    from clicktrain.models.normalise import ChannelStatistics
    from clicktrain.types import IntArray

__all__ = ["ClickedFeatures", "Example", "gather_clicked"]

_WINDOW_PX = 64
# Windows this close together share one stem pass, whose border is far wider than a window.
_GROUP_PX = 256
_MOST_BYTES = 1 << 30


@dataclass(frozen=True, eq=False, slots=True)
class Example:
    """An image and its clicks.

    Parameters
    ----------
    image : Tensor of shape (C, Y, X), float32
    clicks : Clicks
    statistics : ChannelStatistics
        What the image is normalised with.
    """

    image: Tensor
    clicks: Clicks
    statistics: ChannelStatistics


@dataclass(frozen=True, eq=False, slots=True)
class ClickedFeatures:
    """Feature windows that hold the patches of all clicks.

    Parameters
    ----------
    windows : Tensor of shape (W, F, y, x)
        Features of the stem, channels last in memory.
    positions : Tensor of shape (N, 3), int64
        Window and top-left corner of the patch of every click that is kept.
    classes : Tensor of shape (N,), int64
        Class numbers of these clicks.
    """

    windows: Tensor
    positions: Tensor
    classes: Tensor


def gather_clicked(
    net: PixelNet, examples: Sequence[Example], *, fov: tuple[int, int], context_fov: tuple[int, int], seed: int
) -> Generator[Progress, None, ClickedFeatures]:
    """Compute the stem's features around the clicks of several images.

    Parameters
    ----------
    net : PixelNet
    examples : sequence of Example
    fov, context_fov : tuple of int
        Fields of view of the whole network and of its context network.
    seed : int
        Of the draw of clicks, where there are too many for memory: windows of 1 GB are kept.

    Yields
    ------
    Progress

    Returns
    -------
    ClickedFeatures
    """
    windows: list[Tensor] = []
    positions: list[Tensor] = []
    window_bytes = 4 * net.stem.out_channels * math.prod(_window_shape(context_fov))
    kept = _kept([example.clicks for example in examples], _MOST_BYTES // window_bytes, seed)
    done, total = 0, sum(len(_groups(cover(clicks, _WINDOW_PX)[0])) for clicks in kept)
    for example, clicks in zip(examples, kept, strict=True):
        if not len(clicks):
            continue
        origins, owner = cover(clicks, _WINDOW_PX)
        prepared = prepare(example.image, example.statistics, fov, least_px=_WINDOW_PX)
        corners = torch.from_numpy(clicks.positions_px - origins[owner])
        first = sum(len(part) for part in windows)
        positions.append(torch.cat((torch.from_numpy(owner)[:, None] + first, corners), dim=1))
        # Channels last: a patch is later cut out as whole rows, and convolutions take it as it is.
        stack = prepared.padded.new_empty((len(origins), *_window_shape(context_fov), net.stem.out_channels))
        for group in _groups(origins):
            yield Progress("features", done, total)
            done += 1
            _cut_windows(stack, net, prepared, origins, group, context_fov)
        windows.append(stack)
    classes = np.concatenate([clicks.classes for clicks in kept])
    yield Progress("features", total, total)
    maps = (windows[0] if len(windows) == 1 else torch.cat(windows)).permute(0, 3, 1, 2)
    return ClickedFeatures(maps, torch.cat(positions).to(maps.device), torch.from_numpy(classes).to(maps.device))


def _kept(clicks: Sequence[Clicks], most: int, seed: int) -> list[Clicks]:
    """Drop clicks whose windows memory has no room for; every class keeps some."""
    owners: list[IntArray] = []
    for part in clicks:
        _, owner = cover(part, _WINDOW_PX)
        owners.append(owner + (owners[-1].max() + 1 if owners else 0))
    classes = np.concatenate([part.classes for part in clicks])
    drawn = draw_windows(np.concatenate(owners), classes, most, seed=seed)
    inside = [np.isin(owner, drawn) for owner in owners]
    return [
        Clicks(part.positions_px[kept], part.classes[kept], part.shape_px)
        for part, kept in zip(clicks, inside, strict=True)
    ]


def _groups(origins: IntArray) -> list[list[int]]:
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for index, origin in enumerate(origins):
        groups[tuple((origin // _GROUP_PX).tolist())].append(index)
    return list(groups.values())


def _window_shape(context_fov: tuple[int, int]) -> tuple[int, int]:
    return _WINDOW_PX + context_fov[0] - 1, _WINDOW_PX + context_fov[1] - 1


def _cut_windows(
    stack: Tensor,
    net: PixelNet,
    prepared: PreparedImage,
    origins: IntArray,
    group: list[int],
    context_fov: tuple[int, int],
) -> None:
    """Fill the windows of a group, each of shape (y, x, F), out of one stem pass."""
    first = origins[group].min(axis=0)
    size = origins[group].max(axis=0) - first + _WINDOW_PX
    with torch.no_grad():
        features = stem_features(net, prepared, (first[0], first[1]), (size[0], size[1]), context_fov)
    height, width = _window_shape(context_fov)
    for index in group:
        y, x = origins[index] - first
        stack[index] = features[0, :, y : y + height, x : x + width].permute(1, 2, 0)
