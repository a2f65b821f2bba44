"""Make the screenshots of README and docs; needs a display, real or Xvfb.

Run with: xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/screenshots.py
"""

from __future__ import annotations

import argparse
from pathlib import Path

import napari
from PIL import Image
from qtpy.QtWidgets import QApplication

from clicktrain.data.samples import immunohistochemistry
from clicktrain.napari.launch import show_sample

WINDOW_PX = (1280, 800)
NAME = "immunohistochemistry"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"), help="folder for the pictures")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)

    viewer = napari.Viewer(title="ClickTrain")
    viewer.window.resize(*WINDOW_PX)
    widget = show_sample(viewer, immunohistochemistry())
    settle()
    viewer.fit_to_view(margin=0.02)
    shoot(viewer, out / "clicks.png")

    widget.controls.train.click()
    widget.session.wait()
    shoot(viewer, out / "viewer.png")

    viewer.layers[f"{NAME} classes"].visible = False
    viewer.layers[f"{NAME} confidence"].visible = True
    shoot(viewer, out / "confidence.png")
    viewer.close()


def settle() -> None:
    """Let everything that is waiting be drawn."""
    for _ in range(20):
        QApplication.processEvents()


def shoot(viewer: napari.Viewer, path: Path) -> None:
    settle()
    pixels = viewer.window.screenshot(flash=False, canvas_only=False)
    # A palette makes the file a third as large; chosen this way it keeps small patches of colour, like the swatches.
    picture = Image.fromarray(pixels).convert("RGB")
    picture.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.FLOYDSTEINBERG).save(
        path, optimize=True
    )


if __name__ == "__main__":
    main()
