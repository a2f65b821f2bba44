"""Keeps the session's clicks the same as those in a layer."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from napari.layers import Labels
from qtpy.QtCore import QObject, Signal
from superqt.utils import QSignalDebouncer

from clicktrain.errors import ClickTrainError
from clicktrain.napari.clicks_layers import noted_classes, source_of

if TYPE_CHECKING:
    from collections.abc import Hashable

    from napari.layers import Image, Points

    from clicktrain.napari.clicks_layers import ClicksSource
    from clicktrain.project import Session

__all__ = ["ClicksFollower"]

# Several quick dabs are one change.
_SETTLE_MS = 150


class ClicksFollower(QObject):
    """Follows one layer of clicks at a time and hands what is in it to the session.

    Signals: `failed(text)` when the clicks cannot be used, `label_selected(number)` when another label is chosen in
    the layer's own controls.
    """

    failed = Signal(str)
    label_selected = Signal(int)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._source: ClicksSource | None = None
        self._image: Image | None = None
        self._seen: set[Hashable] = set()
        self._connections = ExitStack()
        self._settled = QSignalDebouncer(parent=self)
        self._settled.setTimeout(_SETTLE_MS)
        self._settled.triggered.connect(self.read)

    def follow(self, layer: Labels | Points | None, image: Image | None, active: int) -> None:
        """Follow `layer`, whose clicks are for `image`; new clicks in it are of class `active`."""
        self.stop()
        if layer is None or image is None:
            self._session.set_clicks(None)
            return
        try:
            source = source_of(layer, self._session.classes, active)
        except ClickTrainError as error:
            self.failed.emit(str(error))
            return
        self._source, self._image = source, image
        self._take_noted_classes(layer)
        for event in source.edits:
            event.connect(self._on_edit)
            self._connections.callback(event.disconnect, self._on_edit)
        if isinstance(layer, Labels):
            layer.events.selected_label.connect(self._on_label)
            self._connections.callback(layer.events.selected_label.disconnect, self._on_label)
        self.read()
        self.color()
        self.activate(active)

    def _take_noted_classes(self, layer: Labels | Points) -> None:
        """Take the classes that came with a layer, the first time it is seen: later the user's names count."""
        if layer.unique_id not in self._seen:
            self._seen.add(layer.unique_id)
            self._session.classes.update(noted_classes(layer))

    def stop(self) -> None:
        """Follow nothing."""
        self._settled.cancel()
        self._connections.close()
        self._source = self._image = None

    @property
    def undoable(self) -> bool:
        """Whether the layer can bring erased clicks back."""
        return self._source is not None and self._source.undoable

    def read(self) -> bool:
        """Hand the clicks to the session now; return whether they could be used."""
        self._settled.cancel()
        if self._source is None or self._image is None:
            return True
        try:
            self._source.read_into(self._session, self._image)
        except ClickTrainError as error:
            self.failed.emit(str(error))
            return False
        return True

    def activate(self, number: int) -> None:
        """Let the next click be of class `number`."""
        if self._source is not None:
            self._source.activate(number)

    def color(self) -> None:
        """Show the clicks in the colours of the session's classes."""
        if self._source is not None:
            self._source.color(self._session.classes)

    def erase(self, number: int) -> None:
        """Erase the clicks of class `number` in the layer."""
        # The last stroke may not have settled yet.
        if self._source is not None and self.read():
            self._source.erase(number, self._session)
            self.read()

    def _on_edit(self, event: object = None) -> None:
        self._settled.throttle()

    def _on_label(self, event: object = None) -> None:
        if self._source is not None:
            self.label_selected.emit(int(self._source.layer.selected_label))
