"""What is learned from is read around the clicks alone, and is what the whole image shows there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from clicktrain.annotations.clicks import Clicks
from clicktrain.geometry.region import Region
from clicktrain.inference.pixels.constants import read_window
from clicktrain.learning.pixels import click_windows
from clicktrain.learning.pixels.click_windows import gather_features
from clicktrain.learning.pixels.examples import Example
from clicktrain.models.pixels.window import stem_features
from clicktrain.progress import drained
from clicktrain.workers import Workers
from tests.pixel_models import BOTH, LOCAL, constants_of, noise_source, pixel_model

if TYPE_CHECKING:
    from torch import Tensor

    from clicktrain.learning.pixels.click_windows import ClickFeatureMaps, ClickWindows
    from clicktrain.models.pixels.fitted import PixelModel

FLAT = ((330, 150), [[0, 0], [329, 149], [64, 63], [65, 64], [200, 10], [300, 140], [1, 149]])
DEEP = ((20, 60, 70), [[0, 0, 0], [19, 59, 69], [8, 24, 24], [7, 23, 23], [10, 50, 1]])


def example(model: PixelModel, shape_px: tuple[int, ...], points: list[list[int]], seed: int = 0) -> Example:
    """Clicks of alternating classes in an image of noise."""
    source = noise_source(*shape_px, seed=seed)
    classes = [1 + number % 2 for number in range(len(points))]
    return Example(source, Clicks.from_points(points, classes, shape_px), constants_of(model, source))


def features_of(model: PixelModel, image: Example) -> Tensor:
    """Features of a whole image, with what the local network sees around it."""
    needed = Region.whole(image.source.shape_px).seen_by(model.local_fov)
    seen = needed.seen_by(model.net.stem.exact_fov)
    with torch.no_grad():
        return stem_features(model.net, read_window(image.source, image.constants, seen, model.device), needed)[0]


def gathered(model: PixelModel, examples: list[Example]) -> tuple[ClickFeatureMaps, ClickWindows]:
    """What is learned from, before and after it is reduced to what the network reads."""
    with Workers(model.device) as workers:
        found = drained(gather_features(model, examples, workers, seed=0))
        return found, drained(found.reduced(model.net, workers))


@pytest.mark.parametrize(
    ("model", "place"),
    [
        (pixel_model(LOCAL), FLAT),
        (pixel_model(BOTH, position_encoding=True), FLAT),
        (pixel_model(LOCAL, ndim=3, anisotropy=2.5), DEEP),
        (pixel_model(LOCAL), ((3, 5), [[0, 4], [2, 0]])),
    ],
    ids=["image", "position encoding", "volume", "smaller than a window"],
)
def test_windows_hold_what_the_network_reads_of_the_whole_image(
    model: PixelModel, place: tuple[tuple[int, ...], list[list[int]]]
) -> None:
    examples = [example(model, *place, seed=seed) for seed in (0, 1)]
    found, windows = gathered(model, examples)
    points, apart = place[1], model.net.feature_stride
    assert windows.classes.tolist() == [1 + number % 2 for number in range(len(points))] * 2
    assert found.numbers.tolist() == list(range(2 * len(points)))
    features = [features_of(model, one) for one in examples]
    centres = found.at_clicks(np.arange(len(found.numbers)), model.local_fov)
    sides = model.dense[0].fov
    for number, (window, *corner) in enumerate(windows.positions.tolist()):
        image, point = features[number // len(points)], points[number % len(points)]
        patch = tuple(slice(first, first + side) for first, side in zip(corner, sides, strict=True))
        there = tuple(slice(first, first + side, apart) for first, side in zip(point, model.local_fov, strict=True))
        expected = model.net.components(image[(slice(None), *there)][None])[0]
        torch.testing.assert_close(windows.maps[(window, slice(None), *patch)], expected, atol=1e-4, rtol=1e-4)
        middle = tuple(first + side // 2 for first, side in zip(point, model.local_fov, strict=True))
        torch.testing.assert_close(centres[number], image[(slice(None), *middle)], atol=1e-5, rtol=1e-4)


# So close together that a group of them is smaller than all its windows.
DENSE = ((330, 150), [[row, column] for row in range(0, 250, 25) for column in range(0, 140, 25)])


@pytest.mark.parametrize(("place", "few", "n_maps"), [(FLAT, 0, 6), (FLAT, 100, 7), (DENSE, 4, 1), (DENSE, 100, 8)])
def test_windows_are_the_same_alone_and_in_groups(
    monkeypatch: pytest.MonkeyPatch, place: tuple[tuple[int, ...], list[list[int]]], few: int, n_maps: int
) -> None:
    model = pixel_model(LOCAL)
    examples = [example(model, *place)]
    expected = gathered(model, examples)[1]
    monkeypatch.setattr(click_windows, "_FEW", few)
    maps, found = gathered(model, examples)
    assert len(maps.maps) == n_maps
    window_px = np.prod(click_windows._window_shape(model.local_fov))
    assert sum(one.features[0].numel() for one in maps.maps) <= window_px * sum(len(one.windows) for one in maps.maps)
    torch.testing.assert_close(found.maps, expected.maps, atol=1e-4, rtol=1e-4)
    assert torch.equal(found.positions, expected.positions)


def test_many_images_in_little_memory_keep_every_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(click_windows, "_MOST_BYTES", 1)
    model = pixel_model(LOCAL)
    examples = [example(model, (20, 150), [[5, 5], [6, 140]], seed) for seed in range(3)]
    found, _ = gathered(model, examples)
    assert sorted(found.classes.tolist()) == [1, 2]
    assert sum(len(one.windows) for one in found.maps) == 2
    kept = np.concatenate([one.clicks.classes for one in examples])[found.numbers]
    assert kept.tolist() == found.classes.tolist()
