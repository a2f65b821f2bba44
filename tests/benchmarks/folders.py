"""Small folders of sets, as the benchmarks read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tifffile
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path


def save(folder: Path, name: str, image: np.ndarray, truth: np.ndarray) -> None:
    """Write an image and its class numbers under the same name."""
    for kind, array in (("images", image), ("labels", truth.astype(np.uint8))):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        if name.endswith(".tif"):
            tifffile.imwrite(folder / kind / name, array, photometric="minisblack")
        else:
            Image.fromarray(array).save(folder / kind / name)
