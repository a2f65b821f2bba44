"""Pictures of what is learned from: cd benchmarks && python -m _patchgd.figure OUT.png."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from _patchgd.digits import bundled_digits
from _patchgd.shrunk import shrink
from _patchgd.ultramnist import UltraMnist, Variant
from clicktrain.config.images import ImageTrainingConfig
from clicktrain.geometry.patch_grid import plan_patch_grid
from clicktrain.learning.images.inner_steps import plan_steps
from clicktrain.learning.images.seeds import generator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from _patchgd.ultramnist import PlacedDigit, UltraMnistImage
    from clicktrain.types import AnyArray

_SIZE_PX, _PATCH_PX, _SHARE, _SHRUNK_PX = 512, 64, 8, 180
_PANEL_INCHES = 3.4


def draw_images(path: Path) -> None:
    """An image with its grid and the patches of one inner step; a small digit as it is, and in the shrunk image."""
    whole = UltraMnist(bundled_digits(), Variant(_SIZE_PX), n_per_class=1, seed=4)[7]
    small = UltraMnist(bundled_digits(), Variant(_SIZE_PX, (1,), scales=(1,)), n_per_class=3, seed=0)
    found = next(
        small[i] for i in range(len(small)) if small[i].digits[0].side_px == small.variant.side_px(1, shrunk=True)
    )
    figure = Figure((3 * _PANEL_INCHES, _PANEL_INCHES + 0.4), layout="constrained")
    first, second, third = figure.subplots(1, 3)
    _draw_grid(first, whole)
    (digit,) = found.digits
    _draw_part(second, found.pixels, _around(digit, 1.0), f"a {digit.number} of {digit.side_px} px")
    shrunk = shrink([found.pixels], _SHRUNK_PX)[0]
    _draw_part(third, shrunk, _around(digit, _SHRUNK_PX / _SIZE_PX), f"the same, shrunk to {_SHRUNK_PX} px")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def _draw_grid(panel: Axes, image: UltraMnistImage) -> None:
    grid = plan_patch_grid((_SIZE_PX, _SIZE_PX), _PATCH_PX, _PATCH_PX)
    panel.imshow(image.pixels, cmap="gray", extent=(0, _SIZE_PX, _SIZE_PX, 0))
    lines = range(0, _SIZE_PX + 1, _PATCH_PX)
    panel.hlines(lines, 0, _SIZE_PX, color="0.35", linewidth=0.6)
    panel.vlines(lines, 0, _SIZE_PX, color="0.35", linewidth=0.6)
    for index in plan_steps([grid], ImageTrainingConfig(sampling=1 / _SHARE), generator(0))[0]:
        y_px, x_px = grid.corner_px(index.patch)
        panel.add_patch(Rectangle((x_px, y_px), _PATCH_PX, _PATCH_PX, color="tab:orange", alpha=0.45))
    panel.set_title(f"label {image.label}: patches of one inner step")
    panel.set_axis_off()


def _draw_part(panel: Axes, pixels: AnyArray, window: tuple[slice, slice], title: str) -> None:
    panel.imshow(pixels[window], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    panel.set_title(title)
    panel.set_axis_off()


def _around(digit: PlacedDigit, scale: float) -> tuple[slice, slice]:
    """Rows and columns of twice the digit's side around it, in an image of another scale."""
    length = round(2 * scale * digit.side_px)
    starts = (max(0, round(scale * (start - digit.side_px / 2))) for start in (digit.y_px, digit.x_px))
    rows, columns = (slice(start, start + length) for start in starts)
    return rows, columns


if __name__ == "__main__":
    draw_images(Path(sys.argv[1]))
