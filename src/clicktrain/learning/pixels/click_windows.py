"""The features around the clicks: all that training needs of an image, however large the image is."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from clicktrain.geometry.region import Region
from clicktrain.inference.pixels.constants import read_window
from clicktrain.learning.pixels.coverage import cover, draw_windows
from clicktrain.learning.pixels.examples import close_one_of
from clicktrain.models.pixels.window import stem_features
from clicktrain.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from clicktrain.annotations.clicks import Clicks
    from clicktrain.learning.pixels.examples import Example
    from clicktrain.models.pixels.fitted import PixelModel
    from clicktrain.types import IntArray

__all__ = ["ClickWindows", "gather_windows"]

# By number of axes. Strokes lie in slices, so the windows of volumes are flat.
_WINDOW_PX = {2: (64, 64), 3: (8, 24, 24)}
# Windows this close together share one stem pass, whose border is far wider than a window.
_GROUP_PX = {2: (256, 256), 3: (48, 96, 96)}
_MOST_BYTES = 1 << 30


@dataclass(frozen=True, eq=False, slots=True)
class ClickWindows:
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

    def at_clicks(self, local_fov: Sequence[int]) -> Tensor:
        """Cut out the features of the clicked pixels themselves, (N, F).

        Parameters
        ----------
        local_fov : sequence of int
            Sides of the patches, ([z,] y, x).
        """
        window, *corner = self.positions.T
        middle = [start + (n - 1) // 2 for start, n in zip(corner, local_fov, strict=True)]
        return self.windows[(window, slice(None), *middle)]


def gather_windows(
    model: PixelModel, examples: Sequence[Example], *, seed: int
) -> Generator[Progress, None, ClickWindows]:
    """Compute the stem's features around the clicks of several images.

    Parameters
    ----------
    model : PixelModel
    examples : sequence of Example
    seed : int
        Of the draw of clicks, where there are too many for memory: windows of 1 GB are kept.

    Yields
    ------
    Progress
    """
    window_bytes = 4 * model.net.feature_channels * math.prod(_window_shape(model.local_fov))
    kept, numbers = _kept([example.clicks for example in examples], _MOST_BYTES // window_bytes, seed)
    covered = [(example, clicks, *_covered(clicks)) for example, clicks in zip(examples, kept, strict=True)]
    total = sum(len(_groups(origins)) for _, _, origins, _ in covered)
    windows: list[Tensor] = []
    positions: list[Tensor] = []
    done = first = 0
    for example, clicks, origins, owner in covered:
        corners = torch.from_numpy(clicks.positions_px - origins[owner])
        positions.append(torch.cat((torch.from_numpy(owner)[:, None] + first, corners), dim=1))
        first += len(origins)
        stack = _empty_stack(model, len(origins))
        for group in _groups(origins):
            yield Progress("features", done, total)
            done += 1
            _fill(stack, model, example, origins, group)
        windows.append(stack)
        close_one_of(examples, example.source)
    yield Progress("features", total, total)
    classes = torch.from_numpy(np.concatenate([clicks.classes for clicks in kept]))
    maps = (windows[0] if len(windows) == 1 else torch.cat(windows)).movedim(-1, 1)
    return ClickWindows(maps, torch.cat(positions).to(maps.device), classes.to(maps.device), numbers)


def _covered(clicks: Clicks) -> tuple[IntArray, IntArray]:
    return cover(clicks, _WINDOW_PX[len(clicks.shape_px)])


def _kept(clicks: Sequence[Clicks], most: int, seed: int) -> tuple[list[Clicks], IntArray]:
    """Drop clicks whose windows memory has no room for; every class keeps some. What is left, and their numbers."""
    owners: list[IntArray] = []
    for part in clicks:
        _, owner = _covered(part)
        owners.append(owner + (owners[-1].max() + 1 if owners else 0))
    classes = np.concatenate([part.classes for part in clicks])
    drawn = draw_windows(np.concatenate(owners), classes, most, seed=seed)
    inside = [np.isin(owner, drawn) for owner in owners]
    left = [part.some(kept) for part, kept in zip(clicks, inside, strict=True)]
    return left, np.flatnonzero(np.concatenate(inside))


def _groups(origins: IntArray) -> list[list[int]]:
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for index, origin in enumerate(origins):
        groups[tuple((origin // _GROUP_PX[len(origin)]).tolist())].append(index)
    return list(groups.values())


def _window_shape(local_fov: Sequence[int]) -> tuple[int, ...]:
    return tuple(n + fov - 1 for n, fov in zip(_WINDOW_PX[len(local_fov)], local_fov, strict=True))


def _empty_stack(model: PixelModel, count: int) -> Tensor:
    # Channels last: a patch is later cut out as whole rows, and convolutions take it as it is.
    return torch.empty((count, *_window_shape(model.local_fov), model.net.feature_channels), device=model.device)


def _fill(stack: Tensor, model: PixelModel, example: Example, origins: IntArray, group: list[int]) -> None:
    """Fill the windows of a group, each of shape ([z,] y, x, F), out of one stem pass."""
    first = origins[group].min(axis=0)
    last = origins[group].max(axis=0) + _WINDOW_PX[len(first)]
    needed = Region(tuple(first.tolist()), tuple(last.tolist())).seen_by(model.local_fov)
    read = needed.seen_by(model.net.stem.exact_fov)
    window = read_window(example.source, example.constants, read, model.device)
    with torch.no_grad():
        features = stem_features(model.net, window, needed)
    for index in group:
        part = Region.at(origins[index].tolist(), _WINDOW_PX[len(first)]).seen_by(model.local_fov)
        stack[index] = features[0][(slice(None), *part.within(needed))].movedim(0, -1)
