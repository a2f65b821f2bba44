"""The settings of a training of whole images, its buttons, its progress and its curve."""

from __future__ import annotations

from qtpy.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLabel, QSpinBox, QVBoxLayout, QWidget

from clicktrain.config.images import ImagePreset, image_preset
from clicktrain.napari.curve_plot import CurvePlot
from clicktrain.napari.work_status import WorkStatus, button

__all__ = ["WholeImageControls"]

# What people read, and the preset behind it.
_NETWORKS = {"small": "small", "like ResNet-50": "resnet", "like MobileNetV2": "mobilenet"}
_PATCH_PX = (8, 4096)
_MOST_EPOCHS = 10_000


class WholeImageControls(QWidget):
    """Choose the network, start and stop the training, and see how it goes.

    Attributes
    ----------
    train : QPushButton
    status : WorkStatus
    curve : CurvePlot
    """

    def __init__(self) -> None:
        super().__init__()
        self.train = button("Train", "Learn what the images are from all images of the table")
        self.status = WorkStatus("Stop the running work; images, labels and the trained model are kept", self.train)
        self.curve = CurvePlot()
        self._network = QComboBox()
        self._network.addItems(_NETWORKS)
        self._network.setToolTip("The small network trains in minutes without a GPU; the others want one")
        self._patch = _spin_box(*_PATCH_PX, "Side of the patches that images are read in, at most that of an image")
        self._patch.setSuffix(" px")
        self._epochs = _spin_box(1, _MOST_EPOCHS, "Times that every image is learned from; ends early if nothing gains")
        self._lay_out()
        self._network.currentIndexChanged.connect(lambda _: self._show_preset())
        self._show_preset()

    @property
    def settings(self) -> ImagePreset:
        """The settings as they are chosen."""
        return self._preset().with_changes(patch_px=self._patch.value(), epochs=self._epochs.value())

    def choose(self, *, patch_px: int, epochs: int) -> ImagePreset:
        """Set the numbers as a user would, and return the settings."""
        self._patch.setValue(patch_px)
        self._epochs.setValue(epochs)
        return self.settings

    def set_busy(self, busy: bool) -> None:
        """Show whether work is going on; a training is not replaced by accident."""
        self.status.set_busy(busy)
        self.train.setEnabled(not busy)

    def _preset(self) -> ImagePreset:
        # The names are those that image_preset knows.
        return image_preset(_NETWORKS[self._network.currentText()])  # type: ignore[arg-type]

    def _show_preset(self) -> None:
        preset = self._preset()
        self._patch.setValue(preset.network.patch_px)
        self._epochs.setValue(preset.training.epochs)

    def _lay_out(self) -> None:
        numbers = QHBoxLayout()
        numbers.addWidget(self._patch, 1)
        numbers.addWidget(QLabel("Epochs"))
        numbers.addWidget(self._epochs, 1)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Network", self._network)
        form.addRow("Patch", numbers)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addWidget(self.status)
        layout.addWidget(self.curve)


def _spin_box(least: int, most: int, tooltip: str) -> QSpinBox:
    box = QSpinBox()
    box.setRange(least, most)
    box.setToolTip(tooltip)
    return box
