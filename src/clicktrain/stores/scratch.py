"""What is in the making: hidden, beside its final place, under a name that is never used twice.

What a killed process leaves is removed by the next one that writes into the same folder, if it surely is dead.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

__all__ = ["Scratch", "discard", "unused_name"]

_PREFIX = ".clicktrain-"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Scratch:
    """An empty file or folder in the making, as only a rename within one folder is atomic.

    It is locked while its process lives, and its name tells whether it is.

    Parameters
    ----------
    target : Path
        Where it shall be; the same suffix is taken.
    folder : bool
        Make a folder.

    Attributes
    ----------
    path : Path

    Raises
    ------
    OSError
        If it cannot be made.
    """

    def __init__(self, target: Path, *, folder: bool = False) -> None:
        _sweep(target.parent)
        path = unused_name(target)
        if folder:
            path.mkdir()
        else:
            path.touch()
        self._lock: int | None = None
        self.path = self._locked(path)

    def move_to(self, place: Path) -> None:
        """Give it its final name.

        Raises
        ------
        OSError
            If it cannot be renamed; it is as before then.
        """
        os.replace(self.path, place)
        self._release()

    def remove(self) -> None:
        """Remove it, if it was not moved."""
        self._release()
        _remove(self.path)

    def _locked(self, path: Path) -> Path:
        named = _lockable_name(path)
        if named is None:
            return path
        try:
            self._lock = _lock(path)
            # Only now, or another process could find it unlocked under a name that says it must be locked.
            path.rename(named)
        except OSError:
            # Some file systems know no locks. What has no lock is never taken for a leftover.
            self._release()
            return path
        return named

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def unused_name(target: Path) -> Path:
    """A hidden name beside a place, which nobody else uses and nobody removes."""
    return target.parent / f"{_PREFIX}{uuid4().hex}{target.suffix}"


def discard(path: Path) -> None:
    """Remove what bears an unused name; if the process is killed meanwhile, the next one goes on."""
    named = _lockable_name(path)
    if named is not None:
        with suppress(OSError):
            path = path.rename(named)
    _remove(path)


# Once for each folder: listing a folder of many results for each of them would take long.
@lru_cache(maxsize=1024)
def _sweep(folder: Path) -> None:
    """Remove what killed processes left in a folder."""
    beginning = _lockable_beginning(folder)
    if beginning is None:
        return
    with suppress(OSError):
        for name in os.listdir(folder):
            if name.startswith(beginning):
                _remove_if_left(folder / name)


def _remove_if_left(path: Path) -> None:
    try:
        lock = _lock(path)
    except OSError:
        # A living process has it, or nobody can tell.
        return
    _remove(path)
    os.close(lock)


def _remove(path: Path) -> None:
    # The error that led here says more than one about tidying up.
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def _lock(path: Path) -> int:
    """Lock a file or folder for as long as the descriptor is open, which is until the process ends.

    Raises
    ------
    OSError
        If another one has it, or there are no locks here.
    """
    import fcntl

    # To lock a file, network file systems want it open for writing.
    writing = os.O_RDONLY if path.is_dir() else os.O_RDWR
    descriptor = os.open(path, writing | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _lockable_name(path: Path) -> Path | None:
    beginning = _lockable_beginning(path.parent)
    return None if beginning is None else path.with_name(beginning + path.name.removeprefix(_PREFIX))


def _lockable_beginning(folder: Path) -> str | None:
    """How names of locked things begin in a folder; None where it cannot be told who sees the locks.

    A lock is surely seen by those who run on the same system, started only once, and mounted the same file system:
    other machines may not see it, nor do containers on this one that mounted the folder for themselves.
    """
    try:
        seen_by = f"{_BOOT_ID.read_text().strip()} {folder.stat().st_dev}"
    except OSError:
        return None
    return f"{_PREFIX}{sha256(seen_by.encode()).hexdigest()[:16]}-"
