"""A person's way through the plugin, with a real viewer, real mouse events and the real classifier."""

from __future__ import annotations

import os

import numpy as np
import pytest

from clicktrain.api import PixelClassifier
from tests.textures import two_textures

SIDE_PX = 96
TRANSFORM = {
    "scale": (2.0, 3.0),
    "translate": (10.0, -20.0),
    "rotate": 30.0,
    "shear": [0.2],
    "affine": [[1.0, 0.1, 5.0], [0.0, 0.9, 2.0], [0.0, 0.0, 1.0]],
}


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer(show=True)


def test_strokes_of_the_mouse_train_a_classifier_that_is_right_and_lies_on_the_image(
    viewer, open_dock, drag, finish, qtbot, notes
):
    image, truth = two_textures(SIDE_PX)
    layer = viewer.add_image(image, name="textures", **TRANSFORM)
    widget = open_dock(PixelClassifier(preset="fast"))
    widget.source._new.click()
    clicks = viewer.layers["textures clicks"]
    qtbot.wait(50)  # the canvas takes its place beside the dock, which moves the image under the mouse

    for number, x in ((1, 12), (2, 60)):
        widget.table.activate(number)
        for y in (20, 70):
            drag(viewer, clicks, [(y, x), (y, x + 20)])
    assert np.unique(clicks.data[truth == 1]).tolist() == [0, 1]
    assert np.unique(clicks.data[truth == 2]).tolist() == [0, 2]

    qtbot.waitUntil(lambda: bool(widget.project.count(1) and widget.project.count(2)))
    widget.controls.train.click()
    finish(widget)
    assert notes == []
    classes, confidence = viewer.layers["textures classes"], viewer.layers["textures confidence"]
    assert (classes.data == truth).mean() > 0.95
    for result in (clicks, classes, confidence):
        np.testing.assert_allclose(
            [result.data_to_world(corner) for corner in ((0, 0), (SIDE_PX, 0), (0, SIDE_PX))],
            [layer.data_to_world(corner) for corner in ((0, 0), (SIDE_PX, 0), (0, SIDE_PX))],
        )
    assert viewer.layers.selection.active is clicks
    if path := os.environ.get("CLICKTRAIN_SCREENSHOT"):
        viewer.window.screenshot(path, flash=False, canvas_only=False)


def test_a_stroke_on_the_canvas_with_live_on_updates_the_classes(viewer, dock, drag, halves, qtbot):
    viewer.add_image(halves, name="halves")
    dock.source._new.click()
    clicks = viewer.layers["halves clicks"]
    qtbot.wait(50)
    dock.controls.live.setChecked(True)
    drag(viewer, clicks, [(5, 3), (5, 10)])
    dock.table.activate(2)
    drag(viewer, clicks, [(5, 20), (5, 27)])
    qtbot.waitUntil(lambda: "halves classes" in viewer.layers)
    np.testing.assert_array_equal(viewer.layers["halves classes"].data, np.where(halves > 0, 2, 1))
    qtbot.waitUntil(lambda: not dock.project.busy)
