"""Generated tissue in which a whole image is ill because of one small place: something to try PatchGD on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from clicktrain.io.files import make_folder, write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from clicktrain.types import FloatArray

__all__ = ["lesion_image", "write_lesion_set"]

_CELL_SPACING_PX = 26
_LESION_SPACING_PX = 11
_CELL_RADIUS_PX, _LESION_CELL_RADIUS_PX = (6.0, 9.0), (3.0, 4.5)
_BACKGROUND, _NOISE = 40, 9
_BRIGHTNESS, _LESION_BRIGHTNESS = (50, 110), (80, 150)


def lesion_image(seed: int, *, ill: bool, side_px: int = 256) -> NDArray[np.uint8]:
    """Draw round cells on a grey ground; where the tissue is ill, one place has small cells close together.

    Parameters
    ----------
    seed : int
    ill : bool
    side_px : int
        Height and width; the ill place is about a third to a half of it across.

    Returns
    -------
    ndarray of shape (side_px, side_px), uint8
    """
    random = np.random.default_rng((seed, ill))
    image = np.full((side_px, side_px), _BACKGROUND, np.float32)
    radius_px = side_px * random.uniform(0.18, 0.26)
    centre_px = random.uniform(radius_px, side_px - radius_px, 2)

    def inside(y: float, x: float) -> bool:
        return ill and bool(np.hypot(y - centre_px[0], x - centre_px[1]) < radius_px)

    for y, x in _scattered(random, side_px, _CELL_SPACING_PX):
        if not inside(y, x):
            _draw_cell(image, y, x, random.uniform(*_CELL_RADIUS_PX), random.uniform(*_BRIGHTNESS))
    for y, x in _scattered(random, side_px, _LESION_SPACING_PX):
        if inside(y, x):
            _draw_cell(image, y, x, random.uniform(*_LESION_CELL_RADIUS_PX), random.uniform(*_LESION_BRIGHTNESS))
    return np.clip(image + random.normal(0, _NOISE, image.shape), 0, 255).astype(np.uint8)


def write_lesion_set(folder: Path, *, per_class: int = 20, side_px: int = 256, seed: int = 0) -> None:
    """Write images into `folder/ill` and `folder/well`.

    Parameters
    ----------
    folder : Path
        Made if need be; images of the same names there are replaced.
    per_class : int
    side_px : int
    seed : int

    Raises
    ------
    StorageError
        If they cannot be written.
    """
    for ill, name in ((True, "ill"), (False, "well")):
        make_folder(folder / name)
        for number in range(per_class):
            picture = Image.fromarray(lesion_image(seed + number, ill=ill, side_px=side_px))
            write_whole(folder / name / f"{name}{number:02}.png", picture.save)


def _scattered(random: np.random.Generator, side_px: int, spacing_px: int) -> FloatArray:
    """Places (y, x) about `spacing_px` apart, none of them on a grid that one sees."""
    ticks = np.arange(spacing_px / 2, side_px, spacing_px)
    grid = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 2)
    return (grid + random.uniform(-0.35, 0.35, grid.shape) * spacing_px).astype(np.float32)


def _draw_cell(image: FloatArray, y: float, x: float, radius_px: float, brightness: float) -> None:
    """Add a disc with a soft border to the image, in place."""
    reach = int(radius_px) + 3
    top, left = max(0, int(y) - reach), max(0, int(x) - reach)
    part = image[top : int(y) + reach + 1, left : int(x) + reach + 1]
    ys, xs = np.ogrid[top : top + part.shape[0], left : left + part.shape[1]]
    part += brightness / (1 + np.exp(np.hypot(ys - y, xs - x) - radius_px))
