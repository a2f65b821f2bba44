"""Results as OME-Zarr 0.5: written chunk by chunk, there once they are whole."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from clicktrain.errors import StorageError
from clicktrain.images.openers import is_zarr
from clicktrain.stores.scratch import Scratch, discard, unused_name
from clicktrain.stores.sinks import ArraySink, absent_on_error
from clicktrain.stores.whole_files import explaining

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np

    from clicktrain.config import ClassInfo
    from clicktrain.geometry.region import Region
    from clicktrain.types import AnyArray

__all__ = ["OmeZarrSink", "read_ome_zarr_metadata"]

# Of the group's attributes, what is not OME's.
_OURS = "clicktrain"
_CHUNK_PX = {2: (512, 512), 3: (32, 128, 128)}


class OmeZarrSink:
    """Keeps class numbers or probabilities in an OME-Zarr image, which is there once the sink is closed.

    Parameters
    ----------
    path : Path
        Folder, by custom `NAME.ome.zarr`; a Zarr that is there is replaced.
    shape_px : sequence of int
        ([Z,] Y, X).
    dtype : numpy.dtype
    classes : sequence of ClassInfo
    channels : bool
        One channel per class, as for probabilities; otherwise class numbers without channels, a labels image.
    voxel_size : sequence of float, optional
        Distance of neighbouring pixels along each spatial axis.
    metadata : mapping, optional
        JSON values that are stored beside what OME-Zarr asks for.

    Raises
    ------
    StorageError
        If something cannot be written; nothing is left behind after `abort`.

    References
    ----------
    Moore et al. 2023, OME-Zarr: https://ngff.openmicroscopy.org/0.5, sections multiscales and image-label.
    """

    def __init__(
        self,
        path: Path,
        shape_px: Sequence[int],
        dtype: np.dtype[Any],
        classes: Sequence[ClassInfo],
        *,
        channels: bool,
        voxel_size: Sequence[float] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        import zarr

        self._path, self._stored = path, dict(metadata or {})
        ndim = len(shape_px)
        self._axes = ("c",) * channels + tuple("zyx"[-ndim:])
        shape = (len(classes),) * channels + tuple(shape_px)
        chunks = (1,) * channels + tuple(min(pair) for pair in zip(_CHUNK_PX[ndim], shape_px, strict=True))
        self._scale = (1.0,) * channels + tuple(map(float, voxel_size or (1.0,) * ndim))
        self._classes, self._channels = classes, channels
        _check_target(path)
        with explaining(path):
            self._made = Scratch(path, folder=True)
        with absent_on_error(self), explaining(path):
            self._group = zarr.create_group(self._made.path, zarr_format=3)
            values = self._group.create_array("0", shape=shape, dtype=dtype, chunks=chunks, dimension_names=self._axes)
        self._values = ArraySink(values)

    def write(self, region: Region, values: AnyArray) -> None:
        """Keep a region's values."""
        with explaining(self._path):
            self._values.write(region, values)

    def prepare(self) -> None:
        """Say what the values are."""
        with explaining(self._path):
            self._group.attrs.update({"ome": self._metadata()} | ({_OURS: self._stored} if self._stored else {}))

    def close(self) -> None:
        """Bring the folder to its place."""
        self.prepare()
        with explaining(self._path):
            _replace_folder(self._made, self._path)

    def abort(self) -> None:
        """Leave nothing behind."""
        self._made.remove()

    def _metadata(self) -> dict[str, Any]:
        kinds = {"c": "channel"}
        scale = [{"type": "scale", "scale": list(self._scale)}]
        multiscale = {
            "name": self._path.name,
            "axes": [{"name": name, "type": kinds.get(name, "space")} for name in self._axes],
            "datasets": [{"path": "0", "coordinateTransformations": scale}],
        }
        found: dict[str, Any] = {"version": "0.5", "multiscales": [multiscale]}
        if self._channels:
            found["omero"] = {"channels": [_channel(one) for one in self._classes]}
        else:
            found["image-label"] = {
                "version": "0.5",
                "colors": [{"label-value": one.number, "rgba": _rgba(one.color)} for one in self._classes],
                "properties": [{"label-value": one.number, "class": one.name} for one in self._classes],
            }
        return found


def read_ome_zarr_metadata(path: Path) -> dict[str, Any]:
    """Return the metadata that an `OmeZarrSink` stored; empty if it is no such folder."""
    import zarr

    try:
        stored = zarr.open_group(path, mode="r").attrs.get(_OURS)
    except (OSError, ValueError):
        return {}
    return stored if isinstance(stored, dict) else {}


def _check_target(path: Path) -> None:
    with explaining(path):
        in_the_way = path.exists() and not is_zarr(path)
    if in_the_way:
        raise StorageError(f"`{path}` must be new or a Zarr folder, got something else there. Choose another name.")


def _replace_folder(made: Scratch, path: Path) -> None:
    """Bring a folder to its place, in two steps where one is there: only files are replaced in one."""
    old = unused_name(path)
    there = path.exists()
    if there:
        os.replace(path, old)
    try:
        made.move_to(path)
    except OSError:
        if there:
            os.replace(old, path)
        raise
    discard(old)


def _channel(info: ClassInfo) -> dict[str, Any]:
    window = {"min": 0.0, "max": 1.0, "start": 0.0, "end": 1.0}
    return {"label": info.name, "color": info.color[1:], "window": window, "active": True}


def _rgba(color: str) -> list[int]:
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)] + [255]
