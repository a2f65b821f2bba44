from __future__ import annotations

import numpy as np
import pytest
from _few_clicks.ilastik import SIGMAS_PX, derivative, ilastik_features
from _few_clicks.sets import Picture

SHAPES = {"YX": (24, 24), "ZYX": (12, 12, 12)}


@pytest.fixture(params=SHAPES)
def picture(request: pytest.FixtureRequest) -> Picture:
    return Picture(np.random.default_rng(0).normal(100, 20, SHAPES[request.param]), request.param)


def test_constant_image_has_only_its_brightness(picture: Picture) -> None:
    features = ilastik_features(picture._replace(array=np.full_like(picture.array, 100)))
    n_axes = picture.array.ndim
    per_sigma = features[..., 1:].reshape(*picture.array.shape, len(SIGMAS_PX), 4 + 2 * n_axes)
    np.testing.assert_allclose(per_sigma[..., 0], 100, rtol=1e-5)
    np.testing.assert_allclose(per_sigma[..., 1:], 0, atol=1e-3)


def test_features_turn_with_the_image(picture: Picture) -> None:
    expected = ilastik_features(picture)
    for plane in {(0, 1), (picture.array.ndim - 2, picture.array.ndim - 1)}:
        turned = ilastik_features(picture._replace(array=np.rot90(picture.array, axes=plane)))
        np.testing.assert_allclose(turned, np.rot90(expected, axes=plane), atol=2e-3)


def test_curvature_of_a_parabola_is_found_along_its_axis() -> None:
    parabola = np.tile(np.arange(60.0) ** 2, (5, 60, 1))
    middle = (2, 30, 30)
    assert derivative(parabola, 1.6, (2, 2))[middle] == pytest.approx(2, rel=0.01)
    assert derivative(parabola, 1.6, (2,))[middle] == pytest.approx(60, rel=0.01)
    assert derivative(parabola, 1.6, (1, 1))[middle] == pytest.approx(0, abs=1e-6)
    assert derivative(parabola, 1.6, (1, 2))[middle] == pytest.approx(0, abs=1e-6)


def test_colours_are_described_one_after_another() -> None:
    colours = np.random.default_rng(0).normal(size=(24, 24, 3))
    alone = [ilastik_features(Picture(colours[..., k], "YX")) for k in range(3)]
    np.testing.assert_array_equal(ilastik_features(Picture(colours, "YXC")), np.concatenate(alone, axis=-1))
