"""Everything that is compared, by name."""

from __future__ import annotations

from functools import partial
from inspect import signature
from typing import TYPE_CHECKING, Any, Protocol, Self

from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

from _few_clicks.forests import Forest, skimage_features
from _few_clicks.ilastik import ilastik_features
from clicktrain import PixelClassifier

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from _few_clicks.sets import Picture

# Keywords of PixelClassifier. An ingredient left out is one more line: "clicktrain-without-NAME".
CLICKTRAIN: dict[str, dict[str, Any]] = {
    "clicktrain": {},
    "clicktrain-fast": {"preset": "fast"},
    "clicktrain-wide": {"preset": "wide"},
    "clicktrain-unpretrained": {"pretrained": False},
}


class Method(Protocol):
    """What can be compared; `prepare` does what is needed once per image, however often one trains on it."""

    @property
    def classes_(self) -> np.ndarray: ...

    def prepare(self, picture: Picture) -> Any: ...

    def fit(self, prepared: Any, labels: np.ndarray) -> Self: ...

    def predict_proba(self, prepared: Any) -> np.ndarray: ...


class ClickTrain:
    """PixelClassifier, told which axes an image has."""

    def __init__(self, **options: Any) -> None:
        self._classifier = PixelClassifier(**options)

    @property
    def classes_(self) -> np.ndarray:
        return self._classifier.classes_

    def prepare(self, picture: Picture) -> Picture:
        return picture

    def fit(self, picture: Picture, labels: np.ndarray) -> Self:
        self._classifier.fit(picture.array, labels, axes=picture.axes)
        return self

    def predict_proba(self, picture: Picture) -> np.ndarray:
        return self._classifier.predict_proba(picture.array, axes=picture.axes)


def _clicktrain_methods() -> dict[str, Callable[[], Method]]:
    """Those whose keywords this version of ClickTrain has."""
    known = signature(PixelClassifier).parameters
    return {
        name: partial(ClickTrain, **options) for name, options in CLICKTRAIN.items() if options.keys() <= known.keys()
    }


def _random_forest() -> RandomForestClassifier:
    return RandomForestClassifier(100, n_jobs=-1, random_state=0)


def _extra_trees() -> ExtraTreesClassifier:
    return ExtraTreesClassifier(200, n_jobs=-1, random_state=0)


METHODS: dict[str, Callable[[], Method]] = {
    **_clicktrain_methods(),
    "skimage-rf": lambda: Forest(skimage_features, _random_forest()),
    "ilastik-rf": lambda: Forest(ilastik_features, _random_forest()),
    "ilastik-et": lambda: Forest(ilastik_features, _extra_trees()),
}
DEFAULTS = ("clicktrain", "skimage-rf", "ilastik-rf", "ilastik-et")
