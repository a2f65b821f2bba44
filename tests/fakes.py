"""Stand-ins that make it possible to look at what happens in the middle of the work."""

from __future__ import annotations

import json
import threading
from typing import ClassVar

import numpy as np

from clicktrain.config import ClassInfo
from clicktrain.errors import ClickTrainError, ModelFileError, NotFittedError
from clicktrain.geometry.patch_grid import plan_patch_grid
from clicktrain.geometry.region import Region
from clicktrain.images.source import open_image
from clicktrain.progress import Progress


def pixels_of(image):
    """All pixels of an image's first channel."""
    source = open_image(image)
    return source.read(Region.whole(source.shape_px))[0].astype(np.float64)


class FakeClassifier:
    """Nearest mean grey value; training can be held at its first step to look at what happens meanwhile.

    What is recorded and how it is held is common to all of them, as a project makes new ones.
    """

    started = threading.Event()
    go_on = threading.Event()
    embeds = False
    error: Exception | None = None
    calls: ClassVar[list[str]] = []

    def __init__(self, *, preset="auto", position_encoding=False) -> None:
        if preset not in ("auto", "fast", "wide"):
            raise ClickTrainError(f"preset must be one of auto, fast, wide, got {preset!r}.")
        self.preset, self.position_encoding = preset, position_encoding
        self.means: dict[int, float] = {}
        self.class_infos: tuple[ClassInfo, ...] = ()

    @classmethod
    def reset(cls) -> None:
        cls.started.clear()
        cls.go_on.set()
        cls.embeds, cls.error = False, None
        cls.calls.clear()

    def clone(self, *, preset, position_encoding):
        return type(self)(preset=preset, position_encoding=position_encoding)

    @property
    def classes_(self):
        if not self.means:
            raise NotFittedError("not fitted")
        return np.array(sorted(self.means), np.int64)

    def fingerprint(self):
        return repr(self.means)

    def fit(self, images, clicks, *, axes=None, voxel_size=None, progress=None):
        self.calls.append("fit")
        return self._learn(images, clicks, progress)

    def continue_fit(self, images, clicks, *, axes=None, voxel_size=None, progress=None):
        self.calls.append("continue_fit")
        return self._learn(images, clicks, progress)

    def _learn(self, images, clicks, progress):
        for step in range(3):
            progress(Progress("training", step, 3, loss=1.0 / (step + 1)))
            self.started.set()
            assert self.go_on.wait(10)
        if self.error is not None:
            raise self.error
        clicked = zip(images, clicks, strict=True)
        values = np.concatenate([pixels_of(image)[tuple(part.positions_px.T)] for image, part in clicked])
        classes = np.concatenate([part.classes for part in clicks])
        self.means = {int(number): float(values[classes == number].mean()) for number in np.unique(classes)}
        return self

    def embed(self, image, *, axes=None, progress=None):
        if not self.embeds:
            return None
        self.calls.append("embed")
        progress(Progress("features", 0, 1))
        return FakeEmbedding(pixels_of(image))

    def predict_to(self, image, sink, *, memory_bytes=None, progress=None):
        self.calls.append("predict")
        progress(Progress("predicting", 0, 1))
        pixels = pixels_of(image)
        score = np.stack([-np.abs(pixels - self.means[int(number)]) for number in self.classes_])
        weight = np.exp(score)
        sink.write(Region.whole(pixels.shape), (weight / weight.sum(axis=0)).astype(np.float32))

    def save(self, path):
        infos = [info.model_dump() for info in self.class_infos]
        path.write_text(json.dumps([self.means, infos, self.preset, self.position_encoding]))
        return path

    @classmethod
    def load(cls, path):
        if not path.exists():
            raise ModelFileError(f"`path` must be a model file, got {path.name}, which is not there.")
        means, infos, preset, position_encoding = json.loads(path.read_text())
        loaded = cls()
        loaded.preset, loaded.position_encoding = preset, position_encoding
        loaded.means = {int(number): mean for number, mean in means.items()}
        loaded.class_infos = tuple(ClassInfo(**info) for info in infos)
        return loaded


class FakeEmbedding:
    """Says that every pixel is of the first class; of a volume, it answers in clicked slices only."""

    def __init__(self, image) -> None:
        self.image = image

    def segment(self, clicks):
        n_classes = len(clicks.present)
        answer = np.full((n_classes, *self.image.shape), 1 / n_classes, np.float32)
        known = np.unique(clicks.positions_px[:, 0]) if self.image.ndim == 3 else slice(None)
        answer[:, known] = np.eye(n_classes)[0].reshape(-1, *[1] * self.image.ndim)
        return answer


class FakeImageModel:
    """Nearest mean grey value of whole images; training can be held at its first step to look at what happens."""

    started = threading.Event()
    go_on = threading.Event()
    error: Exception | None = None
    calls: ClassVar[list[str]] = []

    def __init__(self, *, preset="small") -> None:
        self.preset = preset
        self.means: dict[str, float] = {}

    @classmethod
    def reset(cls) -> None:
        cls.started.clear()
        cls.go_on.set()
        cls.error = None
        cls.calls.clear()

    @property
    def classes_(self):
        if not self.means:
            raise NotFittedError("not fitted")
        return np.array(sorted(self.means))

    def fingerprint(self):
        return repr(self.means)

    def fit(self, images, labels, *, progress=None):
        self.calls.append("fit")
        for step in range(1, 5):
            progress(Progress("training", step, 4, loss=1.0 / step))
            self.started.set()
            assert self.go_on.wait(10)
        progress(Progress("validating", 1, 1, 0.25, 0.75))
        if self.error is not None:
            raise self.error
        greys = [float(pixels_of(path).mean()) for path in images]
        self.means = {
            name: float(np.mean([grey for grey, label in zip(greys, labels, strict=True) if label == name]))
            for name in set(labels)
        }
        return self

    def predict_proba(self, images, *, axes=None, progress=None):
        self.calls.append("predict")
        progress(Progress("predicting", 0, 1))
        self.started.set()
        assert self.go_on.wait(10)
        distances = np.array([abs(float(pixels_of(images).mean()) - self.means[str(name)]) for name in self.classes_])
        weights = np.exp(-distances)
        return (weights / weights.sum()).astype(np.float32)[np.newaxis]

    def heatmap(self, image, *, label=None, method="gradient", axes=None, progress=None):
        self.calls.append(f"{method} of {label}")
        progress(Progress("predicting", 0, 1))
        return np.array([[-1, 0, 1], [2, 0, -2]], np.float32)

    def grid(self, image, *, axes=None):
        return plan_patch_grid((20, 30), 10, 10)

    def save(self, path):
        path.write_text(json.dumps(self.means))
        return path

    @classmethod
    def load(cls, path):
        if not path.exists():
            raise ModelFileError(f"`path` must be a model file, got {path.name}, which is not there.")
        loaded = cls()
        loaded.means = json.loads(path.read_text())
        return loaded
