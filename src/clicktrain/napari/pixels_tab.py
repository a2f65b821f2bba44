"""The tab "Pixels": joins the viewer's layers, its controls and the project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout

from clicktrain.napari.class_table import ClassTableWidget
from clicktrain.napari.classifier_options import ClassifierOptionsPanel
from clicktrain.napari.clicks_follower import ClicksFollower
from clicktrain.napari.clicks_layers import activate_paint_mode, new_labels, new_points
from clicktrain.napari.controls import Controls
from clicktrain.napari.layers import axes_of
from clicktrain.napari.project_tab import ProjectTab
from clicktrain.napari.questions import confirmed
from clicktrain.napari.results import recolor, show_prediction
from clicktrain.napari.source_panel import SourcePanel

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image

    from clicktrain.napari.bridge import ProjectBridge
    from clicktrain.napari.layer_images import LayerImages
    from clicktrain.project import ClassifierOptions, Prediction, Project, TrainingReport

__all__ = ["PixelsTab"]


class PixelsTab(ProjectTab):
    """Click pixels, train, and see every pixel classified.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    project : Project
    bridge : ProjectBridge
    images : LayerImages

    Attributes
    ----------
    source : SourcePanel
    table : ClassTableWidget
    options : ClassifierOptionsPanel
    controls : Controls
    """

    model = "pixels"

    def __init__(
        self, viewer: napari.viewer.Viewer, project: Project, bridge: ProjectBridge, images: LayerImages
    ) -> None:
        self.controls = Controls()
        super().__init__(project, bridge, self.controls.status)
        self._viewer = viewer
        self._images = images
        self._clicks = ClicksFollower(project, viewer.layers, self)
        self.source = SourcePanel(viewer.layers, self._clicks.is_free)
        self.table = ClassTableWidget()
        self.options = ClassifierOptionsPanel()
        self._report: TrainingReport | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.source, self.table, self.options, self.controls):
            layout.addWidget(widget)
        self._connect_widgets()
        bridge.preview_ready.connect(self._show_prediction)
        bridge.predicted.connect(self._on_predicted)
        bridge.classes_changed.connect(self._on_classes_changed)
        bridge.clicks_changed.connect(self._on_clicks_changed)
        images.removed.connect(self._clicks.forget)
        images.replaced.connect(self._on_pixels_replaced)
        while len(project.classes) < 2:
            project.add_class()
        self._show_classes()
        self.options.show_options(project.options)
        self._open_image()

    def close_choices(self) -> None:
        """Stop following the viewer."""
        self._images.removed.disconnect(self._clicks.forget)
        self._images.replaced.disconnect(self._on_pixels_replaced)
        self._clicks.close()
        self.source.close_choices()

    @property
    def kept(self) -> str:
        """What a cancel leaves as it was."""
        return "the training that had ended is kept" if self._report else "clicks and classifier are as they were"

    def show_trained(self, report: TrainingReport) -> None:
        """Keep what was trained for when the prediction is there."""
        self._report = report

    def show_loaded(self) -> None:
        """Show the options that the model brought along."""
        self._report = None
        self.options.show_options(self.project.options)

    def _connect_widgets(self) -> None:
        controls, table, source = self.controls, self.table, self.source
        controls.train.clicked.connect(self._train)
        controls.predict.clicked.connect(self._predict)
        controls.live.toggled.connect(self._update_live)
        controls.save.clicked.connect(self._save)
        controls.load.clicked.connect(self.load)
        self.options.chosen.connect(self._choose_options)
        table.activated.connect(self._clicks.activate)
        table.renamed.connect(self._rename)
        table.recolored.connect(self._recolor)
        table.add_asked.connect(self._add_class)
        table.remove_asked.connect(self._remove_class)
        source.image_changed.connect(self._open_image)
        source.clicks_layer_changed.connect(self._use_clicks_layer)
        source.new_clicks_asked.connect(self._new_clicks_layer)
        self._clicks.failed.connect(self.notify)
        self._clicks.taken.connect(self.settle)
        self._clicks.label_selected.connect(table.activate)

    def _open_image(self) -> None:
        layer, image_id = self.source.image, None
        if layer is not None:
            with self.failures_notified():
                image_id = self._images.id_of(layer, axes_of(layer, self.source.stack_axes))
        self.project.choose_image(image_id)
        chosen = self.project.chosen
        self.options.show_volume(chosen is not None and chosen.is_volume)
        shown = self.source.clicks_layer
        free = shown if shown is not None and self._clicks.is_free(shown) else None
        in_use = self._clicks.layer_of(image_id)
        self.source.prefer_clicks(free if in_use is None else in_use)
        self._use_clicks_layer()

    def _on_pixels_replaced(self, layer: Image) -> None:
        if layer is self.source.image:
            self._open_image()

    def _use_clicks_layer(self) -> None:
        if self.source.image is not None:
            self._clicks.follow(self.source.clicks_layer, self.source.image, self.table.active or 1)

    def _new_clicks_layer(self) -> None:
        layer, image, active = self.source.image, self.project.chosen, self.table.active or 1
        if layer is None or image is None:
            self.notify("an image must be open, got none. Choose an image layer first.")
            return
        as_points = self.source.new_kind == "Points"
        if image.is_lazy and not as_points:
            self.controls.status.say(
                "Clicks in an image that is not in memory are points: a layer to paint in would take as much memory."
            )
            as_points = True
        make = new_points if as_points else new_labels
        clicks = make(layer, image.shape_px, active)
        self._viewer.add_layer(clicks)
        activate_paint_mode(clicks)
        self.source.clicks_layer = clicks

    def _train(self) -> None:
        if self._clicks.read():
            self._report = None
            self.project.train_and_predict()

    def _predict(self) -> None:
        self._report = None
        self.project.predict()

    def _update_live(self) -> None:
        if not self.controls.live.isChecked():
            return
        if len(self.project.clicked_classes) < 2:
            self.controls.status.say("Live: click some pixels of two classes or more.")
            return
        self.project.train_and_predict(resume=True)

    def _choose_options(self, options: ClassifierOptions) -> None:
        self.project.set_options(options)
        if self.project.is_trained("pixels"):
            self.controls.status.say("This choice takes effect with the next training.")
        self._update_live()

    def _rename(self, number: int, name: str) -> None:
        with self.failures_notified():
            self.project.edit_class(number, name=name)
        self._show_classes()

    def _recolor(self, number: int, color: str) -> None:
        with self.failures_notified():
            self.project.edit_class(number, color=color)

    def _add_class(self) -> None:
        with self.failures_notified():
            self.table.activate(self.project.add_class().number)

    def _remove_class(self, number: int) -> None:
        count = sum(image.clicks.count(number) for image in self.project.images if image.clicks is not None)
        if count and not self._may_erase(number, count):
            return
        with self.failures_notified():
            self._clicks.erase(number)
            self.project.remove_class(number)

    def _may_erase(self, number: int, count: int) -> bool:
        undoable = self._clicks.can_undo_erasing(number)
        after = "Undo in the clicks layer brings them back." if undoable else "This cannot be undone."
        question = f"Remove class “{self.project.classes[number].name}” and erase its {count:,} clicks? {after}"
        return confirmed(self, "Remove class", question)

    def _save(self) -> None:
        self.save(self.source.image.name if self.source.image is not None else "model")

    def _show_prediction(self, prediction: Prediction) -> bool:
        """Show it, unless another image was chosen meanwhile."""
        layer = self.source.image
        if layer is None or self._images.layer_of(prediction.image_id) is not layer:
            return False
        show_prediction(self._viewer, layer, prediction, self.project.classes)
        return True

    def _on_predicted(self, prediction: Prediction) -> None:
        if self._show_prediction(prediction):
            self.controls.status.say(self._about(prediction))

    def _about(self, prediction: Prediction) -> str:
        done = f"classified in {prediction.seconds:.1f} s"
        if len(self.project.images) > 1 and self.source.image is not None:
            done = f"{self.source.image.name} {done}"
        elif self._report is None:
            done = done.capitalize()
        return done if self._report is None else f"{self._report.text} · {done}"

    def _on_classes_changed(self) -> None:
        self._show_classes()
        self._clicks.color()
        if self.source.image is not None:
            recolor(self._viewer.layers, self.source.image, self.project.classes)

    def _on_clicks_changed(self) -> None:
        self._show_classes()
        self._update_live()

    def _show_classes(self) -> None:
        self.table.show_classes(self.project.classes, self.project.count)
