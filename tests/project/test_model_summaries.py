"""What a model says of itself is told after a training and from its file."""

from __future__ import annotations

import pytest

from clicktrain import PixelClassifier
from clicktrain.config import NetworkConfig, preset
from clicktrain.project import Session
from tests.project.conftest import Record
from tests.textures import strokes, two_textures


@pytest.fixture
def classifier() -> PixelClassifier:
    settings = preset("fast", pretrained=False)
    network = NetworkConfig(sigmas_px=(0.7,), width=8, levels=4, members=1)
    training = settings.training.model_copy(update={"steps": 3})
    return PixelClassifier(preset=settings.model_copy(update={"network": network, "training": training}))


@pytest.fixture
def session(classifier):
    session = Session(classifier)
    yield session
    session.close()


def test_training_and_loading_tell_what_the_model_is(session, record, classifier, tmp_path):
    image, truth = two_textures(48)
    session.set_image(image, "YX")
    session.set_labels(strokes(truth, rows=(20, 30)))
    session.train()
    assert session.wait(60)
    session.save_model(tmp_path / "m.clicktrain")
    assert session.wait(60)
    (trained,) = record.of("trained")
    assert trained.summary == classifier.summary()

    other = Session()
    heard = Record(other)
    other.load_model(tmp_path / "m.clicktrain")
    assert other.wait(60)
    other.close()
    (loaded,) = heard.of("loaded")
    assert loaded.path == str(tmp_path / "m.clicktrain")
    assert loaded.summary == trained.summary
