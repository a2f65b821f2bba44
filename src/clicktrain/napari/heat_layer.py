"""The layer that shows a heat map: `NAME heat map`, each value over its patch of the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image
from napari.utils import Colormap
from napari.utils.transforms import Affine

from clicktrain.napari.layers import mark, result_of, spatial_transform

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from clicktrain.project import HeatMap

__all__ = ["show_heat_map"]

_ROLE = "heat map"
# Blue speaks against, red for; what says nothing lets the image through.
_COLORS = [
    [0.02, 0.38, 0.85, 0.6],
    [0.3, 0.6, 0.95, 0.3],
    [1, 1, 1, 0],
    [1, 0.5, 0.25, 0.3],
    [0.85, 0.05, 0.1, 0.6],
]


def show_heat_map(viewer: ViewerModel, image: Image, heat: HeatMap) -> Image:
    """Show a heat map over `image`; a layer that is there is updated in place, a missing one is made."""
    limits = (-heat.largest, heat.largest) if heat.largest > 0 else (-1.0, 1.0)
    layer = result_of(viewer.layers, image, _ROLE)
    if layer is None:
        active = viewer.layers.selection.active
        layer = Image(
            heat.values,
            name=f"{image.name} {_ROLE}",
            metadata=mark(_ROLE, image),
            colormap=Colormap(_COLORS, name="against and for"),
            contrast_limits=limits,
            **_place(image, heat),
        )
        viewer.layers.insert(viewer.layers.index(image) + 1, layer)
        viewer.layers.selection.active = active
        return layer
    layer.data = heat.values
    layer.contrast_limits_range = layer.contrast_limits = limits
    for name, value in _place(image, heat).items():
        setattr(layer, name, value)
    return layer


def _place(image: Image, heat: HeatMap) -> dict[str, Any]:
    """Return the image's place in the world, as it is for the cells of the grid."""
    place = spatial_transform(image, 2)
    to_world = Affine(**{name: place[name] for name in ("scale", "translate", "rotate", "shear")})
    place["translate"] = to_world(heat.grid.translate_px)
    place["scale"] = place["scale"] * heat.grid.scale_px
    return place
