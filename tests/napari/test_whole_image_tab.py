from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QFileDialog, QInputDialog

if TYPE_CHECKING:
    from clicktrain.napari.whole_image_tab import WholeImageTab


@pytest.fixture
def tab(widget) -> WholeImageTab:
    return widget.whole_images


@pytest.fixture
def folder(tmp_path):
    """Folders `bright` and `dark` of two images each, and a table `t.csv` of two of them."""
    for name, grey in (("dark", 1), ("bright", 4)):
        (tmp_path / name).mkdir()
        for number in range(2):
            image = np.full((20, 30), grey, np.uint8)
            image[0, :2] = grey - 1, grey + 1
            Image.fromarray(image).save(tmp_path / name / f"{name}{number}.png")
    (tmp_path / "t.csv").write_text("path,label\ndark/dark0.png,low\nbright/bright1.png,high\n")
    return tmp_path


@pytest.fixture
def trained(tab, folder, finish):
    drop(tab, folder)
    tab.controls.train.click()
    finish(tab)
    return tab


def drop(tab: WholeImageTab, *paths) -> None:
    """Let files fall on the table as from a file manager."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    how = (data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    rows = tab.table._table.viewport()
    QApplication.sendEvent(rows, QDragEnterEvent(QPoint(9, 9), Qt.DropAction.CopyAction, *how))
    QApplication.sendEvent(rows, QDropEvent(QPointF(9, 9), Qt.DropAction.CopyAction, *how))


def shown(tab: WholeImageTab) -> list[tuple[str, str]]:
    table = tab.table._table
    return [(table.item(row, 0).text(), table.item(row, 1).text()) for row in range(table.rowCount())]


def test_dropped_folders_files_and_tables_fill_the_table(tab, folder):
    assert "Drag images" in tab.table._summary.text()
    drop(tab, folder / "dark", folder / "bright" / "bright0.png")
    assert shown(tab) == [("dark0.png", "dark"), ("dark1.png", "dark"), ("bright0.png", "")]
    assert tab.table._summary.text() == "3 images: dark 2, without a label 1"
    drop(tab, folder / "t.csv")
    assert shown(tab)[0] == ("dark0.png", "low")
    assert shown(tab)[-1] == ("bright1.png", "high")


def test_buttons_add_what_is_chosen(tab, folder, monkeypatch):
    bright0 = str(folder / "bright" / "bright0.png")
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([bright0], ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder / "dark"))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(folder / "t.csv"), ""))
    tab.table._files.click()
    tab.table._folder.click()
    assert [name for name, _ in shown(tab)] == ["bright0.png", "dark0.png", "dark1.png"]
    tab.table._csv.click()
    assert dict(shown(tab))["dark0.png"] == "low"
    assert tab.controls.status.text == "1 image added."


def test_labels_are_typed_and_rows_removed(tab, folder, monkeypatch):
    drop(tab, folder)
    tab.table._table.item(0, 1).setText("light")
    assert tab.project.images[0].label == "light"
    tab.table._table.selectAll()
    monkeypatch.setattr(QInputDialog, "getItem", lambda *_: ("all", True))
    tab.table._relabel.click()
    assert {label for _, label in shown(tab)} == {"all"}
    tab.table._table.selectRow(1)
    tab.table._remove.click()
    assert [name for name, _ in shown(tab)] == ["bright0.png", "dark0.png", "dark1.png"]


def test_buttons_that_can_do_nothing_are_off(tab, folder):
    off = (tab.table._relabel, tab.table._remove, tab.answer.predict, tab.answer.heat_map, tab.answer.save)
    assert not any(button.isEnabled() for button in (*off, tab.controls.status.cancel))
    drop(tab, folder)
    tab.table._table.selectRow(0)
    assert tab.table._remove.isEnabled()


def test_training_is_told_and_drawn(trained):
    assert trained.controls.status.text.startswith("Trained on 4 images in ")
    assert trained.controls.status.text.endswith("75% of the validation images right.")
    curve = trained.controls.curve._curve
    assert len(curve.training) == 4
    assert curve.accuracy == ((1.0, 0.75),)
    assert trained.answer.predict.isEnabled()
    image = trained.controls.curve.grab().toImage()
    assert len({image.pixel(x, y) for x in range(image.width()) for y in range(20, image.height())}) > 4


def test_chosen_settings_are_trained_with(tab, folder, finish):
    drop(tab, folder)
    tab.controls._network.setCurrentText("like ResNet-50")
    assert tab.controls._patch.value() == 128
    tab.controls._epochs.setValue(7)
    tab.controls.train.click()
    finish(tab)
    preset = tab.project.state.image_classifier.preset
    assert (preset.network.encoder, preset.network.patch_px, preset.training.epochs) == ("resnet", 128, 7)


def test_open_image_is_answered(viewer, trained, finish):
    viewer.add_image(np.full((20, 30), 1.0, np.float32), name="slide")
    trained.answer.predict.click()
    finish(trained)
    assert trained.answer.text.startswith("dark: ")
    assert "bright: " in trained.answer.text
    viewer.add_image(np.full((20, 30), 4.0, np.float32), name="other")
    trained.answer.image = viewer.layers["other"]
    assert trained.answer.text == ""


def test_heat_map_is_a_layer_that_is_updated_in_place(viewer, trained, finish, image_model):
    viewer.add_image(np.full((20, 30), 1.0, np.float32), name="slide")
    trained.answer.heat_map.click()
    finish(trained)
    layer = viewer.layers["slide heat map"]
    assert tuple(layer.contrast_limits) == (-2, 2)
    assert [each.name for each in viewer.layers] == ["slide", "slide heat map"]
    trained.answer._label.setCurrentText("bright")
    trained.answer._method.setCurrentText("by leaving out")
    trained.answer.heat_map.click()
    finish(trained)
    assert viewer.layers["slide heat map"] is layer
    assert len(viewer.layers) == 2
    assert image_model.calls == ["fit", "predict", "gradient of dark", "leave_one_out of bright"]
    assert trained.answer.image is viewer.layers["slide"]


def test_new_pixels_of_a_layer_are_looked_at_anew(viewer, trained, finish, image_model):
    layer = viewer.add_image(np.full((20, 30), 1.0, np.float32), name="slide")
    trained.answer.predict.click()
    finish(trained)
    layer.data = np.full((20, 30), 4.0, np.float32)
    trained.answer.heat_map.click()
    finish(trained)
    assert trained.answer.text.startswith("bright: ")
    assert image_model.calls[-1] == "gradient of bright"


def test_transparency_is_left_out(viewer, trained, finish):
    viewer.add_image(np.full((20, 30, 4), 1, np.uint8), rgb=True, name="slide")
    trained.answer.predict.click()
    finish(trained)
    assert (trained.project.images[-1].shape_px, trained.project.images[-1].source.n_channels) == ((20, 30), 3)


def test_answer_about_an_image_that_was_removed_is_dropped(viewer, trained, finish, image_model, notes):
    viewer.add_image(np.full((20, 30), 1.0, np.float32), name="slide")
    image_model.started.clear()
    image_model.go_on.clear()
    trained.answer.heat_map.click()
    assert image_model.started.wait(10)
    viewer.layers.clear()
    image_model.go_on.set()
    finish(trained)
    assert trained.answer.text == ""
    assert len(viewer.layers) == 0
    assert notes == []


def test_cancel_keeps_table_and_model(trained, finish, image_model, notes):
    image_model.started.clear()
    image_model.go_on.clear()
    trained.controls.train.click()
    assert image_model.started.wait(10)
    assert not trained.controls.train.isEnabled()
    trained.controls.status.cancel.click()
    image_model.go_on.set()
    finish(trained)
    assert trained.controls.status.text.startswith("Cancelled")
    assert trained.project.is_trained("images")
    assert len(shown(trained)) == 4
    assert notes == []


def test_model_is_saved_and_loaded(trained, finish, tmp_path, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "m"), ""))
    trained.answer.save.click()
    finish(trained)
    assert trained.controls.status.text == "Saved m.clicktrain"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "m.clicktrain"), ""))
    trained.answer.load.click()
    finish(trained)
    assert trained.controls.status.text == "Loaded m.clicktrain"
    assert trained.project.image_classes == ("bright", "dark")


class TestBadInput:
    """Each is one sentence in the tab and a notification; the table stays as it was."""

    @pytest.fixture
    def told(self, tab, folder, notes):
        drop(tab, folder / "dark")
        before = shown(tab)

        def sentence() -> str:
            assert shown(tab) == before
            assert notes == [tab.controls.status.text]
            assert "\n" not in notes[0]
            return notes[0]

        return sentence

    def test_table_without_label_column(self, tab, folder, told):
        (folder / "t.csv").write_text("path,class\ndark/dark0.png,1\n")
        drop(tab, folder / "t.csv")
        assert "columns path and label once" in told()

    def test_missing_file(self, tab, folder, told):
        drop(tab, folder / "bright" / "bright0.png", folder / "gone.png")
        assert "gone.png` must be an image, got nothing of that name" in told()

    def test_other_file(self, tab, folder, told):
        (folder / "notes.txt").touch()
        drop(tab, folder / "notes.txt")
        assert "`notes.txt` must be an image, a folder or a CSV table" in told()

    def test_one_class_only(self, tab, told):
        tab.controls.train.click()
        assert "got only 'dark'" in told()

    def test_no_image_is_open(self, tab, folder, finish, notes):
        drop(tab, folder)
        tab.controls.train.click()
        finish(tab)
        tab.answer.predict.click()
        assert notes == ["an image must be open, got none. Drag one into the viewer or choose an image layer."]

    def test_unreadable_image(self, tab, folder, finish, notes):
        drop(tab, folder)
        (folder / "dark" / "dark0.png").write_bytes(b"")
        tab.controls.train.click()
        finish(tab)
        assert notes == [tab.controls.status.text]
        assert "dark0.png` must hold an image, got an empty file" in notes[0]
        assert len(shown(tab)) == 4

    def test_file_that_is_no_model(self, tab, folder, finish, notes, monkeypatch):
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(folder / "gone.clicktrain"), ""))
        tab.answer.load.click()
        finish(tab)
        assert len(notes) == 1
        assert "gone.clicktrain" in notes[0]


def test_both_tabs_are_of_one_project(widget):
    assert [widget.tabs.tabText(index) for index in range(2)] == ["Pixels", "Whole image"]
    assert widget.whole_images.project is widget.pixels.project is widget.project


def test_the_real_classifier_learns_answers_and_explains(viewer, open_widget, folder, finish):
    tab = open_widget().whole_images
    drop(tab, folder)
    tab.controls.choose(patch_px=8, epochs=2)
    tab.controls.train.click()
    finish(tab)
    assert tab.controls.status.text.startswith("Trained on 4 images in ")
    viewer.add_image(np.random.default_rng(0).integers(0, 9, (20, 30), np.uint8), name="slide")
    tab.answer.heat_map.click()
    finish(tab)
    assert viewer.layers["slide heat map"].data.shape == (3, 4)
    assert "%" in tab.answer.text
