"""Images with their clicks, ready to be learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clicktrain.annotations.clicks import Clicks
    from clicktrain.images.source import ImageSource
    from clicktrain.inference.pixels.constants import ImageConstants

__all__ = ["Example", "close_one_of"]


@dataclass(frozen=True, eq=False, slots=True)
class Example:
    """An image and its clicks.

    Parameters
    ----------
    source : ImageSource
        Only what lies around the clicks is read.
    clicks : Clicks
        One at least.
    constants : ImageConstants
        Of the image.
    """

    source: ImageSource
    clicks: Clicks
    constants: ImageConstants


def close_one_of(images: Sequence[object], source: ImageSource) -> None:
    """Close an image that is done with for now, if there are others: they need not all be open, and kept, at once."""
    if len(images) > 1:
        source.close()
