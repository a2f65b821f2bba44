"""From grey values to an image: blur, a camera's curve, uneven light, noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.ndimage as ndi

from pretraining.textures import band_noise, fractal_noise

if TYPE_CHECKING:
    from clicktrain.types import AnyArray

__all__ = ["Microscope", "random_microscope"]

_BRIGHTEST = 1.6
_SPARSE = 2.5


@dataclass(frozen=True, slots=True)
class Microscope:
    """How a picture is taken: blur, a camera's curve, uneven light, photon noise, other noise, in this order.

    Parameters
    ----------
    blur_px : float
        Standard deviation of a Gaussian.
    shading : float
        Standard deviation of uneven light, relative to the light.
    noise : float
        Standard deviation of what is added, where 1 is the range of the grey values.
    grain_px : float
        Size of the noise's grain; 0 is single pixels.
    photons : float
        At a grey value of 1; inf has no photon noise.
    gamma : float
        Exponent of the camera's curve.
    sparse : bool
        Whether the ground is brought to almost nothing, as in fluorescence.
    negative : bool
        Whether light things come out dark.
    """

    blur_px: float
    shading: float
    noise: float
    grain_px: float
    photons: float
    gamma: float
    sparse: bool
    negative: bool

    def take(self, values: AnyArray, rng: np.random.Generator) -> AnyArray:
        """Take an image of grey values of about 0 to 1.

        Parameters
        ----------
        values : ndarray of shape (Y, X)
        rng : Generator

        Returns
        -------
        ndarray of shape (Y, X), float32
        """
        light = np.clip(ndi.gaussian_filter(values, self.blur_px) if self.blur_px else values, 0, _BRIGHTEST)
        light = light ** (_SPARSE * self.gamma if self.sparse else self.gamma)
        light = light * (1 + self.shading * fractal_noise(light.shape, rng, 2.5))
        light = np.maximum(light, 0)
        if np.isfinite(self.photons):
            light = rng.poisson(light * self.photons) / self.photons
        grain = band_noise(light.shape, rng, self.grain_px) if self.grain_px else rng.standard_normal(light.shape)
        light = light + self.noise * grain
        return np.asarray(-light if self.negative else light, np.float32)


def random_microscope(rng: np.random.Generator) -> Microscope:
    """Choose how images are taken.

    Parameters
    ----------
    rng : Generator

    Returns
    -------
    Microscope
    """
    return Microscope(
        blur_px=float(rng.choice([0, rng.uniform(0.3, 2.0)], p=(0.25, 0.75))),
        shading=float(rng.choice([0, rng.uniform(0, 0.25)])),
        noise=float(np.exp(rng.uniform(np.log(0.003), np.log(0.15)))),
        grain_px=float(rng.choice([0, rng.uniform(2, 4)], p=(0.6, 0.4))),
        photons=float(rng.choice([np.inf, np.exp(rng.uniform(np.log(20), np.log(2000)))])),
        gamma=float(np.exp(rng.normal(0, 0.3))),
        sparse=bool(rng.random() < 0.25),
        negative=bool(rng.random() < 0.3),
    )
