"""Choose what is worked on: the image, its axes, and the layer that the clicks are in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels, Points
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QPushButton, QWidget

from clicktrain.errors import ImageError
from clicktrain.napari.layer_choice import LayerChoice
from clicktrain.napari.layers import axes_of, is_image, is_result, is_stack, likely_axes, note_of, shape_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.components import LayerList
    from napari.layers import Image, Layer

__all__ = ["SourcePanel"]

# What the axes of a three-dimensional layer can mean; the text is what people read.
_STACK_AXES = {"z, y, x (a volume)": "ZYX", "channels, y, x": "CYX"}


class SourcePanel(QWidget):
    """Image, axes and clicks layer; follows the viewer's layers.

    Parameters
    ----------
    layers : LayerList
    is_free : callable of one Layer
        Whether a clicks layer is not in use for another image, so that it may be chosen by itself.

    Signals: `image_changed()`, `clicks_layer_changed()`, `new_clicks_asked()`.
    """

    image_changed = Signal()
    clicks_layer_changed = Signal()
    new_clicks_asked = Signal()

    def __init__(self, layers: LayerList, is_free: Callable[[Layer], bool]) -> None:
        super().__init__()
        self._image = LayerChoice(layers, is_image, "The image to classify")
        self._axes = QComboBox()
        self._axes.addItems(_STACK_AXES)
        self._choose_axes()
        tooltip = "The Labels or Points layer that holds the clicks"
        self._clicks = LayerChoice(layers, self._holds_clicks, tooltip, is_free)
        self._axes.setToolTip("What the axes of this layer are: a volume is classified as a whole, in 3D")
        self._kind = QComboBox()
        self._kind.addItems(["Labels", "Points"])
        self._kind.setToolTip("Paint strokes in a Labels layer, or set points in a Points layer")
        self._new = QPushButton("New clicks layer")
        self._new.setToolTip("Add an empty layer for clicks, lying exactly on the image")
        self._lay_out()
        self._image.changed.connect(self._on_image_changed)
        self._clicks.changed.connect(lambda _: self.clicks_layer_changed.emit())
        self._axes.currentIndexChanged.connect(lambda _: self.image_changed.emit())
        self._new.clicked.connect(lambda: self.new_clicks_asked.emit())
        self._show_axes()

    @property
    def image(self) -> Image | None:
        """The chosen image layer."""
        return self._image.value

    @image.setter
    def image(self, layer: Image) -> None:
        self._image.value = layer

    @property
    def clicks_layer(self) -> Labels | Points | None:
        """The chosen layer of clicks."""
        return self._clicks.value

    @clicks_layer.setter
    def clicks_layer(self, layer: Labels | Points) -> None:
        self._clicks.value = layer

    @property
    def stack_axes(self) -> str:
        """Axis names for a layer of three dimensions."""
        return _STACK_AXES[self._axes.currentText()]

    @property
    def new_kind(self) -> str:
        """Kind of layer that a new clicks layer is to be: "Labels" or "Points"."""
        return str(self._kind.currentText())

    def prefer_clicks(self, layer: Labels | Points | None) -> None:
        """Look again which layers can hold clicks for the image, and choose this one if it can."""
        with QSignalBlocker(self):
            self._clicks.prefer(layer)

    def close_choices(self) -> None:
        """Stop following the viewer."""
        self._image.close()
        self._clicks.close()

    def _on_image_changed(self, layer: Image | None) -> None:
        self._choose_axes()
        self._show_axes()
        self.image_changed.emit()

    def _show_axes(self) -> None:
        self._form.setRowVisible(self._axes, self.image is not None and is_stack(self.image))

    def _choose_axes(self) -> None:
        image = self.image
        if image is not None and is_stack(image):
            # What follows from another image is done once, by whoever chose it.
            with QSignalBlocker(self._axes):
                self._axes.setCurrentIndex(list(_STACK_AXES.values()).index(likely_axes(image)))

    def _holds_clicks(self, layer: Layer) -> bool:
        if self.image is None or is_result(layer) or note_of(layer).get("image") not in (None, self.image.unique_id):
            return False
        shape = self._spatial_shape(self.image)
        if isinstance(layer, Points):
            return bool(layer.ndim == len(shape))
        return isinstance(layer, Labels) and not layer.multiscale and layer.data.shape == shape

    def _spatial_shape(self, image: Image) -> tuple[int, ...]:
        try:
            axes = axes_of(image, self.stack_axes)
            return tuple(n for n, axis in zip(shape_of(image), axes, strict=True) if axis != "C")
        except ImageError:
            return ()

    def _lay_out(self) -> None:
        new = QHBoxLayout()
        new.addWidget(self._new, 1)
        new.addWidget(self._kind)
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._form.addRow("Image", self._image.native)
        self._form.addRow("Axes", self._axes)
        self._form.addRow("Clicks", self._clicks.native)
        self._form.addRow("", new)
