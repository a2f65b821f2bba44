from __future__ import annotations

import numpy as np
import pytest
import torch

from clicktrain.config import NetworkConfig
from clicktrain.engine.densify import densify
from clicktrain.inference.predict import predict_tiles
from clicktrain.inference.summaries import confidence
from clicktrain.models.features import prepare
from clicktrain.models.fitted import FittedModel
from clicktrain.models.nets import build_network
from clicktrain.models.normalise import ChannelStatistics
from tests.training.test_training import drained

MODEL = FittedModel.of(
    build_network(
        NetworkConfig(sigmas_px=(0.7, 1.0), width=4, levels=3, members=1), in_channels=2, n_classes=3, seed=5
    ).eval(),
    (1, 2, 3),
    ChannelStatistics((0.5, 0.5), (0.3, 0.3)),
)


@pytest.mark.parametrize("shape", [(50, 41), (3, 90), (1, 1)])
@pytest.mark.parametrize("tile_px", [7, 16, 33])
def test_tiled_equals_whole(shape: tuple[int, int], tile_px: int) -> None:
    image = torch.rand(2, *shape)
    tiled = drained(predict_tiles(MODEL, image, MODEL.statistics, tile_px=tile_px))
    whole = drained(predict_tiles(MODEL, image, MODEL.statistics, tile_px=1000))
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


def test_prediction_equals_the_patch_scan_of_the_reflected_image() -> None:
    image = torch.rand(2, 9, 6)
    scan = densify(MODEL.net, ndim=2, fov=MODEL.net.fov_px)(
        prepare(image, MODEL.statistics, MODEL.fov).padded, strategy="patches"
    )
    tiled = drained(predict_tiles(MODEL, image, MODEL.statistics))
    np.testing.assert_allclose(tiled, scan[0].softmax(dim=0).detach().numpy(), atol=1e-5)


def test_confidence_runs_from_chance_to_certainty() -> None:
    probabilities = np.array([[1 / 3, 1, 2 / 3], [1 / 3, 0, 1 / 3], [1 / 3, 0, 0]], np.float32)
    np.testing.assert_allclose(confidence(probabilities), [0, 1, 0.5], atol=1e-6)
