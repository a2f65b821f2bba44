"""A combo box of layers that follows the viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox
from psygnal import Signal

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.components import LayerList
    from napari.layers import Layer

__all__ = ["LayerChoice"]


class LayerChoice:
    """Choose one of the layers that `accepts` says yes to; where there are any, one is chosen by itself.

    Parameters
    ----------
    layers : LayerList
    accepts : callable of one Layer
    tooltip : str
    is_free : callable of one Layer, optional
        Which of them may be chosen by themselves; with it, none may be chosen.

    Attributes
    ----------
    changed : psygnal.Signal
        Emitted with the chosen layer or None, also when the chosen layer is removed; not when it is renamed.
    """

    changed = Signal(object)

    def __init__(
        self,
        layers: LayerList,
        accepts: Callable[[Layer], bool],
        tooltip: str,
        is_free: Callable[[Layer], bool] | None = None,
    ) -> None:
        self._layers = layers
        self._accepts = accepts
        self._is_free = is_free
        self._value: Layer | None = None
        self._combo = ComboBox(choices=self._choices, tooltip=tooltip, nullable=is_free is not None)
        self.refresh()
        self._combo.changed.connect(self._take)
        self._events = (layers.events.inserted, layers.events.removed, layers.events.reordered, layers.events.renamed)
        for event in self._events:
            event.connect(self.refresh)

    @property
    def native(self) -> Any:
        """The Qt widget."""
        return self._combo.native

    @property
    def value(self) -> Layer | None:
        """The chosen layer."""
        return self._value

    @value.setter
    def value(self, layer: Layer) -> None:
        self._combo.value = layer

    def refresh(self, event: object = None) -> None:
        """Look again which layers there are; the chosen one stays if it is still there."""
        self.prefer(self._value)

    def prefer(self, layer: Layer | None) -> None:
        """Choose a layer if it can be chosen, else one by itself."""
        accepted = [choice for _, choice in self._choices()]
        if not any(layer is choice for choice in accepted):
            layer = next((choice for choice in accepted if self._is_free is None or self._is_free(choice)), None)
        # The combo box knows its choices by their text, so a renamed layer would lose its place.
        with self._combo.changed.blocked():
            self._combo.reset_choices()
            if accepted:
                self._combo.value = layer
        self._take(layer)

    def close(self) -> None:
        """Stop following the viewer."""
        for event in self._events:
            event.disconnect(self.refresh)

    def _take(self, layer: Layer | None) -> None:
        if layer is not self._value:
            self._value = layer
            self.changed.emit(layer)

    def _choices(self, combo: object = None) -> list[tuple[str, Layer]]:
        # Upside down, so that the topmost layer comes first, as in the viewer's list.
        return [(layer.name, layer) for layer in reversed(self._layers) if self._accepts(layer)]
