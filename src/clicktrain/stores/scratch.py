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
# No hexadecimal number begins so.
_LOCK = "lock_"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Scratch:
    """An empty file or folder in the making, as only a rename within one folder is atomic.

    An empty file beside it is locked while its process lives, and its name tells whether there is one. It is not locked
    itself: some network file systems let nobody write what is locked, not even through another descriptor.

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
        self._lock: tuple[Path, int] | None = None
        self.path = self._locked(unused_name(target))
        try:
            if folder:
                self.path.mkdir()
            else:
                self.path.touch()
        except OSError:
            self._release()
            raise

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
        _remove(self.path)
        self._release()

    def _locked(self, path: Path) -> Path:
        """Lock what is beside a path that is not there yet; returns how it shall be named."""
        named = _lockable_name(path)
        if named is None:
            return path
        try:
            path.touch()
            descriptor = _lock(path)
        except OSError:
            # Some file systems know no locks. What has no lock is never taken for a leftover.
            _remove(path)
            return path
        try:
            # Only now, or another process could find it unlocked under a name that says it must be locked.
            path.rename(_companion(named))
        except OSError:
            os.close(descriptor)
            _remove(path)
            return path
        self._lock = _companion(named), descriptor
        return named

    def _release(self) -> None:
        """Remove the lock, once nothing is left that it is about."""
        if self._lock is not None:
            companion, descriptor = self._lock
            self._lock = None
            # Some network file systems remove nothing that is open.
            os.close(descriptor)
            _remove(companion)


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
                _remove_if_left(folder / (beginning + name.removeprefix(beginning).removeprefix(_LOCK)))


def _remove_if_left(path: Path) -> None:
    companion = _companion(path)
    try:
        lock = _lock(companion)
    except FileNotFoundError:
        # It is there before the path is, and until that is gone.
        _remove(path)
        return
    except OSError:
        # A living process has it, or nobody can tell.
        return
    _remove(path)
    os.close(lock)
    _remove(companion)


def _remove(path: Path) -> None:
    # The error that led here says more than one about tidying up.
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def _lock(path: Path) -> int:
    """Lock a file for as long as the descriptor is open, which is until the process ends.

    Raises
    ------
    OSError
        If another one has it, or there are no locks here.
    """
    import fcntl

    # Network file systems want it open for writing.
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _companion(path: Path) -> Path:
    """What is locked instead of a path that has a lockable name."""
    prefix, seen_by, rest = path.name.split("-", 2)
    return path.with_name(f"{prefix}-{seen_by}-{_LOCK}{rest}")


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
