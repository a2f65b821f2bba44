"""Files, folders and globs as people type them, turned into files."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import TYPE_CHECKING

from clicktrain.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["CLICKS_SUFFIXES", "IMAGE_SUFFIXES", "expand_inputs", "files_in", "image_stem"]

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy")
# No JPEG: it changes the numbers of a labels image.
CLICKS_SUFFIXES = (".csv", ".png", ".tif", ".tiff", ".npy")


def expand_inputs(patterns: Iterable[str | Path], suffixes: Sequence[str] = IMAGE_SUFFIXES) -> list[Path]:
    """List the files that files, folders and globs stand for.

    Parameters
    ----------
    patterns : iterable of str or Path
        A file stands for itself, a folder for the files directly in it, a glob (`*`, `?`, `[...]`, `**` for any depth)
        for what it matches. Of folders and globs only visible files with one of `suffixes` count.
    suffixes : sequence of str
        Endings, in lower case with the dot.

    Returns
    -------
    list of Path
        In the order of the patterns, sorted within each, every file once.

    Raises
    ------
    StorageError
        If a pattern stands for no file.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        found.update(dict.fromkeys(_expand(str(pattern), suffixes)))
    return list(found)


def files_in(folder: Path, suffixes: Sequence[str] = IMAGE_SUFFIXES) -> list[Path]:
    """List the visible files directly in a folder that end in one of `suffixes`, sorted.

    Raises
    ------
    StorageError
        If the folder cannot be read.
    """
    try:
        entries = list(folder.iterdir())
    except OSError as error:
        raise StorageError(f"folder `{folder}` could not be read: {error.strerror}.") from error
    return sorted(path for path in entries if _counts(path, suffixes))


def image_stem(path: Path) -> str:
    """Name of an image without its ending, `a` for `a.tif`, `a.ome.tif` and `a.ome.zarr`."""
    return path.stem.removesuffix(".ome")


def _expand(pattern: str, suffixes: Sequence[str]) -> list[Path]:
    path = Path(pattern)
    # A file whose real name holds "[" or "*" is meant literally.
    if os.path.lexists(pattern) and not os.path.isdir(pattern):
        return [path]
    if os.path.isdir(pattern):
        found = files_in(path, suffixes)
    elif glob.has_magic(pattern):
        found = sorted(match for match in map(Path, glob.iglob(pattern, recursive=True)) if _counts(match, suffixes))
    else:
        raise StorageError(f"`{pattern}` must be a file, a folder or a pattern, got nothing of that name.")
    if not found:
        endings = ", ".join(suffixes)
        raise StorageError(f"`{pattern}` must stand for at least one file, got none that ends in {endings}.")

    return found


def _counts(path: Path, suffixes: Sequence[str]) -> bool:
    return not path.name.startswith(".") and path.suffix.lower() in suffixes and path.is_file()
