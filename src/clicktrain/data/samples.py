"""Real images with clicks, for the demo, the plugin's sample menu and the tests."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from clicktrain.annotations.clicks import Clicks
from clicktrain.config import PALETTE, ClassInfo

if TYPE_CHECKING:
    from clicktrain.types import AnyArray

__all__ = ["Sample", "immunohistochemistry"]


@dataclass(frozen=True, eq=False)
class Sample:
    """An image, clicks to train on and clicks held back to check the answer.

    Parameters
    ----------
    name : str
    image : ndarray of shape (Y, X, 3), uint8
    axes : str
        Axis names of `image`.
    clicks, held_back : Clicks
        Strokes drawn by hand; no stroke of one crosses a stroke of the other.
    class_infos : tuple of ClassInfo
    """

    name: str
    image: AnyArray
    axes: str
    clicks: Clicks
    held_back: Clicks
    class_infos: tuple[ClassInfo, ...]


def immunohistochemistry() -> Sample:
    """Return colon tissue with epithelium, stroma and lumen clicked.

    Returns
    -------
    Sample
        Image of shape (512, 512, 3), uint8.

    References
    ----------
    The image comes with scikit-image (`skimage.data.immunohistochemistry`): colonic glands, FHL2 stained brown,
    acquired at the Center for Microscopy and Molecular Imaging; no known copyright restrictions.
    """
    from skimage.data import immunohistochemistry as load

    image: AnyArray = load()  # type: ignore[no-untyped-call]
    clicks, held_back = (_read_strokes("ihc_clicks.csv", use, image.shape[:2]) for use in ("train", "held_back"))
    names = ("epithelium", "stroma", "lumen")
    infos = tuple(ClassInfo(number=k + 1, name=name, color=PALETTE[k]) for k, name in enumerate(names))
    return Sample("immunohistochemistry", image, "YXC", clicks, held_back, infos)


def _read_strokes(file_name: str, use: str, shape_px: tuple[int, ...]) -> Clicks:
    text = files("clicktrain.data").joinpath(file_name).read_text(encoding="utf-8")
    rows = [row for row in csv.DictReader(text.splitlines()) if row["use"] == use]
    positions = np.array([(int(row["y"]), int(row["x"])) for row in rows], np.int64)
    return Clicks(positions, np.array([int(row["class"]) for row in rows], np.int64), shape_px)
