"""Several image layers in one project, each with its clicks."""

from __future__ import annotations

import dask.array
import numpy as np
import pytest
from qtpy.QtWidgets import QMessageBox

from tests.fakes import pixels_of


@pytest.fixture
def both(viewer, dock, halves, strokes):
    """Two images with a clicks layer each, made for it; the second, brighter by 1, is the chosen one."""
    for name, image in (("first", halves), ("second", halves + 1)):
        dock.source.image = viewer.add_image(image, name=name)
        dock.source._new.click()
        viewer.layers[f"{name} clicks"].data = strokes.copy()
    dock._clicks.read()
    return dock


def shown_clicks(dock) -> list[str]:
    return [dock.table._table.item(row, 2).text() for row in range(dock.table._table.rowCount())]


def test_coming_back_to_an_image_brings_its_clicks_back(viewer, both):
    viewer.layers["second clicks"].data = np.zeros((20, 30), np.uint8)
    both._clicks.read()
    assert shown_clicks(both) == ["0", "0"]
    both.source.image = viewer.layers["first"]
    assert both.source.clicks_layer.name == "first clicks"
    assert shown_clicks(both) == ["6", "4"]


def test_training_learns_from_both_and_says_so(viewer, both, finish):
    both.controls.train.click()
    finish(both)
    assert both.project.state.pixel_classifier.means == {1: 0.5, 2: 4.5}
    assert both.controls.status.text.startswith("Trained on 20 clicks of 2 images in ")
    assert "second classes" in viewer.layers
    assert "first classes" not in viewer.layers


def test_edits_of_a_layer_whose_image_is_not_chosen_count_in_the_next_training(viewer, both, finish):
    viewer.layers["first clicks"].data_setitem((np.array([9]), np.array([1])), 1)
    both.controls.train.click()
    finish(both)
    assert "Trained on 21 clicks of 2 images" in both.controls.status.text


@pytest.mark.parametrize(("removed", "left"), [("first", ["second"]), ("first clicks", ["first", "second"])])
def test_a_removed_layer_takes_its_clicks_along(viewer, both, finish, notes, removed, left):
    viewer.layers.remove(removed)
    assert [image.name for image in both.project.images] == left
    both.controls.train.click()
    finish(both)
    assert both.controls.status.text.startswith("Trained on 10 clicks in ")
    assert notes == []


def test_removing_a_class_erases_its_clicks_in_all_layers(viewer, both, monkeypatch):
    questions = []

    def answer(parent, title, question):
        questions.append(question)
        return QMessageBox.StandardButton.Yes

    monkeypatch.setattr(QMessageBox, "question", answer)
    both.table.activate(2)
    both.table._remove.click()
    assert "erase its 8 clicks? Undo" in questions[0]
    assert not any((viewer.layers[f"{name} clicks"].data == 2).any() for name in ("first", "second"))
    assert 2 not in both.project.classes


def test_a_clicks_layer_of_one_image_is_used_for_another_only_if_it_is_chosen(viewer, dock, halves, strokes):
    first, second = viewer.add_image(halves, name="first"), viewer.add_image(halves + 1, name="second")
    layer = viewer.add_labels(strokes)
    assert dock.source.image is first
    dock.source.image = second
    assert dock.source.clicks_layer is None
    assert (dock.project.images[0].clicks is None, dock.project.chosen.clicks) == (False, None)
    dock.source.clicks_layer = layer
    assert (dock.project.images[0].clicks, dock.project.chosen.clicks is None) == (None, False)


def test_new_pixels_of_an_image_that_is_not_chosen_are_taken_when_it_is(viewer, both):
    layer = viewer.layers["first"]
    layer.data = layer.data + 5
    assert [image.name for image in both.project.images] == ["second"]
    both.source.image = layer
    np.testing.assert_array_equal(pixels_of(both.project.chosen.source), layer.data)
    assert both.project.count(1) == 6


def test_clicks_in_a_lazy_image_are_points(viewer, dock, halves):
    viewer.add_image(dask.array.from_array(halves), name="lazy", contrast_limits=(0, 4))
    dock.source._new.click()
    assert type(viewer.layers["lazy clicks"]).__name__ == "Points"
    assert "a layer to paint in would take as much memory" in dock.controls.status.text


def test_a_layer_is_one_image_however_its_axes_are_read(viewer, dock):
    viewer.add_image(np.random.default_rng(0).random((5, 20, 30)), name="stack")
    for axes in ("channels, y, x", "z, y, x (a volume)"):
        dock.source._axes.setCurrentText(axes)
    assert [image.shape_px for image in dock.project.images] == [(5, 20, 30)]


def test_both_tabs_see_a_layer_as_one_image(viewer, widget, halves):
    layer = viewer.add_image(np.stack([halves] * 3), name="slide", rgb=False)
    chosen = widget.project.chosen
    assert (chosen.shape_px, chosen.source.n_channels) == (halves.shape, 3)
    assert widget.whole_images._asked_image() == chosen.id
    viewer.layers.remove(layer)
    assert widget.project.images == ()


def test_a_tab_says_that_it_waits_for_the_other(widget, halves, strokes, classifier, viewer, finish, tmp_path):
    viewer.add_image(halves)
    viewer.add_labels(strokes)
    classifier.go_on.clear()
    widget.pixels.controls.train.click()
    assert classifier.started.wait(10)
    widget.project.load_model(tmp_path / "gone.clicktrain", "images")
    assert widget.whole_images.controls.status.text == "Waiting until the work of the other tab has ended."
    classifier.go_on.set()
    finish(widget.whole_images)
    assert "gone.clicktrain" in widget.whole_images.controls.status.text
    assert widget.pixels.controls.status.text.startswith("Trained on 10 clicks in ")
