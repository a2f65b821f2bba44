from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clicktrain import Clicks
from clicktrain.models.pixels.binning import binned, binned_clicks, binned_shape, unbinning


def spread(answers: np.ndarray, binning: int, shape_px: tuple[int, int]) -> np.ndarray:
    target = np.full((len(answers), *shape_px), np.nan, np.float32)
    for _ in unbinning(answers, binning, target):
        pass
    return target


def test_squares_become_their_mean() -> None:
    image = torch.rand(3, 8, 12)
    expected = torch.stack([image[:, row::2, column::2] for row in (0, 1) for column in (0, 1)]).mean(dim=0)
    torch.testing.assert_close(binned(image, 2), expected)


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 5))
def test_an_image_that_squares_do_not_fill_keeps_what_it_shows(rows: int, columns: int, binning: int) -> None:
    image = torch.full((2, rows, columns), 7.0)
    small = binned(image, binning)
    assert tuple(small.shape[1:]) == binned_shape(image.shape[1:], binning)
    torch.testing.assert_close(small, torch.full_like(small, 7.0))


@pytest.mark.parametrize("shape", [(1, 9, 7), (1, 3, 9, 7)])
def test_without_binning_an_image_stays_as_it_is(shape: tuple[int, ...]) -> None:
    image = torch.rand(shape)
    assert binned(image, 1) is image


@given(st.data())
def test_every_clicked_square_is_clicked_once_for_each_class(data: st.DataObject) -> None:
    binning = data.draw(st.integers(2, 4))
    labels = np.random.default_rng(data.draw(st.integers(0, 99))).integers(0, 4, (11, 14)) * (np.eye(11, 14) > 0)
    clicks = Clicks.from_labels(labels)
    seen, first = binned_clicks(clicks, binning)
    rows = [tuple(row) for row in np.column_stack((seen.positions_px, seen.classes)).tolist()]
    wanted = np.column_stack((clicks.positions_px // binning, clicks.classes)).tolist()
    assert len(rows) == len(set(rows))
    assert set(rows) == {tuple(row) for row in wanted}
    assert rows == [tuple(wanted[index]) for index in first]


def test_without_binning_clicks_stay_as_they_are() -> None:
    clicks = Clicks(np.array([[1, 1], [1, 1], [0, 2]]), np.array([1, 1, 2]), (3, 3))
    seen, first = binned_clicks(clicks, 1)
    assert seen is clicks
    assert first.tolist() == [0, 1, 2]


@pytest.mark.parametrize("binning", [2, 3, 4])
def test_a_ramp_of_answers_stays_a_ramp_between_the_middles_of_the_squares(binning: int) -> None:
    side = 6 * binning
    ramp = (np.arange(side, dtype=np.float32) / side)[None, None].repeat(side, axis=1)
    small = binned(torch.from_numpy(ramp), binning).numpy()
    inside = slice(binning, -binning)
    np.testing.assert_allclose(spread(small, binning, (side, side))[..., inside], ramp[..., inside], atol=1e-6)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(2, 4))
def test_answers_of_a_binned_image_fill_the_image_and_sum_to_one(rows: int, columns: int, binning: int) -> None:
    answers = np.random.default_rng(rows).dirichlet((1, 1, 1), binned_shape((rows, columns), binning))
    whole = spread(np.moveaxis(answers, -1, 0).astype(np.float32), binning, (rows, columns))
    np.testing.assert_allclose(whole.sum(axis=0), 1, atol=1e-5)
