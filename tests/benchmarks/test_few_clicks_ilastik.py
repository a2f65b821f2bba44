from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np
import pytest
from _few_clicks import ilastik
from _few_clicks.ilastik import INTEGRATION, NARROW, SIGMAS_PX, ilastik_features
from _few_clicks.sets import Picture
from scipy.ndimage import gaussian_filter
from skimage.feature import hessian_matrix_eigvals

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
        np.testing.assert_allclose(turned, np.rot90(expected, axes=plane), atol=1e-2)


def by_definition(values: np.ndarray, sigma_px: float) -> Iterator[np.ndarray]:
    """Features at one sigma, from sampled derivatives of Gaussians that are hardly cut."""

    def filtered(image: np.ndarray, sigma_px: float, axes: Sequence[int] = ()) -> np.ndarray:
        order = [axes.count(axis) for axis in range(image.ndim)]
        return gaussian_filter(image, sigma_px, order, mode="mirror", truncate=8)

    pairs = list(combinations_with_replacement(range(values.ndim), 2))
    gradient = [filtered(values, sigma_px, (axis,)) for axis in range(values.ndim)]
    hessian = {pair: filtered(values, sigma_px, pair) for pair in pairs}
    tensor = [filtered(gradient[i] * gradient[j], INTEGRATION * sigma_px) for i, j in pairs]
    yield filtered(values, sigma_px)
    yield np.sqrt(sum(part**2 for part in gradient))
    yield sum(hessian[axis, axis] for axis in range(values.ndim))
    yield filtered(values, sigma_px) - filtered(values, NARROW * sigma_px)
    yield from hessian_matrix_eigvals(tensor)
    yield from hessian_matrix_eigvals(list(hessian.values()))


@pytest.mark.parametrize(
    ("axes", "shape", "sigmas_px"), [("YX", (160, 160), (1.0, 3.5, 10.0)), ("ZYX", (40, 40, 40), (1.0, 3.5))]
)
def test_features_are_what_their_definitions_say(
    axes: str, shape: tuple[int, ...], sigmas_px: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ilastik, "SIGMAS_PX", sigmas_px)
    values = gaussian_filter(np.random.default_rng(0).normal(100, 20, shape), 1).astype(np.float32)
    expected = np.stack([feature for sigma_px in sigmas_px for feature in by_definition(values, sigma_px)], axis=-1)
    found = ilastik_features(Picture(values, axes))[..., 1:]
    # The compiled kernels end at three sigma and a half for first derivatives, at four for second ones.
    pixels = tuple(range(values.ndim))
    error = np.sqrt(((found - expected) ** 2).mean(pixels)) / expected.std(pixels)
    np.testing.assert_array_less(error, 0.03)


def test_curvature_of_a_parabola_is_found() -> None:
    parabola = np.tile(np.arange(60.0) ** 2, (60, 1))
    _, gradient, laplacian, *_, largest, smallest = ilastik_features(Picture(parabola, "YX"))[30, 30, 1:9]
    assert [gradient, laplacian, largest] == pytest.approx([60, 2, 2], rel=0.01)
    assert smallest == pytest.approx(0, abs=2e-3)


def test_colours_are_described_one_after_another() -> None:
    colours = np.random.default_rng(0).normal(size=(24, 24, 3))
    alone = [ilastik_features(Picture(colours[..., k], "YX")) for k in range(3)]
    np.testing.assert_array_equal(ilastik_features(Picture(colours, "YXC")), np.concatenate(alone, axis=-1))
