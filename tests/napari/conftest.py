from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication, QWidget

from clicktrain.napari.dock import ClickTrainWidget
from clicktrain.project import Project
from tests.fakes import FakeClassifier, FakeImageModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Labels

    from clicktrain.napari.pixels_tab import PixelsTab
    from clicktrain.napari.project_tab import ProjectTab


@pytest.fixture
def viewer(qapp) -> ViewerModel:
    """A viewer without a window, which takes no time to make; a few tests take a real one instead."""
    return ViewerModel()


@pytest.fixture
def classifier() -> Iterator[FakeClassifier]:
    FakeClassifier.reset()
    classifier = FakeClassifier()
    yield classifier
    classifier.go_on.set()


@pytest.fixture
def image_model() -> Iterator[FakeImageModel]:
    FakeImageModel.reset()
    yield FakeImageModel()
    FakeImageModel.go_on.set()


@pytest.fixture
def open_widget(viewer, qtbot):
    """Open the widget, docked as by the plugin menu where the viewer has a window."""
    opened = []

    def open_it(*classifiers) -> ClickTrainWidget:
        widget = ClickTrainWidget(viewer, Project(*classifiers))
        opened.append(widget)
        if hasattr(viewer, "window"):
            viewer.window.add_dock_widget(widget, name="ClickTrain", area="right")
        else:
            qtbot.addWidget(widget)
        return widget

    yield open_it
    FakeClassifier.go_on.set()
    FakeImageModel.go_on.set()
    for widget in opened:
        widget.close_project()


@pytest.fixture
def widget(open_widget, classifier, image_model) -> ClickTrainWidget:
    return open_widget(classifier, image_model)


@pytest.fixture
def open_dock(open_widget):
    """Open the widget and return its tab for pixels."""
    return lambda classifier: open_widget(classifier).pixels


@pytest.fixture
def dock(widget) -> PixelsTab:
    """The tab for pixels of the widget."""
    return widget.pixels


@pytest.fixture
def halves() -> np.ndarray:
    """Dark left half, bright right half."""
    image = np.zeros((20, 30), np.float32)
    image[:, 15:] = 4
    return image


@pytest.fixture
def strokes() -> np.ndarray:
    labels = np.zeros((20, 30), np.uint8)
    labels[5, 2:8] = 1
    labels[5, 20:24] = 2
    return labels


@pytest.fixture
def notes() -> Iterator[list[str]]:
    """Text of every notification; an error that was not meant for users would show as a traceback here."""
    texts: list[str] = []

    def note(notification) -> None:
        assert type(notification).__name__ == "Notification", notification
        texts.append(notification.message)

    notification_manager.notification_ready.connect(note)
    yield texts
    notification_manager.notification_ready.disconnect(note)


@pytest.fixture
def finish(qtbot):
    """Wait until the project is idle and the tab has been told so."""

    def wait(tab: ProjectTab) -> None:
        def idle() -> bool:
            return not tab.project.busy and not tab.controls.status.cancel.isEnabled()

        qtbot.waitUntil(idle, timeout=240_000)

    return wait


@pytest.fixture
def drag(qtbot):
    """Press, drag and release the left button along points of a layer, given as (y, x) in its pixels."""

    def mouse(viewer, layer: Labels, points: list[tuple[float, float]]) -> None:
        canvas = _canvas(viewer)
        spots = [_on_canvas(viewer, layer.data_to_world(point)) for point in points]
        _send(canvas, QEvent.Type.MouseButtonPress, spots[0], Qt.MouseButton.LeftButton)
        for spot in spots:
            # vispy drops moves that follow each other within 10 ms.
            qtbot.wait(15)
            _send(canvas, QEvent.Type.MouseMove, spot, Qt.MouseButton.NoButton)
        _send(canvas, QEvent.Type.MouseButtonRelease, spots[-1], Qt.MouseButton.LeftButton)

    return mouse


@pytest.fixture(autouse=True)
def _no_thread_is_left(request):
    """Every test ends with its background thread gone."""
    yield
    assert not project_threads()


def project_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "clicktrain-project"]


def _canvas(viewer) -> QWidget:
    window = viewer.window._qt_window
    (canvas,) = (child for child in window.findChildren(QWidget) if type(child).__name__ == "CanvasBackendDesktop")
    return canvas


def _on_canvas(viewer, world) -> QPointF:
    camera, (height, width) = viewer.scene.camera, viewer.canvas.size
    y, x = (float(value - middle) * camera.zoom for value, middle in zip(world[-2:], camera.center[-2:], strict=True))
    return QPointF(width / 2 + x, height / 2 + y)


def _send(canvas: QWidget, kind: QEvent.Type, spot: QPointF, button: Qt.MouseButton) -> None:
    pressed = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseButtonRelease else Qt.MouseButton.LeftButton
    place = QPointF(canvas.mapToGlobal(spot))
    QApplication.sendEvent(canvas, QMouseEvent(kind, spot, place, button, pressed, Qt.KeyboardModifier.NoModifier))
