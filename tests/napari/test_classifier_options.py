"""The panel that says what the next training makes, alone and in the dock."""

from __future__ import annotations

import json

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog

from clicktrain.napari.classifier_options import ClassifierOptionsPanel
from clicktrain.project import ClassifierOptions
from tests.fakes import FakeClassifier


@pytest.fixture
def panel(qtbot) -> ClassifierOptionsPanel:
    panel = ClassifierOptionsPanel()
    qtbot.addWidget(panel)
    return panel


@pytest.fixture
def chosen(panel) -> list[ClassifierOptions]:
    """What the panel says that a user chose, in order."""
    said: list[ClassifierOptions] = []
    panel.chosen.connect(said.append)
    return said


def networks(panel) -> list[str]:
    return [panel._network.itemText(index) for index in range(panel._network.count())]


def test_every_choice_is_told_once(panel, chosen):
    panel._network.setCurrentText("Fast")
    panel._place.click()
    panel._network.setCurrentText("Wide field of view")
    panel._place.click()
    panel._network.setCurrentText("Automatic")
    assert chosen == [
        ClassifierOptions("fast", False),
        ClassifierOptions("fast", True),
        ClassifierOptions("wide", True),
        ClassifierOptions("wide", False),
        ClassifierOptions("auto", False),
    ]
    assert panel.options == chosen[-1]


@pytest.mark.parametrize("preset", ["custom", "of tomorrow"])
def test_options_that_are_no_preset_are_shown_until_another_is_chosen(panel, chosen, preset):
    panel.show_options(ClassifierOptions(preset, True))
    assert panel._network.currentText() == "As in the loaded model"
    assert panel._place.isChecked()
    assert not panel._place.isEnabled()
    assert chosen == []
    panel._network.setCurrentText("Fast")
    assert networks(panel) == ["Automatic", "Fast", "Wide field of view"]
    assert panel._place.isEnabled()
    assert chosen == [ClassifierOptions("fast", True)]


def test_in_a_volume_the_place_is_off_and_comes_back_with_an_image(panel, chosen):
    panel.show_options(ClassifierOptions("fast", True))
    panel.show_volume(True)
    assert not panel._place.isEnabled()
    assert not panel._place.isChecked()
    assert "volume" in panel._place.toolTip()
    panel._network.setCurrentText("Automatic")
    panel.show_volume(False)
    assert panel._place.isEnabled()
    assert panel._place.isChecked()
    assert chosen == [ClassifierOptions("auto", True)]


@pytest.fixture
def clicked(viewer, dock, halves, strokes):
    """A viewer with an image and strokes of both classes, and the dock widget."""
    viewer.add_image(halves, name="halves")
    viewer.add_labels(strokes, name="strokes")
    return dock


def in_use(dock) -> FakeClassifier:
    return dock.project.state.pixel_classifier


def train(dock, finish):
    dock.controls.train.click()
    finish(dock)


def test_train_makes_what_was_chosen(viewer, clicked, finish):
    train(clicked, finish)
    clicked.options._network.setCurrentText("Fast")
    clicked.options._place.click()
    assert clicked.controls.status.text == "This choice takes effect with the next training."
    assert in_use(clicked).preset == "auto"
    train(clicked, finish)
    assert (in_use(clicked).preset, in_use(clicked).position_encoding) == ("fast", True)
    assert "halves classes" in viewer.layers


def test_in_live_a_choice_takes_effect_at_once_and_strokes_go_on(viewer, clicked, finish, qtbot):
    clicked.controls.live.setChecked(True)
    finish(clicked)
    clicked.options._network.setCurrentText("Fast")
    finish(clicked)
    assert in_use(clicked).preset == "fast"
    viewer.layers["strokes"].data_setitem((np.array([9]), np.array([1])), 1)
    qtbot.waitUntil(lambda: "continue_fit" in FakeClassifier.calls)
    finish(clicked)
    assert FakeClassifier.calls == ["fit", "predict", "fit", "predict", "continue_fit", "predict"]


def test_cancelling_keeps_the_classifier_and_the_choice(clicked, finish):
    train(clicked, finish)
    before = in_use(clicked)
    clicked.options._network.setCurrentText("Fast")
    FakeClassifier.started.clear()
    FakeClassifier.go_on.clear()
    clicked.controls.train.click()
    assert FakeClassifier.started.wait(10)
    clicked.controls.status.cancel.click()
    FakeClassifier.go_on.set()
    finish(clicked)
    assert in_use(clicked) is before
    assert clicked.options.options == clicked.project.options == ClassifierOptions("fast")


@pytest.mark.parametrize(
    ("preset", "position_encoding", "shown"),
    [("wide", True, "Wide field of view"), ("custom", False, "As in the loaded model")],
)
def test_a_loaded_model_shows_what_it_is(
    clicked, finish, tmp_path, monkeypatch, notes, preset, position_encoding, shown
):
    path = tmp_path / "m.clicktrain"
    path.write_text(json.dumps([{1: 0.0, 2: 4.0}, [], preset, position_encoding]))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    clicked.options._network.setCurrentText("Fast")
    clicked.controls.load.click()
    finish(clicked)
    assert clicked.options._network.currentText() == shown
    assert clicked.options._place.isChecked() == (position_encoding)
    loaded = in_use(clicked)
    train(clicked, finish)
    assert in_use(clicked) is loaded
    assert notes == []


def test_a_project_that_is_brought_along_shows_its_options(open_dock):
    dock = open_dock(FakeClassifier(preset="wide", position_encoding=True))
    assert dock.options.options == ClassifierOptions("wide", True)
    assert dock.options._network.currentText() == "Wide field of view"


def test_the_place_is_offered_for_images_only(viewer, dock, halves):
    stack = viewer.add_image(np.stack([halves] * 8), name="stack")
    dock.options.show_options(ClassifierOptions("auto", True))
    assert dock.source.stack_axes == "ZYX"
    assert not dock.options._place.isEnabled()
    dock.source._axes.setCurrentText("channels, y, x")
    assert dock.options._place.isEnabled()
    dock.source._axes.setCurrentText("z, y, x (a volume)")
    assert not dock.options._place.isEnabled()
    viewer.layers.remove(stack)
    assert dock.options._place.isEnabled()
