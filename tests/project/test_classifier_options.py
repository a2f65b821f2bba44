"""What the next training makes a classifier with."""

from __future__ import annotations

import json

import numpy as np
import pytest

from clicktrain import PixelClassifier
from clicktrain.annotations.clicks import Clicks
from clicktrain.errors import ImageError
from clicktrain.project import ClassifierOptions, Project
from tests.fakes import FakeClassifier
from tests.project.conftest import open_image
from tests.textures import strokes, strokes_in_slices, two_textures, two_textures_in_depth

FAST = ClassifierOptions("fast")
PLACED = ClassifierOptions("auto", True)


@pytest.fixture
def trained(ready):
    """The same, with a classifier that was trained before any option was chosen."""
    ready.train()
    assert ready.wait(10)
    FakeClassifier.started.clear()
    FakeClassifier.calls.clear()
    return ready


def in_use(project):
    return project.state.pixel_classifier


def train(project, *, resume=False):
    project.train_and_predict(resume=resume)
    assert project.wait(60)


def test_a_project_begins_with_the_options_of_its_classifier():
    assert Project().options == ClassifierOptions("auto", False)
    assert Project(FakeClassifier(preset="wide", position_encoding=True)).options == ClassifierOptions("wide", True)


@pytest.mark.parametrize("options", [FAST, PLACED], ids=["network", "position_encoding"])
def test_the_next_training_makes_a_new_classifier_with_what_was_chosen(trained, options):
    before = in_use(trained)
    trained.set_options(options)
    assert in_use(trained) is before
    train(trained, resume=True)
    after = in_use(trained)
    assert after is not before
    assert ClassifierOptions(after.preset, after.position_encoding) == options
    assert FakeClassifier.calls == ["fit", "predict"]


def test_live_goes_on_with_the_new_classifier(trained):
    trained.set_options(FAST)
    train(trained, resume=True)
    new = in_use(trained)
    train(trained, resume=True)
    assert in_use(trained) is new
    assert FakeClassifier.calls == ["fit", "predict", "continue_fit", "predict"]


def test_choosing_what_there_is_already_goes_on(trained):
    before = in_use(trained)
    trained.set_options(FAST)
    trained.set_options(ClassifierOptions())
    train(trained, resume=True)
    assert in_use(trained) is before
    assert FakeClassifier.calls == ["continue_fit", "predict"]


def test_the_present_classifier_predicts_and_is_saved_until_then(trained, record, tmp_path):
    trained.set_options(FAST)
    trained.predict()
    assert trained.wait(10)
    trained.save_model(tmp_path / "m.model")
    assert trained.wait(10)
    assert len(record.of("predicted")) == 1
    assert json.loads((tmp_path / "m.model").read_text())[2] == "auto"


def test_a_cancelled_training_leaves_the_present_classifier(trained, record):
    before = in_use(trained)
    means = dict(before.means)
    trained.set_options(FAST)
    FakeClassifier.go_on.clear()
    trained.train_and_predict()
    assert FakeClassifier.started.wait(10)
    trained.cancel()
    FakeClassifier.go_on.set()
    assert trained.wait(10)
    assert in_use(trained) is before
    assert before.means == means
    assert trained.is_trained("pixels")
    assert len(record.of("cancelled")) == 1


def test_a_failed_training_leaves_the_present_classifier(trained, record):
    before = in_use(trained)
    trained.set_options(FAST)
    FakeClassifier.error = ImageError("image must be finite, got NaN.")
    train(trained)
    assert record.of("failed") == ["image must be finite, got NaN."]
    assert in_use(trained) is before
    FakeClassifier.error = None
    train(trained)
    assert in_use(trained).preset == "fast"


def test_names_of_classes_reach_the_new_classifier(trained):
    trained.edit_class(1, name="dark")
    trained.set_options(FAST)
    train(trained)
    assert [info.name for info in in_use(trained).class_infos] == ["dark", "class 2"]


def write_model(path, preset, position_encoding=False):
    path.write_text(json.dumps([{1: 0.0, 2: 4.0}, [], preset, position_encoding]))
    return path


@pytest.mark.parametrize(("preset", "position_encoding"), [("wide", True), ("custom", False), ("of tomorrow", False)])
def test_a_loaded_model_brings_its_options_and_is_gone_on_with(trained, tmp_path, preset, position_encoding):
    trained.set_options(FAST)
    trained.load_model(write_model(tmp_path / "m.model", preset, position_encoding))
    assert trained.wait(10)
    assert trained.options == ClassifierOptions(preset, position_encoding)
    loaded = in_use(trained)
    train(trained, resume=True)
    assert in_use(trained) is loaded
    assert FakeClassifier.calls == ["continue_fit", "predict"]
    trained.set_options(FAST)
    train(trained, resume=True)
    assert in_use(trained).preset == "fast"


def test_settings_of_ones_own_cannot_be_had_anew(trained, record):
    before = in_use(trained)
    trained.set_options(ClassifierOptions("custom"))
    train(trained)
    assert ["preset must be one of" in text for text in record.of("failed")] == [True]
    assert in_use(trained) is before


def test_an_image_is_embedded_anew_where_the_position_encoding_is_another(trained):
    FakeClassifier.embeds = True
    looks = []
    for options in (ClassifierOptions(), FAST, PLACED, PLACED, ClassifierOptions("fast", True), FAST):
        trained.set_options(options)
        train(trained)
        looks.append(FakeClassifier.calls.count("embed"))
    assert looks == [1, 1, 2, 2, 2, 3]


def test_a_loaded_model_embeds_the_image_itself(trained, tmp_path):
    FakeClassifier.embeds = True
    train(trained)
    trained.load_model(write_model(tmp_path / "m.model", "auto"))
    assert trained.wait(10)
    train(trained)
    assert FakeClassifier.calls.count("embed") == 2


def test_in_a_volume_the_place_does_not_count(trained, image, clicks):
    trained.set_options(PLACED)
    train(trained)
    open_image(trained, np.stack([image] * 3), "ZYX")
    depth = np.zeros((len(clicks), 1), np.int64)
    trained.set_clicks(Clicks(np.hstack((depth, clicks.positions_px)), clicks.classes, (3, *image.shape)))
    train(trained)
    assert in_use(trained).position_encoding is False
    assert trained.options == PLACED
    open_image(trained, image, "YX")
    trained.set_clicks(clicks)
    train(trained)
    assert in_use(trained).position_encoding


class TestRealClassifier:
    """The classifier that people use."""

    @pytest.fixture
    def project(self):
        project = Project(PixelClassifier(preset="fast"))
        yield project
        project.close()

    def test_volumes_and_images_in_turn_are_classified_with_the_place_chosen(self, project, record):
        project.set_options(ClassifierOptions("fast", True))
        volume, truth = two_textures_in_depth()
        open_image(project, volume, "ZYX")
        project.set_clicks(strokes_in_slices(truth))
        train(project)
        assert in_use(project).position_encoding is False
        image, truth = two_textures()
        open_image(project, image, "YX")
        project.set_clicks(strokes(truth))
        train(project, resume=True)
        assert in_use(project).summary().architecture.position_encoding
        assert record.of("failed") == []
        assert (record.of("predicted")[-1].classes == truth).mean() > 0.9

    def test_a_refusal_is_told_and_nothing_is_lost(self, project, record, monkeypatch):
        image, truth = two_textures()
        open_image(project, image, "YX")
        project.set_clicks(strokes(truth))
        train(project)
        before = in_use(project)
        # As if a volume had not been noticed.
        monkeypatch.setattr("clicktrain.project.state.ProjectImage.is_volume", False)
        volume, truth = two_textures_in_depth()
        open_image(project, volume, "ZYX")
        project.set_clicks(strokes_in_slices(truth))
        project.set_options(PLACED)
        train(project)
        assert ["position_encoding must be off for volumes" in text for text in record.of("failed")] == [True]
        assert in_use(project) is before
        assert project.count(1) > 0
