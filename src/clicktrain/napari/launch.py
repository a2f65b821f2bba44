"""Open napari on a sample that is already trained, ready to go on clicking."""

from __future__ import annotations

from typing import TYPE_CHECKING

import napari
from napari.layers import Layer

from clicktrain.napari.clicks_layers import BRUSH_PX, activate_paint_mode
from clicktrain.napari.dock import ClickTrainWidget
from clicktrain.napari.samples import layers_of
from clicktrain.project import Project

if TYPE_CHECKING:
    from clicktrain.data.samples import Sample
    from clicktrain.project.protocols import TrainablePixelClassifier

__all__ = ["open_demo", "show_sample"]


def open_demo(sample: Sample, classifier: TrainablePixelClassifier | None = None) -> None:
    """Open napari with a sample, its clicks and its classes; return when the window is closed.

    Parameters
    ----------
    sample : Sample
    classifier : TrainablePixelClassifier, optional
        A classifier trained on the sample; its prediction is shown at once.
    """
    show_sample(napari.Viewer(title="ClickTrain"), sample, classifier)
    napari.run()


def show_sample(
    viewer: napari.Viewer, sample: Sample, classifier: TrainablePixelClassifier | None = None
) -> ClickTrainWidget:
    """Show a sample in a viewer with the dock widget beside it and return the widget."""
    for data, options, kind in layers_of(sample):
        layer = viewer.add_layer(Layer.create(data, options, kind))
    layer.brush_size = BRUSH_PX
    layer.selected_label = 1
    activate_paint_mode(layer)
    widget = ClickTrainWidget(viewer, Project(classifier))
    widget.project.update_classes(sample.class_infos)
    viewer.window.add_dock_widget(widget, name="ClickTrain", area="right")
    if widget.project.is_trained("pixels"):
        widget.project.predict()
    return widget
