"""A small plot of how a training goes, drawn with Qt alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from clicktrain.project.learning_curve import LearningCurve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QPaintEvent

__all__ = ["CurvePlot"]

# Readable on dark and on light ground, apart in lightness as well as in hue.
_TRAINING, _VALIDATION, _ACCURACY = "#d98a1f", "#e2524f", "#22a88f"
_HEIGHT_PX, _MARGIN_PX = 104, 4
_LINE_PX, _DOT_PX = 1.6, 2.2


class CurvePlot(QWidget):
    """Loss from 0 to its largest value and accuracy from 0 to 100 %, over the epochs that were planned."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._curve = LearningCurve()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("Loss while training, and loss and accuracy on the images kept for validation")

    def show_curve(self, curve: LearningCurve) -> None:
        """Draw another curve."""
        self._curve = curve
        self.update()

    def sizeHint(self) -> QSize:
        """Return the size that the plot would like to have."""
        return QSize(240, _HEIGHT_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it."""
        curve, pen = self._curve, QPainter(self)
        pen.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink = self.palette().color(QPalette.ColorRole.WindowText)
        line_px = self.fontMetrics().lineSpacing()
        box = QRectF(self.rect()).adjusted(_MARGIN_PX, line_px + 2 * _MARGIN_PX, -_MARGIN_PX, -_MARGIN_PX)
        faint = QColor(ink)
        faint.setAlphaF(0.3)
        pen.setPen(QPen(faint, 1))
        pen.drawRect(box)
        if not curve.training:
            pen.setPen(faint)
            pen.drawText(box, Qt.AlignmentFlag.AlignCenter, "The course of the training is drawn here")
            return
        most = max(loss for _, loss in (*curve.training, *curve.validation)) or 1.0
        _draw(pen, box, [(share, loss / most) for share, loss in curve.training], _TRAINING)
        _draw(pen, box, [(share, loss / most) for share, loss in curve.validation], _VALIDATION)
        _draw(pen, box, curve.accuracy, _ACCURACY)
        self._draw_legend(pen, QRectF(box.left(), _MARGIN_PX, box.width(), line_px))

    def _draw_legend(self, pen: QPainter, room: QRectF) -> None:
        curve = self._curve
        parts = [(f"loss {curve.training[-1][1]:.3f}", _TRAINING)]
        if curve.validation:
            parts.append((f"validation {curve.validation[-1][1]:.3f}", _VALIDATION))
        if curve.accuracy:
            parts.append((f"accuracy {curve.accuracy[-1][1]:.0%}", _ACCURACY))
        left = room.left()
        for text, color in parts:
            pen.setPen(QColor(color))
            pen.drawText(QRectF(left, room.top(), room.width(), room.height()), Qt.AlignmentFlag.AlignLeft, text)
            left += self.fontMetrics().horizontalAdvance(text + "    ")


def _draw(pen: QPainter, box: QRectF, points: Sequence[tuple[float, float]], color: str) -> None:
    """Draw a line through points from (0, 0), bottom left, to (1, 1); a point alone is a dot."""
    spots = [QPointF(box.left() + x * box.width(), box.bottom() - y * box.height()) for x, y in points]
    pen.setPen(QPen(QColor(color), _LINE_PX))
    pen.drawPolyline(QPolygonF(spots))
    if len(spots) == 1:
        pen.setBrush(QColor(color))
        pen.drawEllipse(spots[0], _DOT_PX, _DOT_PX)
        pen.setBrush(Qt.BrushStyle.NoBrush)
