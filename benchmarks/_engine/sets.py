"""Labelled images to learn from: folders of them, or the one that comes with ClickTrain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from skimage.io import imread

from clicktrain.data.samples import immunohistochemistry

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

MOST_PX = 512
SUFFIXES = (".png", ".tif", ".tiff")


@dataclass(frozen=True, eq=False)
class LabelledSet:
    """Images of one kind.

    Parameters
    ----------
    name : str
    images : list of Tensor of shape (1, C, Y, X)
        Each with mean 0 and deviation 1 per channel.
    labels : Tensor of shape (Y, X), int64
        Class numbers from 1 of the first image; 0 is unlabelled.
    """

    name: str
    images: list[Tensor]
    labels: Tensor

    @property
    def classes(self) -> int:
        return int(self.labels.max())


def bundled_set() -> LabelledSet:
    """The sample image with its clicks."""
    sample = immunohistochemistry()
    labels = torch.zeros(sample.image.shape[:2], dtype=torch.int64)
    labels[tuple(torch.from_numpy(sample.clicks.positions_px.T))] = torch.from_numpy(sample.clicks.classes)
    return LabelledSet(sample.name, [_normalised(sample.image)], labels)


def folder_sets(root: Path, images: int) -> list[LabelledSet]:
    """Sets of 2D images below a folder: SET/images/NAME with class numbers in SET/labels/NAME."""
    found = [_read_set(folder, images) for folder in sorted(root.iterdir()) if (folder / "images").is_dir()]
    sets = [labelled for labelled in found if labelled]
    if not sets:
        raise SystemExit(f"--data must hold folders with images/ and labels/ of 2D images, got {root}.")
    return sets


def _read_set(folder: Path, images: int) -> LabelledSet | None:
    paths = sorted(p for p in (folder / "images").iterdir() if p.suffix in SUFFIXES and _is_2d(p))
    # Learn where there are at least two classes.
    for path in paths:
        labels = imread(folder / "labels" / path.name)[:MOST_PX, :MOST_PX].astype(np.int64)
        if len(np.unique(labels[labels > 0])) > 1:
            others = [other for other in paths if other != path]
            pixels = [_normalised(imread(p)) for p in [path, *others][:images]]
            same = [image for image in pixels if image.shape[1] == pixels[0].shape[1]]
            return LabelledSet(folder.name, same, torch.from_numpy(labels))
    return None


def _is_2d(path: Path) -> bool:
    shape = imread(path).shape
    return len(shape) == 2 or (len(shape) == 3 and shape[-1] == 3)


def _normalised(image: np.ndarray) -> Tensor:
    planes = np.atleast_3d(image[:MOST_PX, :MOST_PX]).astype(np.float32)
    scaled = (planes - planes.mean((0, 1))) / (planes.std((0, 1)) + 1e-6)
    return torch.from_numpy(scaled).movedim(-1, 0)[None].contiguous()
