"""What went wrong is no longer shown once something went well, or is being done."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication, QFileDialog

from clicktrain.errors import ClickTrainError
from clicktrain.napari.dock import ClickTrainWidget
from clicktrain.project import Project


def test_a_problem_is_gone_as_soon_as_new_work_begins(viewer, dock, classifier, halves, strokes, finish):
    dock.controls.train.click()
    assert "an image must be open" in dock.controls.status.text
    viewer.add_image(halves)
    viewer.add_labels(strokes)
    dock.controls.predict.click()
    assert "trained first" in dock.controls.status.text
    classifier.go_on.clear()
    dock.controls.train.click()
    assert dock.controls.status.text == ""
    classifier.go_on.set()
    finish(dock)
    assert "must" not in dock.controls.status.text


def test_a_problem_with_a_file_is_gone_when_another_one_is_read(dock, finish, tmp_path, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "gone.clicktrain"), ""))
    dock.controls.load.click()
    finish(dock)
    assert "gone.clicktrain" in dock.controls.status.text
    (tmp_path / "gone.clicktrain").write_text('[{"1": 0, "2": 1}, [], "auto", false]')
    dock.controls.load.click()
    finish(dock)
    assert dock.controls.status.text == "Loaded gone.clicktrain"


def test_opening_an_image_and_painting_settle_what_was_wrong_with_the_last_one(viewer, dock, halves, qtbot):
    viewer.add_image(np.zeros((2, 3, 20, 30)), contrast_limits=(0, 1), name="film")
    assert "4 axes" in dock.controls.status.text
    dock.source.image = viewer.add_image(halves, name="halves")
    assert dock.controls.status.text == ""
    dock.source._new.click()
    dock.controls.train.click()
    assert "got none" in dock.controls.status.text
    viewer.layers["halves clicks"].data_setitem((np.array([9]), np.array([1])), 1)
    qtbot.waitUntil(lambda: dock.project.count(1) == 1)
    assert dock.controls.status.text == ""


def test_a_rename_settles_the_one_that_could_not_be_and_leaves_what_was_done(viewer, dock, halves, strokes, finish):
    viewer.add_image(halves)
    viewer.add_labels(strokes)
    dock.table.renamed.emit(1, "")
    assert "name" in dock.controls.status.text
    dock.table.renamed.emit(1, "dark")
    assert dock.controls.status.text == ""
    dock.controls.train.click()
    finish(dock)
    done = dock.controls.status.text
    dock.table.renamed.emit(1, "darker")
    assert dock.controls.status.text == done


def test_a_problem_that_comes_again_is_shown_again(viewer, dock):
    text = "the same must be told again, got it once."
    for _ in range(2):
        with dock.failures_notified():
            raise ClickTrainError(text)
        assert dock.controls.status.text == text
        with dock.failures_notified():
            dock.notify(text)
        assert dock.controls.status.text == text
    with dock.failures_notified():
        pass
    assert dock.controls.status.text == ""


def test_progress_of_work_that_nobody_waits_for_does_not_stay(viewer, widget, image_model, halves, finish, qtbot):
    tab = widget.whole_images
    image_model.means = {"dark": 0.0, "bright": 4.0}
    tab.show_loaded()
    for name in ("first", "second"):
        viewer.add_image(halves, name=name)
    image_model.go_on.clear()
    tab.answer.predict.click()
    qtbot.waitUntil(lambda: tab.controls.status.text.startswith("Predicting: "))
    tab.answer.image = viewer.layers["second"]
    image_model.go_on.set()
    finish(tab)
    assert tab.controls.status.text == ""


def test_the_whole_image_tab_settles_its_problems_too(viewer, widget, halves):
    tab = widget.whole_images
    tab.answer.predict.setEnabled(True)
    tab.answer.predict.click()
    assert "an image must be open" in tab.controls.status.text
    viewer.add_image(halves)
    tab._asked_image()
    assert tab.controls.status.text == ""


def test_a_prediction_names_its_image_where_there_are_several(viewer, dock, halves, strokes, finish):
    viewer.add_image(halves, name="first")
    viewer.add_labels(strokes)
    dock.controls.train.click()
    finish(dock)
    dock.controls.predict.click()
    finish(dock)
    assert dock.controls.status.text.startswith("Classified in ")
    dock.source.image = viewer.add_image(halves + 1, name="second <b>")
    dock.controls.predict.click()
    finish(dock)
    assert dock.controls.status.text.startswith("second <b> classified in ")


@pytest.fixture
def notifications(make_napari_viewer, classifier, image_model):
    """A viewer that is to be seen, the tab for pixels, and what tells napari's notifications that are shown."""
    viewer = make_napari_viewer(show=True)
    widget = ClickTrainWidget(viewer, Project(classifier, image_model))
    viewer.window.add_dock_widget(widget)

    def shown() -> list[str]:
        found = [each for each in QApplication.allWidgets() if type(each).__name__ == "NapariQtNotification"]
        return [each.message.text() for each in found if each.isVisible()]

    yield viewer, widget.pixels, shown
    widget.close_project()


def test_notifications_of_problems_are_closed_once_new_work_begins(notifications, halves, strokes, finish, qtbot):
    viewer, dock, shown = notifications
    dock.controls.train.click()
    viewer.add_image(halves)
    viewer.add_labels(strokes)
    dock.controls.predict.click()
    qtbot.waitUntil(lambda: len(shown()) >= 1)
    assert "trained first" in shown()[-1]
    assert not [text for text in shown() if "an image must be open" in text]
    dock.controls.train.click()
    finish(dock)
    assert shown() == []
