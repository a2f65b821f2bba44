from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication, QWidget

from clicktrain.napari.dock import ClickTrainWidget
from clicktrain.project import Session
from tests.fakes import FakeClassifier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Labels


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def classifier() -> Iterator[FakeClassifier]:
    FakeClassifier.reset()
    classifier = FakeClassifier()
    yield classifier
    classifier.go_on.set()


@pytest.fixture
def open_dock(viewer):
    """Dock the widget as the plugin menu does, with a session around the classifier given."""

    def dock(classifier) -> ClickTrainWidget:
        widget = ClickTrainWidget(viewer, Session(classifier))
        viewer.window.add_dock_widget(widget, name="ClickTrain", area="right")
        return widget

    return dock


@pytest.fixture
def dock(open_dock, classifier) -> ClickTrainWidget:
    return open_dock(classifier)


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
    """Wait until the session is idle and the widget has been told so."""

    def wait(widget: ClickTrainWidget) -> None:
        def idle() -> bool:
            return not widget.session.busy and not widget.controls.cancel.isEnabled()

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
    assert not session_threads()


def session_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "clicktrain-session"]


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
