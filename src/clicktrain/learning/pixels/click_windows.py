"""The features around the clicks: all that training needs of an image, however large the image is."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from clicktrain.engine.fold import fold
from clicktrain.geometry.region import Region
from clicktrain.inference.pixels.constants import read_window
from clicktrain.learning.pixels.coverage import cover, draw_windows
from clicktrain.learning.pixels.examples import close_one_of
from clicktrain.models.pixels.window import stem_features
from clicktrain.progress import Progress, as_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from clicktrain.annotations.clicks import Clicks
    from clicktrain.learning.pixels.examples import Example
    from clicktrain.models.pixels.fitted import PixelModel
    from clicktrain.models.pixels.nets import PixelNet
    from clicktrain.types import IntArray
    from clicktrain.workers import Workers

__all__ = ["ClickFeatureMaps", "ClickWindows", "gather_features"]

# By number of axes. Strokes lie in slices, so the windows of volumes are flat.
_WINDOW_PX = {2: (64, 64), 3: (8, 24, 24)}
# Windows this close together share one stem pass if they are more than a few.
_GROUP_PX = {2: (256, 256), 3: (48, 96, 96)}
_FEW = 4
_MOST_BYTES = 1 << 30


@dataclass(frozen=True, eq=False, slots=True)
class ClickWindows:
    """What the local network learns from: windows that hold the patches of all clicks.

    Parameters
    ----------
    maps : Tensor of shape (W, D, [z,] y, x)
        Components of features, as far apart as the network reads them; channels last in memory.
    positions : Tensor of shape (N, 1 + ndim), int64
        Window and first corner of the patch of every click that is kept.
    classes : Tensor of shape (N,), int64
        Class numbers of these clicks.
    """

    maps: Tensor
    positions: Tensor
    classes: Tensor


@dataclass(frozen=True, eq=False, slots=True)
class _Map:
    """Features of a part of an image, (F, [z,] y, x), and by number the windows that lie in it."""

    features: Tensor
    windows: dict[int, tuple[slice, ...]]


@dataclass(frozen=True, eq=False, slots=True)
class ClickFeatureMaps:
    """Features of the surroundings of all clicks, every pixel of them.

    Parameters
    ----------
    maps : list of _Map
    positions : Tensor of shape (N, 1 + ndim), int64
        Window and first corner of the patch of every click that is kept.
    classes : Tensor of shape (N,), int64
        Class numbers of these clicks.
    numbers : ndarray of shape (N,), int64
        Which of the examples' clicks are kept, counted through all examples; ascending.
    """

    maps: list[_Map]
    positions: Tensor
    classes: Tensor
    numbers: IntArray

    def at_clicks(self, drawn: IntArray, local_fov: Sequence[int]) -> Tensor:
        """Features of some of the clicked pixels themselves, (M, F).

        Parameters
        ----------
        drawn : ndarray of shape (M,), int64
            Which of the clicks that are kept.
        local_fov : sequence of int
            Sides of the patches, ([z,] y, x), in pixels.
        """
        window, pixel = self.positions[drawn, 0], self.positions[drawn, 1:]
        pixel = pixel + torch.tensor([(n - 1) // 2 for n in local_fov], device=pixel.device)
        owner = torch.empty(sum(len(one.windows) for one in self.maps), dtype=torch.int64)
        start = torch.empty((len(owner), pixel.shape[1]), dtype=torch.int64)
        for place, one in enumerate(self.maps):
            for number, at in one.windows.items():
                owner[number], start[number] = place, torch.tensor([along.start for along in at])
        owner, pixel = owner.to(window.device)[window], pixel + start.to(window.device)[window]
        found = self.maps[0].features.new_empty((len(window), len(self.maps[0].features)))
        for place, one in enumerate(self.maps):
            mine = owner == place
            found[mine] = one.features[(slice(None), *pixel[mine].T)].T
        return found

    def reduced(self, net: PixelNet, workers: Workers) -> Generator[None, None, ClickWindows]:
        """Keep what the local network reads of the features.

        Where it reads every second pixel, a window becomes four, one for either parity of rows and columns.

        Yields
        ------
        None
            After every map.
        """
        ndim, apart = self.positions.shape[1] - 1, net.feature_stride
        shifts, shape = apart**ndim, _window_shape(net.local_fov)
        count = sum(len(one.windows) for one in self.maps)
        folded = (count * shifts, *(n // apart for n in shape), len(net.components.weight))
        # Channels last: a patch is later cut out as whole rows, and convolutions take it as it is.
        windows = self.maps[0].features.new_empty(folded)

        def reduce(one: _Map) -> None:
            with torch.no_grad():
                components = net.components(one.features[None])
                for number, place in one.windows.items():
                    window = fold(components[(..., *place)], (1,) * ndim, (apart,) * ndim)
                    windows[number * shifts : (number + 1) * shifts] = window.movedim(1, -1)

        yield from workers.run(partial(reduce, one) for one in self.maps)
        window, *corner = self.positions.T
        for along in corner:
            window = window * apart + along % apart
        positions = torch.stack((window, *(along // apart for along in corner)), dim=1)
        return ClickWindows(windows.movedim(-1, 1), positions, self.classes)


def gather_features(
    model: PixelModel, examples: Sequence[Example], workers: Workers, *, seed: int
) -> Generator[Progress, None, ClickFeatureMaps]:
    """Compute the stem's features around the clicks of several images.

    Parameters
    ----------
    model : PixelModel
    examples : sequence of Example
    workers : Workers
    seed : int
        Of the draw of clicks, where there are too many for memory: 1 GB of features is kept.

    Yields
    ------
    Progress
    """
    window_bytes = 4 * model.net.feature_channels * math.prod(_window_shape(model.local_fov))
    kept, numbers = _kept([example.clicks for example in examples], _MOST_BYTES // window_bytes, seed)
    covered = [(example, clicks, *_covered(clicks)) for example, clicks in zip(examples, kept, strict=True)]
    total = sum(len(_groups(origins)) for _, _, origins, _ in covered)
    positions: list[Tensor] = []
    maps: list[_Map] = []
    first = done = 0
    for example, clicks, origins, owner in covered:
        corners = torch.from_numpy(clicks.positions_px - origins[owner])
        positions.append(torch.cat((torch.from_numpy(owner)[:, None] + first, corners), dim=1))
        tasks = (_featuring(model, example, origins, group, first) for group in _groups(origins))
        found = yield from as_progress(Progress("features", done, total), workers.run(tasks))
        maps += [one for several in found for one in several]
        done += len(found)
        first += len(origins)
        close_one_of(examples, example.source)
    yield Progress("features", total, total)
    classes = torch.from_numpy(np.concatenate([clicks.classes for clicks in kept]))
    return ClickFeatureMaps(maps, torch.cat(positions).to(model.device), classes.to(model.device), numbers)


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
    """Windows that share one stem pass, whose border is far wider than a window; a few in a large place do not."""
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for index, origin in enumerate(origins):
        groups[tuple((origin // _GROUP_PX[len(origin)]).tolist())].append(index)
    shared = [group for group in groups.values() if len(group) > _FEW]
    return shared + [[index] for group in groups.values() if len(group) <= _FEW for index in group]


def _window_shape(local_fov: Sequence[int]) -> tuple[int, ...]:
    return tuple(n + fov - 1 for n, fov in zip(_WINDOW_PX[len(local_fov)], local_fov, strict=True))


def _featuring(
    model: PixelModel, example: Example, origins: IntArray, group: list[int], first_number: int
) -> Callable[[], list[_Map]]:
    """Read what a group of windows sees, and return what computes its features."""
    side = _WINDOW_PX[origins.shape[1]]
    first, last = origins[group].min(axis=0), origins[group].max(axis=0) + side
    needed = Region(tuple(first.tolist()), tuple(last.tolist())).seen_by(model.local_fov)
    window = read_window(example.source, example.constants, needed.seen_by(model.net.stem.exact_fov), model.device)
    seen = {index: Region.at(origins[index].tolist(), side).seen_by(model.local_fov) for index in group}
    places = {first_number + index: region.within(needed) for index, region in seen.items()}

    def compute() -> list[_Map]:
        with torch.no_grad():
            features = stem_features(model.net, window, needed)[0]
        if needed.n_px <= len(places) * math.prod(_window_shape(model.local_fov)):
            return [_Map(features, places)]
        # Few windows lie in it: by themselves they take less memory.
        return [_alone(features, number, place) for number, place in places.items()]

    return compute


def _alone(features: Tensor, number: int, place: tuple[slice, ...]) -> _Map:
    window = features[(slice(None), *place)].clone()
    return _Map(window, {number: tuple(slice(0, n) for n in window.shape[1:])})
