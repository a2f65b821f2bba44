"""The dock widget: a project, the viewer's layers, and two tabs on top of both."""

from __future__ import annotations

import weakref
from contextlib import ExitStack
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout, QWidget

from clicktrain.napari.bridge import ProjectBridge
from clicktrain.napari.layer_images import LayerImages
from clicktrain.napari.pixels_tab import PixelsTab
from clicktrain.napari.tabs import Tabs
from clicktrain.napari.whole_image_tab import WholeImageTab
from clicktrain.project import Project

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["ClickTrainWidget"]


class ClickTrainWidget(QWidget):
    """Click pixels or label whole images, train, and see others classified.

    The widgets only show and ask; all computation runs on the project's background thread.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    project : Project, optional
        A project to go on with, for example with a trained classifier. It is closed with the widget.

    Attributes
    ----------
    project : Project
    pixels : PixelsTab
    whole_images : WholeImageTab
    tabs : Tabs
    """

    def __init__(self, viewer: napari.viewer.Viewer, project: Project | None = None) -> None:
        super().__init__()
        self.project = project or Project()
        bridge = ProjectBridge(self.project, self)
        images = LayerImages(self.project, viewer.layers)
        self.pixels = PixelsTab(viewer, self.project, bridge, images)
        self.whole_images = WholeImageTab(viewer, self.project, bridge, images)
        self.tabs = Tabs({"Pixels": self.pixels, "Whole image": self.whole_images})
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tabs)
        self._closing = ExitStack()
        for close in (self.project.close, bridge.close, images.close):
            self._closing.callback(close)
        for tab in (self.pixels, self.whole_images):
            self._closing.callback(tab.close_choices)
        # A slot of the widget itself would no longer be called, for Qt has taken it apart by then.
        self.destroyed.connect(self._closing.close)
        # napari lets go of a dock that is closed by its button; if Python then ends the widget, Qt tells nobody.
        weakref.finalize(self, self.project.close)

    def close_project(self) -> None:
        """Stop all work, end the background thread and let go of the viewer; done when the widget is closed."""
        self._closing.close()
