"""Writing results as TIFF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tifffile

from clicktrain.stores.whole_files import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from clicktrain.types import AnyArray

__all__ = ["write_tiff"]

_CLASSIC_TIFF_LIMIT_BYTES = 2**31


def write_tiff(path: Path, array: AnyArray, axes: str, metadata: Mapping[str, Any] | None = None) -> None:
    """Write an array as TIFF, whole or not at all.

    Parameters
    ----------
    path : Path
        Where to; an ordinary file there is replaced.
    array : ndarray with axes in the order of `axes`
        Any type that TIFF knows.
    axes : str
        "YX", "CYX", "ZYX" or "CZYX"; each channel of each slice becomes a page.
    metadata : mapping, optional
        JSON values that are stored beside the axes in the ImageDescription.

    Raises
    ------
    StorageError
        If the file cannot be written.
    """

    def write(target: Path) -> None:
        tifffile.imwrite(
            target,
            array,
            photometric="minisblack",
            compression="zlib",
            bigtiff=array.nbytes > _CLASSIC_TIFF_LIMIT_BYTES,
            metadata={"axes": axes, **(metadata or {})},
        )

    write_whole(path, write)
