from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from clicktrain.models.pixels.normalise import ChannelStatistics

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def test_a_normalised_image_has_mean_0_and_deviation_1_and_a_flat_channel_is_0() -> None:
    image = torch.rand(3, 20, 30) * 50 + 1000
    image[1] = 7
    out = ChannelStatistics.of(image).apply(image)
    deviation, mean = torch.std_mean(out, dim=(1, 2), correction=0)
    torch.testing.assert_close(mean, torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(deviation, torch.tensor([1.0, 0, 1]), atol=1e-4, rtol=0)


def shown(share: float) -> Tensor:
    """Noise of deviation 1, with things of brightness 20 in some share of the pixels."""
    generator = torch.Generator().manual_seed(0)
    noise, places = (draw(1, 200, 200, generator=generator) for draw in (torch.randn, torch.rand))
    return noise + 20 * (places < share)


def seen_brightness(share: float, of: Callable[[Tensor], ChannelStatistics]) -> float:
    """What a brightness of 20 becomes where things of that brightness have some share of the image."""
    image = shown(share)
    return float(of(image).apply(torch.full_like(image, 20.0)).mean())


def test_ends_of_a_normal_distribution_tell_mean_and_deviation() -> None:
    image = 5 + 3 * torch.randn(1, 300, 300, generator=torch.Generator().manual_seed(0))
    by_ends, by_all = ChannelStatistics.of_percentiles(image), ChannelStatistics.of(image)
    assert by_ends.mean == pytest.approx(by_all.mean, abs=0.05)
    assert by_ends.deviation == pytest.approx(by_all.deviation, rel=0.02)


def test_ends_hardly_depend_on_the_shares_of_what_there_is_to_see() -> None:
    by_ends, by_all = (
        abs(seen_brightness(0.2, of) - seen_brightness(0.6, of))
        for of in (ChannelStatistics.of_percentiles, ChannelStatistics.of)
    )
    assert by_ends < 0.1 * by_all


@pytest.mark.parametrize("share", [0.005, 0.02, 0.05, 0.1, 0.2])
def test_a_little_more_of_something_changes_ends_little(share: float) -> None:
    few, more = (seen_brightness(part, ChannelStatistics.of_percentiles) for part in (share, 1.25 * share))
    # An end that is a percentile would jump to a fifth where the share passes it.
    assert few == pytest.approx(more, rel=0.35)


def test_what_is_bright_and_rare_does_not_blow_up_the_noise() -> None:
    image = torch.zeros(1, 50, 50)
    image[0, 0, :10] = 1000
    by_ends, by_all = (of(image).apply(image).max() for of in (ChannelStatistics.of_percentiles, ChannelStatistics.of))
    assert by_ends < 2.1 * by_all


def test_a_flat_channel_becomes_0_by_its_ends() -> None:
    image = torch.full((1, 9, 9), 7.0)
    assert not ChannelStatistics.of_percentiles(image).apply(image).any()


def test_a_sample_of_very_many_values_tells_the_ends_of_all() -> None:
    # Sorted: whoever looked at the first ones alone would be wrong.
    image = torch.linspace(0, 100, 1100 * 1000).reshape(1, 1100, 1000)
    statistics = ChannelStatistics.of_percentiles(image)
    assert statistics.mean == pytest.approx((50,), rel=0.01)
    assert statistics.deviation == pytest.approx((89 / 3.31,), rel=0.01)


def test_pooled_statistics_are_those_of_the_images_laid_together() -> None:
    one, other = torch.rand(2, 8, 8), torch.rand(2, 8, 8) * 5 + 2
    pooled = ChannelStatistics.pooled([ChannelStatistics.of(one), ChannelStatistics.of(other)])
    together = ChannelStatistics.of(torch.cat((one, other), dim=2))
    torch.testing.assert_close(torch.tensor(pooled.mean), torch.tensor(together.mean))
    torch.testing.assert_close(torch.tensor(pooled.deviation), torch.tensor(together.deviation))
