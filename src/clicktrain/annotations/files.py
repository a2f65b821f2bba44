"""Clicks in files: a labels image, or a CSV table with one row per pixel."""

from __future__ import annotations

import csv
import math
from typing import TYPE_CHECKING

import numpy as np

from clicktrain.annotations.clicks import Clicks
from clicktrain.errors import ClicksError, StorageError
from clicktrain.images.decoders import read_raw
from clicktrain.stores.whole_files import write_whole

if TYPE_CHECKING:
    from _csv import Reader as CsvReader
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["read_clicks", "write_clicks_csv"]

_COLUMNS = {2: ("y", "x", "class"), 3: ("z", "y", "x", "class")}
# Results are written as uint16 at most.
_MAX_CLASS = 65535


def read_clicks(path: Path, shape_px: Sequence[int]) -> Clicks:
    """Read the clicks of one image.

    Parameters
    ----------
    path : Path
        Labels image (PNG, TIFF, NPY; 0 = unlabelled) of the image's shape, or a CSV file with a header that names,
        in any order, the columns y, x (pixels from the top left; pixel centres are whole numbers), class (from 1), and
        for a volume z (slices from 0).
    shape_px : sequence of int
        [Slices,] rows and columns of the image the clicks belong to.

    Raises
    ------
    StorageError
        If the file cannot be read from the disk.
    ImageError
        If a labels image is damaged.
    ClicksError
        If what the file holds are no clicks for such an image.
    """
    shape = tuple(int(n) for n in shape_px)
    if path.suffix.lower() == ".csv":
        return _read_csv(path, shape)
    if path.suffix.lower() in (".jpg", ".jpeg"):
        raise ClicksError(
            f"`{path}` must keep the class numbers as they are, got a JPEG. Save the labels as PNG or TIFF."
        )
    labels = read_raw(path, palette=False).array
    try:
        return Clicks.from_labels(labels, shape)
    except ClicksError as error:
        raise ClicksError(f"`{path}`: {error}") from error


def write_clicks_csv(path: Path, clicks: Clicks) -> None:
    """Write the clicks of an image or a volume as a CSV file that `read_clicks` reads.

    Raises
    ------
    StorageError
        If the file cannot be written; nothing is left behind then.
    """

    def write(target: Path) -> None:
        with target.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(_COLUMNS[len(clicks.shape_px)])
            table.writerows(np.column_stack([clicks.positions_px, clicks.classes]).tolist())

    write_whole(path, write)


def _read_csv(path: Path, shape_px: tuple[int, ...]) -> Clicks:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = _rows(path, csv.reader(file), shape_px)
    except OSError as error:
        raise StorageError(f"`{path}` could not be read: {error.strerror or error}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ClicksError(f"`{path}` must be a CSV table in UTF-8, got something else ({error}).") from error
    table = np.array(rows, np.int64).reshape(-1, len(shape_px) + 1)
    return Clicks(table[:, :-1], table[:, -1], shape_px)


def _rows(path: Path, table: CsvReader, shape_px: tuple[int, ...]) -> list[tuple[int, ...]]:
    columns = _columns(path, next(table, []), _COLUMNS[len(shape_px)])
    rows = []
    for cells in table:
        if not any(cell.strip() for cell in cells):
            continue
        try:
            rows.append(_row([cells[i] for i in columns], shape_px))
        except (IndexError, ValueError, OverflowError) as error:
            reason = "too few columns" if isinstance(error, IndexError) else error
            raise ClicksError(f"`{path}`, line {table.line_num}: {reason}.") from error
    return rows


def _columns(path: Path, header: list[str], wanted: Sequence[str]) -> list[int]:
    names = [name.strip().lower() for name in header]
    if any(names.count(column) != 1 for column in wanted):
        raise ClicksError(
            f"`{path}` must begin with a header that names the columns {', '.join(wanted[:-1])} and {wanted[-1]} once, "
            f"separated by commas, got {','.join(header)[:80]!r}."
        )
    return [names.index(column) for column in wanted]


def _row(cells: list[str], shape_px: tuple[int, ...]) -> tuple[int, ...]:
    names = _COLUMNS[len(shape_px)]
    place = [_pixel(name, cell) for name, cell in zip(names, cells[:-1], strict=False)]
    if not all(0 <= n < length for n, length in zip(place, shape_px, strict=True)):
        got = ", ".join(f"{name}={n}" for name, n in zip(names, place, strict=False))
        raise ValueError(f"the pixel must lie inside the image of shape {shape_px}, got {got}")
    number = _number(cells[-1])
    if not (1 <= number <= _MAX_CLASS and number.is_integer()):
        raise ValueError(f"the class must be a whole number from 1 to {_MAX_CLASS}, got {_shown(cells[-1])}")
    return *place, int(number)


def _pixel(name: str, cell: str) -> int:
    number = _number(cell)
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a number, got {_shown(cell)}")
    return math.floor(number + 0.5)


def _number(cell: str) -> float:
    """The number in a cell, NaN if there is none."""
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _shown(cell: str) -> str:
    return cell.strip() or "nothing"
