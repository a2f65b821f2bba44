"""Grey-value textures: what the inside of things looks like under a microscope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from clicktrain.types import AnyArray

__all__ = ["Texture", "band_noise", "fractal_noise", "random_texture"]

_Kind: TypeAlias = Literal["fractal", "band", "granules", "stripes", "flat"]
_KINDS: tuple[_Kind, ...] = ("fractal", "band", "granules", "stripes", "flat")


@dataclass(frozen=True, slots=True)
class Texture:
    """How a texture looks; `paint` draws one of its many instances.

    Parameters
    ----------
    kind : {"fractal", "band", "granules", "stripes", "flat"}
    scale_px : float
        Wavelength of what is seen most; of all kinds but fractal noise.
    beta : float
        Exponent of the fall of the amplitude with frequency; of fractal noise only.
    stretch : float
        1 is isotropic; larger ones are drawn out along `angle`.
    angle : float
        In radians; 0 is along the rows.
    contrast : float
        Standard deviation of the grey values.
    """

    kind: _Kind
    scale_px: float
    beta: float
    stretch: float
    angle: float
    contrast: float

    def paint(self, shape_px: tuple[int, int], rng: np.random.Generator) -> AnyArray:
        """Draw grey values of mean 0.

        Parameters
        ----------
        shape_px : tuple of int
        rng : Generator

        Returns
        -------
        ndarray of shape shape_px, float32
        """
        if self.kind == "flat":
            return np.zeros(shape_px, np.float32)
        if self.kind == "fractal":
            values = fractal_noise(shape_px, rng, self.beta, self.stretch, self.angle)
        else:
            values = band_noise(shape_px, rng, self.scale_px, self.stretch, self.angle)
        if self.kind == "granules":
            values = _standard(np.maximum(values - 1.0, 0))
        elif self.kind == "stripes":
            values = _standard(np.sin(2.5 * values))
        return (self.contrast * values).astype(np.float32)


def random_texture(rng: np.random.Generator, contrast: float) -> Texture:
    """Choose how a texture looks.

    Parameters
    ----------
    rng : Generator
    contrast : float
        Median contrast of the textures that are chosen.

    Returns
    -------
    Texture
    """
    return Texture(
        kind=_KINDS[rng.choice(5, p=(0.35, 0.3, 0.15, 0.1, 0.1))],
        scale_px=float(np.exp(rng.uniform(np.log(2.5), np.log(24)))),
        beta=float(rng.uniform(0.5, 2.2)),
        stretch=float(np.exp(abs(rng.normal(0, 0.5)))),
        angle=float(rng.uniform(0, np.pi)),
        contrast=float(contrast * np.exp(rng.normal(0, 0.5))),
    )


def fractal_noise(
    shape_px: tuple[int, int], rng: np.random.Generator, beta: float, stretch: float = 1.0, angle: float = 0.0
) -> AnyArray:
    """Draw noise of mean 0 and deviation 1 whose amplitude falls with frequency as f ** -beta.

    Parameters
    ----------
    shape_px : tuple of int
    rng : Generator
    beta : float
    stretch : float
        1 is isotropic; larger ones are drawn out along `angle`.
    angle : float
        In radians; 0 is along the rows.

    Returns
    -------
    ndarray of shape shape_px, float64
    """
    frequency = _frequency(shape_px, stretch, angle)
    return _filtered(shape_px, rng, np.maximum(frequency, 1 / max(shape_px)) ** -beta)


def band_noise(
    shape_px: tuple[int, int], rng: np.random.Generator, scale_px: float, stretch: float = 1.0, angle: float = 0.0
) -> AnyArray:
    """Draw noise of mean 0 and deviation 1 made of waves about `scale_px` long, most within an octave.

    Parameters
    ----------
    shape_px : tuple of int
    rng : Generator
    scale_px : float
    stretch : float
        1 is isotropic; larger ones are drawn out along `angle`.
    angle : float
        In radians; 0 is along the rows.

    Returns
    -------
    ndarray of shape shape_px, float64
    """
    octaves = np.log2(np.maximum(_frequency(shape_px, stretch, angle), 1e-6) * scale_px)
    return _filtered(shape_px, rng, np.exp(-0.5 * (octaves / 0.5) ** 2))


def _frequency(shape_px: tuple[int, int], stretch: float, angle: float) -> AnyArray:
    """Frequencies in 1 / px, (Y, X // 2 + 1); those along `angle` count as higher than they are."""
    v, u = np.fft.fftfreq(shape_px[0])[:, None], np.fft.rfftfreq(shape_px[1])[None]
    along, across = u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle)
    frequency: AnyArray = np.hypot(along * stretch, across / stretch)
    return frequency


def _filtered(shape_px: tuple[int, int], rng: np.random.Generator, amplitude: AnyArray) -> AnyArray:
    """White noise (Y, X) times an amplitude (Y, X // 2 + 1) per frequency, of mean 0 and deviation 1."""
    spectrum = np.fft.rfft2(rng.standard_normal(shape_px)) * amplitude
    spectrum[0, 0] = 0
    return _standard(np.fft.irfft2(spectrum, shape_px))


def _standard(values: AnyArray) -> AnyArray:
    centred: AnyArray = (values - values.mean()) / (values.std() + 1e-6)
    return centred
