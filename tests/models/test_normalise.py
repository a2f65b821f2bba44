from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clicktrain.models.pixels.normalise import ChannelStatistics


def measured(image: np.ndarray) -> ChannelStatistics:
    axes = tuple(range(1, image.ndim))
    return ChannelStatistics(tuple(image.mean(axis=axes).tolist()), tuple(image.std(axis=axes).tolist()))


@pytest.mark.parametrize("shape", [(20, 30), (5, 20, 30)])
def test_a_normalised_image_has_mean_0_and_deviation_1_and_a_flat_channel_is_0(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).random((3, *shape)) * 50 + 1000
    image[1] = 7
    out = measured(image).apply(image)
    deviation, mean = torch.std_mean(out.flatten(1), dim=1, correction=0)
    torch.testing.assert_close(mean, torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(deviation, torch.tensor([1.0, 0, 1]), atol=1e-4, rtol=0)


@given(st.sampled_from([np.uint8, np.int16, np.uint16, np.uint32, np.float32, np.float64, np.bool_]))
def test_every_number_type_is_normalised_alike(dtype: type) -> None:
    values = np.random.default_rng(0).integers(0, 2, (2, 9, 8)).astype(dtype)
    statistics = ChannelStatistics((0.25, 0.5), (0.5, 2.0))
    expected = [(values[c].astype(float) - m) / d for c, (m, d) in enumerate(((0.25, 0.5), (0.5, 2.0)))]
    found = statistics.apply(values)
    assert found.dtype == torch.float32
    np.testing.assert_array_equal(found, np.array(expected, np.float32))


def test_large_numbers_lose_no_digits_that_matter() -> None:
    image = 1e7 + np.arange(100.0).reshape(1, 10, 10)
    np.testing.assert_allclose(measured(image).apply(image).numpy().std(), 1, atol=1e-5)


def test_pooled_statistics_are_those_of_the_images_laid_together() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.random((2, 8, 8)), rng.random((2, 8, 8)) * 5 + 2
    pooled = ChannelStatistics.pooled([measured(one), measured(other)])
    together = measured(np.concatenate((one, other), axis=2))
    assert pooled.mean == pytest.approx(together.mean)
    assert pooled.deviation == pytest.approx(together.deviation)


@pytest.mark.parametrize("value", [0.1, 0.3, 123.456, -1e9])
def test_a_flat_channel_is_0_also_where_its_mean_is_rounded(value: float) -> None:
    image = np.full((1, 700, 700), value)
    statistics = ChannelStatistics((float(image.mean()),), (float(np.sqrt(np.square(image - image.mean()).mean())),))
    assert not statistics.apply(image).any()
