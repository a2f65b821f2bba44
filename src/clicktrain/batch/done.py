"""What was done already, by an earlier run of the same."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from clicktrain.errors import StorageError
from clicktrain.stores.ome_zarr import read_ome_zarr_metadata
from clicktrain.stores.tiff import read_tiff_metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["are_done", "are_made_alike", "made_by", "made_otherwise", "origin"]

# What is read of an image: all of it would take as long as to classify it.
_FILE_END_BYTES = 2**20
_CHUNK_END_BYTES = 4096
_MAX_CHUNKS = 64
_ZARR_METADATA = frozenset({"zarr.json", ".zattrs", ".zarray", ".zgroup"})


def origin(model: str, image: Path, **options: str | int | None) -> str:
    """Tell in a few letters what a result was made from; it is kept with the result.

    Parameters
    ----------
    model : str
        Its fingerprint.
    image : Path
        Counts by name and content: a file by its size and its first and last MiB, a folder (OME-Zarr) by its metadata,
        the names and sizes of its files, and both ends of some of its chunks.
    **options
        All else that the result depends on.

    Returns
    -------
    str
        Two parts, one for model and options, and one for the image.
    """
    return f"{made_by(model, **options)}-{_short(image.name, _content(image))}"


def made_by(model: str, **options: str | int | None) -> str:
    """Tell the part of an origin that is the same for all images."""
    return _short(model, options)


def are_made_alike(found: str, wanted: str) -> bool:
    """Tell whether a result, given its origin, was made as wanted, given by `made_by`, of whatever image."""
    return found.partition("-")[0] == wanted


def are_done(outputs: Sequence[Path], wanted: Callable[[], str]) -> bool:
    """Tell whether all results of an image are there.

    Parameters
    ----------
    outputs : sequence of Path
        TIFF files and OME-Zarr folders; they were written whole or not at all.
    wanted : callable
        Tells their origin; only called if one is there, as it reads the image.

    Raises
    ------
    StorageError
        If one is there that is of another origin.
    """
    there = [output for output in outputs if output.exists()]
    made_of = wanted() if there else ""
    for output in there:
        if _origin_of(output) != made_of:
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


def _content(image: Path) -> str | None:
    """Tell apart what differs; None for what cannot be read, of which reading the image will tell."""
    try:
        return _content_of_folder(image) if image.is_dir() else _content_of_file(image)
    except OSError:
        return None


def _content_of_file(path: Path) -> str:
    found = sha256(str(path.stat().st_size).encode())
    for end in _ends(path, _FILE_END_BYTES):
        found.update(end)
    return found.hexdigest()


def _content_of_folder(folder: Path) -> str:
    files = [Path(parent, name) for parent, _, names in os.walk(folder) for name in names]
    found = sha256()
    chunks = []
    for path in sorted(files):
        found.update(os.fsencode(path.relative_to(folder).as_posix()) + f"\0{path.stat().st_size}\0".encode())
        if path.name in _ZARR_METADATA:
            found.update(path.read_bytes())
        else:
            chunks.append(path)
    n_read = min(len(chunks), _MAX_CHUNKS)
    for number in range(n_read):
        # Spread evenly, with the first and the last.
        for end in _ends(chunks[number * (len(chunks) - 1) // max(n_read - 1, 1)], _CHUNK_END_BYTES):
            found.update(end)
    return found.hexdigest()


def _ends(path: Path, n_bytes: int) -> tuple[bytes, bytes]:
    """The first and the last bytes of a file; of a short one all of it, and what is beyond the first."""
    with path.open("rb") as file:
        first = file.read(n_bytes)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - n_bytes, len(first)))
        return first, file.read(n_bytes)


def _origin_of(output: Path) -> object:
    read = read_ome_zarr_metadata if output.suffix == ".zarr" else read_tiff_metadata
    return read(output).get("origin")
