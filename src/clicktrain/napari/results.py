"""The two layers that show a prediction: `NAME classes` and `NAME confidence`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels

from clicktrain.napari.layers import label_colors, mark, result_of, spatial_transform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari.components import LayerList, ViewerModel
    from napari.layers import Layer

    from clicktrain.config import ClassInfo
    from clicktrain.project import Prediction

__all__ = ["recolor", "show_prediction"]

_OPACITY = 0.4


def show_prediction(
    viewer: ViewerModel, image: Image, prediction: Prediction, infos: Iterable[ClassInfo]
) -> tuple[Labels, Image]:
    """Show a prediction over `image`; layers that are there are updated in place, missing ones are made.

    Returns
    -------
    tuple of (Labels, Image)
        The layers of the classes and of the confidence.
    """
    confidence = _show(viewer.layers, image, "confidence", prediction.confidence, _new_confidence)
    classes = _show(viewer.layers, image, "classes", prediction.classes, _new_classes)
    recolor(viewer.layers, image, infos)
    return classes, confidence


def recolor(layers: LayerList, image: Image, infos: Iterable[ClassInfo]) -> None:
    """Give the classes layer of `image`, if there is one, the colours of the classes."""
    layer = result_of(layers, image, "classes")
    if layer is not None:
        layer.colormap = label_colors(infos)


def _show(layers: LayerList, image: Image, role: str, data: Any, new: Callable[..., Layer]) -> Any:
    place = spatial_transform(image, data.ndim)
    layer = result_of(layers, image, role)
    if layer is not None and layer.ndim != data.ndim:
        # The axes of the image were taken for others before.
        layers.remove(layer)
        layer = None
    if layer is None:
        active = layers.selection.active
        layer = new(data, name=f"{image.name} {role}", metadata=mark(role, image), **place)
        # Just above the image and so below the clicks, which the user goes on painting.
        layers.insert(layers.index(image) + 1, layer)
        layers.selection.active = active
        return layer
    layer.data = data
    now = spatial_transform(layer, data.ndim)
    # Each that is set makes napari look through all layers, which a user would feel after every stroke.
    for name in (name for name, value in place.items() if not _same(now[name], value)):
        setattr(layer, name, place[name])
    return layer


def _same(one: Any, other: Any) -> bool:
    """Tell whether two arrays, or tuples, hold the same."""
    found = one == other
    return found if isinstance(found, bool) else bool(found.all())


def _new_classes(data: Any, **place: Any) -> Labels:
    return Labels(data, opacity=_OPACITY, **place)


def _new_confidence(data: Any, **place: Any) -> Image:
    return Image(data, colormap="viridis", contrast_limits=(0, 1), visible=False, **place)
