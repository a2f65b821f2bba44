"""What was done already, by an earlier run of the same."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

from clicktrain.errors import StorageError
from clicktrain.stores.ome_zarr import read_ome_zarr_metadata
from clicktrain.stores.tiff import read_tiff_metadata

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["are_done", "are_made_alike", "made_otherwise", "origin"]


def origin(model: str, image: Path, **options: str | int | None) -> str:
    """Tell in a few letters what a result was made from; it is kept with the result.

    Parameters
    ----------
    model : str
        Its fingerprint.
    image : Path
        Counts by name and, if it is a file, by size.
    **options
        All else that the result depends on.

    Returns
    -------
    str
        Two parts, one for model and options, and one for the image.
    """
    try:
        n_bytes = None if image.is_dir() else image.stat().st_size
    except OSError:
        # It will be told when the image is read.
        n_bytes = None
    return f"{_short(model, options)}-{_short(image.name, n_bytes)}"


def are_made_alike(first: str, second: str) -> bool:
    """Tell whether results, given their origins, were made by the same model with the same options."""
    return first.partition("-")[0] == second.partition("-")[0]


def are_done(outputs: Sequence[Path], wanted: str) -> bool:
    """Tell whether all results of an image are there.

    Parameters
    ----------
    outputs : sequence of Path
        TIFF files and OME-Zarr folders; they were written whole or not at all.
    wanted : str
        Their origin.

    Raises
    ------
    StorageError
        If one is there that is of another origin.
    """
    there = [output for output in outputs if output.exists()]
    for output in there:
        if _origin_of(output) != wanted:
            raise made_otherwise(output)
    return len(there) == len(outputs)


def made_otherwise(output: Path) -> StorageError:
    """What to raise where a result is there that was made from something else than wanted."""
    return StorageError(
        "results that are skipped must be of the same model, image and options, "
        f"got `{output}`, which was made otherwise. Do all again (--overwrite), or choose another place."
    )


def _short(*parts: object) -> str:
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def _origin_of(output: Path) -> object:
    read = read_ome_zarr_metadata if output.suffix == ".zarr" else read_tiff_metadata
    return read(output).get("origin")
