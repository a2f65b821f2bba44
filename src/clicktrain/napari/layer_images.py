"""Which image of a project each image layer is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psygnal import Signal

from clicktrain.napari.layers import axes_of, is_stack, likely_axes, source_of, voxel_size_of

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Image

    from clicktrain.project import Project

__all__ = ["LayerImages"]


class LayerImages:
    """Adds a layer to the project when it is needed, and removes it when the layer is removed or gets other pixels.

    Attributes
    ----------
    removed : psygnal.Signal
        Emitted with the id of an image that was removed.
    replaced : psygnal.Signal
        Emitted with a layer that has got other pixels, so that its image was removed.
    """

    removed = Signal(int)
    replaced = Signal(object)

    def __init__(self, project: Project, layers: LayerList) -> None:
        self._project = project
        self._viewer_layers = layers
        self._layers: dict[int, Image] = {}
        self._axes: dict[int, str] = {}
        layers.events.removed.connect(self._on_removed)

    def id_of(self, layer: Image, axes: str | None = None) -> int:
        """Return the id of the layer's image, which is added if the project does not have it yet.

        Parameters
        ----------
        layer : Image
        axes : str, optional
            If not given, those that the image has already, else those that are likely.

        Raises
        ------
        ImageError
            If the layer cannot be an image.
        """
        known = next((image_id for image_id, other in self._layers.items() if other is layer), None)
        if known is not None:
            if axes in (None, self._axes[known]):
                return known
            self._remove(known)
        if axes is None:
            axes = likely_axes(layer) if is_stack(layer) else axes_of(layer)
        voxel_size = voxel_size_of(layer, axes)
        image_id = self._project.add_image(source_of(layer, axes), name=layer.name, voxel_size=voxel_size)
        self._layers[image_id], self._axes[image_id] = layer, axes
        layer.events.data.connect(self._on_data)
        return image_id

    def layer_of(self, image_id: int) -> Image | None:
        """Return the layer of an image, if it still has one."""
        return self._layers.get(image_id)

    def close(self) -> None:
        """Stop following the viewer."""
        self._viewer_layers.events.removed.disconnect(self._on_removed)
        for layer in self._layers.values():
            layer.events.data.disconnect(self._on_data)

    def _on_removed(self, event: Any) -> None:
        self._remove_layer(event.value)

    def _on_data(self, event: Any) -> None:
        self._remove_layer(event.source)
        self.replaced.emit(event.source)

    def _remove_layer(self, layer: Any) -> None:
        for image_id in [image_id for image_id, other in self._layers.items() if other is layer]:
            self._remove(image_id)

    def _remove(self, image_id: int) -> None:
        layer = self._layers.pop(image_id)
        del self._axes[image_id]
        layer.events.data.disconnect(self._on_data)
        self._project.remove_images([image_id])
        self.removed.emit(image_id)
