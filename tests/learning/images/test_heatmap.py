from __future__ import annotations

import numpy as np
import pytest
import torch

from clicktrain.images.source import open_image
from clicktrain.inference.images.attribution import heat, log_odds
from clicktrain.models.images.fitted import FittedImageModel, TrainingRecord
from clicktrain.models.images.image_net import ImageNet
from clicktrain.models.pixels.normalise import ChannelStatistics
from tests.learning.images.cases import PATCH_PX, MeanEncoder, network, noise, reader_of, run, settings


class SumHead(torch.nn.Module):
    """Scores 0 and the sum of all codes."""

    def forward(self, codes, mask):
        total = (codes * mask.unsqueeze(1)).sum(dim=(1, 2, 3))
        return torch.stack([torch.zeros_like(total), total], dim=1)


def model() -> FittedImageModel:
    record = TrainingRecord((1, 1), 0, "", 1, 1, None)
    net = ImageNet(MeanEncoder(), SumHead(), 1)
    return FittedImageModel(net, settings().network, ("no", "yes"), ChannelStatistics((0.0,), (1.0,)), record)


MEANS = np.array([[0, 3, -1], [0, 0, 2]], np.float32)
IMAGE = np.kron(MEANS, np.ones((PATCH_PX, PATCH_PX), np.float32))


def heat_of(target, method: str):
    return run(heat(model(), open_image(IMAGE), target, method=method, chunk_patches=4))[1]


def test_leaving_a_patch_out_takes_its_share_of_the_log_odds() -> None:
    np.testing.assert_allclose(heat_of(1, "leave_one_out"), MEANS, atol=1e-5)
    np.testing.assert_allclose(heat_of(0, "leave_one_out"), -MEANS, atol=1e-5)


def test_the_gradient_weighs_what_sets_a_patch_apart_from_the_others() -> None:
    np.testing.assert_allclose(heat_of(1, "gradient"), MEANS - MEANS.mean(), atol=1e-5)


@pytest.mark.parametrize("method", ["gradient", "leave_one_out"])
def test_the_most_probable_class_is_explained_if_none_is_named(method: str) -> None:
    np.testing.assert_array_equal(heat_of(None, method), heat_of(1, method))


def test_log_odds_are_of_one_class_against_all_others() -> None:
    scores = torch.tensor([[1.0, 2.0, -1.0]])
    p = scores.softmax(dim=1)[0, 1]
    torch.testing.assert_close(log_odds(scores, 1)[0], (p / (1 - p)).log())


def test_by_the_gradient_all_patches_make_up_the_change_from_the_mean_code() -> None:
    net = network(2)
    record = TrainingRecord((1, 1), 0, "", 1, 1, None)
    statistics = ChannelStatistics((0.0,), (1.0,))
    fitted = FittedImageModel(net, settings().network, ("no", "yes"), statistics, record)
    image = open_image(noise(64, 48))
    found = run(heat(fitted, image, 1, method="gradient", chunk_patches=4))[1]
    reader = reader_of(noise(64, 48))
    with torch.no_grad():
        codes = net.encode(reader.read(reader.all_indices()).double()).T.reshape(1, -1, 4, 3)
        mask = torch.ones(1, 4, 3, dtype=torch.bool)
        mean = codes.mean(dim=(2, 3), keepdim=True).expand_as(codes)
        change = log_odds(net.score(codes, mask), 1) - log_odds(net.score(mean, mask), 1)
    assert found.sum() == pytest.approx(float(change), rel=0.05)
