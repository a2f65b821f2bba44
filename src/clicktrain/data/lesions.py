"""Generated tissue in which a whole image is ill because of one small place: something to try PatchGD on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from clicktrain.data.cells import draw_cell, scattered_places
from clicktrain.stores.whole_files import make_folder, write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

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

    for y, x in scattered_places(random, side_px, _CELL_SPACING_PX):
        if not inside(y, x):
            draw_cell(image, y, x, random.uniform(*_CELL_RADIUS_PX), random.uniform(*_BRIGHTNESS))
    for y, x in scattered_places(random, side_px, _LESION_SPACING_PX):
        if inside(y, x):
            draw_cell(image, y, x, random.uniform(*_LESION_CELL_RADIUS_PX), random.uniform(*_LESION_BRIGHTNESS))
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
