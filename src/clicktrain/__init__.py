"""ClickTrain: click a few pixels per class, get every pixel classified.

Names are loaded on first use, so `import clicktrain` costs milliseconds and needs neither torch nor Qt.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clicktrain.annotations.clicks import Clicks
    from clicktrain.api import ClassSink, ImageClassifier, PixelClassifier
    from clicktrain.engine.densify import densify
    from clicktrain.errors import ClickTrainError
    from clicktrain.images.source import ImageSource, open_image
    from clicktrain.progress import Progress

__version__ = "0.2.0.dev0"

__all__ = [
    "ClassSink",
    "ClickTrainError",
    "Clicks",
    "ImageClassifier",
    "ImageSource",
    "PixelClassifier",
    "Progress",
    "__version__",
    "densify",
    "open_image",
]

_HOME = {
    "ClassSink": "clicktrain.api",
    "ClickTrainError": "clicktrain.errors",
    "Clicks": "clicktrain.annotations.clicks",
    "ImageClassifier": "clicktrain.api",
    "ImageSource": "clicktrain.images.source",
    "PixelClassifier": "clicktrain.api",
    "Progress": "clicktrain.progress",
    "densify": "clicktrain.engine.densify",
    "open_image": "clicktrain.images.source",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
