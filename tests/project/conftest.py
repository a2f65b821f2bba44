from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from clicktrain.annotations.clicks import Clicks
from clicktrain.project import Session
from tests.fakes import FakeClassifier

if TYPE_CHECKING:
    from collections.abc import Iterator


class Record:
    """Everything that a session said, in order."""

    def __init__(self, session: Session) -> None:
        self.said: list[tuple[str, object]] = []
        session.events.connect(lambda info: self.said.append((info.signal.name, info.args[0] if info.args else None)))

    def of(self, name: str) -> list[object]:
        return [value for said, value in self.said if said == name]


@pytest.fixture
def classifier() -> FakeClassifier:
    FakeClassifier.reset()
    return FakeClassifier()


@pytest.fixture
def session(classifier: FakeClassifier) -> Iterator[Session]:
    session = Session(classifier)
    yield session
    classifier.go_on.set()
    session.close()


@pytest.fixture
def record(session: Session) -> Record:
    return Record(session)


@pytest.fixture
def image() -> np.ndarray:
    """Dark left half, bright right half."""
    image = np.zeros((20, 30), np.float32)
    image[:, 15:] = 4
    return image


@pytest.fixture
def clicks() -> Clicks:
    return Clicks(np.array([[5, 3], [6, 3], [5, 25]]), np.array([1, 1, 2]), (20, 30))
