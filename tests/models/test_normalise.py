from __future__ import annotations

import pytest
import torch

from clicktrain.models.normalise import ChannelStatistics


def test_a_normalised_image_has_mean_0_and_deviation_1_and_a_flat_channel_is_0() -> None:
    image = torch.rand(3, 20, 30) * 50 + 1000
    image[1] = 7
    out = ChannelStatistics.of(image).apply(image)
    deviation, mean = torch.std_mean(out, dim=(1, 2), correction=0)
    torch.testing.assert_close(mean, torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(deviation, torch.tensor([1.0, 0, 1]), atol=1e-4, rtol=0)


def test_a_range_is_that_of_the_middle_intensities() -> None:
    image = torch.linspace(0, 100, 2001).reshape(1, 29, 69)
    (mean,), (deviation,) = (getattr(ChannelStatistics.of_range(image), name) for name in ("mean", "deviation"))
    assert (mean, deviation) == pytest.approx((50, 90 / 3.29))


def test_a_range_hardly_depends_on_the_shares_of_what_there_is_to_see() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(1, 100, 100, generator=generator)
    rare, common = (noise + 20 * (torch.rand(noise.shape, generator=generator) < share) for share in (0.2, 0.6))
    by_range, by_moments = (
        [of(image).apply(torch.full_like(image, 20.0)).mean() for image in (rare, common)]
        for of in (ChannelStatistics.of_range, ChannelStatistics.of)
    )
    assert abs(by_range[0] - by_range[1]) < 0.1 * abs(by_moments[0] - by_moments[1])


def test_what_is_bright_and_rare_does_not_blow_up_the_noise() -> None:
    image = torch.zeros(1, 50, 50)
    image[0, 0, :10] = 1000
    assert ChannelStatistics.of_range(image).apply(image).max() < 100


def test_a_range_of_very_many_values_follows_contrast_and_brightness() -> None:
    image = torch.rand(1, 1100, 1000, generator=torch.Generator().manual_seed(0))
    one, other = (ChannelStatistics.of_range(values).apply(values) for values in (image, 4 * image + 50))
    torch.testing.assert_close(one, other, atol=1e-4, rtol=0)


def test_pooled_statistics_are_those_of_the_images_laid_together() -> None:
    one, other = torch.rand(2, 8, 8), torch.rand(2, 8, 8) * 5 + 2
    pooled = ChannelStatistics.pooled([ChannelStatistics.of(one), ChannelStatistics.of(other)])
    together = ChannelStatistics.of(torch.cat((one, other), dim=2))
    torch.testing.assert_close(torch.tensor(pooled.mean), torch.tensor(together.mean))
    torch.testing.assert_close(torch.tensor(pooled.deviation), torch.tensor(together.deviation))
