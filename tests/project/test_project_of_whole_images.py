from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from clicktrain.config.images import image_preset
from clicktrain.errors import ImageError
from clicktrain.project import Project
from tests.fakes import FakeImageModel
from tests.project.conftest import Record


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
def trained(project, folder):
    project.add_files([folder])
    project.train_images()
    assert project.wait(10)
    return project


def dark(value: float = 1.0) -> np.ndarray:
    return np.full((20, 30), value, np.float32)


def test_training_tells_its_curve_and_ends_in_a_report(trained, record, project):
    project.train_images()
    assert project.wait(10)
    (report,) = record.of("trained")
    assert (report.n_images, report.accuracy) == (4, 0.75)
    curves = record.of("curve_changed")
    assert curves[0].training == ()
    assert [loss for _, loss in curves[-1].training] == [1, 1 / 2, 1 / 3, 1 / 4]
    assert curves[-1].validation == ((1.0, 0.25),)
    assert project.image_classes == ("bright", "dark")


def test_open_image_is_answered_with_every_class_the_likeliest_first(trained, record):
    image = trained.add_image(dark())
    trained.answer_image(image)
    assert trained.wait(10)
    (answer,) = record.of("image_answered")
    assert answer.image_id == image
    assert [label for label, _ in answer.probabilities] == ["dark", "bright"]
    assert sum(share for _, share in answer.probabilities) == pytest.approx(1)


def test_heat_map_is_of_the_likeliest_class_or_the_one_asked_for(trained, record, image_model):
    image = trained.add_image(dark())
    trained.heat_map(image)
    trained.wait(10)
    trained.heat_map(image, "bright", "leave_one_out")
    assert trained.wait(10)
    first, second = record.of("heat_map_ready")
    assert (first.label, second.label) == ("dark", "bright")
    assert first.largest == 2
    # The image is looked through for its class once only.
    assert image_model.calls == ["fit", "predict", "gradient of dark", "leave_one_out of bright"]


def test_a_new_model_answers_anew(trained, record, folder):
    image = trained.add_image(dark(2.2))
    trained.answer_image(image)
    trained.wait(10)
    trained.set_label([image.id for image in trained.state.labelled[:2]], "dark")
    trained.set_label([image.id for image in trained.state.labelled[2:]], "bright")
    trained.train_images()
    trained.wait(10)
    trained.answer_image(image)
    assert trained.wait(10)
    assert [answer.label for answer in record.of("image_answered")] == ["dark", "bright"]


def test_an_answer_about_an_image_that_was_closed_is_dropped(trained, record, image_model):
    first = trained.add_image(dark(), name="first")
    image_model.started.clear()
    image_model.go_on.clear()
    trained.answer_image(first)
    assert image_model.started.wait(10)
    trained.drop_question()
    second = trained.add_image(dark(4), name="second")
    trained.answer_image(second)
    image_model.go_on.set()
    assert trained.wait(10)
    assert [answer.image_id for answer in record.of("image_answered")] == [second]
    assert record.of("failed") == record.of("cancelled") == []


def test_cancel_keeps_the_model_and_the_table(trained, record, image_model):
    image_model.started.clear()
    image_model.go_on.clear()
    trained.train_images()
    assert image_model.started.wait(10)
    trained.cancel()
    image_model.go_on.set()
    assert trained.wait(10)
    assert record.of("cancelled") == ["images"]
    assert record.of("trained") == []
    assert trained.is_trained("images")
    assert len(trained.images) == 4


def test_a_question_asked_while_training_waits_and_does_not_end_it(trained, record, image_model):
    image = trained.add_image(dark())
    image_model.started.clear()
    image_model.go_on.clear()
    trained.train_images()
    assert image_model.started.wait(10)
    trained.answer_image(image)
    image_model.go_on.set()
    assert trained.wait(10)
    assert len(record.of("trained")) == len(record.of("image_answered")) == 1


def test_failed_training_is_one_sentence_and_keeps_the_model(trained, record, image_model):
    FakeImageModel.error = ImageError("image must be whole, got half.")
    trained.train_images()
    assert trained.wait(10)
    assert record.of("failed") == ["image must be whole, got half."]
    assert trained.is_trained("images")


def test_model_is_saved_and_loaded(trained, record, tmp_path):
    trained.save_model(tmp_path / "m.clicktrain", "images")
    other = Project(image_classifier=FakeImageModel())
    other.load_model(tmp_path / "m.clicktrain", "images")
    assert trained.wait(10)
    trained.load_model(tmp_path / "m.clicktrain", "images")
    assert trained.wait(10)
    assert record.of("saved") == record.of("loaded") == [str(tmp_path / "m.clicktrain")]
    assert other.wait(10)
    other.close()


def test_what_cannot_be_done_yet_is_said_at_once(project, record):
    project.train_images()
    project.answer_image(0)
    project.heat_map(0)
    project.save_model("m.clicktrain", "images")
    table, *untrained = record.of("failed")
    assert "images must be there" in table
    assert all("must be trained first" in text for text in untrained)
    assert not project.busy


def test_asking_about_an_unknown_image_is_said_at_once(trained, record):
    trained.answer_image(99)
    assert record.of("failed") == ["image must be one of the project's, got the unknown id 99. Add the image first."]


def test_a_file_is_answered_without_its_pixels_in_the_project(folder, tmp_path):
    project = Project()
    record = Record(project)
    project.add_files([folder])
    project.train_images(image_preset("small").with_changes(patch_px=8, epochs=1))
    assert project.wait(60)
    project.answer_image(project.images[0].id)
    assert project.wait(60)
    project.close()
    assert [answer.image_id for answer in record.of("image_answered")] == [project.images[0].id]


def test_a_file_with_a_label_can_be_clicked_too(trained):
    trained.choose_image(trained.images[0].id)
    assert trained.chosen.shape_px == (20, 30)


def test_settings_of_a_preset_keep_its_name(trained):
    trained.train_images(image_preset("resnet"))
    trained.wait(10)
    assert trained.state.image_classifier.preset == "resnet"
    changed = image_preset("small").with_changes(epochs=3)
    trained.train_images(changed)
    trained.wait(10)
    assert trained.state.image_classifier.preset == changed


def test_the_real_classifier_fits_the_project(folder, tmp_path):
    project = Project()
    record = Record(project)
    project.add_files([folder])
    project.train_images(image_preset("small").with_changes(patch_px=8, epochs=2, validation_share=0.5))
    image = project.add_image(dark())
    assert project.wait(60)
    project.heat_map(image)
    project.save_model(tmp_path / "m.clicktrain", "images")
    assert project.wait(60)
    project.load_model(tmp_path / "m.clicktrain", "images")
    assert project.wait(60)
    project.close()
    assert record.of("failed") == []
    assert record.of("trained")[0].accuracy is not None
    (heat,) = record.of("heat_map_ready")
    assert heat.values.shape == heat.grid.shape == (3, 4)
    assert len(record.of("curve_changed")[-1].validation) == 2
