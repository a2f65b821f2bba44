"""The features around the clicks: all that training needs of an image, however large the image is."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from clicktrain.annotations.clicks import Clicks
from clicktrain.learning.pixels.coverage import cover, draw_windows
from clicktrain.models.pixels.features import prepare, stem_features
from clicktrain.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from clicktrain.models.pixels.features import PreparedImage
    from clicktrain.models.pixels.nets import PixelNet
    from clicktrain.models.pixels.normalise import ChannelStatistics
    from clicktrain.models.pixels.overview import Overview
    from clicktrain.types import IntArray

__all__ = ["ClickedFeatures", "Example", "gather_clicked"]

# By number of axes. Strokes lie in slices, so the windows of volumes are flat.
_WINDOW_PX = {2: (64, 64), 3: (8, 24, 24)}
# Windows this close together share one stem pass, whose border is far wider than a window.
_GROUP_PX = {2: (256, 256), 3: (48, 96, 96)}
_MOST_BYTES = 1 << 30


@dataclass(frozen=True, eq=False, slots=True)
class Example:
    """An image and its clicks.

    Parameters
    ----------
    image : Tensor of shape (C, [Z,] Y, X), float32
    clicks : Clicks
    statistics : ChannelStatistics
        What the image is normalised with.
    overview : Overview, optional
        Of the image.
    """

    image: Tensor
    clicks: Clicks
    statistics: ChannelStatistics
    overview: Overview | None = None

    def prepared(self, fov: Sequence[int], *, least_px: Sequence[int] = ()) -> PreparedImage:
        """The image ready for a patch classifier, as `prepare` makes it."""
        return prepare(self.image, self.statistics, fov, least_px=least_px, overview=self.overview)


@dataclass(frozen=True, eq=False, slots=True)
class ClickedFeatures:
    """Feature windows that hold the patches of all clicks.

    Parameters
    ----------
    windows : Tensor of shape (W, F, [z,] y, x)
        Features of the stem, channels last in memory.
    positions : Tensor of shape (N, 1 + ndim), int64
        Window and first corner of the patch of every click that is kept.
    classes : Tensor of shape (N,), int64
        Class numbers of these clicks.
    numbers : ndarray of shape (N,), int64
        Which of the examples' clicks are kept, counted through all examples; ascending.
    """

    windows: Tensor
    positions: Tensor
    classes: Tensor
    numbers: IntArray

    def in_the_middle(self, local_fov: Sequence[int]) -> Tensor:
        """Cut out the features of the clicked pixels themselves.

        Parameters
        ----------
        local_fov : sequence of int
            Sides of the patches, ([z,] y, x).

        Returns
        -------
        Tensor of shape (N, F)
        """
        window, *corner = self.positions.T
        middle = [start + (n - 1) // 2 for start, n in zip(corner, local_fov, strict=True)]
        return self.windows[(window, slice(None), *middle)]


def gather_clicked(
    net: PixelNet, examples: Sequence[Example], *, fov: Sequence[int], local_fov: Sequence[int], seed: int
) -> Generator[Progress, None, ClickedFeatures]:
    """Compute the stem's features around the clicks of several images.

    Parameters
    ----------
    net : PixelNet
    examples : sequence of Example
    fov, local_fov : sequence of int
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
    window_px = _WINDOW_PX[len(fov)]
    windows: list[Tensor] = []
    positions: list[Tensor] = []
    window_bytes = 4 * net.feature_channels * math.prod(_window_shape(local_fov))
    kept, numbers = _kept([example.clicks for example in examples], _MOST_BYTES // window_bytes, seed)
    done, total = 0, sum(len(_groups(cover(clicks, window_px)[0])) for clicks in kept)
    for example, clicks in zip(examples, kept, strict=True):
        if not len(clicks):
            continue
        origins, owner = cover(clicks, window_px)
        prepared = example.prepared(fov, least_px=window_px)
        corners = torch.from_numpy(clicks.positions_px - origins[owner])
        first = sum(len(part) for part in windows)
        positions.append(torch.cat((torch.from_numpy(owner)[:, None] + first, corners), dim=1))
        # Channels last: a patch is later cut out as whole rows, and convolutions take it as it is.
        stack = prepared.padded.new_empty((len(origins), *_window_shape(local_fov), net.feature_channels))
        for group in _groups(origins):
            yield Progress("features", done, total)
            done += 1
            _cut_windows(stack, net, prepared, origins, group, local_fov)
        windows.append(stack)
    classes = torch.from_numpy(np.concatenate([clicks.classes for clicks in kept]))
    yield Progress("features", total, total)
    maps = (windows[0] if len(windows) == 1 else torch.cat(windows)).movedim(-1, 1)
    return ClickedFeatures(maps, torch.cat(positions).to(maps.device), classes.to(maps.device), numbers)


def _kept(clicks: Sequence[Clicks], most: int, seed: int) -> tuple[list[Clicks], IntArray]:
    """Drop clicks whose windows memory has no room for; every class keeps some. What is left, and their numbers."""
    owners: list[IntArray] = []
    for part in clicks:
        _, owner = cover(part, _WINDOW_PX[len(part.shape_px)])
        owners.append(owner + (owners[-1].max() + 1 if owners else 0))
    classes = np.concatenate([part.classes for part in clicks])
    drawn = draw_windows(np.concatenate(owners), classes, most, seed=seed)
    inside = [np.isin(owner, drawn) for owner in owners]
    left = [
        Clicks(part.positions_px[kept], part.classes[kept], part.shape_px)
        for part, kept in zip(clicks, inside, strict=True)
    ]
    return left, np.flatnonzero(np.concatenate(inside))


def _groups(origins: IntArray) -> list[list[int]]:
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for index, origin in enumerate(origins):
        groups[tuple((origin // _GROUP_PX[len(origin)]).tolist())].append(index)
    return list(groups.values())


def _window_shape(local_fov: Sequence[int]) -> tuple[int, ...]:
    return tuple(n + fov - 1 for n, fov in zip(_WINDOW_PX[len(local_fov)], local_fov, strict=True))


def _cut_windows(
    stack: Tensor,
    net: PixelNet,
    prepared: PreparedImage,
    origins: IntArray,
    group: list[int],
    local_fov: Sequence[int],
) -> None:
    """Fill the windows of a group, each of shape ([z,] y, x, F), out of one stem pass."""
    first = origins[group].min(axis=0)
    size = origins[group].max(axis=0) - first + _WINDOW_PX[len(first)]
    with torch.no_grad():
        features = stem_features(net, prepared, first.tolist(), size.tolist(), local_fov)
    shape = _window_shape(local_fov)
    for index in group:
        start = (origins[index] - first).tolist()
        window = [slice(o, o + n) for o, n in zip(start, shape, strict=True)]
        stack[index] = features[0][(slice(None), *window)].movedim(0, -1)
