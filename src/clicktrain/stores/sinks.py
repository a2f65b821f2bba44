"""Where the answers for an image of any size are kept, region by region."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clicktrain.geometry.region import Region
    from clicktrain.types import AnyArray

__all__ = ["ArraySink", "RegionSink", "SeveralSinks", "absent_on_error", "whole_or_absent"]


class RegionSink(Protocol):
    """Takes the values of regions, each once and in any order."""

    def write(self, region: Region, values: AnyArray) -> None:
        """Keep a region's values, (..., *region.shape_px)."""

    def prepare(self) -> None:
        """Do all of the work that may fail, so that `close` only has to rename."""

    def close(self) -> None:
        """Bring what was written to its place, whole."""

    def abort(self) -> None:
        """Leave nothing behind; after `close` it does nothing."""


class ArraySink:
    """Keeps values in an array that is there already: of NumPy, or a memory map, or of zarr.

    Parameters
    ----------
    array : array of shape (..., [Z,] Y, X)
    """

    def __init__(self, array: Any) -> None:
        self.array = array

    def write(self, region: Region, values: AnyArray) -> None:
        """Keep a region's values."""
        leading = (slice(None),) * (len(self.array.shape) - len(region.start))
        self.array[(*leading, *region.slices)] = values

    def prepare(self) -> None:
        """Do nothing: it is all there."""

    def close(self) -> None:
        """Do nothing: it is all there."""

    def abort(self) -> None:
        """Do nothing: the array is the caller's."""


class SeveralSinks:
    """Gives the same values to several sinks; none of them is there before all are ready.

    Parameters
    ----------
    sinks : sequence of RegionSink
        More may be added until the first value is written.
    """

    def __init__(self, sinks: Sequence[RegionSink]) -> None:
        self._sinks = sinks

    def write(self, region: Region, values: AnyArray) -> None:
        """Keep a region's values in each."""
        for sink in self._sinks:
            sink.write(region, values)

    def prepare(self) -> None:
        """Make all ready."""
        for sink in self._sinks:
            sink.prepare()

    def close(self) -> None:
        """Bring all to their places."""
        self.prepare()
        for sink in self._sinks:
            sink.close()

    def abort(self) -> None:
        """Leave nothing behind."""
        for sink in self._sinks:
            sink.abort()


@contextmanager
def absent_on_error(sink: RegionSink) -> Iterator[None]:
    """Leave nothing of a sink behind if anything is raised."""
    try:
        yield
    except BaseException:
        sink.abort()
        raise


@contextmanager
def whole_or_absent(sink: RegionSink) -> Iterator[RegionSink]:
    """Close a sink at the end, or leave nothing behind if anything is raised."""
    try:
        yield sink
        sink.close()
    finally:
        sink.abort()
