from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from clicktrain.learning.pixels.clicked import Example, gather_clicked
from clicktrain.models.pixels.features import prepare, stem_features

from clicktrain.annotations.clicks import Clicks
from clicktrain.config import NetworkConfig
from clicktrain.learning.pixels.sampler import draw_balanced
from clicktrain.learning.pixels.symmetry import SYMMETRIES, turned, turned_parameters
from clicktrain.models.pixels.fitted import FittedModel
from clicktrain.models.pixels.nets import build_network
from clicktrain.models.pixels.normalise import ChannelStatistics

if TYPE_CHECKING:
    import pytest

TINY = NetworkConfig(sigmas_px=(0.7, 1.0), width=4, levels=3, members=1)


def drained(steps: object) -> object:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def test_clicked_windows_hold_the_features_of_the_whole_image() -> None:
    net = build_network(TINY, in_channels=1, n_classes=2)
    model = FittedModel.of(net, (1, 2), ChannelStatistics((0.0,), (1.0,)))
    image = torch.rand(1, 330, 150)
    points = [[0, 0], [329, 149], [64, 63], [65, 64], [200, 10], [300, 140], [1, 149]]
    clicks = Clicks.from_points(points, [1, 2, 1, 2, 1, 2, 2], (330, 150))
    example = Example(image, clicks, model.statistics)
    clicked = drained(gather_clicked(net, [example, example], fov=model.fov, local_fov=model.local_fov, seed=0))
    whole = stem_features(net, prepare(image, model.statistics, model.fov), (0, 0), (330, 150), model.local_fov)
    height, width = model.local_fov
    assert clicked.classes.tolist() == [1, 2, 1, 2, 1, 2, 2] * 2
    for (window, y, x), (row, column) in zip(clicked.positions.tolist(), points * 2, strict=True):
        torch.testing.assert_close(
            clicked.windows[window, :, y : y + height, x : x + width],
            whole[0, :, row : row + height, column : column + width],
            atol=1e-5,
            rtol=1e-4,
        )


def test_many_images_in_little_memory_keep_every_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clicktrain.learning.pixels.clicked._MOST_BYTES", 1)
    net = build_network(TINY, in_channels=1, n_classes=2)
    model = FittedModel.of(net, (1, 2), ChannelStatistics((0.0,), (1.0,)))
    clicks = Clicks.from_points([[5, 5], [6, 140]], [1, 2], (20, 150))
    examples = [Example(torch.rand(1, 20, 150), clicks, model.statistics)] * 3
    clicked = drained(gather_clicked(net, examples, fov=model.fov, local_fov=model.local_fov, seed=0))
    assert sorted(clicked.classes.tolist()) == [1, 2]
    assert len(clicked.windows) == 2


def test_every_class_is_drawn_alike_and_common_ones_without_repeats() -> None:
    classes = torch.tensor([0] * 500 + [1] * 3)
    picked = draw_balanced(classes, 100)
    assert torch.bincount(classes[picked]).tolist() == [50, 50]
    common = picked[classes[picked] == 0]
    assert len(torch.unique(common)) == len(common)


def test_turned_kernels_score_as_the_network_does_on_the_turned_patch() -> None:
    conv = torch.nn.Conv2d(3, 4, 5)
    patch = torch.rand(1, 3, 5, 5)
    for symmetry in range(SYMMETRIES[2]):
        weights = turned_parameters(conv, symmetry)
        scores = torch.func.functional_call(conv, weights, (turned(patch, symmetry),))
        torch.testing.assert_close(scores, conv(patch))


def test_the_eight_symmetries_are_all_different() -> None:
    kernel = torch.arange(9.0).reshape(3, 3)
    assert len({tuple(turned(kernel, symmetry).flatten().tolist()) for symmetry in range(SYMMETRIES[2])}) == 8
