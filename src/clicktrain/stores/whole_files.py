"""Writing files so that they are whole or absent."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from clicktrain.errors import ClickTrainError, StorageError
from clicktrain.stores.scratch import Scratch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = [
    "ensure_writable",
    "explaining",
    "make_folder",
    "move_into_place",
    "write_beside",
    "write_whole",
]

_REASONS = {
    errno.ENOSPC: "there is no space left on the disk. Free some space or choose another folder",
    errno.EDQUOT: "the disk quota is used up. Free some space or choose another folder",
    errno.EFBIG: "the file would be larger than allowed here. Choose another folder",
    errno.EACCES: "there is no permission. Choose another folder",
    errno.EPERM: "there is no permission. Choose another folder",
    errno.EROFS: "the disk is read-only. Choose another folder",
    errno.ENOENT: "its folder does not exist. Create the folder first",
    errno.ENOTDIR: "its folder is a file. Choose another folder",
    errno.EISDIR: "there is a folder of that name. Choose another name",
    errno.ENAMETOOLONG: "the name is too long. Choose a shorter one",
}


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file so that `path` is, at every moment, absent, as before, or whole.

    Parameters
    ----------
    path : Path
        Where the file shall be; an ordinary file there is replaced.
    write : callable of one Path
        Writes the whole content into the file it is given, which is there already, empty, under a hidden name with the
        same suffix in the same folder.

    Raises
    ------
    StorageError
        If the file cannot be written, for example because the disk is full; nothing is left behind.
    """
    made = write_beside(path, write)
    try:
        move_into_place(made, path)
    finally:
        made.remove()


def write_beside(path: Path, write: Callable[[Path], object]) -> Scratch:
    """Write what shall be at `path` beside it; `move_into_place` is all that is left to do.

    Returns
    -------
    Scratch
        Whole, under a hidden name in the same folder.

    Raises
    ------
    StorageError
        If the file cannot be written; nothing is left behind.
    """
    _check_target(path)
    with explaining(path):
        made = Scratch(path)
    try:
        with explaining(path):
            write(made.path)
            _sync(made.path)
    except BaseException:
        made.remove()
        raise
    return made


def move_into_place(made: Scratch, path: Path) -> None:
    """Give a file that is whole its final name, in the same folder.

    Raises
    ------
    StorageError
        If it cannot be renamed; what was at `path` is as before.
    """
    try:
        made.move_to(path)
    except OSError as error:
        raise _explain(path, error) from error
    _sync_folder(path.parent)


def ensure_writable(path: Path) -> None:
    """Find out before a long computation that its result could not be written.

    Raises
    ------
    StorageError
        If `path` cannot be written now.
    """
    _check_target(path)
    _try_out(path.parent, path)


def make_folder(path: Path) -> None:
    """Create a folder with its parents, in which files can be made; it may exist.

    Raises
    ------
    StorageError
        If there is a file of that name, or the folder cannot be created or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise StorageError(f"`{path}` must be a folder, got a file. Choose another name.") from error
    except OSError as error:
        raise _explain(path, error) from error
    _try_out(path, path)


def _try_out(folder: Path, wanted: Path) -> None:
    """Make a file in a folder and remove it; errors are about what is wanted there."""
    with explaining(wanted):
        Scratch(folder / "trial").remove()


def _check_target(path: Path) -> None:
    try:
        special = path.exists() and not path.is_file()
    except OSError as error:
        raise _explain(path, error) from error
    if special:
        raise StorageError(f"`{path}` must be an ordinary file, got a folder or a device. Choose another name.")


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    # Makes the rename itself survive a power cut; Windows cannot open folders and needs no such step.
    if os.name != "posix":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        # A folder that may be written but not listed; the file itself is whole.
        return
    with suppress(OSError):  # some network file systems do not sync folders
        os.fsync(descriptor)
    os.close(descriptor)


@contextmanager
def explaining(path: Path) -> Iterator[None]:
    """Turn what the system raises into a StorageError about a file."""
    try:
        yield
    except ClickTrainError:
        raise
    except OSError as error:
        raise _explain(path, error) from error


def _explain(path: Path, error: OSError) -> StorageError:
    reason = _REASONS.get(error.errno or 0, error.strerror or str(error) or type(error).__name__)
    return StorageError(f"`{path}` could not be written: {reason}.")
