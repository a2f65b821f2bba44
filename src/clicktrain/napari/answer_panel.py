"""What the open image is: the question, the answer, and the model that gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from clicktrain.napari.layer_choice import LayerChoice
from clicktrain.napari.layers import is_image
from clicktrain.napari.work_status import button

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import LayerList
    from napari.layers import Image

    from clicktrain.inference.images.attribution import HeatMethod
    from clicktrain.project import ImageAnswer

__all__ = ["AnswerPanel"]

_MOST_PROBABLE = "likeliest"
_METHODS: dict[str, HeatMethod] = {"by gradient": "gradient", "by leaving out": "leave_one_out"}
_SHOWN = 5


class AnswerPanel(QWidget):
    """Choose an image layer, ask what it is and why; save and open the model.

    Signals: `image_changed()`.

    Attributes
    ----------
    predict, heat_map, save, load : QPushButton
    """

    image_changed = Signal()

    def __init__(self, layers: LayerList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image = LayerChoice(layers, is_image, "The image to say something about")
        self.predict = button("Predict", "Say what the image is")
        self.heat_map = button("Heat map", "Show over the image which patches speak for the class and against it")
        self.save = button("Save model…", "Write the trained model to a file")
        self.load = button("Load model…", "Replace the model by one from a file")
        self._label = QComboBox()
        self._label.setToolTip("The class that the heat map is about")
        self._method = QComboBox()
        self._method.addItems(_METHODS)
        for choice in (self._label, self._method):
            # Class names may be long; the dock must not grow with them.
            choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            choice.setMinimumContentsLength(6)
        self._method.setToolTip(
            "By gradient is quick; leaving out every patch in turn takes longer and is more literal"
        )
        self._answer, self._others = QLabel(), QLabel()
        for text in (self._answer, self._others):
            text.setTextFormat(Qt.TextFormat.PlainText)
            text.setWordWrap(True)
            text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        font = self._answer.font()
        font.setBold(True)
        self._answer.setFont(font)
        self._lay_out()
        self._image.changed.connect(lambda _: self.image_changed.emit())
        self.show_classes(())

    @property
    def image(self) -> Image | None:
        """The chosen image layer."""
        return self._image.value

    @image.setter
    def image(self, layer: Image) -> None:
        self._image.value = layer

    @property
    def label(self) -> str | None:
        """Class that a heat map is to be about; None for the most probable one."""
        return str(self._label.currentText()) if self._label.currentIndex() > 0 else None

    @property
    def method(self) -> HeatMethod:
        """How patches are judged."""
        return _METHODS[self._method.currentText()]

    @property
    def text(self) -> str:
        """The answer as it is shown."""
        return "\n".join(filter(None, (str(self._answer.text()), str(self._others.text()))))

    def show_classes(self, classes: Sequence[str]) -> None:
        """Offer the classes of the model; without any there is nothing to ask."""
        chosen = self.label
        self._label.clear()
        self._label.addItems([_MOST_PROBABLE, *classes])
        if chosen in classes:
            self._label.setCurrentText(chosen)
        for each in (self.predict, self.heat_map, self.save):
            each.setEnabled(bool(classes))

    def show_answer(self, answer: ImageAnswer | None) -> None:
        """Show what the image is, or nothing."""
        shares = answer.probabilities[:_SHOWN] if answer is not None else ()
        texts = [f"{label}: {share:.1%}" for label, share in shares]
        self._answer.setText(texts[0] if texts else "")
        self._others.setText(" · ".join(texts[1:]))

    def close_choices(self) -> None:
        """Stop following the viewer."""
        self._image.close()

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Image", self._image.native)
        asking = QHBoxLayout()
        asking.addWidget(self.predict)
        asking.addWidget(self.heat_map)
        about = QHBoxLayout()
        about.addWidget(self._label, 1)
        about.addWidget(self._method, 1)
        form.addRow("Heat map of", about)
        files = QHBoxLayout()
        files.addWidget(self.save)
        files.addWidget(self.load)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addLayout(asking)
        layout.addWidget(self._answer)
        layout.addWidget(self._others)
        layout.addLayout(files)
