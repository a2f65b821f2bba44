"""Opening a window from the command line, where there is one to open."""

from __future__ import annotations

import os
import sys
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from clicktrain.errors import BackendError

if TYPE_CHECKING:
    from clicktrain.api import PixelClassifier
    from clicktrain.data.samples import Sample

__all__ = ["Viewer", "load_viewer", "why_no_window"]


class Viewer(Protocol):
    """Shows a sample with its trained classifier and returns when the window is closed."""

    def __call__(self, sample: Sample, classifier: PixelClassifier) -> None:
        """Open the window and wait."""


def why_no_window() -> str | None:
    """Say why no window can be opened here; None if it can."""
    has_display = sys.platform in ("darwin", "win32") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    if not has_display:
        return "there is no display"
    if find_spec("napari") is None:
        return 'napari is not installed (pip install "napari-clicktrain[all]")'
    return None


def load_viewer() -> Viewer:
    """Return what opens the window.

    Found by its entry point, as only `clicktrain.napari` may import napari.

    Raises
    ------
    BackendError
        If it cannot be imported.
    """
    for entry in entry_points(group="clicktrain.viewer", name="demo"):
        try:
            viewer: Viewer = entry.load()
        except ImportError as error:
            raise BackendError(f"napari must be importable, got: {error}. Install it with a Qt binding.") from error
        return viewer
    raise BackendError("a viewer must be installed to open a window, got none. Install ClickTrain anew.")
