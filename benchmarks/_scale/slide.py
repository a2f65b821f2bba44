"""Images of any size on the disk, and a model for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import zarr

from clicktrain import Clicks, PixelClassifier
from clicktrain.data.samples import immunohistochemistry

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK_PX = 1024


def write_slide(path: Path, side_px: int) -> Path:
    """Write a grey OME-Zarr of a side, made of mirrored copies of a real image, each of another brightness."""
    tissue = immunohistochemistry().image.mean(axis=2)
    tissue = np.block([[tissue, tissue[:, ::-1]], [tissue[::-1], tissue[::-1, ::-1]]])
    group = zarr.create_group(path, zarr_format=3)
    chunk = min(_CHUNK_PX, side_px)
    values = group.create_array("0", shape=(side_px, side_px), dtype="uint8", chunks=(chunk, chunk))
    rng = np.random.default_rng(0)
    for row in range(0, side_px, chunk):
        for column in range(0, side_px, chunk):
            dimmed = tissue[:chunk, :chunk] * rng.uniform(0.9, 1.0) + rng.normal(0, 2, (chunk, chunk))
            part = np.clip(dimmed, 0, 255)[: side_px - row, : side_px - column]
            values[row : row + chunk, column : column + chunk] = part.astype(np.uint8)
    scale = [{"type": "scale", "scale": [1.0, 1.0]}]
    axes = [{"name": name, "type": "space"} for name in "yx"]
    multiscale = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [multiscale]}
    return path


def write_model(path: Path, preset: str) -> Path:
    """Train on the sample in grey and write the model."""
    sample = immunohistochemistry()
    clicks = Clicks(sample.clicks.positions_px, sample.clicks.classes, sample.image.shape[:2])
    PixelClassifier(preset=preset).fit(sample.image.mean(axis=2), clicks).save(path)  # type: ignore[arg-type]
    return path
