"""Clicks as people make them, strokes in a Labels layer or points in a Points layer: two classes with one interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from napari.layers import Labels, Points

from clicktrain.annotations.clicks import Clicks, blank_labels
from clicktrain.errors import ClicksError
from clicktrain.napari.layers import UNKNOWN_COLOR, label_colors, mark, note_of, spatial_transform

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.layers import Image
    from napari.utils.events import EventEmitter

    from clicktrain.config import ClassInfo
    from clicktrain.project import ProjectImage

    ClicksLayer: TypeAlias = Labels | Points
    ClicksSource: TypeAlias = "LabelsClicks | PointsClicks"

__all__ = [
    "BRUSH_PX",
    "LabelsClicks",
    "PointsClicks",
    "activate_paint_mode",
    "new_labels",
    "new_points",
    "noted_classes",
    "source_of",
]

_FEATURE = "class"
BRUSH_PX = 3


class LabelsClicks:
    """Strokes in a Labels layer; a pixel's value is its class."""

    undoable = True

    def __init__(self, layer: Labels) -> None:
        self.layer = layer

    @property
    def edits(self) -> tuple[EventEmitter, ...]:
        """Painting, replaced data, and undo and redo, which tell nothing but `set_data`."""
        events = self.layer.events
        return events.paint, events.data, events.set_data

    def read(self, image: Image, shape_px: tuple[int, ...]) -> Clicks:
        """Return the painted pixels, matched to the image by array index."""
        return Clicks.from_labels(self.layer.data, shape_px)

    def activate(self, number: int) -> None:
        """Paint class `number` from now on."""
        if self.layer.selected_label != number:
            self.layer.selected_label = number

    def color(self, infos: Iterable[ClassInfo]) -> None:
        """Show the strokes in the colours of their classes."""
        self.layer.colormap = label_colors(infos)

    def erase(self, number: int, image: ProjectImage) -> None:
        """Erase the strokes of class `number`; the layer's undo brings them back."""
        self.layer.data_setitem(image.pixels_of(number), 0)


class PointsClicks:
    """Points in a Points layer; the feature "class" is a point's class."""

    undoable = False

    def __init__(self, layer: Points, infos: Iterable[ClassInfo], active: int) -> None:
        self.layer = layer
        if _FEATURE not in layer.features:
            _adopt(layer, infos, active)
        _make_float(layer)
        self.activate(active)

    @property
    def edits(self) -> tuple[EventEmitter, ...]:
        """Added, moved, removed points, and changed features."""
        return self.layer.events.data, self.layer.events.features

    def read(self, image: Image, shape_px: tuple[int, ...]) -> Clicks:
        """Return the points, each as the image pixel it lies in."""
        positions = [_in_image(point, self.layer, image) for point in self.layer.data]
        return Clicks.from_points(positions, self._numbers(), shape_px)

    def activate(self, number: int) -> None:
        """Let the next points be of class `number`."""
        defaults = self.layer.feature_defaults.copy()
        defaults[_FEATURE] = float(number)
        self.layer.feature_defaults = defaults

    def color(self, infos: Iterable[ClassInfo]) -> None:
        """Show the points in the colours of their classes."""
        in_use = (*self._numbers(), int(self.layer.feature_defaults[_FEATURE].iloc[0]))
        self.layer.face_color_cycle = dict.fromkeys(in_use, UNKNOWN_COLOR) | {info.number: info.color for info in infos}
        self.layer.face_color = _FEATURE
        self.layer.face_color_mode = "cycle"

    def erase(self, number: int, image: ProjectImage) -> None:
        """Remove the points of class `number`."""
        self.layer.selected_data = {index for index, other in enumerate(self._numbers()) if other == number}
        self.layer.remove_selected()

    def _numbers(self) -> list[int]:
        _check_numbers(self.layer)
        return [int(number) for number in self.layer.features[_FEATURE]]


def source_of(layer: ClicksLayer, infos: Iterable[ClassInfo], active: int) -> ClicksSource:
    """Return the layer as a source of clicks; points without a class get one from their colour, else `active`."""
    return LabelsClicks(layer) if isinstance(layer, Labels) else PointsClicks(layer, infos, active)


def new_labels(image: Image, shape_px: tuple[int, ...], active: int) -> Labels:
    """Return an empty Labels layer of that shape lying on `image`, for clicks of class `active`."""
    place = spatial_transform(image, len(shape_px))
    layer = Labels(
        blank_labels(shape_px), name=f"{image.name} clicks", metadata=mark("clicks", image), opacity=1.0, **place
    )
    layer.brush_size = BRUSH_PX
    layer.selected_label = active
    return layer


def new_points(image: Image, shape_px: tuple[int, ...], active: int) -> Points:
    """Return an empty Points layer lying on `image`, for clicks of class `active`."""
    ndim = len(shape_px)
    return Points(
        ndim=ndim,
        name=f"{image.name} clicks",
        metadata=mark("clicks", image),
        features={_FEATURE: []},
        feature_defaults={_FEATURE: active},
        size=BRUSH_PX * 2,
        border_width=0.1,
        **spatial_transform(image, ndim),
    )


def activate_paint_mode(layer: ClicksLayer) -> None:
    """Make the mouse click or paint on the layer.

    The layer must be in the viewer already: napari's controls do not notice a mode that was set before.
    """
    layer.mode = "paint" if isinstance(layer, Labels) else "add"


def noted_classes(layer: ClicksLayer) -> tuple[ClassInfo, ...]:
    """Return the classes that came with the layer."""
    return tuple(note_of(layer).get("classes", ()))


def _adopt(layer: Points, infos: Iterable[ClassInfo], active: int) -> None:
    by_color = {info.color.lower(): info.number for info in infos}
    numbers = [by_color.get(_hex(color), active) for color in layer.face_color]
    layer.features = layer.features.assign(**{_FEATURE: numbers})


def _make_float(layer: Points) -> None:
    # napari warns about whole numbers in a feature that colours the points.
    _check_numbers(layer)
    # Assigning features resets their defaults, so an adopted layer is left alone.
    if layer.features[_FEATURE].dtype != float:
        layer.features = layer.features.assign(**{_FEATURE: layer.features[_FEATURE].astype(float)})


def _check_numbers(layer: Points) -> None:
    try:
        numbers = layer.features[_FEATURE].astype(float)
        whole = bool((numbers % 1 == 0).all())
    except (TypeError, ValueError):
        whole = False
    if not whole:
        raise ClicksError(
            f"points of {layer.name!r} must have whole numbers as feature 'class', got others. "
            "Give each point the number of its class."
        )


def _hex(rgba: Iterable[float]) -> str:
    red, green, blue, _ = (round(255 * float(part)) for part in rgba)
    return f"#{red:02x}{green:02x}{blue:02x}"


def _in_image(point: Any, layer: Points, image: Image) -> tuple[float, ...]:
    world = layer.data_to_world(point)
    # A layer of fewer axes lies in the last axes of the world.
    place = image.world_to_data((*[0.0] * (image.ndim - len(world)), *world))
    return tuple(float(n) for n in place[-layer.ndim :])
