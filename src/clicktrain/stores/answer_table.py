"""Answers about whole images as a CSV table, which is also a table to train on."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import TYPE_CHECKING

from clicktrain.stores.whole_files import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clicktrain.types import FloatArray

__all__ = ["write_answers"]


def write_answers(
    path: Path, images: Sequence[Path], labels: Sequence[str], probabilities: Sequence[FloatArray], classes: list[str]
) -> None:
    """Write a table with the columns `path`, `label`, and `p_CLASS` for every class.

    Parameters
    ----------
    path : Path
        Where to; an ordinary file there is replaced.
    images : sequence of Path
        Those that are relative are written so that they count from the table's folder, as `read_image_table` reads
        them.
    labels : sequence of str
        The most probable class of each image.
    probabilities : sequence of ndarray of shape (K,)
    classes : list of str

    Raises
    ------
    StorageError
        If the file cannot be written; nothing is left behind then.
    """

    def write(beside: Path) -> None:
        # Names of files need not be valid text.
        with beside.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["path", "label", *(f"p_{name}" for name in classes)])
            for image, label, shares in zip(images, labels, probabilities, strict=True):
                table.writerow([_from_folder(image, path.parent), label, *(f"{share:.6f}" for share in shares)])

    write_whole(path, write)


def _from_folder(image: Path, folder: Path) -> str:
    return str(image) if image.is_absolute() else Path(os.path.relpath(image, folder)).as_posix()
