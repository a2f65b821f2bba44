from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pretraining.imaging import Microscope, random_microscope

CLEAN = Microscope(blur_px=0, shading=0, noise=0, grain_px=0, photons=np.inf, gamma=1.0, sparse=False, negative=False)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def grey(side_px: int = 64) -> np.ndarray:
    return rng(9).uniform(0, 1.2, (side_px, side_px))


def take(values: np.ndarray, **changes: float) -> np.ndarray:
    return dataclasses.replace(CLEAN, **changes).take(values, rng())


@pytest.mark.parametrize("seed", range(10))
def test_images_are_finite(seed: int) -> None:
    # Layers add up to values far outside of the range.
    image = random_microscope(rng(seed)).take(grey() * 8 - 3, rng(seed))
    assert image.shape == (64, 64)
    assert image.dtype == np.float32
    assert np.isfinite(image).all()
    assert image.std() > 0


def test_a_perfect_microscope_shows_the_values() -> None:
    np.testing.assert_allclose(take(grey()), grey(), rtol=1e-6)


def test_a_negative_is_the_image_with_the_other_sign() -> None:
    assert np.array_equal(take(grey(), negative=True, noise=0.05), -take(grey(), noise=0.05))


def test_photons_make_noise_of_the_variance_of_the_light() -> None:
    image = take(np.full((200, 200), 0.5), photons=50)
    assert image.mean() == pytest.approx(0.5, rel=0.01)
    assert image.var() == pytest.approx(0.5 / 50, rel=0.05)


@pytest.mark.parametrize("grain_px", [0, 3.0])
def test_added_noise_has_the_wanted_deviation(grain_px: float) -> None:
    assert take(np.full((100, 100), 0.5), noise=0.1, grain_px=grain_px).std() == pytest.approx(0.1, rel=0.03)


def test_shading_follows_the_light() -> None:
    dark, bright = (take(np.full((64, 64), level), shading=0.2) for level in (0.2, 0.8))
    np.testing.assert_allclose(bright, 4 * dark, rtol=1e-4)
    assert dark.std() == pytest.approx(0.2 * 0.2, rel=0.1)


def test_blur_smooths_and_sparse_light_leaves_the_bright() -> None:
    assert take(grey(), blur_px=2).std() < 0.3 * grey().std()
    assert np.median(take(grey(), sparse=True)) < 0.7 * np.median(take(grey()))
