"""What is asked of a trained classifier of whole images, in a sitting and over many files alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from clicktrain.geometry.patch_grid import PatchGrid
    from clicktrain.inference.images.attribution import HeatMethod
    from clicktrain.progress import ProgressCallback
    from clicktrain.types import AnyArray, FloatArray

__all__ = ["AnsweringModel"]


class AnsweringModel(Protocol):
    """A classifier that says what images are and why; `clicktrain.ImageClassifier` is the one that people use."""

    @property
    def classes_(self) -> AnyArray:
        """Labels, sorted."""

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
