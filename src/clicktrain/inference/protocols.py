"""What applying a trained classifier needs of it; those of `clicktrain.api` have it, and so can stand-ins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clicktrain.config import ClassInfo
    from clicktrain.geometry.patch_grid import PatchGrid
    from clicktrain.inference.images.attribution import HeatMethod
    from clicktrain.progress import ProgressCallback
    from clicktrain.stores.sinks import RegionSink
    from clicktrain.types import AnyArray, FloatArray, IntArray

__all__ = ["ImagePredictor", "PixelPredictor"]


class PixelPredictor(Protocol):
    """A classifier of pixels."""

    @property
    def classes_(self) -> IntArray:
        """Class numbers, ascending; raises NotFittedError before training."""

    @property
    def class_infos(self) -> Sequence[ClassInfo]:
        """Name and colour of each class, in the order of `classes_`."""

    def fingerprint(self) -> str:
        """Tell the model from all others, in text."""

    def predict_to(
        self,
        image: Any,
        sink: RegionSink,
        *,
        memory_bytes: int | None = None,
        progress: ProgressCallback | None = None,
    ) -> None:
        """Give the probabilities (K, *region) of an image's tiles, in the order of `classes_`, to a sink."""


class ImagePredictor(Protocol):
    """A classifier of whole images, which says what they are and why."""

    @property
    def classes_(self) -> AnyArray:
        """Labels, sorted; raises NotFittedError before training."""

    def fingerprint(self) -> str:
        """Tell the model from all others, in text."""

    def predict_proba(
        self, images: Any, *, axes: str | None = None, progress: ProgressCallback | None = None
    ) -> FloatArray:
        """Return (N, K) probabilities in the order of `classes_`."""

    def heatmap(
        self,
        image: Any,
        *,
        label: Any = None,
        method: HeatMethod = "gradient",
        axes: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> FloatArray:
        """Return (m, n) values, positive where a patch speaks for the label."""

    def grid(self, image: Any, *, axes: str | None = None) -> PatchGrid:
        """Say where the values of a heat map lie."""
