from __future__ import annotations

import numpy as np
import pytest

from pretraining.pool import draw_pair
from pretraining.scenes import Scene, random_style

SHAPE_PX = (96, 80)


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def scene(style: int, layout: int) -> Scene:
    return random_style(rng(style)).draw(SHAPE_PX, rng(layout))


@pytest.mark.parametrize("style", range(6))
def test_one_seed_gives_one_scene(style: int) -> None:
    once, again = scene(style, 7), scene(style, 7)
    assert np.array_equal(once.image, again.image)
    assert np.array_equal(once.classes, again.classes)


@pytest.mark.parametrize("style", range(6))
def test_scenes_are_finite_and_count_their_classes_from_the_ground_up(style: int) -> None:
    drawn = scene(style, 1)
    assert drawn.image.shape == drawn.classes.shape == SHAPE_PX
    assert np.isfinite(drawn.image).all()
    assert drawn.image.std() > 0
    assert drawn.classes.min() >= 0
    # At most four layers of two classes each, and the ground.
    assert drawn.classes.max() <= 8


def test_two_layouts_of_one_style_differ_but_share_classes() -> None:
    same = 0
    for style in range(12):
        one, other = scene(style, 1), scene(style, 2)
        assert not np.array_equal(one.image, other.image)
        assert not np.array_equal(one.classes, other.classes)
        shared = set(np.unique(one.classes)) & set(np.unique(other.classes))
        assert shared
        same += shared == set(np.unique(one.classes)) | set(np.unique(other.classes))
    # Small and rare things are now and then in one of the images only.
    assert same >= 8


def test_styles_differ() -> None:
    styles = [random_style(rng(seed)) for seed in range(40)]
    assert len({tuple(type(layer).__name__ for layer in style.layers) for style in styles}) > 8
    kinds = {type(layer).__name__ for style in styles for layer in style.layers}
    assert kinds == {"Regions", "Cells", "Blobs", "Fibres"}


def test_what_fills_the_image_lies_below_the_rest() -> None:
    order = {"Regions": 0, "Cells": 1, "Blobs": 2, "Fibres": 2}
    for seed in range(40):
        places = [order[type(layer).__name__] for layer in random_style(rng(seed)).layers]
        assert places == sorted(places)


def test_a_pair_is_two_images_of_mean_0_and_deviation_1() -> None:
    images, shown = draw_pair(3, 64)
    assert images.shape == shown.shape == (2, 64, 64)
    values = images.astype(np.float64)
    np.testing.assert_allclose(values.mean((1, 2)), 0, atol=1e-3)
    np.testing.assert_allclose(values.std((1, 2)), 1, atol=1e-3)
    assert not np.array_equal(images[0], images[1])
