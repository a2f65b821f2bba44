from __future__ import annotations

import numpy as np
import pytest

from pretraining.textures import Texture, band_noise, fractal_noise, random_texture

SHAPE_PX = (96, 80)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def roughness(values: np.ndarray, axis: int) -> float:
    return float(np.abs(np.diff(values, axis=axis)).mean())


@pytest.mark.parametrize("kind", ["fractal", "band", "granules", "stripes"])
def test_texture_has_mean_0_and_the_contrast(kind: str) -> None:
    values = Texture(kind, scale_px=6, beta=1.0, stretch=1.5, angle=0.3, contrast=0.2).paint(SHAPE_PX, rng())
    assert values.shape == SHAPE_PX
    assert values.dtype == np.float32
    assert abs(values.mean()) < 1e-5
    assert values.std() == pytest.approx(0.2, rel=1e-3)


def test_flat_texture_is_flat() -> None:
    assert not Texture("flat", 6, 1.0, 1.0, 0.0, contrast=0.2).paint(SHAPE_PX, rng()).any()


def test_texture_is_another_instance_each_time_and_the_same_with_one_seed() -> None:
    texture = random_texture(rng(1), 0.1)
    assert np.array_equal(texture.paint(SHAPE_PX, rng(2)), texture.paint(SHAPE_PX, rng(2)))
    assert not np.array_equal(texture.paint(SHAPE_PX, rng(2)), texture.paint(SHAPE_PX, rng(3)))


@pytest.mark.parametrize("scale_px", [3.0, 6.0, 16.0])
def test_waves_of_band_noise_are_about_as_long_as_asked(scale_px: float) -> None:
    power = np.abs(np.fft.rfft2(band_noise((128, 128), rng(), scale_px))) ** 2
    frequency = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.rfftfreq(128)[None])
    within = (frequency > 0.5 / scale_px) & (frequency < 2 / scale_px)
    assert power[within].sum() > 0.95 * power.sum()


def test_fractal_noise_is_smoother_with_larger_beta() -> None:
    rough, smooth = (fractal_noise(SHAPE_PX, rng(), beta) for beta in (0.5, 2.0))
    assert roughness(smooth, 0) < 0.5 * roughness(rough, 0)


@pytest.mark.parametrize(
    "noise",
    [lambda **how: band_noise((96, 96), rng(), 8, **how), lambda **how: fractal_noise((96, 96), rng(), 1.0, **how)],
    ids=["band", "fractal"],
)
def test_stretch_draws_noise_out_along_the_angle(noise) -> None:
    along_rows, along_columns = noise(stretch=2.0, angle=0.0), noise(stretch=2.0, angle=np.pi / 2)
    assert roughness(along_rows, axis=1) < 0.7 * roughness(along_rows, axis=0)
    assert roughness(along_columns, axis=0) < 0.7 * roughness(along_columns, axis=1)
