"""Lists of whole images, with what they are: a CSV table, folders named like the classes, or files alone."""

from __future__ import annotations

import csv
import glob
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clicktrain.errors import ClickTrainError, LabelsError, StorageError
from clicktrain.images.discovery import IMAGE_SUFFIXES, expand_inputs, files_in
from clicktrain.images.openers import is_zarr

if TYPE_CHECKING:
    from _csv import Reader as CsvReader
    from collections.abc import Iterable, Iterator

__all__ = ["LabelledPath", "expand_images", "images_in", "read_class_folders", "read_image_table"]

_COLUMNS = ("path", "label")


@dataclass(frozen=True, slots=True)
class LabelledPath:
    """An image file or OME-Zarr folder and what it is.

    Parameters
    ----------
    path : Path
    label : str
        Empty where it is not known yet.
    """

    path: Path
    label: str = ""


def expand_images(patterns: Iterable[str | Path]) -> list[Path]:
    """List the images that files, folders and globs stand for; an OME-Zarr folder is one image.

    Parameters
    ----------
    patterns : iterable of str or Path
        As for `clicktrain.images.discovery.expand_inputs`.

    Returns
    -------
    list of Path
        In the order of the patterns, sorted within each, every image once.

    Raises
    ------
    StorageError
        If a pattern stands for no image.
    """
    return list(dict.fromkeys(path for pattern in patterns for path in _expand(str(pattern))))


def images_in(folder: Path) -> list[Path]:
    """List the images directly in a folder, files and OME-Zarr folders, sorted.

    Raises
    ------
    StorageError
        If the folder cannot be read.
    """
    return sorted([*files_in(folder), *(path for path in _folders_in(folder) if is_zarr(path))])


def read_class_folders(folder: Path) -> list[LabelledPath]:
    """Take the images of every sub-folder, labelled by the sub-folder's name.

    Raises
    ------
    StorageError
        If the folder cannot be read.
    LabelsError
        If there are no images in sub-folders.
    """
    classes = [path for path in _folders_in(folder) if not is_zarr(path)]
    found = [LabelledPath(path, each.name) for each in classes for path in images_in(each)]
    if not found:
        raise LabelsError(
            f"`{folder}` must hold a folder of images for every class, named like the class, got none. "
            "Sort the images into folders, or give a CSV table."
        )
    return found


def read_image_table(path: Path) -> list[LabelledPath]:
    """Read a CSV table with the columns `path` and `label`; other columns are ignored.

    Parameters
    ----------
    path : Path
        The images' paths count from the table's folder.

    Returns
    -------
    list of LabelledPath
        In the order of the rows, every image once.

    Raises
    ------
    StorageError
        If the table cannot be read, or an image is not there.
    LabelsError
        If it is no such table, has no rows, or gives one image two labels.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(_rows(path, csv.reader(file)))
    except ClickTrainError:
        # Some are OSErrors as well.
        raise
    except OSError as error:
        raise StorageError(f"`{path}` could not be read: {error.strerror or error}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise LabelsError(f"`{path}` must be a CSV table in UTF-8, got something else ({error}).") from error
    if not rows:
        raise LabelsError(f"`{path}` must name at least one image, got a header alone. Add a row per image.")
    labels: dict[Path, str] = {}
    for image, label in rows:
        if labels.setdefault(image, label) != label:
            raise LabelsError(
                f"`{path}` must give each image one label, got {labels[image]!r} and {label!r} for `{image}`."
            )
    return [LabelledPath(*each) for each in labels.items()]


def _rows(path: Path, table: CsvReader) -> Iterator[tuple[Path, str]]:
    columns = _columns(path, next(table, []))
    for cells in table:
        if not any(cell.strip() for cell in cells):
            continue
        where = f"`{path}`, line {table.line_num}"
        if len(cells) <= max(columns):
            raise LabelsError(f"{where}: too few columns.")
        image, label = (cells[i].strip() for i in columns)
        if not image or not label:
            raise LabelsError(f"{where}: path and label must not be empty. Fill them in or remove the row.")
        found = path.parent / image
        if not found.exists():
            raise StorageError(f"{where}: `{image}` must be an image, got nothing of that name in `{path.parent}`.")
        yield found, label


def _columns(path: Path, header: list[str]) -> list[int]:
    names = [name.strip().lower() for name in header]
    if any(names.count(column) != 1 for column in _COLUMNS):
        raise LabelsError(
            f"`{path}` must begin with a header that names the columns path and label once, separated by commas, "
            f"got {','.join(header)[:80]!r}."
        )
    return [names.index(column) for column in _COLUMNS]


def _folders_in(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise StorageError(f"folder `{folder}` could not be read: {error.strerror}.") from error


def _expand(pattern: str) -> list[Path]:
    path = Path(pattern)
    if path.is_dir():
        return [path] if is_zarr(path) else _some_in(path)
    if path.exists() or not glob.has_magic(pattern):
        return expand_inputs([pattern])
    found = {path for path in map(Path, glob.glob(pattern, recursive=True)) if _is_image(path)}
    # The arrays of an OME-Zarr are no images of their own. What matches no image is refused by the other, in words that
    # files alone would get.
    return sorted(path for path in found if found.isdisjoint(path.parents)) or expand_inputs([pattern])


def _is_image(path: Path) -> bool:
    if path.name.startswith("."):
        return False
    return is_zarr(path) if path.is_dir() else path.suffix.lower() in IMAGE_SUFFIXES


def _some_in(folder: Path) -> list[Path]:
    found = images_in(folder)
    if not found:
        endings = ", ".join(IMAGE_SUFFIXES)
        raise StorageError(
            f"`{folder}` must hold at least one image, got none: no OME-Zarr and no {endings}. "
            "Folders in it are not searched; a pattern such as FOLDER/*/*.png is."
        )
    return found
