"""What all classifiers do alike: check a seed, read a model file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from clicktrain.errors import ClickTrainError, StorageError

if TYPE_CHECKING:
    from os import PathLike

    T = TypeVar("T")

__all__ = ["check_seed", "listed", "read_bytes", "write_bytes"]


def check_seed(seed: int) -> int:
    """Refuse a seed that torch or NumPy would not take.

    Raises
    ------
    ClickTrainError
        If it is not a whole number from 0 to 2**32 - 1.
    """
    if not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ClickTrainError(f"seed must be a whole number from 0 to {2**32 - 1}, got {seed!r}. Give for example 0.")
    return seed


def listed(values: Any) -> list[Any]:
    """Make one thing a list of one."""
    return list(values) if isinstance(values, list | tuple) else [values]


def write_bytes(path: Path, content: bytes) -> None:
    """Write content to a path: what `io.files.write_whole` calls."""
    path.write_bytes(content)


def read_bytes(path: str | PathLike[str]) -> bytes:
    """Read a model file whole.

    Raises
    ------
    StorageError
        If it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise StorageError(f"`{path}` must be a readable model file, got: {error.strerror}. Check the path.") from error
