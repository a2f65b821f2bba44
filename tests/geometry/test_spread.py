from __future__ import annotations

import numpy as np
import pytest

from clicktrain.geometry.spread import spread_boxes


@pytest.mark.parametrize("shape_px", [(2000, 3000), (1, 9_000_000), (30, 3000, 400), (32_768, 32_768)])
@pytest.mark.parametrize("count", [1, 3, 8])
def test_boxes_lie_inside_and_all_over_the_image(shape_px: tuple[int, ...], count: int) -> None:
    ndim = len(shape_px)
    boxes = spread_boxes(shape_px, (count,) * ndim, (20,) * ndim)
    assert len(boxes) == count**ndim
    assert all(box == box.clipped(shape_px) and box.n_px for box in boxes)
    middles = np.array([np.add(box.start, box.stop) / 2 / shape_px for box in boxes])
    long = np.array(shape_px) > 1000
    expected = (np.arange(count) + 0.5) / count
    for axis in np.flatnonzero(long):
        np.testing.assert_allclose(np.unique(middles[:, axis].round(2)), expected.round(2), atol=0.02)


def test_a_box_is_no_longer_than_the_image() -> None:
    assert [box.shape_px for box in spread_boxes((5, 40), (1, 2), (20, 20))] == [(5, 20), (5, 20)]
