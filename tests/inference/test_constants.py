"""The few numbers of a whole image that its tiles are classified with."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from clicktrain.config import NetworkConfig
from clicktrain.errors import ImageError
from clicktrain.geometry.region import Region
from clicktrain.images.source import ImageSource, open_image
from clicktrain.inference.pixels.constants import ImageConstants, measure_constants
from clicktrain.models.pixels.normalise import ChannelStatistics
from clicktrain.progress import drained
from tests.pixel_models import BOTH, constants_of, noise_source, pixel_model


def constants_by(source: ImageSource, normalisation: str, trained_on: ChannelStatistics | None) -> ImageConstants:
    config = NetworkConfig(sigmas_px=(1.0,), width=1, levels=1, members=1, normalisation=normalisation)
    return drained(measure_constants(source, config, trained_on=trained_on))


def channels_of(source: ImageSource) -> np.ndarray:
    return source.read(Region.whole(source.shape_px)).astype(float)


@pytest.mark.parametrize("normalisation", ["image", "percentile", "model"])
def test_the_grey_of_an_image_has_the_mean_and_deviation_that_are_told(normalisation: str) -> None:
    source = noise_source(30, 40)
    constants = constants_by(source, normalisation, ChannelStatistics((0.3, -1.0), (2.0, 0.5)))
    grey = constants.scale.apply(channels_of(source)).numpy().mean(axis=0)
    assert constants.grey == pytest.approx((grey.mean(), grey.std()), abs=1e-5)


def test_the_training_images_tell_the_scale_where_there_are_any() -> None:
    source, trained_on = noise_source(30, 40), ChannelStatistics((0.3, -1.0), (2.0, 0.5))
    image = channels_of(source)
    own = (pytest.approx(image.mean(axis=(1, 2))), pytest.approx(image.std(axis=(1, 2))))
    assert constants_by(source, "model", trained_on).scale == trained_on
    for normalisation, trained in (("model", None), ("image", trained_on)):
        scale = constants_by(source, normalisation, trained).scale
        assert (scale.mean, scale.deviation) == own


def test_the_guide_looks_along_the_first_principal_component() -> None:
    rng = np.random.default_rng(0)
    shown, noise = rng.normal(size=(50, 50)), rng.normal(scale=0.1, size=(2, 50, 50))
    source = open_image(np.stack([5 * shown, 100 - 0.2 * shown]) + noise * [[[5]], [[0.2]]], axes="CYX")
    direction = np.array(constants_by(source, "image", None).guide.direction)
    np.testing.assert_allclose(direction * np.sign(direction[0]), [0.5**0.5, -(0.5**0.5)], atol=1e-3)


def test_an_image_without_contrast_is_refused_by_its_name() -> None:
    source = open_image(np.ones((9, 9)), name="`flat.tif`")
    with pytest.raises(ImageError, match=r"`flat.tif` must have contrast, got 1 in every pixel"):
        constants_by(source, "image", None)


def test_they_stay_small_however_large_the_image_is() -> None:
    model = pixel_model(BOTH, position_encoding=True)
    sizes = [len(pickle.dumps(constants_of(model, noise_source(side, side)))) for side in (93, 400)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.01)
