"""Clicks from Points layers, images of many kinds, and sample data."""

from __future__ import annotations

import dask.array
import numpy as np
import pytest
from npe2 import PluginManager

from clicktrain.api import PixelClassifier
from clicktrain.data import samples
from clicktrain.napari.launch import show_sample
from clicktrain.napari.samples import immunohistochemistry
from tests.fakes import pixels_of
from tests.textures import strokes as texture_strokes
from tests.textures import two_textures


def test_points_are_clicks(viewer, dock, halves, finish):
    viewer.add_image(halves, name="halves", scale=(2, 2), rotate=20)
    dock.source._kind.setCurrentText("Points")
    dock.source._new.click()
    points = viewer.layers["halves clicks"]
    for number, x in ((1, 3), (2, 25)):
        dock.table.activate(number)
        points.add([5, x])
        points.add([9, x])
    np.testing.assert_allclose(points.face_color[0][:3], [0, 0x72 / 255, 0xB2 / 255], atol=0.01)
    dock.controls.train.click()
    finish(dock)
    assert (dock.project.count(1), dock.project.count(2)) == (2, 2)
    np.testing.assert_array_equal(viewer.layers["halves classes"].data, np.where(halves > 0, 2, 1))


def test_points_with_other_features_keep_them(viewer, dock, halves):
    viewer.add_image(halves)
    points = viewer.add_points([[5, 3], [5, 25]], features={"class": [1, 2], "size": [0.5, 0.25], "who": ["a", "b"]})
    assert dock.project.count(2) == 1
    dock.table.activate(2)
    assert points.features["size"].tolist() == [0.5, 0.25]
    assert points.feature_defaults["class"].tolist() == [2]


def test_an_emptied_points_layer_can_be_left_and_taken_up_again(viewer, dock, halves, notes):
    image, other = viewer.add_image(halves), viewer.add_image(halves + 1)
    dock.source.image = image
    dock.source._kind.setCurrentText("Points")
    dock.source._new.click()
    points = viewer.layers[f"{image.name} clicks"]
    points.add([[5, 3], [9, 3]])
    points.selected_data = {0, 1}
    points.remove_selected()
    dock.source.image = other
    dock.source.image = image
    assert dock.source.clicks_layer is points
    assert notes == []


def test_clicks_made_for_one_image_are_not_offered_for_another(viewer, dock, halves):
    image, other = viewer.add_image(halves, name="one"), viewer.add_image(halves + 1, name="other")
    dock.source.image = image
    dock.source._new.click()
    assert dock.source.clicks_layer.name == "one clicks"
    dock.source.image = other
    assert dock.source.clicks_layer is None
    dock.source.image = image
    assert dock.source.clicks_layer.name == "one clicks"


def test_added_and_removed_points_update_the_counts(viewer, dock, halves, qtbot):
    viewer.add_image(halves)
    points = viewer.add_points([[5, 3], [5, 25]], features={"class": [1, 2]})
    assert dock.project.count(2) == 1
    points.add([6, 25])
    qtbot.waitUntil(lambda: len(dock.project.chosen.clicks) == 3)
    points.selected_data = {1}
    points.remove_selected()
    qtbot.waitUntil(lambda: len(dock.project.chosen.clicks) == 2)


def test_points_in_another_place_of_the_world_are_matched_to_the_pixel_they_lie_on(viewer, dock, halves):
    image = viewer.add_image(halves, scale=(2, 3), translate=(10, 20), rotate=30)
    world = [image.data_to_world((5, 3)), image.data_to_world((5, 25))]
    viewer.add_points(world, features={"class": [1, 2]})
    assert dock.project.chosen.clicks.positions_px.tolist() == [[5, 3], [5, 25]]


def test_points_without_a_class_get_it_from_their_colour(viewer, dock, halves):
    viewer.add_image(halves)
    colors = [dock.project.classes[2].color, dock.project.classes[1].color]
    viewer.add_points([[5, 3], [5, 25]], face_color=colors)
    assert dock.project.chosen.clicks.classes.tolist() == [2, 1]


def test_a_class_of_points_is_removed_with_them(viewer, dock, halves, monkeypatch):
    from qtpy.QtWidgets import QMessageBox

    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    viewer.add_image(halves)
    points = viewer.add_points([[5, 3], [5, 25]], features={"class": [1, 2]})
    dock.table.activate(2)
    dock.table._remove.click()
    assert points.data.tolist() == [[5, 3]]
    assert 2 not in dock.project.classes


def test_channels_first_images_are_classified(viewer, open_dock, finish, notes):
    image, truth = two_textures(64)
    stack = np.stack([image, image[::-1], np.roll(image, 7, axis=0)])
    viewer.add_image(stack, name="stack", scale=(1, 2, 2), translate=(0, 5, 7))
    viewer.add_labels(texture_strokes(truth, rows=(15, 45)), scale=(2, 2), translate=(5, 7), name="strokes")
    dock = open_dock(PixelClassifier(preset="fast"))
    assert dock.source._form.isRowVisible(dock.source._axes)
    dock.controls.train.click()
    finish(dock)
    assert notes == []
    classes = viewer.layers["stack classes"]
    assert (classes.data == truth).mean() > 0.9
    assert classes.scale.tolist() == [2, 2]
    assert classes.translate.tolist() == [5, 7]


@pytest.mark.parametrize("kind", ["multiscale", "dask"])
def test_lazy_and_multiscale_images_are_read_at_full_resolution(viewer, dock, halves, strokes, finish, kind):
    lazy = dask.array.from_array(halves, chunks=8)
    data = [lazy, lazy[::2, ::2]] if kind == "multiscale" else lazy
    viewer.add_image(data, multiscale=kind == "multiscale", name="halves", contrast_limits=(0, 4))
    viewer.add_labels(strokes)
    dock.controls.train.click()
    finish(dock)
    np.testing.assert_array_equal(viewer.layers["halves classes"].data, np.where(halves > 0, 2, 1))


def test_replaced_pixels_are_used(viewer, dock, halves, strokes, finish):
    layer = viewer.add_image(halves, name="halves")
    viewer.add_labels(strokes)
    layer.data = 4 - halves
    dock.controls.train.click()
    finish(dock)
    np.testing.assert_array_equal(pixels_of(dock.project.chosen.source), layer.data)
    assert dock.project.count(1) == 6


def test_choosing_another_image_works_on_that_one(viewer, dock, halves, strokes, finish):
    viewer.add_image(halves, name="first")
    second = viewer.add_image(4 - halves, name="second")
    layer = viewer.add_labels(strokes)
    dock.source.image = second
    assert dock.source.clicks_layer is None
    dock.source.clicks_layer = layer
    dock.controls.train.click()
    finish(dock)
    assert "second classes" in viewer.layers
    assert "first classes" not in viewer.layers


def test_sample_opens_from_the_menu_with_its_classes(viewer, dock):
    # What a viewer with a window does when it opens.
    PluginManager.instance().discover()
    viewer.open_sample("napari-clicktrain", "immunohistochemistry")
    assert [layer.name for layer in viewer.layers] == ["immunohistochemistry", "immunohistochemistry clicks"]
    assert [info.name for info in dock.project.classes] == ["epithelium", "stroma", "lumen"]
    assert len(dock.project.chosen.clicks) == len(samples.immunohistochemistry().clicks)


def test_sample_layers_are_what_napari_takes():
    (image, image_options, image_kind), (labels, _, labels_kind) = immunohistochemistry()
    assert (image_kind, labels_kind) == ("image", "labels")
    assert image.shape[:2] == labels.shape
    assert image_options["rgb"]


def test_demo_opens_with_the_prediction_of_the_classifier_it_is_given(make_napari_viewer, classifier, finish):
    viewer = make_napari_viewer()
    sample = samples.immunohistochemistry()
    grey = sample.image.mean(axis=-1)
    classifier.means = {k: float(grey[sample.clicks.to_labels() == k].mean()) for k in (1, 2, 3)}
    classifier.class_infos = sample.class_infos
    classifier.predict_proba = lambda image, **_: np.full((3, *sample.clicks.shape_px), 1 / 3, np.float32)
    finish(show_sample(viewer, sample, classifier).pixels)
    assert "immunohistochemistry classes" in viewer.layers


def test_the_plugin_menu_opens_the_widget(make_napari_viewer):
    viewer = make_napari_viewer()
    _, widget = viewer.window.add_plugin_dock_widget("napari-clicktrain", "ClickTrain")
    viewer.add_image(np.eye(20))
    assert widget.pixels.source.image.name == "Image"
    widget.pixels.source._new.click()
    assert "Image clicks" in viewer.layers
