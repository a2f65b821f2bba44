from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from clicktrain.annotations.clicks import Clicks, check_trainable
from clicktrain.errors import ClicksError

label_images = arrays(np.uint8, array_shapes(min_dims=2, max_dims=3, max_side=8), elements=st.integers(0, 4))


@given(label_images)
def test_labels_survive_the_way_through_clicks(labels: np.ndarray) -> None:
    np.testing.assert_array_equal(Clicks.from_labels(labels).to_labels(), labels)


@given(label_images)
def test_counts_add_up_to_the_labelled_pixels(labels: np.ndarray) -> None:
    clicks = Clicks.from_labels(labels)
    assert sum(clicks.count(number) for number in clicks.present) == len(clicks) == np.count_nonzero(labels)


def test_a_point_labels_the_pixel_it_falls_in() -> None:
    clicks = Clicks.from_points([[0.4, 2.6], [1.5, -0.5]], [1, 2], (3, 4))
    np.testing.assert_array_equal(clicks.positions_px, [[0, 3], [2, 0]])


def test_the_last_of_two_clicks_on_a_pixel_counts() -> None:
    clicks = Clicks.from_points([[1, 1], [1, 1]], [1, 2], (3, 3))
    assert clicks.to_labels()[1, 1] == 2


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros((4, 4), np.float32), "whole numbers"),
        (np.full((4, 4), -1), "1 or more, got -1"),
        (np.full((4, 4), 70_000), "65535 or less, got 70000"),
        (np.zeros((4, 5), np.uint8), r"\(4, 4\), got \(4, 5\)"),
    ],
)
def test_unusable_labels_are_refused_with_what_was_got(labels: np.ndarray, message: str) -> None:
    with pytest.raises(ClicksError, match=message):
        Clicks.from_labels(labels, (4, 4))


@pytest.mark.parametrize(
    ("points", "classes", "message"),
    [([[5, 0]], [1], "inside the image"), ([[1, 1]], [0], "1 or more"), ([[1, 1]], [1, 2], "one class each")],
)
def test_unusable_points_are_refused_with_what_was_got(points: list, classes: list, message: str) -> None:
    with pytest.raises(ClicksError, match=message):
        Clicks.from_points(points, classes, (4, 4))


def test_clicks_of_another_image_are_refused() -> None:
    with pytest.raises(ClicksError, match=r"\(9, 9\), got \(4, 4\)"):
        Clicks.of(Clicks.from_labels(np.eye(4, dtype=int)), (9, 9))


@pytest.mark.parametrize(
    ("labels", "message"), [(np.zeros((3, 3), int), "got none"), (np.eye(3, dtype=int), "class 1")]
)
def test_too_few_classes_are_refused(labels: np.ndarray, message: str) -> None:
    with pytest.raises(ClicksError, match=message):
        check_trainable([Clicks.from_labels(labels)])
