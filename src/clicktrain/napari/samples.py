"""Sample data for File > Open Sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clicktrain.data import samples
from clicktrain.napari.layers import label_colors, mark

if TYPE_CHECKING:
    from clicktrain.data.samples import Sample

__all__ = ["immunohistochemistry", "layers_of"]


def immunohistochemistry() -> list[tuple[Any, dict[str, Any], str]]:
    """Return the immunohistochemistry image and its clicks as napari layers."""
    return layers_of(samples.immunohistochemistry())


def layers_of(sample: Sample) -> list[tuple[Any, dict[str, Any], str]]:
    """Return an image layer and a labels layer of clicks that carries the names and colours of the classes."""
    clicks = {
        "name": f"{sample.name} clicks",
        "metadata": mark("clicks", classes=sample.class_infos),
        "colormap": label_colors(sample.class_infos),
        "opacity": 1.0,
    }
    return [
        (sample.image, {"name": sample.name, "rgb": sample.axes == "YXC"}, "image"),
        (sample.clicks.to_labels().astype("uint8"), clicks, "labels"),
    ]
