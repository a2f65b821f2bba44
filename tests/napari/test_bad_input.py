"""Whatever goes wrong, the user gets one sentence and keeps what was clicked."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog

from clicktrain.api import PixelClassifier
from clicktrain.config import preset


@pytest.fixture
def dock(open_dock):
    settings = preset("fast", pretrained=False)
    training = settings.training.model_copy(update={"steps": 3})
    return open_dock(PixelClassifier(preset=settings.model_copy(update={"training": training}), pretrained=False))


def train(dock, finish):
    dock.controls.train.click()
    finish(dock)


def test_no_image(dock, notes, finish):
    train(dock, finish)
    assert ["an image must be open" in note for note in notes] == [True]


def test_no_clicks(viewer, dock, notes, halves, finish):
    viewer.add_image(halves)
    dock.source._new.click()
    train(dock, finish)
    assert ["got none" in note for note in notes] == [True]


def test_one_class_only(viewer, dock, notes, halves, strokes, finish):
    viewer.add_image(halves)
    viewer.add_labels(np.minimum(strokes, 1))
    train(dock, finish)
    assert ["only 'class 1'" in note for note in notes] == [True]


def test_labels_of_another_shape_are_not_offered(viewer, dock, halves):
    viewer.add_image(halves)
    viewer.add_labels(np.ones((30, 20), np.uint8))
    assert dock.source.clicks_layer is None


def test_labels_that_get_another_shape(viewer, dock, notes, halves, strokes, qtbot):
    viewer.add_image(halves)
    layer = viewer.add_labels(strokes)
    layer.data = np.ones((30, 20), np.uint8)
    dock.controls.train.click()
    assert "spatial shape" in notes[0]
    assert not dock.project.busy


@pytest.mark.parametrize("value", [np.nan, np.inf], ids=["nan", "inf"])
def test_pixels_that_are_not_finite(viewer, dock, notes, halves, strokes, finish, value):
    halves[3, 3] = value
    viewer.add_image(halves, contrast_limits=(0, 4))
    labels = viewer.add_labels(strokes)
    train(dock, finish)
    assert len(notes) == 1
    assert "finite" in notes[0]
    np.testing.assert_array_equal(labels.data, strokes)


def test_constant_image(viewer, dock, notes, halves, strokes, finish):
    viewer.add_image(np.ones_like(halves), contrast_limits=(0, 1))
    viewer.add_labels(strokes)
    train(dock, finish)
    assert ["contrast" in note for note in notes] == [True]


def test_wrong_number_of_channels_at_predict(viewer, dock, notes, halves, strokes, finish):
    viewer.add_image(halves, name="grey")
    viewer.add_labels(strokes)
    train(dock, finish)
    dock.source.image = viewer.add_image(np.stack([halves] * 3, axis=-1) / 4, rgb=True, name="colour")
    dock.controls.predict.click()
    finish(dock)
    assert len(notes) == 1
    assert "channel" in notes[0]
    assert "colour classes" not in viewer.layers


def test_four_axes(viewer, dock, notes, finish):
    viewer.add_image(np.zeros((2, 3, 20, 30)), contrast_limits=(0, 1), name="film")
    assert len(notes) == 1
    assert "4 axes" in notes[0]
    train(dock, finish)
    assert len(notes) == 2


def test_predicting_before_training(viewer, dock, notes, halves):
    viewer.add_image(halves)
    dock.controls.predict.click()
    assert ["trained first" in note for note in notes] == [True]


@pytest.mark.parametrize("content", [b"not a model", b""], ids=["text", "empty"])
def test_a_file_that_is_no_model(dock, notes, finish, tmp_path, monkeypatch, content):
    path = tmp_path / "x.clicktrain"
    path.write_bytes(content)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    dock.controls.load.click()
    finish(dock)
    assert len(notes) == 1
    assert "x.clicktrain" in notes[0]


def test_saving_where_there_is_no_folder(viewer, dock, notes, halves, strokes, finish, tmp_path, monkeypatch):
    viewer.add_image(halves)
    viewer.add_labels(strokes)
    train(dock, finish)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "no" / "m.clicktrain"), ""))
    dock.controls.save.click()
    finish(dock)
    assert len(notes) == 1
    assert dock.project.is_trained("pixels")


def test_points_outside_the_image(viewer, dock, notes, halves):
    viewer.add_image(halves)
    viewer.add_points([[100, 100]], features={"class": [1]})
    assert ["inside the image" in note for note in notes] == [True]


def test_points_whose_class_is_no_number(viewer, dock, notes, halves):
    viewer.add_image(halves)
    viewer.add_points([[1, 1]], features={"class": ["tumour"]})
    assert ["whole numbers" in note for note in notes] == [True]
