"""The demo's picture: image, clicks, classes and confidence side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from clicktrain.stores.whole_files import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from clicktrain.annotations.clicks import Clicks
    from clicktrain.config import ClassInfo
    from clicktrain.data.samples import Sample
    from clicktrain.types import FloatArray, LabelArray

    Pixels = NDArray[np.uint8]

__all__ = ["draw_overview"]

_MARGIN_PX = 36
_GAP_PX = 28
_TITLE_PX = 52
_LEGEND_PX = 56
_SWATCH_PX = 20
_PAPER, _INK, _GREY = "#ffffff", "#1c1c1e", "#6b6b70"
# Dark violet over teal to yellow: even steps of lightness, readable with any colour vision and in print.
_LIGHTNESS_RAMP = ("#440154", "#3b528b", "#21908c", "#5dc863", "#fde725")


def draw_overview(path: Path, sample: Sample, classes: LabelArray, confidence: FloatArray) -> None:
    """Draw image, clicks, classes and confidence into one PNG.

    Parameters
    ----------
    path : Path
    sample : Sample
        With an RGB image.
    classes : ndarray of shape (Y, X), integer
    confidence : ndarray of shape (Y, X), float32
        0 to 1.

    Raises
    ------
    StorageError
        If the picture cannot be written.
    """
    infos = sample.class_infos
    grey = _grey(sample.image)
    panels = {
        "Image": sample.image,
        f"{len(sample.clicks):,} clicked pixels": _draw_clicks(grey, sample.clicks, infos),
        "Classes": _tint(grey, classes, infos),
        "Confidence": _colour_ramp(confidence),
    }
    picture = _lay_out(panels)
    pen = ImageDraw.Draw(picture)
    height, width = classes.shape
    below_px = _MARGIN_PX + _TITLE_PX + height + (_LEGEND_PX - _SWATCH_PX) // 2
    left_px = [_MARGIN_PX + k * (width + _GAP_PX) for k in range(len(panels))]
    pen.text((left_px[0], below_px), sample.name, _GREY, _font(20))
    for k in (1, 2):
        _draw_legend(pen, (left_px[k], below_px), infos)
    _draw_scale(picture, pen, (left_px[3], below_px), width)
    write_whole(path, lambda target: picture.save(target, format="PNG", optimize=True))


def _lay_out(panels: dict[str, Pixels]) -> Image.Image:
    height, width = next(iter(panels.values())).shape[:2]
    size = (
        2 * _MARGIN_PX + len(panels) * width + (len(panels) - 1) * _GAP_PX,
        2 * _MARGIN_PX + _TITLE_PX + height + _LEGEND_PX,
    )
    picture = Image.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(picture)
    for k, (title, pixels) in enumerate(panels.items()):
        left = _MARGIN_PX + k * (width + _GAP_PX)
        pen.text((left, _MARGIN_PX), title, _INK, _font(30))
        picture.paste(Image.fromarray(pixels), (left, _MARGIN_PX + _TITLE_PX))
    return picture


def _draw_clicks(grey: Pixels, clicks: Clicks, infos: Sequence[ClassInfo]) -> Pixels:
    """Paint every clicked pixel two pixels wider, or it would not be seen in print."""
    light = (255 - (255 - grey.astype(np.float32)) * 0.6).astype(np.uint8)
    picture = Image.fromarray(light)
    pen = ImageDraw.Draw(picture)
    colours = _colours(infos)
    for (y, x), number in zip(clicks.positions_px.tolist(), clicks.classes.tolist(), strict=True):
        pen.rectangle((x - 1, y - 1, x + 1, y + 1), colours[number])
    return np.asarray(picture)


def _tint(grey: Pixels, classes: LabelArray, infos: Sequence[ClassInfo]) -> Pixels:
    tinted = grey.astype(np.float32)
    for number, colour in _colours(infos).items():
        where = classes == number
        tinted[where] = 0.4 * tinted[where] + 0.6 * np.array(colour, np.float32)
    return tinted.astype(np.uint8)


def _grey(image: Pixels) -> Pixels:
    return np.asarray(Image.fromarray(image).convert("L").convert("RGB"))


def _colour_ramp(values: FloatArray) -> Pixels:
    stops = np.array([ImageColor.getrgb(colour) for colour in _LIGHTNESS_RAMP], np.float32)
    at = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(values, at, stops[:, c]) for c in range(3)], axis=-1).astype(np.uint8)


def _draw_legend(pen: ImageDraw.ImageDraw, corner_px: tuple[int, int], infos: Sequence[ClassInfo]) -> None:
    left, top = corner_px
    font = _font(20)
    for info in infos:
        pen.rectangle((left, top, left + _SWATCH_PX, top + _SWATCH_PX), info.color)
        pen.text((left + _SWATCH_PX + 10, top + _SWATCH_PX // 2), info.name, _INK, font, anchor="lm")
        left += _SWATCH_PX + 10 + int(pen.textlength(info.name, font)) + 28


def _draw_scale(picture: Image.Image, pen: ImageDraw.ImageDraw, corner_px: tuple[int, int], width_px: int) -> None:
    left, top = corner_px
    font, middle = _font(20), top + _SWATCH_PX // 2
    from_px = left + int(pen.textlength("guess", font)) + 12
    to_px = left + width_px - int(pen.textlength("certain", font)) - 12
    ramp = _colour_ramp(np.tile(np.linspace(0, 1, to_px - from_px, dtype=np.float32), (_SWATCH_PX, 1)))
    picture.paste(Image.fromarray(ramp), (from_px, top))
    pen.text((left, middle), "guess", _INK, font, anchor="lm")
    pen.text((left + width_px, middle), "certain", _INK, font, anchor="rm")


def _colours(infos: Sequence[ClassInfo]) -> dict[int, tuple[int, ...]]:
    return {info.number: ImageColor.getrgb(info.color) for info in infos}


def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size_px)
