"""Hand-made features and a forest: what people would use instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from skimage.feature import multiscale_basic_features

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

    from _few_clicks.sets import Picture


class Forest:
    """A classifier of features.

    Parameters
    ----------
    features : callable
        Gives ([Z, ]Y, X, F) values of a Picture.
    forest : scikit-learn forest
    """

    def __init__(
        self, features: Callable[[Picture], np.ndarray], forest: RandomForestClassifier | ExtraTreesClassifier
    ) -> None:
        self.prepare = features
        self._forest = forest

    @property
    def classes_(self) -> np.ndarray:
        return self._forest.classes_

    def fit(self, features: np.ndarray, labels: np.ndarray) -> Self:
        self._forest.fit(features[labels > 0], labels[labels > 0])
        return self

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        *shape, count = features.shape
        return self._forest.predict_proba(features.reshape(-1, count)).T.reshape(-1, *shape)


def skimage_features(picture: Picture) -> np.ndarray:
    """Intensity, edges and texture from half a pixel to 16 pixels; shape ([Z, ]Y, X, F)."""
    channel_axis = -1 if picture.axes.endswith("C") else None
    return multiscale_basic_features(picture.array, channel_axis=channel_axis, sigma_min=0.5, sigma_max=16)
