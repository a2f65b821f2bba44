"""Which clicks belong to which image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clicktrain.errors import StorageError
from clicktrain.images.discovery import CLICKS_SUFFIXES, expand_inputs, files_in, image_stem

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["pair_clicks"]


def pair_clicks(images: Sequence[Path], clicks: Sequence[str]) -> list[tuple[Path, Path]]:
    """Find the clicks of every image.

    Parameters
    ----------
    images : sequence of Path
    clicks : sequence of str
        One folder, whose files belong to the images of the same stem (images without such a file are left out);
        or files and globs, which belong to the images in their order.

    Returns
    -------
    list of (image, clicks) paths

    Raises
    ------
    StorageError
        If the clicks do not match the images.
    """
    if len(clicks) == 1 and Path(clicks[0]).is_dir():
        return _by_stem(images, Path(clicks[0]))
    files = expand_inputs(clicks, CLICKS_SUFFIXES)
    if len(files) != len(images):
        raise StorageError(
            f"clicks must be one file per image, got {len(images)} images and {len(files)} files of clicks. "
            "Give --clicks once per image, a folder, or a pattern in quotes."
        )
    return list(zip(images, files, strict=True))


def _by_stem(images: Sequence[Path], folder: Path) -> list[tuple[Path, Path]]:
    images_here = {path.resolve() for path in images}
    files: dict[str, Path] = {}
    for path in files_in(folder, CLICKS_SUFFIXES):
        # Images and clicks may share one folder.
        if path.resolve() in images_here:
            continue
        other = files.setdefault(image_stem(path), path)
        if other is not path:
            raise StorageError(f"clicks must be one file per image, got `{other}` and `{path}`. Remove one.")
    pairs = [(image, files[image_stem(image)]) for image in images if image_stem(image) in files]
    _refuse_unpaired(pairs, files, folder)
    return pairs


def _refuse_unpaired(pairs: Sequence[tuple[Path, Path]], files: dict[str, Path], folder: Path) -> None:
    stems = [image_stem(image) for image, _ in pairs]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice is not None:
        raise StorageError(f"images must have different names, got {twice!r} twice. Give --clicks once per image.")
    unused = sorted(files.keys() - set(stems))
    if unused:
        raise StorageError(f"clicks must belong to an image of the same name, got none for `{files[unused[0]]}`.")
    if not pairs:
        raise StorageError(f"clicks must be named like their images, got no such file in `{folder}`.")
