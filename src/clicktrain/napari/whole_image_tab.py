"""The tab "Whole image": joins its table, its controls, the viewer's layers and a session of whole images."""

from __future__ import annotations

import weakref
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from qtpy.QtWidgets import QFileDialog, QInputDialog, QVBoxLayout, QWidget

from clicktrain.errors import ClickTrainError
from clicktrain.napari.answer_panel import AnswerPanel
from clicktrain.napari.bridge import WholeImageBridge
from clicktrain.napari.heat_layer import show_heat_map
from clicktrain.napari.image_table import ImageTableWidget
from clicktrain.napari.layers import array_of, axes_of
from clicktrain.napari.questions import path_to_load, path_to_save
from clicktrain.napari.whole_image_controls import WholeImageControls
from clicktrain.project import WholeImageSession

if TYPE_CHECKING:
    from collections.abc import Iterator

    import napari.viewer
    from napari.layers import Image

    from clicktrain.project import ImageInput
    from clicktrain.project.whole_image_values import HeatMap, ImageAnswer, ImagesReport

__all__ = ["WholeImageTab"]

_IMAGES = "Images (*.tif *.tiff *.png *.jpg *.jpeg *.npy);;All files (*)"
_TABLES = "CSV table (*.csv)"
_ALL_ROOM = 100


class WholeImageTab(QWidget):
    """Say what some images are, train, and learn what others are.

    The widget only shows and asks; all computation runs on the session's background thread.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    session : WholeImageSession, optional
        It is closed with the widget.

    Attributes
    ----------
    session : WholeImageSession
    table : ImageTableWidget
    controls : WholeImageControls
    answer : AnswerPanel
    """

    def __init__(self, viewer: napari.viewer.Viewer, session: WholeImageSession | None = None) -> None:
        super().__init__()
        self._viewer = viewer
        self.session = session or WholeImageSession()
        self.table = ImageTableWidget()
        self.controls = WholeImageControls()
        self.answer = AnswerPanel(viewer.layers)
        self._bridge = WholeImageBridge(self.session, self)
        # What was asked about, the layer it came from, and the pixels that the layer had.
        self._asked: tuple[ImageInput, Image, Any] | None = None
        self._closing = ExitStack()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget, stretch in ((self.table, 1), (self.controls, 0), (self.answer, 0)):
            layout.addWidget(widget, stretch)
        # The room that is left belongs to the table.
        policy = self.sizePolicy()
        policy.setVerticalStretch(_ALL_ROOM)
        self.setSizePolicy(policy)
        self._connect_widgets()
        self._connect_session()
        self._prepare_closing()
        self._on_table_changed()
        self.answer.show_classes(self.session.classes)

    def close_session(self) -> None:
        """Stop all work, end the background thread and let go of the viewer; done when the widget is closed."""
        self._closing.close()

    def _connect_widgets(self) -> None:
        table, controls, answer = self.table, self.controls, self.answer
        table.dropped.connect(self._add)
        table.files_asked.connect(self._add_files)
        table.folder_asked.connect(self._add_folder)
        table.table_asked.connect(self._import_table)
        table.relabelled.connect(lambda row, label: self.session.table.set_label([row], label))
        table.label_asked.connect(self._ask_label)
        table.remove_asked.connect(lambda rows: self.session.table.remove(rows))
        controls.train.clicked.connect(lambda: self.session.train(controls.settings))
        controls.cancel.clicked.connect(self.session.cancel)
        answer.predict.clicked.connect(self._predict)
        answer.heat_map.clicked.connect(self._show_heat_map)
        answer.save.clicked.connect(self._save)
        answer.load.clicked.connect(self._load)
        answer.image_changed.connect(self._forget_image)

    def _connect_session(self) -> None:
        bridge = self._bridge
        bridge.table_changed.connect(self._on_table_changed)
        bridge.progressed.connect(self.controls.show_progress)
        bridge.curve_changed.connect(self.controls.curve.show_curve)
        bridge.trained.connect(self._on_trained)
        bridge.answered.connect(self._on_answered)
        bridge.heated.connect(self._on_heated)
        bridge.saved.connect(self._on_saved)
        bridge.loaded.connect(self._on_loaded)
        bridge.failed.connect(self._tell)
        bridge.cancelled.connect(self._on_cancelled)
        bridge.busy_changed.connect(self._on_busy_changed)

    def _prepare_closing(self) -> None:
        self._closing.callback(self.session.close)
        self._closing.callback(self._bridge.close)
        self._closing.callback(self.answer.close_choices)
        # As for the dock: no slot of the widget itself, and Python may end the widget without Qt.
        self.destroyed.connect(self._closing.close)
        weakref.finalize(self, self.session.close)

    def _add(self, paths: list[str]) -> None:
        with self._telling():
            count = self.session.table.add(paths)
            self.controls.say(f"{count} image{'' if count == 1 else 's'} added.")

    def _add_files(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self, "Add images", "", _IMAGES)
        if paths:
            self._add(paths)

    def _add_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Add a folder of images or an OME-Zarr")
        if path:
            self._add([path])

    def _import_table(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Import a table of images and labels", "", _TABLES)
        if path:
            self._add([path])

    def _ask_label(self, rows: list[int]) -> None:
        known = list(self.session.table.labels)
        label, agreed = QInputDialog.getItem(self, "Label", f"Label of {len(rows)} images:", known, 0, True)
        if agreed:
            self.session.table.set_label(rows, label)

    def _predict(self) -> None:
        if self._open_image(again=True):
            self.session.predict()

    def _show_heat_map(self) -> None:
        if self._open_image(again=False):
            self.session.heat_map(self.answer.label, self.answer.method)

    def _open_image(self, *, again: bool) -> bool:
        """Hand the chosen image to the session; if not `again`, one that is open already stays."""
        layer = self.answer.image
        if layer is None:
            self._tell("an image must be open, got none. Drag one into the viewer or choose an image layer.")
            return False
        if not again and self._asked is not None and self._asked[1] is layer and self._asked[2] is layer.data:
            return True
        self._forget_image()
        with self._telling():
            image = self.session.set_image(_pixels_of(layer), axes_of(layer), layer.name)
            self._asked = image, layer, layer.data
            return True
        return False

    def _forget_image(self) -> None:
        self._asked = None
        self.session.clear_image()
        self.answer.show_answer(None)

    def _layer_of(self, image: ImageInput) -> Image | None:
        """Return the layer that an answer is about, if it is still the chosen one."""
        if self._asked is None or self._asked[0] is not image or self._asked[1] is not self.answer.image:
            return None
        return self._asked[1]

    def _save(self) -> None:
        path = path_to_save(self, "whole images")
        if path:
            self.session.save_model(path)

    def _load(self) -> None:
        path = path_to_load(self)
        if path:
            self.session.load_model(path)

    def _on_table_changed(self) -> None:
        self.table.show_images(self.session.table.rows, self.session.table.labels)

    def _on_trained(self, report: ImagesReport) -> None:
        validated = "" if report.accuracy is None else f", {report.accuracy:.0%} of the validation images right"
        self.controls.say(f"Trained on {report.n_images} images in {report.seconds:.1f} s{validated}.")
        self._show_model()

    def _on_answered(self, answer: ImageAnswer) -> None:
        layer = self._layer_of(answer.image)
        if layer is not None:
            self.answer.show_answer(answer)
            self.controls.say(f"{layer.name} is classified.")

    def _on_heated(self, heat: HeatMap) -> None:
        layer = self._layer_of(heat.image)
        if layer is not None:
            show_heat_map(self._viewer, layer, heat)
            self.controls.say(f"Heat map of {layer.name}: red speaks for “{heat.label}”, blue against it.")

    def _on_saved(self, path: str) -> None:
        self.controls.say(f"Saved {Path(path).name}")

    def _on_loaded(self, path: str) -> None:
        self.controls.say(f"Loaded {Path(path).name}")
        self._show_model()

    def _show_model(self) -> None:
        self.answer.show_classes(self.session.classes)
        # What another model said is not what this one says.
        self.answer.show_answer(None)

    def _on_cancelled(self) -> None:
        self.controls.say("Cancelled; images, labels and model are as they were.")

    def _on_busy_changed(self) -> None:
        self.controls.set_busy(self.session.busy)

    def _tell(self, text: str) -> None:
        self.controls.say(text)
        show_error(text)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except ClickTrainError as error:
            self._tell(str(error))


def _pixels_of(layer: Image) -> Any:
    """Return the layer's pixels without transparency, which is left out of files too."""
    array = array_of(layer)
    return array[..., :3] if layer.rgb and array.shape[-1] == 4 else array
