from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from clicktrain.annotations.clicks import Clicks
from clicktrain.project import Project
from tests.fakes import FakeClassifier, FakeImageModel

if TYPE_CHECKING:
    from collections.abc import Iterator


class Record:
    """Everything that a project said, in order."""

    def __init__(self, project: Project) -> None:
        self.said: list[tuple[str, object]] = []
        project.events.connect(lambda info: self.said.append((info.signal.name, info.args[-1] if info.args else None)))

    def of(self, name: str) -> list[object]:
        return [value for said, value in self.said if said == name]


@pytest.fixture
def classifier() -> FakeClassifier:
    FakeClassifier.reset()
    return FakeClassifier()


@pytest.fixture
def image_model() -> FakeImageModel:
    FakeImageModel.reset()
    return FakeImageModel()


@pytest.fixture
def project(classifier: FakeClassifier, image_model: FakeImageModel) -> Iterator[Project]:
    project = Project(classifier, image_model)
    yield project
    classifier.go_on.set()
    image_model.go_on.set()
    project.close()


@pytest.fixture
def record(project: Project) -> Record:
    return Record(project)


@pytest.fixture
def image() -> np.ndarray:
    """Dark left half, bright right half."""
    image = np.zeros((20, 30), np.float32)
    image[:, 15:] = 4
    return image


@pytest.fixture
def clicks() -> Clicks:
    return Clicks(np.array([[5, 3], [6, 3], [5, 25]]), np.array([1, 1, 2]), (20, 30))


@pytest.fixture
def ready(project: Project, image: np.ndarray, clicks: Clicks) -> Project:
    """A project with a chosen image and clicks of two classes."""
    open_image(project, image, "YX", "halves")
    project.set_clicks(clicks)
    return project


def open_image(project: Project, pixels: np.ndarray, axes: str | None = None, name: str = "image") -> int:
    """Add an image and choose it."""
    image_id = project.add_image(pixels, axes=axes, name=name)
    project.choose_image(image_id)
    return image_id
