from __future__ import annotations

import torch

from clicktrain.models.normalise import ChannelStatistics


def test_a_normalised_image_has_mean_0_and_deviation_1_and_a_flat_channel_is_0() -> None:
    image = torch.rand(3, 20, 30) * 50 + 1000
    image[1] = 7
    out = ChannelStatistics.of(image).apply(image)
    deviation, mean = torch.std_mean(out, dim=(1, 2), correction=0)
    torch.testing.assert_close(mean, torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(deviation, torch.tensor([1.0, 0, 1]), atol=1e-4, rtol=0)


def test_pooled_statistics_are_those_of_the_images_laid_together() -> None:
    one, other = torch.rand(2, 8, 8), torch.rand(2, 8, 8) * 5 + 2
    pooled = ChannelStatistics.pooled([ChannelStatistics.of(one), ChannelStatistics.of(other)])
    together = ChannelStatistics.of(torch.cat((one, other), dim=2))
    torch.testing.assert_close(torch.tensor(pooled.mean), torch.tensor(together.mean))
    torch.testing.assert_close(torch.tensor(pooled.deviation), torch.tensor(together.deviation))
