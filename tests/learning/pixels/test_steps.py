from __future__ import annotations

import torch

from clicktrain.learning.pixels.sampler import draw_balanced
from clicktrain.learning.pixels.symmetry import SYMMETRIES, turned, turned_parameters


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
