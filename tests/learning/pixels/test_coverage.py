from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clicktrain.annotations.clicks import Clicks
from clicktrain.learning.pixels.coverage import cover, draw_windows

labels_images = arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40)), elements=st.integers(0, 3))


@given(labels_images, st.integers(1, 50))
def test_every_click_lies_in_a_window_inside_the_image(labels: np.ndarray, side_px: int) -> None:
    clicks = Clicks.from_labels(labels)
    origins, owner = cover(clicks, side_px)
    within = clicks.positions_px - origins[owner]
    assert ((within >= 0) & (within < side_px)).all()
    assert (origins >= 0).all()
    assert (origins <= np.maximum(np.array(labels.shape) - side_px, 0)).all()
    assert set(owner.tolist()) == set(range(len(origins)))


@given(
    arrays(np.int64, 60, elements=st.integers(0, 29)),
    arrays(np.int64, 60, elements=st.integers(1, 4)),
    st.integers(0, 8),
)
def test_a_draw_of_windows_keeps_the_limit_and_every_class(owner: np.ndarray, classes: np.ndarray, most: int) -> None:
    drawn = draw_windows(owner, classes, most, seed=0)
    assert len(drawn) == min(max(most, len(np.unique(classes))), len(np.unique(owner)))
    assert set(classes[np.isin(owner, drawn)]) == set(classes)


def test_a_rare_class_keeps_its_windows() -> None:
    owner = np.arange(1000)
    classes = np.where(owner < 5, 2, 1)
    assert set(range(5)) <= set(draw_windows(owner, classes, 20, seed=0).tolist())


def test_nothing_is_dropped_where_there_is_room() -> None:
    owner = np.array([0, 0, 1, 2])
    assert draw_windows(owner, np.array([1, 2, 1, 1]), 3, seed=0).tolist() == [0, 1, 2]
