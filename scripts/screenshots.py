"""Make the screenshots of README and docs; needs a display, real or Xvfb.

Run with: xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/screenshots.py
"""

from __future__ import annotations

import argparse
from pathlib import Path

import napari
from imageio.v3 import imread
from qtpy.QtWidgets import QApplication

from clicktrain.data.samples import immunohistochemistry
from clicktrain.napari.launch import show_sample

WINDOW_PX = (1400, 860)
# Flat colours of a user interface survive a palette, which keeps the repository small.
COLORS = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)

    viewer = napari.Viewer(title="ClickTrain", show=True)
    viewer.window.resize(*WINDOW_PX)
    widget = show_sample(viewer, immunohistochemistry())
    viewer.reset_view()
    shoot(viewer, out / "clicks.png")

    widget.controls.train.click()
    widget.session.wait(120)
    shoot(viewer, out / "classes.png")

    viewer.layers["immunohistochemistry classes"].visible = False
    viewer.layers["immunohistochemistry confidence"].visible = True
    shoot(viewer, out / "confidence.png")
    widget.close_session()
    viewer.close()


def shoot(viewer: napari.Viewer, path: Path) -> None:
    for _ in range(20):
        QApplication.processEvents()
    viewer.window.screenshot(str(path), flash=False, canvas_only=False)
    shrink(path)


def shrink(path: Path) -> None:
    from PIL import Image

    image = Image.fromarray(imread(path)).convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
    image.save(path, optimize=True)


if __name__ == "__main__":
    main()
