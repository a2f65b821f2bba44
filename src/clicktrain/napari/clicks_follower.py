"""Keeps the clicks of the project's images the same as those in their layers."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtCore import QObject, Signal
from superqt.utils import QSignalDebouncer

from clicktrain.errors import ClickTrainError
from clicktrain.napari.clicks_layers import noted_classes, source_of

if TYPE_CHECKING:
    from collections.abc import Hashable

    from napari.components import LayerList
    from napari.layers import Image, Layer, Points

    from clicktrain.napari.clicks_layers import ClicksSource
    from clicktrain.project import Project

__all__ = ["ClicksFollower"]

# Several quick dabs are one change.
_SETTLE_MS = 150


@dataclass(frozen=True, slots=True)
class _Followed:
    source: ClicksSource
    image: Image
    connections: ExitStack = field(default_factory=ExitStack)


class ClicksFollower(QObject):
    """Follows one layer of clicks per image; that of the chosen image is read as soon as it is edited.

    A layer holds the clicks of one image only: that which it was chosen for last.

    Signals: `taken()` when the clicks of the chosen image were read, `failed(text)` when clicks cannot be used,
    `label_selected(number)` when another label is chosen in the layer's own controls.
    """

    taken = Signal()
    failed = Signal(str)
    label_selected = Signal(int)

    def __init__(self, project: Project, layers: LayerList, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._project = project
        self._layers = layers
        self._followed: dict[int, _Followed] = {}
        self._seen: set[Hashable] = set()
        self._settled = QSignalDebouncer(parent=self)
        self._settled.setTimeout(_SETTLE_MS)
        self._settled.triggered.connect(self._read_chosen)
        layers.events.removed.connect(self._on_layer_removed)

    def follow(self, layer: Labels | Points | None, image: Image, active: int) -> None:
        """Follow `layer` for the chosen image, whose layer is `image`; new clicks in it are of class `active`."""
        image_id = self._project.state.chosen_id
        if image_id is None:
            return
        if layer is None or layer is not self.layer_of(image_id):
            self._leave(image_id)
        if layer is None:
            return
        if image_id not in self._followed:
            for other_id in [other_id for other_id, other in self._followed.items() if other.source.layer is layer]:
                self._leave(other_id)
            try:
                self._followed[image_id] = self._connected(layer, image, active)
            except ClickTrainError as error:
                self.failed.emit(str(error))
                return
        self._read_chosen()
        self.color()
        self.activate(active)

    def layer_of(self, image_id: int | None) -> Labels | Points | None:
        """Return the layer with the clicks of an image."""
        return None if image_id not in self._followed else self._followed[image_id].source.layer

    def is_free(self, layer: Layer) -> bool:
        """Tell whether a layer holds no clicks of any image."""
        return all(followed.source.layer is not layer for followed in self._followed.values())

    def forget(self, image_id: int) -> None:
        """Follow nothing for an image any more."""
        followed = self._followed.pop(image_id, None)
        if followed is not None:
            followed.connections.close()

    def close(self) -> None:
        """Follow nothing, and let go of the viewer."""
        self._settled.cancel()
        self._layers.events.removed.disconnect(self._on_layer_removed)
        for image_id in list(self._followed):
            self.forget(image_id)

    def read(self) -> bool:
        """Hand all clicks to the project now; return whether they could be used."""
        self._settled.cancel()
        return all(self._read(image_id) for image_id in self._followed)

    def activate(self, number: int) -> None:
        """Let the next click be of class `number`."""
        chosen_id = self._project.state.chosen_id
        if chosen_id in self._followed:
            self._followed[chosen_id].source.activate(number)

    def color(self) -> None:
        """Show all clicks in the colours of the project's classes."""
        for followed in self._followed.values():
            followed.source.color(self._project.classes)

    def can_undo_erasing(self, number: int) -> bool:
        """Tell whether the layers can bring erased clicks of class `number` back."""
        return all(self._followed[image_id].source.undoable for image_id in self._with_clicks(number))

    def erase(self, number: int) -> None:
        """Erase the clicks of class `number` in all layers."""
        # The last stroke may not have settled yet.
        if self.read():
            for image_id in self._with_clicks(number):
                self._followed[image_id].source.erase(number, self._project.state.image(image_id))
                self._read(image_id)

    def _with_clicks(self, number: int) -> list[int]:
        images = [image for image in self._project.images if image.clicks is not None and image.clicks.count(number)]
        return [image.id for image in images if image.id in self._followed]

    def _connected(self, layer: Labels | Points, image: Image, active: int) -> _Followed:
        followed = _Followed(source_of(layer, self._project.classes, active), image)
        if layer.unique_id not in self._seen:
            # Classes that came with a layer are taken when it is first seen: later the user's names count.
            self._seen.add(layer.unique_id)
            self._project.update_classes(noted_classes(layer))
        for event in followed.source.edits:
            event.connect(self._on_edit)
            followed.connections.callback(event.disconnect, self._on_edit)
        if isinstance(layer, Labels):
            layer.events.selected_label.connect(self._on_label)
            followed.connections.callback(layer.events.selected_label.disconnect, self._on_label)
        return followed

    def _chosen_layer(self) -> Labels | Points | None:
        return self.layer_of(self._project.state.chosen_id)

    def _read_chosen(self) -> None:
        self._settled.cancel()
        chosen_id = self._project.state.chosen_id
        if chosen_id in self._followed and self._read(chosen_id):
            self.taken.emit()

    def _read(self, image_id: int) -> bool:
        followed, shape_px = self._followed[image_id], self._project.state.image(image_id).shape_px
        try:
            self._project.set_clicks(followed.source.read(followed.image, shape_px), image_id)
        except ClickTrainError as error:
            self.failed.emit(str(error))
            return False
        return True

    def _leave(self, image_id: int) -> None:
        self.forget(image_id)
        self._project.set_clicks(None, image_id)

    def _on_edit(self, event: Any) -> None:
        if event.source is self._chosen_layer():
            self._settled.throttle()

    def _on_label(self, event: Any) -> None:
        layer = self._chosen_layer()
        if layer is event.source and isinstance(layer, Labels):
            self.label_selected.emit(int(layer.selected_label))

    def _on_layer_removed(self, event: Any) -> None:
        for image_id in [image_id for image_id, other in self._followed.items() if other.source.layer is event.value]:
            self._leave(image_id)
