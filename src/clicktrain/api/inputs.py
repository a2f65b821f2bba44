"""What people hand to a classifier of pixels: images whatever they are stored as, and their clicks."""

from __future__ import annotations

from contextlib import contextmanager
from math import prod
from typing import TYPE_CHECKING, Any

import psutil

from clicktrain.annotations.clicks import Clicks
from clicktrain.errors import ClicksError, ImageError
from clicktrain.images.axes import count_channels
from clicktrain.images.source import open_image

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clicktrain.images.source import ImageSource
    from clicktrain.models.pixels.fitted import PixelModel

__all__ = ["check_fits", "check_same_kind", "close_opened", "examples_of", "kind_of", "listed", "opened"]

# Share of the free memory that one answer may take.
_MOST_SHARE = 0.8


@contextmanager
def opened(image: Any, axes: str | None) -> Iterator[ImageSource]:
    """Open one image, and close it at the end unless it was open already."""
    source = open_image(image, axes=axes)
    try:
        yield source
    finally:
        close_opened([image], [source])


def close_opened(images: Sequence[Any], sources: Sequence[ImageSource]) -> None:
    """Close the sources that were made of images, not those that were given as sources."""
    for image, source in zip(images, sources, strict=True):
        if image is not source:
            source.close()


def examples_of(images: Any, clicks: Any, axes: str | None) -> tuple[list[ImageSource], list[Clicks]]:
    """Open images, or one, and read their labels or clicks.

    Raises
    ------
    ImageError
        If an image cannot be used, or they differ in axes or channels.
    ClicksError
        If there are not as many labels as images, or their shapes do not fit.
    """
    image_list, clicks_list = listed(images), listed(clicks)
    if len(image_list) != len(clicks_list):
        raise ClicksError(
            f"labels must be one per image, got {len(image_list)} images and {len(clicks_list)} labels. "
            "Give an image without clicks labels that are all 0."
        )
    sources = [open_image(image, axes=axes) for image in image_list]
    found = [_shape_and_channels(source) for source in sources]
    shapes, counts = [shape for shape, _ in found], {n_channels for _, n_channels in found}
    if len(set(map(len, shapes))) > 1:
        raise ImageError("images must be all 2D or all volumes, got both. Train a classifier for each.")
    if len(counts) > 1:
        raise ImageError(f"images must have the same number of channels, got {sorted(counts)}. Train them apart.")
    return sources, [Clicks.of(part, shape) for part, shape in zip(clicks_list, shapes, strict=True)]


def _shape_and_channels(source: ImageSource) -> tuple[tuple[int, ...], int]:
    found = source.shape_px, source.n_channels
    # There may be more files than can be open at once.
    source.close()
    return found


def check_same_kind(sources: Sequence[ImageSource], model: PixelModel) -> None:
    """Refuse images with other axes or channels than those that a model was trained on.

    Raises
    ------
    ImageError
    """
    wanted = model.net.stem.in_channels
    for source in sources:
        ndim = len(source.shape_px)
        if ndim != model.ndim:
            raise ImageError(
                f"{source.name} must be {kind_of(model.ndim)} for this model, got {kind_of(ndim)}. "
                "Choose an image like those that it learned from, or train another."
            )
        if source.n_channels != wanted:
            raise ImageError(
                f"{source.name} must have {count_channels(wanted)} for this model, got {source.n_channels}. "
                "Choose an image like those that it learned from, or train another."
            )


def check_fits(shape: Sequence[int], bytes_each: int, name: str) -> None:
    """Refuse to make an array that memory has no room for.

    Raises
    ------
    ImageError
    """
    wanted, free = prod(shape) * bytes_each, psutil.virtual_memory().available
    if wanted > _MOST_SHARE * free:
        raise ImageError(
            f"the answer for {name} must fit into memory, got {wanted / 1e9:.1f} GB of {free / 1e9:.1f} GB free. "
            "Write it to a file instead: predict_to(image, sink)."
        )


def kind_of(ndim: int) -> str:
    """Name what has so many spatial axes."""
    return "2D" if ndim == 2 else "a volume"


def listed(values: Any) -> list[Any]:
    """Make one thing a list of one."""
    return list(values) if isinstance(values, list | tuple) else [values]
