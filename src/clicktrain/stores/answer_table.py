"""Answers about whole images as a CSV table, which is also a table to train on."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from clicktrain.errors import StorageError
from clicktrain.stores.whole_files import explaining, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from clicktrain.types import FloatArray

__all__ = ["AnswerTable", "unfinished_table"]


class AnswerTable:
    """A table with the columns `path`, `label`, `p_CLASS` for every class, and `origin`, there once it is finished.

    Until then answers are kept as they come in a file beside it, so that a run that was killed can be gone on with.

    Parameters
    ----------
    path : Path
        Where to; an ordinary file there is replaced.
    classes : sequence of str
    keep : bool
        Begin with the answers that are there, of a table that was finished or not.

    Attributes
    ----------
    path : Path

    Raises
    ------
    StorageError
        If what is there cannot be read, or is no table of answers with these classes.
    """

    def __init__(self, path: Path, classes: Sequence[str], *, keep: bool = False) -> None:
        self.path, self._unfinished = path, unfinished_table(path)
        self._header = ["path", "label", *(f"p_{name}" for name in classes), "origin"]
        self._rows: dict[str, list[str]] = {}
        self._begun = False
        if keep:
            self._rows = self._read(path) | self._read(self._unfinished)

    @property
    def origins(self) -> dict[str, str]:
        """What each answer that is there was made from, by the name that the table has for the image."""
        return {name: row[-1] for name, row in self._rows.items()}

    def name_of(self, image: Path) -> str:
        """How the table names an image: relative paths count from its folder, as `read_image_table` reads them."""
        return str(image) if image.is_absolute() else Path(os.path.relpath(image, self.path.parent)).as_posix()

    def add(self, image: Path, label: str, probabilities: FloatArray, origin: str) -> None:
        """Keep an answer, unless there is one about the image.

        Parameters
        ----------
        image : Path
        label : str
            The most probable class.
        probabilities : ndarray of shape (K,)
        origin : str
            What the answer was made from.

        Raises
        ------
        StorageError
            If it cannot be written.
        """
        row = [self.name_of(image), label, *(f"{share:.6f}" for share in probabilities), origin]
        if row[0] in self._rows:
            return
        self._rows[row[0]] = row
        if self._begun:
            with explaining(self._unfinished), self._unfinished.open("ab") as file:
                file.write(_as_csv([row]))
        else:
            self._write(self._unfinished, self._rows.values())
            self._begun = True

    def finish(self, images: Iterable[Path]) -> None:
        """Bring the table to its place, if it holds anything: answers about these images first, in their order.

        Raises
        ------
        StorageError
            If it cannot be written; what was at its place is as before.
        """
        if self._rows:
            names = dict.fromkeys([*map(self.name_of, images), *self._rows])
            self._write(self.path, [self._rows[name] for name in names if name in self._rows])
        with explaining(self._unfinished):
            self._unfinished.unlink(missing_ok=True)

    def _write(self, path: Path, rows: Iterable[Sequence[str]]) -> None:
        content = _as_csv([self._header, *rows])
        write_whole(path, lambda beside: beside.write_bytes(content))

    def _read(self, path: Path) -> dict[str, list[str]]:
        if not path.exists():
            return {}
        try:
            content = path.read_bytes()
            if path == self._unfinished:
                # A line that was just being added is not whole.
                content = content[: content.rfind(b"\n") + 1]
            text = content.decode("utf-8-sig", "surrogateescape")
            rows = list(csv.reader(io.StringIO(text, newline="")))
        except (OSError, csv.Error) as error:
            raise StorageError(f"`{path}` could not be read: {error}.") from error
        if rows[:1] != [self._header]:
            raise StorageError(
                f"`{path}` must be a table of answers with the columns {', '.join(self._header)}, "
                "got another one. Replace it (--overwrite), or choose another place."
            )
        return {row[0]: row for row in rows if len(row) == len(self._header) and row != self._header}


def unfinished_table(path: Path) -> Path:
    """Where answers are kept until the table is finished."""
    return path.with_name(f"{path.name}.unfinished")


def _as_csv(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    # Names of files need not be valid text.
    return text.getvalue().encode("utf-8", "surrogateescape")
