"""A person's way through a volume, with a real viewer, real mouse events and the real classifier."""

from __future__ import annotations

import os

import numpy as np
import pytest
from napari.components import ViewerModel

from clicktrain.api import PixelClassifier
from tests.textures import strokes_in_slices, two_textures_in_depth

VOLUME, TRUTH = two_textures_in_depth()
PLACE = {"scale": (2.0, 1.0, 1.0), "translate": (5.0, 10.0, -20.0)}


@pytest.fixture
def viewer(request, qapp):
    if "drag" in request.fixturenames:
        return request.getfixturevalue("make_napari_viewer")(show=True)
    return ViewerModel()


def test_strokes_in_slices_train_a_classifier_of_the_whole_volume(viewer, open_dock, drag, finish, qtbot, notes):
    layer = viewer.add_image(VOLUME, name="volume", **PLACE)
    widget = open_dock(PixelClassifier(preset="fast"))
    assert widget.source.stack_axes == "ZYX"
    widget.source._new.click()
    clicks = viewer.layers["volume clicks"]
    assert clicks.data.shape == VOLUME.shape
    qtbot.wait(50)  # the canvas takes its place beside the dock, which moves the image under the mouse

    for plane in (3, 4, 5, 6):
        viewer.dims.set_current_step(0, plane)
        for number, x in ((1, 3), (2, 26)):
            widget.table.activate(number)
            drag(viewer, clicks, [(plane, 12, x), (plane, 16, x + 12)])
    assert np.unique(np.nonzero(clicks.data)[0]).tolist() == [3, 4, 5, 6]

    qtbot.waitUntil(lambda: bool(widget.project.count(1) and widget.project.count(2)))
    widget.controls.train.click()
    finish(widget)
    assert notes == []
    classes = viewer.layers["volume classes"]
    assert (classes.data == TRUTH).mean() > 0.95
    for result in (clicks, classes, viewer.layers["volume confidence"]):
        np.testing.assert_allclose(result.data_to_world((2, 7, 9)), layer.data_to_world((2, 7, 9)))
    assert widget.project.state.pixel_classifier.summary().architecture.anisotropy == 2.0
    if path := os.environ.get("CLICKTRAIN_SCREENSHOT"):
        viewer.window.screenshot(path.replace(".png", "_slice.png"), flash=False, canvas_only=False)
        viewer.dims.ndisplay = 3
        viewer.scene.camera.angles = (10, 30, 140)
        viewer.reset_view()
        qtbot.wait(300)
        viewer.window.screenshot(path.replace(".png", "_3d.png"), flash=False, canvas_only=False)


def test_points_in_slices_are_clicks_of_the_volume(viewer, open_dock, classifier):
    viewer.add_image(VOLUME, name="volume", **PLACE)
    widget = open_dock(classifier)
    widget.source._kind.setCurrentText("Points")
    widget.source._new.click()
    points = viewer.layers["volume clicks"]
    points.add((3, 4, 5))
    widget.table.activate(2)
    points.add((6, 7.4, 8))
    widget._clicks.read()
    assert widget.project.chosen.clicks.positions_px.tolist() == [[3, 4, 5], [6, 7, 8]]
    assert widget.project.chosen.clicks.classes.tolist() == [1, 2]


def test_labels_painted_in_three_dimensions_are_clicks_too(viewer, open_dock, classifier):
    viewer.add_image(VOLUME, name="volume", **PLACE)
    widget = open_dock(classifier)
    widget.source._new.click()
    clicks = viewer.layers["volume clicks"]
    clicks.n_edit_dimensions, clicks.brush_size = 3, 9
    clicks.paint((6, 12, 12), 1)
    widget._clicks.read()
    assert len(np.unique(widget.project.chosen.clicks.positions_px[:, 0])) > 1


def test_the_axes_say_whether_a_stack_is_a_volume(viewer, open_dock, classifier):
    viewer.add_image(VOLUME, name="volume")
    flat = viewer.add_labels(strokes_in_slices(TRUTH)[3].astype(np.uint8), name="flat")
    deep = viewer.add_labels(strokes_in_slices(TRUTH).astype(np.uint8), name="deep")
    widget = open_dock(classifier)
    assert widget.source.clicks_layer is deep
    assert widget.project.chosen.is_volume
    widget.source._axes.setCurrentText("channels, y, x")
    assert not widget.project.chosen.is_volume
    assert widget.source.clicks_layer is flat
