"""What ClickTrain needs to know of a napari layer: its axes, its pixels, its place in the world."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

from napari.layers import Image

from clicktrain.errors import ImageError
from clicktrain.images.source import open_image

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.layers import Layer

    from clicktrain.config import ClassInfo
    from clicktrain.images.source import ImageSource

__all__ = [
    "UNKNOWN_COLOR",
    "axes_of",
    "is_image",
    "is_result",
    "is_stack",
    "label_colors",
    "likely_axes",
    "mark",
    "note_of",
    "result_of",
    "shape_of",
    "source_of",
    "spatial_transform",
    "voxel_size_of",
]

# Layers that ClickTrain makes say so here: {"role": "clicks" | "classes" | "confidence" | "heat map", ...}.
METADATA_KEY = "clicktrain"

_CHANNELS = ("c", "ch", "channel", "channels")
_DEPTH = ("z", "depth", "plane", "slice")
# A stack of so few planes and without names is taken for channels.
_MOST_CHANNELS = 4

# Painted over where a label has no class yet.
UNKNOWN_COLOR = "#808080"


def mark(role: str, image: Layer | None = None, **more: Any) -> dict[str, Any]:
    """Return layer metadata that names the layer's role and the image layer it belongs to."""
    return {METADATA_KEY: {"role": role, "image": image.unique_id if image is not None else None, **more}}


def note_of(layer: Layer) -> dict[str, Any]:
    """Return what ClickTrain noted in a layer's metadata."""
    note = layer.metadata.get(METADATA_KEY, {})
    return note if isinstance(note, dict) else {}


def is_result(layer: Layer) -> bool:
    """Tell whether the layer holds a prediction, not something to learn from."""
    return note_of(layer).get("role") in ("classes", "confidence", "heat map")


def is_image(layer: Layer) -> bool:
    """Tell whether the layer is an image to work on."""
    return isinstance(layer, Image) and not is_result(layer)


def result_of(layers: Iterable[Layer], image: Layer, role: str) -> Layer | None:
    """Find the layer of that role that was made for `image`."""
    wanted = {"role": role, "image": image.unique_id}
    return next((layer for layer in layers if wanted.items() <= note_of(layer).items()), None)


def is_stack(layer: Image) -> bool:
    """Tell whether the layer has a third axis that could mean several things."""
    return not layer.rgb and layer.ndim == 3


def likely_axes(layer: Image) -> str:
    """Return what the axes of a stack most likely are: a volume's, unless its name or length says channels."""
    name = str(layer.axis_labels[0]).strip().lower()
    few = shape_of(layer)[0] <= _MOST_CHANNELS and name not in _DEPTH
    return "CYX" if name in _CHANNELS or few else "ZYX"


def axes_of(layer: Image, stack_axes: str = "ZYX") -> str:
    """Return axis names for the layer's array; `stack_axes` says what the axes of a stack are.

    Raises
    ------
    ImageError
        If the layer has more axes than ClickTrain can read.
    """
    if is_stack(layer):
        return stack_axes
    if layer.ndim > 3:
        raise ImageError(
            f"image layer must have 2 or 3 axes, or be RGB with as many, got {layer.ndim} axes in "
            f"{layer.name!r}. Split the layer first."
        )
    axes: str = "ZYX"[-layer.ndim :]
    return f"{axes}C" if layer.rgb else axes


def shape_of(layer: Image) -> tuple[int, ...]:
    """Return the shape of the layer's pixels at full resolution."""
    return tuple(int(n) for n in (layer.data[0] if layer.multiscale else layer.data).shape)


def source_of(layer: Image, axes: str) -> ImageSource:
    """Return the layer's image, all its resolutions, without transparency, which is left out of files too."""
    n_channels = 3 if layer.rgb and shape_of(layer)[-1] == 4 else None
    return open_image(layer.data, axes=axes, name=f"`{layer.name}`", multiscale=layer.multiscale, n_channels=n_channels)


def voxel_size_of(layer: Image, axes: str) -> tuple[float, ...] | None:
    """Return the distance of a volume's neighbouring pixels along z, y and x; None if the axes are an image's."""
    return tuple(float(step) for step in layer.scale[-3:]) if "Z" in axes else None


def spatial_transform(layer: Image, ndim: int) -> dict[str, Any]:
    """Return the layer's place in the world as keyword arguments for a layer of its last axes, 2 or 3."""
    kept = list(range(layer.ndim - ndim, layer.ndim))
    affine_kept = [*kept, layer.ndim]
    return {
        "scale": layer.scale[kept],
        "translate": layer.translate[kept],
        "rotate": layer.rotate[kept][:, kept],
        "shear": _spatial_shear(layer, kept),
        "affine": layer.affine.affine_matrix[affine_kept][:, affine_kept],
        "axis_labels": tuple(layer.axis_labels[axis] for axis in kept),
        "units": tuple(layer.units[axis] for axis in kept),
    }


def _spatial_shear(layer: Image, kept: list[int]) -> Any:
    if layer.shear.ndim == 2:
        return layer.shear[kept][:, kept]
    # napari flattens the shear matrix to its entries above the diagonal, row by row.
    pairs = list(combinations(range(layer.ndim), 2))
    return layer.shear[[pairs.index(pair) for pair in combinations(kept, 2)]]


def label_colors(infos: Iterable[ClassInfo]) -> dict[int | None, str]:
    """Return the class colours as napari's labels layers take them."""
    return {None: UNKNOWN_COLOR, 0: "transparent"} | {info.number: info.color for info in infos}
