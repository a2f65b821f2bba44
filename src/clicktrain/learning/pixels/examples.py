"""Images with their clicks, ready to be learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clicktrain.annotations.clicks import Clicks
    from clicktrain.images.source import ImageSource
    from clicktrain.inference.pixels.constants import ImageConstants

__all__ = ["Example"]


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
