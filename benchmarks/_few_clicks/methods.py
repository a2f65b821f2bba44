"""Everything that is compared, by name."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, Self

from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

from _few_clicks.forests import Forest, skimage_features
from _few_clicks.ilastik import ilastik_features
from clicktrain import PixelClassifier
from clicktrain.config import Preset, preset

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from _few_clicks.sets import Picture


def changed(part: str, **values: float | str) -> Preset:
    """Return the default settings with other values in a part."""
    settings = preset("auto")
    return settings.model_copy(update={part: getattr(settings, part).model_copy(update=values)})


# Keywords of PixelClassifier. An ingredient left out is one more line: "clicktrain-without-NAME".
CLICKTRAIN: dict[str, dict[str, Any]] = {
    "clicktrain": {},
    "clicktrain-fast": {"preset": "fast"},
    "clicktrain-wide": {"preset": "wide"},
    "clicktrain-unpretrained": {"pretrained": False},
    "clicktrain-without-trees": {"preset": changed("network", trees=0)},
    "clicktrain-without-smoothing": {"preset": changed("postprocess", guided_px=0)},
    "clicktrain-without-prior": {"preset": changed("postprocess", prior=0)},
    "clicktrain-every-pixel": {"preset": changed("postprocess", output_stride=1)},
    "clicktrain-four-levels": {"preset": changed("network", levels=4)},
    "clicktrain-context-alone": {"preset": changed("network", trees=0), "pretrained": False},
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


def _random_forest() -> RandomForestClassifier:
    return RandomForestClassifier(100, n_jobs=-1, random_state=0)


def _extra_trees() -> ExtraTreesClassifier:
    return ExtraTreesClassifier(200, n_jobs=-1, random_state=0)


METHODS: dict[str, Callable[[], Method]] = {
    **{name: partial(ClickTrain, **options) for name, options in CLICKTRAIN.items()},
    "skimage-rf": lambda: Forest(skimage_features, _random_forest()),
    "ilastik-rf": lambda: Forest(ilastik_features, _random_forest()),
    "ilastik-et": lambda: Forest(ilastik_features, _extra_trees()),
}
DEFAULTS = ("clicktrain", "skimage-rf", "ilastik-rf", "ilastik-et")
