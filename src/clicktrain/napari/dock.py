"""The dock widget: joins the viewer's layers, the controls and the session."""

from __future__ import annotations

import weakref
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error
from qtpy.QtWidgets import QVBoxLayout, QWidget

from clicktrain.errors import ClickTrainError
from clicktrain.napari.bridge import SessionBridge
from clicktrain.napari.class_table import ClassTableWidget
from clicktrain.napari.classifier_options import ClassifierOptionsPanel
from clicktrain.napari.clicks_follower import ClicksFollower
from clicktrain.napari.clicks_layers import activate_paint_mode, new_labels, new_points
from clicktrain.napari.controls import Controls
from clicktrain.napari.layers import array_of, axes_of, voxel_size_of
from clicktrain.napari.questions import confirmed, path_to_load, path_to_save
from clicktrain.napari.results import recolor, show_prediction
from clicktrain.napari.source_panel import SourcePanel
from clicktrain.napari.tabs import Tabs
from clicktrain.napari.whole_image_tab import WholeImageTab
from clicktrain.project import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    import napari.viewer
    from napari.layers import Image

    from clicktrain.project import ClassifierOptions, LoadReport, Prediction, TrainingReport

__all__ = ["ClickTrainWidget"]


class ClickTrainWidget(QWidget):
    """Click pixels, train, and see every pixel classified.

    The widget only shows and asks; all computation runs on the session's background thread.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    session : Session, optional
        A session to go on with, for example with a trained classifier. It is closed with the widget.

    Attributes
    ----------
    session : Session
    source : SourcePanel
    table : ClassTableWidget
    options : ClassifierOptionsPanel
    controls : Controls
    whole_images : WholeImageTab
        The second tab, with a session of its own.
    tabs : Tabs
    """

    def __init__(self, viewer: napari.viewer.Viewer, session: Session | None = None) -> None:
        super().__init__()
        self._viewer = viewer
        self.session = session or Session()
        self.source = SourcePanel(viewer.layers)
        self.table = ClassTableWidget()
        self.options = ClassifierOptionsPanel()
        self.controls = Controls()
        self.whole_images = WholeImageTab(viewer)
        pixels = [self.source, self.table, self.options, self.controls]
        self.tabs = Tabs({"Pixels": pixels, "Whole image": [self.whole_images]})
        self._clicks = ClicksFollower(self.session, self)
        self._bridge = SessionBridge(self.session, self)
        self._report: TrainingReport | None = None
        self._followed_image: Image | None = None
        self._closing = ExitStack()
        self._lay_out()
        self._connect_widgets()
        self._connect_session()
        self._prepare_closing()
        while len(self.session.classes) < 2:
            self.session.classes.add()
        self._show_classes()
        self.options.show_options(self.session.options)
        self._open_image()

    def close_session(self) -> None:
        """Stop all work, end the background thread and let go of the viewer; done when the widget is closed."""
        self._closing.close()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tabs)

    def _connect_widgets(self) -> None:
        controls, table, source = self.controls, self.table, self.source
        controls.train.clicked.connect(self._train)
        controls.predict.clicked.connect(self._predict)
        controls.live.toggled.connect(self._update_live)
        controls.cancel.clicked.connect(self.session.cancel)
        controls.save.clicked.connect(self._save)
        controls.load.clicked.connect(self._load)
        self.options.chosen.connect(self._choose_options)
        table.activated.connect(self._clicks.activate)
        table.renamed.connect(self._rename)
        table.recolored.connect(self._recolor)
        table.add_asked.connect(self._add_class)
        table.remove_asked.connect(self._remove_class)
        source.image_changed.connect(self._open_image)
        source.clicks_layer_changed.connect(self._use_clicks_layer)
        source.new_clicks_asked.connect(self._new_clicks_layer)
        self._clicks.failed.connect(self._tell)
        self._clicks.label_selected.connect(table.activate)

    def _connect_session(self) -> None:
        bridge = self._bridge
        bridge.progressed.connect(self.controls.show_progress)
        bridge.trained.connect(self._on_trained)
        bridge.preview_ready.connect(self._show_prediction)
        bridge.predicted.connect(self._on_predicted)
        bridge.saved.connect(self._on_saved)
        bridge.loaded.connect(self._on_loaded)
        bridge.failed.connect(self._tell)
        bridge.cancelled.connect(self._on_cancelled)
        bridge.busy_changed.connect(self._on_busy_changed)
        bridge.classes_changed.connect(self._on_classes_changed)
        bridge.clicks_changed.connect(self._on_clicks_changed)

    def _prepare_closing(self) -> None:
        self._closing.callback(self.session.close)
        self._closing.callback(self.whole_images.close_session)
        self._closing.callback(self._bridge.close)
        self._closing.callback(self._clicks.stop)
        self._closing.callback(self._follow_image, None)
        self._closing.callback(self.source.close_choices)
        # A slot of the widget itself would no longer be called, for Qt has taken it apart by then.
        self.destroyed.connect(self._closing.close)
        # napari lets go of a dock that is closed by its button; if Python then ends the widget, Qt tells nobody.
        weakref.finalize(self, self.session.close)

    def _open_image(self) -> None:
        image = self.source.image
        self._follow_image(image)
        self.session.clear_image()
        if image is not None:
            with self._telling():
                axes = axes_of(image, self.source.stack_axes)
                self.session.set_image(array_of(image), axes, image.name, voxel_size=voxel_size_of(image, axes))
        self.options.show_volume(self.session.image is not None and self.session.image.is_volume)
        self.source.refresh_clicks()
        self._use_clicks_layer()

    def _follow_image(self, image: Image | None) -> None:
        if self._followed_image is not None:
            self._followed_image.events.data.disconnect(self._on_image_data)
        self._followed_image = image
        if image is not None:
            image.events.data.connect(self._on_image_data)

    def _on_image_data(self, event: object = None) -> None:
        self._open_image()

    def _use_clicks_layer(self) -> None:
        image = self.source.image if self.session.image is not None else None
        self._clicks.follow(self.source.clicks_layer, image, self.table.active or 1)

    def _new_clicks_layer(self) -> None:
        image, active = self.source.image, self.table.active or 1
        with self._telling():
            blank = self.session.blank_labels()
            if image is None:
                return
            if self.source.new_kind == "Labels":
                layer = new_labels(image, blank, active)
            else:
                layer = new_points(image, blank.ndim, active)
            self._viewer.add_layer(layer)
            activate_paint_mode(layer)
            self.source.clicks_layer = layer

    def _train(self) -> None:
        if self._clicks.read():
            self._report = None
            self.session.train_and_predict()

    def _predict(self) -> None:
        self._report = None
        self.session.predict()

    def _update_live(self) -> None:
        clicks = self.session.clicks
        if not self.controls.live.isChecked():
            return
        if clicks is None or len(clicks.present) < 2:
            self.controls.say("Live: click some pixels of two classes or more.")
            return
        self.session.train_and_predict(resume=True)

    def _choose_options(self, options: ClassifierOptions) -> None:
        self.session.set_options(options)
        if self.session.fitted:
            self.controls.say("This choice takes effect with the next training.")
        self._update_live()

    def _rename(self, number: int, name: str) -> None:
        with self._telling():
            self.session.classes.edit(number, name=name)
        self._show_classes()

    def _recolor(self, number: int, color: str) -> None:
        with self._telling():
            self.session.classes.edit(number, color=color)

    def _add_class(self) -> None:
        self.table.activate(self.session.classes.add().number)

    def _remove_class(self, number: int) -> None:
        count = self.session.count(number)
        if count and not self._may_erase(number, count):
            return
        with self._telling():
            self._clicks.erase(number)
            self.session.remove_class(number)

    def _may_erase(self, number: int, count: int) -> bool:
        after = "Undo in the clicks layer brings them back." if self._clicks.undoable else "This cannot be undone."
        question = f"Remove class “{self.session.classes[number].name}” and erase its {count:,} clicks? {after}"
        return confirmed(self, "Remove class", question)

    def _save(self) -> None:
        path = path_to_save(self, self.source.image.name if self.source.image else "model")
        if path:
            self.session.save_model(path)

    def _load(self) -> None:
        path = path_to_load(self)
        if path:
            self.session.load_model(path)

    def _on_trained(self, report: TrainingReport) -> None:
        self._report = report
        self.controls.say_of(report.summary, report.text)

    def _show_prediction(self, prediction: Prediction) -> bool:
        """Show it, unless another image was chosen meanwhile."""
        image = self.source.image
        if image is None or prediction.image is not self.session.image:
            return False
        show_prediction(self._viewer, image, prediction, self.session.classes)
        return True

    def _on_predicted(self, prediction: Prediction) -> None:
        if not self._show_prediction(prediction):
            return
        done = f"classified in {prediction.seconds:.1f} s"
        if self._report is None:
            self.controls.say(done.capitalize())
        else:
            self.controls.say_of(self._report.summary, f"{self._report.text} · {done}")

    def _on_saved(self, path: str) -> None:
        self.controls.say(f"Saved {Path(path).name}")

    def _on_loaded(self, report: LoadReport) -> None:
        self._report = None
        self.options.show_options(self.session.options)
        self.controls.say_of(report.summary, f"Loaded {Path(report.path).name}")

    def _on_cancelled(self) -> None:
        kept = "the training that had ended is kept" if self._report else "clicks and classifier are as they were"
        self.controls.say(f"Cancelled; {kept}.")

    def _on_busy_changed(self) -> None:
        self.controls.set_busy(self.session.busy)

    def _on_classes_changed(self) -> None:
        self._show_classes()
        self._clicks.color()
        if self.source.image is not None:
            recolor(self._viewer.layers, self.source.image, self.session.classes)

    def _on_clicks_changed(self) -> None:
        self._show_classes()
        self._update_live()

    def _show_classes(self) -> None:
        self.table.show_classes(self.session.classes, self.session.count)

    def _tell(self, text: str) -> None:
        self.controls.say(text)
        show_error(text)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except ClickTrainError as error:
            self._tell(str(error))
