"""Which images are learned from and what each is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clicktrain.errors import LabelsError, StorageError
from clicktrain.images.lists import LabelledPath, images_in, read_class_folders, read_image_table
from clicktrain.images.openers import is_zarr

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["labelled_images"]


def labelled_images(sources: Iterable[str]) -> list[LabelledPath]:
    """Read tables and folders of labelled images.

    Parameters
    ----------
    sources : iterable of str
        CSV tables with the columns `path` and `label`; folders of images, which are labelled by the folder's name; or
        folders that hold such folders.

    Returns
    -------
    list of LabelledPath
        In the order of the sources, every image once.

    Raises
    ------
    StorageError
        If a source cannot be read, or is neither table nor folder.
    LabelsError
        If a table or folder holds no labelled images, or an image has two labels.
    """
    found: dict[Path, LabelledPath] = {}
    for source in sources:
        for image in _read(Path(source)):
            known = found.setdefault(image.path.resolve(), image)
            if known.label != image.label:
                raise LabelsError(
                    f"`{image.path}` must have one label, got {known.label!r} and {image.label!r}. Leave one out."
                )
    return list(found.values())


def _read(source: Path) -> list[LabelledPath]:
    if source.suffix.lower() == ".csv":
        return read_image_table(source)
    if not source.is_dir() or is_zarr(source):
        raise StorageError(
            f"`{source}` must be a CSV table or a folder of images, got {_kind(source)}. "
            "Name every image and its label in a table, or put the images of each class into a folder."
        )
    # A folder's name may be given as ".", which is no label.
    label = source.resolve().name
    return [LabelledPath(path, label) for path in images_in(source)] or read_class_folders(source)


def _kind(source: Path) -> str:
    return "an image without a label" if source.exists() else "nothing of that name"
