"""Where the results for one image go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clicktrain.inference.pixels.summaries import ClassSink, class_dtype
from clicktrain.stores.ome_zarr import OmeZarrSink
from clicktrain.stores.sinks import SeveralSinks, absent_on_error
from clicktrain.stores.tiff import TiffSink

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from clicktrain.batch.plan import PredictJob
    from clicktrain.config import ClassInfo
    from clicktrain.images.source import ImageSource
    from clicktrain.stores.sinks import RegionSink

__all__ = ["open_outputs"]


def open_outputs(
    job: PredictJob, source: ImageSource, classes: Sequence[ClassInfo], metadata: Mapping[str, Any]
) -> RegionSink:
    """Make the sink of an image's results, which takes probabilities.

    Parameters
    ----------
    job : PredictJob
        Names the files; what ends in `.zarr` becomes OME-Zarr, all else TIFF.
    source : ImageSource
    classes : sequence of ClassInfo
        In the order of the probabilities.
    metadata : mapping
        JSON values that every result keeps.

    Raises
    ------
    StorageError
        If one of them cannot be written; nothing is left behind.
    """
    sinks: list[RegionSink] = []
    together = SeveralSinks(sinks)
    with absent_on_error(together):
        if job.probabilities is not None:
            sinks.append(_probabilities(job.probabilities, source, classes, metadata))
        if job.classes is not None:
            numbers = np.array([info.number for info in classes], np.int64)
            sinks.append(ClassSink(_classes(job.classes, source, classes, class_dtype(numbers), metadata), numbers))
    return together


def _probabilities(
    path: Path, source: ImageSource, classes: Sequence[ClassInfo], metadata: Mapping[str, Any]
) -> RegionSink:
    dtype = np.dtype(np.float32)
    if path.suffix == ".zarr":
        return _ome_zarr(path, source, classes, dtype, metadata, channels=True)
    shape = (len(classes), *source.shape_px)
    names = [info.name for info in classes]
    return TiffSink(path, shape, dtype, f"C{_axes(source)}", {"class_names": names, **metadata})


def _classes(
    path: Path,
    source: ImageSource,
    classes: Sequence[ClassInfo],
    dtype: np.dtype[np.unsignedinteger],
    metadata: Mapping[str, Any],
) -> RegionSink:
    if path.suffix == ".zarr":
        return _ome_zarr(path, source, classes, dtype, metadata, channels=False)
    names = {str(info.number): info.name for info in classes}
    return TiffSink(path, source.shape_px, dtype, _axes(source), {"class_names": names, **metadata})


def _ome_zarr(
    path: Path,
    source: ImageSource,
    classes: Sequence[ClassInfo],
    dtype: np.dtype[Any],
    metadata: Mapping[str, Any],
    *,
    channels: bool,
) -> RegionSink:
    voxel_size = source.voxel_size
    return OmeZarrSink(
        path, source.shape_px, dtype, classes, channels=channels, voxel_size=voxel_size, metadata=metadata
    )


def _axes(source: ImageSource) -> str:
    return "ZYX"[-len(source.shape_px) :]
