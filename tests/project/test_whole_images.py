from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from clicktrain.config.images import image_preset
from clicktrain.errors import ImageError
from clicktrain.project import WholeImageSession
from tests.fakes import FakeImageModel
from tests.project.conftest import Record


@pytest.fixture
def model_type():
    FakeImageModel.reset()
    yield FakeImageModel
    FakeImageModel.go_on.set()


@pytest.fixture
def session(model_type):
    session = WholeImageSession(model_type)
    yield session
    model_type.go_on.set()
    session.close()


@pytest.fixture
def record(session):
    return Record(session)


@pytest.fixture
def folder(tmp_path):
    """Folders `bright` and `dark` of two images each."""
    for name, grey in (("dark", 1), ("bright", 4)):
        (tmp_path / name).mkdir()
        for number in range(2):
            image = np.full((20, 30), grey, np.uint8)
            image[0, :2] = grey - 1, grey + 1
            Image.fromarray(image).save(tmp_path / name / f"{number}.png")
    return tmp_path


@pytest.fixture
def trained(session, folder):
    session.table.add([folder])
    session.train()
    assert session.wait(10)
    return session


def dark(value: float = 1.0) -> np.ndarray:
    return np.full((20, 30), value, np.float32)


def test_training_tells_its_curve_and_ends_in_a_report(trained, record, session):
    session.train()
    assert session.wait(10)
    (report,) = record.of("trained")
    assert (report.n_images, report.classes, report.accuracy) == (4, ("bright", "dark"), 0.75)
    curves = record.of("curve_changed")
    assert curves[0].training == ()
    assert [loss for _, loss in curves[-1].training] == [1, 1 / 2, 1 / 3, 1 / 4]
    assert curves[-1].validation == ((1.0, 0.25),)
    assert session.classes == ("bright", "dark")


def test_open_image_is_answered_with_every_class_the_likeliest_first(trained, record):
    image = trained.set_image(dark(), "YX")
    trained.predict()
    assert trained.wait(10)
    (answer,) = record.of("answered")
    assert answer.image is image
    assert [label for label, _ in answer.probabilities] == ["dark", "bright"]
    assert sum(share for _, share in answer.probabilities) == pytest.approx(1)


def test_heat_map_is_of_the_likeliest_class_or_the_one_asked_for(trained, record, model_type):
    trained.set_image(dark(), "YX")
    trained.heat_map()
    trained.wait(10)
    trained.heat_map("bright", "leave_one_out")
    assert trained.wait(10)
    first, second = record.of("heated")
    assert (first.label, second.label) == ("dark", "bright")
    assert first.largest == 2
    # The image is looked through for its class once only.
    assert model_type.calls == ["fit", "predict", "gradient of dark", "leave_one_out of bright"]


def test_a_new_model_answers_anew(trained, record, folder):
    trained.set_image(dark(2.2), "YX")
    trained.predict()
    trained.wait(10)
    trained.table.set_label([0, 1], "dark")
    trained.table.set_label([2, 3], "bright")
    trained.train()
    trained.wait(10)
    trained.predict()
    assert trained.wait(10)
    assert [answer.label for answer in record.of("answered")] == ["dark", "bright"]


def test_an_answer_about_an_image_that_was_closed_is_dropped(trained, record, model_type):
    trained.set_image(dark(), "YX", "first")
    model_type.started.clear()
    model_type.go_on.clear()
    trained.predict()
    assert model_type.started.wait(10)
    trained.set_image(dark(4), "YX", "second")
    trained.predict()
    model_type.go_on.set()
    assert trained.wait(10)
    assert [answer.image.name for answer in record.of("answered")] == ["second"]
    assert record.of("failed") == record.of("cancelled") == []


def test_cancel_keeps_the_model_and_the_table(trained, record, model_type):
    model_type.started.clear()
    model_type.go_on.clear()
    trained.train()
    assert model_type.started.wait(10)
    trained.cancel()
    model_type.go_on.set()
    assert trained.wait(10)
    assert record.of("cancelled") == [None]
    assert record.of("trained") == []
    assert trained.fitted
    assert len(trained.table) == 4


def test_a_question_asked_while_training_waits_and_does_not_end_it(trained, record, model_type):
    trained.set_image(dark(), "YX")
    model_type.started.clear()
    model_type.go_on.clear()
    trained.train()
    assert model_type.started.wait(10)
    trained.predict()
    model_type.go_on.set()
    assert trained.wait(10)
    assert len(record.of("trained")) == len(record.of("answered")) == 1


def test_failed_training_is_one_sentence_and_keeps_the_model(trained, record, model_type):
    model_type.error = ImageError("image must be whole, got half.")
    trained.train()
    assert trained.wait(10)
    assert record.of("failed") == ["image must be whole, got half."]
    assert trained.fitted


def test_model_is_saved_and_loaded(trained, record, tmp_path):
    trained.save_model(tmp_path / "m.clicktrain")
    other = WholeImageSession(FakeImageModel)
    other.load_model(tmp_path / "m.clicktrain")
    assert trained.wait(10)
    trained.load_model(tmp_path / "m.clicktrain")
    assert trained.wait(10)
    assert record.of("saved") == record.of("loaded") == [str(tmp_path / "m.clicktrain")]
    assert other.wait(10)
    other.close()


def test_what_cannot_be_done_yet_is_said_at_once(session, record):
    session.train()
    session.predict()
    session.heat_map()
    session.save_model("m.clicktrain")
    table, *untrained = record.of("failed")
    assert "images must be there" in table
    assert all("must be trained first" in text for text in untrained)
    assert not session.busy


def test_asking_without_an_image_is_said_at_once(trained, record):
    trained.predict()
    assert record.of("failed") == ["an image must be open, got none. Choose an image layer first."]


def test_settings_of_a_preset_keep_its_name(trained):
    trained.train(image_preset("resnet"))
    trained.wait(10)
    assert trained._model.preset == "resnet"
    changed = image_preset("small").with_changes(epochs=3)
    trained.train(changed)
    trained.wait(10)
    assert trained._model.preset == changed


def test_the_real_classifier_fits_the_session(folder, tmp_path):
    session = WholeImageSession()
    record = Record(session)
    session.table.add([folder])
    session.train(image_preset("small").with_changes(patch_px=8, epochs=2, validation_share=0.5))
    session.set_image(dark(), "YX")
    assert session.wait(60)
    session.heat_map()
    session.save_model(tmp_path / "m.clicktrain")
    assert session.wait(60)
    session.load_model(tmp_path / "m.clicktrain")
    assert session.wait(60)
    session.close()
    assert record.of("failed") == []
    assert record.of("trained")[0].accuracy is not None
    (heat,) = record.of("heated")
    assert heat.values.shape == heat.grid.shape == (3, 4)
    assert len(record.of("curve_changed")[-1].validation) == 2
