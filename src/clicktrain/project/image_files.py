"""What files and folders stand for, as images with the labels of whole images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clicktrain.errors import StorageError
from clicktrain.images.discovery import IMAGE_SUFFIXES
from clicktrain.images.lists import LabelledPath, images_in, read_class_folders, read_image_table
from clicktrain.images.openers import is_zarr

if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike

__all__ = ["find_labelled"]


def find_labelled(paths: Iterable[str | PathLike[str]]) -> tuple[LabelledPath, ...]:
    """List images with their labels.

    A CSV table names images and labels. Images alone, OME-Zarr folders among them, have no label yet. Of another
    folder the images are labelled by its name or, where it holds folders, by theirs.

    Raises
    ------
    ClickTrainError
        If a file cannot be read, is no image, or a table or folder names no images.
    """
    return tuple(row for path in paths for row in _found_at(Path(path)))


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
