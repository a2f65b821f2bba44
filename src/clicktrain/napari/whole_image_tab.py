"""The tab "Whole image": joins its table, its controls, the viewer's layers and the project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QInputDialog, QVBoxLayout

from clicktrain.napari.answer_panel import AnswerPanel
from clicktrain.napari.heat_layer import show_heat_map
from clicktrain.napari.image_table import ImageTableWidget
from clicktrain.napari.project_tab import ProjectTab
from clicktrain.napari.whole_image_controls import WholeImageControls

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image

    from clicktrain.napari.bridge import ProjectBridge
    from clicktrain.napari.layer_images import LayerImages
    from clicktrain.project import HeatMap, ImageAnswer, Project, TrainingReport

__all__ = ["WholeImageTab"]

_IMAGES = "Images (*.tif *.tiff *.png *.jpg *.jpeg *.npy);;All files (*)"
_TABLES = "CSV table (*.csv)"
_ALL_ROOM = 100


class WholeImageTab(ProjectTab):
    """Say what some images are, train, and learn what others are.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    project : Project
    bridge : ProjectBridge
    images : LayerImages

    Attributes
    ----------
    table : ImageTableWidget
    controls : WholeImageControls
    answer : AnswerPanel
    """

    model = "images"
    kept = "images, labels and model are as they were"

    def __init__(
        self, viewer: napari.viewer.Viewer, project: Project, bridge: ProjectBridge, images: LayerImages
    ) -> None:
        self.controls = WholeImageControls()
        super().__init__(project, bridge, self.controls.status)
        self._viewer = viewer
        self._images = images
        self.table = ImageTableWidget()
        self.answer = AnswerPanel(viewer.layers)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget, stretch in ((self.table, 1), (self.controls, 0), (self.answer, 0)):
            layout.addWidget(widget, stretch)
        # The room that is left belongs to the table.
        policy = self.sizePolicy()
        policy.setVerticalStretch(_ALL_ROOM)
        self.setSizePolicy(policy)
        self._connect_widgets()
        bridge.images_changed.connect(self._on_images_changed)
        bridge.curve_changed.connect(self.controls.curve.show_curve)
        bridge.image_answered.connect(self._on_answered)
        bridge.heat_map_ready.connect(self._on_heat_map)
        self._on_images_changed()
        self.answer.show_classes(project.image_classes)

    def close_choices(self) -> None:
        """Stop following the viewer."""
        self.answer.close_choices()

    def show_trained(self, report: TrainingReport) -> None:
        """Offer the classes of the new model."""
        self.show_loaded()

    def show_loaded(self) -> None:
        """Offer the classes of the model; what another one said is not what this one says."""
        self.answer.show_classes(self.project.image_classes)
        self.answer.show_answer(None)

    def show_busy(self, busy: bool) -> None:
        """Show whether work is going on."""
        self.controls.set_busy(busy)

    def _connect_widgets(self) -> None:
        table, controls, answer = self.table, self.controls, self.answer
        table.dropped.connect(self._add)
        table.files_asked.connect(self._add_files)
        table.folder_asked.connect(self._add_folder)
        table.table_asked.connect(self._import_table)
        table.relabelled.connect(lambda image_id, label: self.project.set_label([image_id], label))
        table.label_asked.connect(self._ask_label)
        table.remove_asked.connect(lambda image_ids: self.project.remove_images(image_ids))
        controls.train.clicked.connect(lambda: self.project.train_images(controls.settings))
        answer.predict.clicked.connect(self._predict)
        answer.heat_map.clicked.connect(self._show_heat_map)
        answer.save.clicked.connect(lambda: self.save("whole images"))
        answer.load.clicked.connect(self.load)
        answer.image_changed.connect(self._drop_question)

    def _add(self, paths: list[str]) -> None:
        with self.failures_notified():
            count = self.project.add_files(paths)
            self.controls.status.say(f"{count} image{'' if count == 1 else 's'} added.")

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

    def _ask_label(self, image_ids: list[int]) -> None:
        known = list(self.project.state.labels)
        label, agreed = QInputDialog.getItem(self, "Label", f"Label of {len(image_ids)} images:", known, 0, True)
        if agreed:
            self.project.set_label(image_ids, label)

    def _predict(self) -> None:
        image_id = self._asked_image()
        if image_id is not None:
            self.answer.show_answer(None)
            self.project.answer_image(image_id)

    def _show_heat_map(self) -> None:
        image_id = self._asked_image()
        if image_id is not None:
            self.project.heat_map(image_id, self.answer.label, self.answer.method)

    def _asked_image(self) -> int | None:
        layer = self.answer.image
        if layer is None:
            self.notify("an image must be open, got none. Drag one into the viewer or choose an image layer.")
            return None
        with self.failures_notified():
            return self._images.id_of(layer)
        return None

    def _drop_question(self) -> None:
        self.project.drop_question()
        self.answer.show_answer(None)

    def _layer_of(self, image_id: int) -> Image | None:
        """Return the layer that an answer is about, if it is still the chosen one."""
        layer = self._images.layer_of(image_id)
        return layer if layer is self.answer.image else None

    def _on_images_changed(self) -> None:
        self.table.show_images(self.project.state)

    def _on_answered(self, answer: ImageAnswer) -> None:
        layer = self._layer_of(answer.image_id)
        if layer is not None:
            self.answer.show_answer(answer)
            self.controls.status.say(f"{layer.name} is classified.")

    def _on_heat_map(self, heat: HeatMap) -> None:
        layer = self._layer_of(heat.image_id)
        if layer is not None:
            show_heat_map(self._viewer, layer, heat)
            self.controls.status.say(f"Heat map of {layer.name}: red speaks for “{heat.label}”, blue against it.")
