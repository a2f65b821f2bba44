"""The table of whole images and what they are, safe to read from any thread."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from clicktrain.errors import LabelsError, StorageError
from clicktrain.images.discovery import IMAGE_SUFFIXES
from clicktrain.images.lists import LabelledPath, images_in, read_class_folders, read_image_table
from clicktrain.images.openers import is_zarr

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from os import PathLike

__all__ = ["ImageTable"]


class ImageTable:
    """Images in the order in which they were added, each once.

    Attributes
    ----------
    changed : psygnal.Signal
        Emitted after every change.
    """

    changed = Signal()

    def __init__(self) -> None:
        # Replaced, never changed in place: whoever reads it has all of one moment.
        self._rows: tuple[LabelledPath, ...] = ()

    @property
    def rows(self) -> tuple[LabelledPath, ...]:
        """All images."""
        return self._rows

    @property
    def labels(self) -> dict[str, int]:
        """Number of images of each label, sorted; images without a label do not count."""
        return dict(sorted(Counter(row.label for row in self._rows if row.label).items()))

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, paths: Iterable[str | PathLike[str]]) -> int:
        """Add what files and folders stand for, all of it or nothing.

        A CSV table names images and labels. Images alone, OME-Zarr folders among them, have no label yet. Of another
        folder the images are labelled by its name or, where it holds folders, by theirs.

        Returns
        -------
        int
            Images that are new. Of one that is there already, a label that is given replaces the one it had.

        Raises
        ------
        ClickTrainError
            If a file cannot be read, is no image, or a table or folder names no images.
        """
        found = [row for path in paths for row in _found_at(Path(path))]
        rows = {row.path.resolve(): row for row in self._rows}
        before = len(rows)
        for row in found:
            key = row.path.resolve()
            if row.label or key not in rows:
                rows[key] = row
        self._replace(rows.values())
        return len(rows) - before

    def set_label(self, positions: Collection[int], label: str) -> None:
        """Give the images at these positions a label; an empty one takes it away."""
        rows = list(self._rows)
        for position in positions:
            rows[position] = LabelledPath(rows[position].path, label.strip())
        self._replace(rows)

    def remove(self, positions: Collection[int]) -> None:
        """Take the images at these positions off the table; files stay where they are."""
        self._replace(row for position, row in enumerate(self._rows) if position not in positions)

    def checked(self) -> tuple[LabelledPath, ...]:
        """Return the rows, if they can be learned from.

        Raises
        ------
        LabelsError
            If there are no images, one has no label, or all have the same.
        StorageError
            If an image is not there any more.
        """
        rows = self._rows
        if not rows:
            raise LabelsError("images must be there to learn from, got none. Add images of two classes or more.")
        for row in rows:
            if not row.label:
                raise LabelsError(f"every image must have a label, got none for `{row.path.name}`. Type one.")
            if not row.path.exists():
                raise StorageError(
                    f"`{row.path}` must be an image, got nothing of that name. Remove it or bring it back."
                )
        if len(self.labels) < 2:
            raise LabelsError(
                f"images must be of two classes or more, got only {rows[0].label!r}. Add images of another class."
            )
        return rows

    def _replace(self, rows: Iterable[LabelledPath]) -> None:
        new = tuple(rows)
        if new != self._rows:
            self._rows = new
            self.changed.emit()


def _found_at(path: Path) -> list[LabelledPath]:
    if path.suffix.lower() == ".csv":
        return read_image_table(path)
    if not path.is_dir():
        return [LabelledPath(_checked_file(path))]
    if is_zarr(path):
        return [LabelledPath(path)]
    images = images_in(path)
    return [LabelledPath(image, path.name) for image in images] if images else read_class_folders(path)


def _checked_file(path: Path) -> Path:
    if not path.exists():
        raise StorageError(f"`{path}` must be an image, got nothing of that name. Check the path.")
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        raise StorageError(
            f"`{path.name}` must be an image, a folder or a CSV table, got another file. "
            f"Images end in {', '.join(IMAGE_SUFFIXES)} or are OME-Zarr folders."
        )
    return path
