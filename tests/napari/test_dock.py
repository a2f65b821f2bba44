from __future__ import annotations

import gc

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog, QMessageBox

from clicktrain.config import default_class
from clicktrain.napari.dock import ClickTrainWidget
from clicktrain.napari.layers import mark
from clicktrain.project import Project
from tests.napari.conftest import project_threads


@pytest.fixture
def clicked(viewer, dock, halves, strokes):
    """A viewer with an image and strokes of both classes, and the dock widget."""
    viewer.add_image(halves, name="halves")
    viewer.add_labels(strokes, name="strokes")
    return dock


def truth(halves):
    return np.where(halves > 0, 2, 1)


def test_image_and_clicks_layer_are_found_whatever_was_opened_first(viewer, open_dock, classifier, halves, strokes):
    viewer.add_labels(strokes)
    viewer.add_image(halves)
    dock = open_dock(classifier)
    assert dock.source.image == viewer.layers["halves"]
    assert dock.source.clicks_layer == viewer.layers["strokes"]
    assert (dock.project.count(1), dock.project.count(2)) == (6, 4)


def test_training_shows_classes_and_confidence(viewer, clicked, halves, finish):
    clicked.controls.train.click()
    finish(clicked)
    np.testing.assert_array_equal(viewer.layers["halves classes"].data, truth(halves))
    confidence = viewer.layers["halves confidence"]
    assert tuple(confidence.contrast_limits) == (0, 1)
    assert confidence.data.min() >= 0
    assert clicked.controls.status.text.startswith("Trained on 10 clicks in ")
    assert [layer.name for layer in viewer.layers] == ["halves", "halves classes", "halves confidence", "strokes"]


def test_a_first_answer_is_shown_while_the_training_goes_on(viewer, clicked, classifier, halves, finish, qtbot):
    classifier.embeds = True
    classifier.go_on.clear()
    clicked.controls.train.click()
    qtbot.waitUntil(lambda: "halves classes" in viewer.layers)
    assert clicked.project.busy
    np.testing.assert_array_equal(viewer.layers["halves classes"].data, np.ones_like(halves))
    classifier.go_on.set()
    finish(clicked)
    np.testing.assert_array_equal(viewer.layers["halves classes"].data, truth(halves))


def test_results_are_shown_in_the_class_colours_and_follow_them(viewer, clicked, finish):
    clicked.controls.train.click()
    finish(clicked)
    clicked.table.recolored.emit(2, "#ff0000")
    for layer in (viewer.layers["halves classes"], viewer.layers["strokes"]):
        np.testing.assert_allclose(layer.get_color(2), [1, 0, 0, 1])


def test_results_are_updated_in_place_and_made_again_if_they_were_deleted(viewer, clicked, halves, finish):
    clicked.controls.train.click()
    finish(clicked)
    classes = viewer.layers["halves classes"]
    classes.data = np.zeros_like(classes.data)
    viewer.layers.remove("halves confidence")
    clicked.controls.predict.click()
    finish(clicked)
    assert viewer.layers["halves classes"] is classes
    np.testing.assert_array_equal(classes.data, truth(halves))
    assert "halves confidence" in viewer.layers
    assert len(viewer.layers) == 4


def test_results_follow_a_renamed_image(viewer, clicked, finish):
    clicked.controls.train.click()
    finish(clicked)
    viewer.layers["halves"].name = "renamed"
    clicked.controls.predict.click()
    finish(clicked)
    assert len(viewer.layers) == 4


def test_results_are_never_taken_for_images_or_clicks(viewer, clicked, finish):
    clicked.controls.train.click()
    finish(clicked)
    viewer.layers.remove("strokes")
    viewer.layers.remove("halves")
    assert clicked.source.clicks_layer is None
    assert clicked.source.image is None


def test_undo_and_redo_update_the_counts(viewer, clicked, qtbot):
    labels = viewer.layers["strokes"]
    labels.data_setitem((np.array([9, 9]), np.array([1, 2])), 1)
    qtbot.waitUntil(lambda: clicked.project.count(1) == 8)
    assert clicked.table._table.item(0, 2).text() == "8"
    labels.undo()
    qtbot.waitUntil(lambda: clicked.project.count(1) == 6)
    labels.redo()
    qtbot.waitUntil(lambda: clicked.project.count(1) == 8)


def test_painting_a_new_label_adds_its_class(viewer, clicked, qtbot):
    viewer.layers["strokes"].data_setitem((np.array([9]), np.array([1])), 5)
    qtbot.waitUntil(lambda: 5 in clicked.project.classes)
    assert clicked.table._table.rowCount() == 3


def test_the_selected_class_is_the_one_that_is_painted(viewer, clicked):
    labels = viewer.layers["strokes"]
    clicked.table.activate(2)
    assert labels.selected_label == 2
    labels.selected_label = 1
    assert clicked.table.active == 1


def test_classes_are_added_renamed_and_removed(clicked):
    clicked.table._add.click()
    assert clicked.table.active == 3
    clicked.table._table.item(2, 1).setText("debris")
    assert clicked.project.classes[3].name == "debris"
    clicked.table._remove.click()
    assert [info.number for info in clicked.project.classes] == [1, 2]


def test_a_name_that_is_taken_is_refused_and_the_table_shows_the_old_one(clicked, notes):
    clicked.table._table.item(1, 1).setText("class 1")
    assert len(notes) == 1
    assert clicked.table._table.item(1, 1).text() == "class 2"


@pytest.mark.parametrize(("answer", "left"), [("Yes", 0), ("No", 6)])
def test_removing_a_class_asks_before_it_erases_clicks(viewer, clicked, monkeypatch, answer, left):
    monkeypatch.setattr(QMessageBox, "question", lambda *_: getattr(QMessageBox.StandardButton, answer))
    clicked.table.activate(1)
    clicked.table._remove.click()
    assert (viewer.layers["strokes"].data == 1).sum() == left
    assert (1 in clicked.project.classes) == bool(left)


def test_undo_brings_an_erased_class_back_under_its_name(viewer, clicked, monkeypatch, qtbot):
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    clicked.project.edit_class(1, name="dark")
    clicked.table.activate(1)
    clicked.table._remove.click()
    viewer.layers["strokes"].undo()
    qtbot.waitUntil(lambda: 1 in clicked.project.classes)
    assert clicked.project.classes[1].name == "dark"
    assert clicked.project.count(1) == 6


def test_cancel_stops_the_work_and_keeps_everything(viewer, clicked, classifier, finish, notes):
    classifier.go_on.clear()
    clicked.controls.train.click()
    assert classifier.started.wait(10)
    assert clicked.controls.status.cancel.isEnabled()
    clicked.controls.status.cancel.click()
    classifier.go_on.set()
    finish(clicked)
    assert clicked.controls.status.text.startswith("Cancelled")
    assert "halves classes" not in viewer.layers
    assert clicked.project.count(1) == 6
    assert notes == []


def test_live_learns_on_after_every_stroke(viewer, clicked, classifier, finish, qtbot):
    clicked.controls.live.setChecked(True)
    finish(clicked)
    viewer.layers["strokes"].data_setitem((np.array([9]), np.array([1])), 1)
    qtbot.waitUntil(lambda: "continue_fit" in classifier.calls)
    finish(clicked)
    assert classifier.calls == ["fit", "predict", "continue_fit", "predict"]


def test_live_waits_quietly_for_a_second_class(viewer, dock, halves, notes, qtbot):
    viewer.add_image(halves)
    dock.source._new.click()
    dock.controls.live.setChecked(True)
    viewer.layers["halves clicks"].data_setitem((np.array([9]), np.array([1])), 1)
    qtbot.waitUntil(lambda: dock.project.count(1) == 1)
    assert "two classes" in dock.controls.status.text
    assert notes == []


def test_removing_the_image_while_training_drops_the_work(viewer, clicked, classifier, finish, notes):
    classifier.go_on.clear()
    clicked.controls.train.click()
    assert classifier.started.wait(10)
    viewer.layers.remove("halves")
    classifier.go_on.set()
    finish(clicked)
    assert [layer.name for layer in viewer.layers] == ["strokes"]
    assert clicked.project.chosen is None
    assert notes == []


def test_renaming_layers_while_training_does_no_harm(viewer, clicked, classifier, finish, notes):
    classifier.go_on.clear()
    clicked.controls.train.click()
    assert classifier.started.wait(10)
    viewer.layers["halves"].name = "renamed"
    viewer.layers["strokes"].name = "other"
    classifier.go_on.set()
    finish(clicked)
    assert "renamed classes" in viewer.layers
    assert notes == []


def test_removing_the_clicks_while_training_does_no_harm(viewer, clicked, classifier, finish):
    classifier.go_on.clear()
    clicked.controls.train.click()
    assert classifier.started.wait(10)
    viewer.layers.remove("strokes")
    classifier.go_on.set()
    finish(clicked)
    assert "halves classes" in viewer.layers


def test_model_is_saved_and_loaded(viewer, clicked, open_dock, classifier, finish, tmp_path, monkeypatch):
    clicked.project.edit_class(1, name="dark")
    clicked.controls.train.click()
    finish(clicked)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "halves"), ""))
    clicked.controls.save.click()
    finish(clicked)
    assert clicked.controls.status.text == "Saved halves.clicktrain"

    classifier.means = {}
    clicked.project.edit_class(1, name="other")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "halves.clicktrain"), ""))
    clicked.controls.load.click()
    finish(clicked)
    assert "class 1 must be 'other'" in clicked.controls.status.text
    assert clicked.table._table.item(0, 1).text() == "other"

    clicked.project.edit_class(1, name="dark")
    clicked.controls.load.click()
    finish(clicked)
    assert clicked.controls.status.text == "Loaded halves.clicktrain"
    clicked.controls.predict.click()
    finish(clicked)
    assert "halves classes" in viewer.layers


def test_a_cancelled_file_dialog_does_nothing(clicked, monkeypatch, notes):
    for dialog in ("getSaveFileName", "getOpenFileName"):
        monkeypatch.setattr(QFileDialog, dialog, lambda *_: ("", ""))
    clicked.controls.save.click()
    clicked.controls.load.click()
    assert not clicked.project.busy
    assert notes == []


def test_closing_the_dock_ends_the_thread_and_lets_go_of_the_layers(
    make_napari_viewer, classifier, halves, strokes, qtbot
):
    viewer = make_napari_viewer()
    viewer.add_image(halves)
    viewer.add_labels(strokes)
    widget = ClickTrainWidget(viewer, Project(classifier))
    viewer.window.add_dock_widget(widget)
    classifier.go_on.clear()
    widget.pixels.controls.train.click()
    assert classifier.started.wait(10)
    classifier.go_on.set()
    viewer.window.remove_dock_widget(widget)
    widget.deleteLater()
    qtbot.waitUntil(lambda: not project_threads())
    viewer.layers["strokes"].data_setitem((np.array([9]), np.array([1])), 1)
    viewer.layers.clear()


def test_the_close_button_of_a_plugins_dock_ends_the_thread(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    dock_widget, widget = viewer.window.add_plugin_dock_widget("napari-clicktrain")
    project = widget.project
    project.load_model("nowhere")  # any work starts the thread
    qtbot.waitUntil(lambda: bool(project_threads()) and not project.busy)
    del widget
    dock_widget.destroyOnClose()
    del dock_widget
    qtbot.waitUntil(lambda: gc.collect() >= 0 and not project_threads())


def test_a_new_name_of_a_class_survives_a_change_of_the_image(viewer, open_dock, classifier, halves, strokes):
    image = viewer.add_image(halves)
    classes = (default_class(1), default_class(2))
    viewer.add_labels(strokes, metadata=mark("clicks", image, classes=classes))
    dock = open_dock(classifier)
    dock.project.edit_class(1, name="gland")
    image.data = halves.copy()
    assert dock.project.classes[1].name == "gland"


def test_a_project_can_be_brought_along(viewer, open_dock, classifier, halves, strokes):
    classifier.means = {1: 0.0, 2: 4.0}
    classifier.class_infos = Project().classes.named([1, 2])
    dock = open_dock(classifier)
    assert dock.project.is_trained("pixels")
