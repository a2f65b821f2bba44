"""Choose what kind of classifier the next training makes."""

from __future__ import annotations

from dataclasses import replace

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QWidget

from clicktrain.project import ClassifierOptions

__all__ = ["ClassifierOptionsPanel"]

# The preset, and what people read.
_NETWORKS = {"auto": "Automatic", "fast": "Fast", "wide": "Wide field of view"}
_OF_ITS_OWN = "As in the loaded model"
_NETWORK_TIP = (
    "How closely the image is looked at.\n"
    "Automatic suits most images. Fast answers sooner, for fine structures.\n"
    "Wide field of view looks further around each pixel, for large structures, and takes longer."
)
_PLACE_TIP = (
    "Judge a pixel by where in the image it lies, too.\n"
    "For images in which the same looks mean another class elsewhere,\n"
    "such as the layers of an organ in a section."
)
_PLACE_IN_VOLUME_TIP = "Only in images: in a volume, pixels are judged by their surroundings alone."
_PLACE_OF_ITS_OWN_TIP = "The loaded model has settings of its own. Choose another network to change this."


class ClassifierOptionsPanel(QWidget):
    """The network, and whether the place in the image counts.

    Signals: `chosen(ClassifierOptions)`, when a user changes something.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._options = ClassifierOptions()
        self._volume = False
        self._network = QComboBox()
        self._network.setToolTip(_NETWORK_TIP)
        self._place = QCheckBox("Place in the image counts")
        self._lay_out()
        self._network.currentIndexChanged.connect(self._choose_network)
        self._place.toggled.connect(self._choose_place)
        self._show()

    @property
    def options(self) -> ClassifierOptions:
        """What is chosen."""
        return self._options

    def show_options(self, options: ClassifierOptions) -> None:
        """Show what is chosen already."""
        self._options = options
        self._show()

    def show_volume(self, volume: bool) -> None:
        """Show whether the open image is a volume, in which the place cannot count."""
        self._volume = volume
        self._show()

    def _choose_network(self) -> None:
        self._choose(replace(self._options, preset=self._network.currentData()))

    def _choose_place(self, counts: bool) -> None:
        self._choose(replace(self._options, position_encoding=counts))

    def _choose(self, options: ClassifierOptions) -> None:
        self.show_options(options)
        self.chosen.emit(options)

    def _show(self) -> None:
        preset, of_its_own = self._options.preset, self._options.preset not in _NETWORKS
        networks = {preset: _OF_ITS_OWN, **_NETWORKS} if of_its_own else _NETWORKS
        with QSignalBlocker(self._network), QSignalBlocker(self._place):
            self._network.clear()
            for name, text in networks.items():
                self._network.addItem(text, name)
            self._network.setCurrentIndex(list(networks).index(preset))
            self._place.setChecked(self._options.position_encoding and not self._volume)
        self._place.setEnabled(not self._volume and not of_its_own)
        self._place.setToolTip(
            _PLACE_IN_VOLUME_TIP if self._volume else _PLACE_OF_ITS_OWN_TIP if of_its_own else _PLACE_TIP
        )

    def _lay_out(self) -> None:
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Network", self._network)
        form.addRow("", self._place)
