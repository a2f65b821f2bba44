"""Make the screenshots of README and docs; needs a display, real or Xvfb.

Run with: xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/screenshots.py
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import chdir
from pathlib import Path

import napari
import numpy as np
from PIL import Image
from qtpy.QtWidgets import QApplication

from clicktrain.data.samples import immunohistochemistry
from clicktrain.napari.dock import ClickTrainWidget
from clicktrain.napari.launch import show_sample

TUTORIAL = Path(__file__).parents[1] / "docs" / "tutorials" / "whole-images.md"
WINDOW_PX = (1280, 800)
NAME = "immunohistochemistry"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"), help="folder for the pictures")
    parser.add_argument("--only", choices=["pixels", "whole-images"], help="leave the others as they are")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.only != "whole-images":
        show_pixels(arguments.out)
    if arguments.only != "pixels":
        show_whole_images(arguments.out)


def show_pixels(out: Path) -> None:
    viewer = napari.Viewer(title="ClickTrain")
    viewer.window.resize(*WINDOW_PX)
    widget = show_sample(viewer, immunohistochemistry())
    settle()
    viewer.fit_to_view(margin=0.02)
    shoot(viewer, out / "clicks.png")

    widget.pixels.controls.train.click()
    widget.project.wait()
    shoot(viewer, out / "viewer.png")

    viewer.layers[f"{NAME} classes"].visible = False
    viewer.layers[f"{NAME} confidence"].visible = True
    shoot(viewer, out / "confidence.png")
    viewer.close()


def show_whole_images(out: Path) -> None:
    """Follow the tutorial: the empty tab, the trained one, and a heat map of an image that was not learned from."""
    viewer = napari.Viewer(title="ClickTrain")
    viewer.window.resize(*WINDOW_PX)
    dock = ClickTrainWidget(viewer)
    viewer.window.add_dock_widget(dock, name="ClickTrain", area="right")
    tab = dock.whole_images
    dock.tabs.setCurrentIndex(1)
    shoot(viewer, out / "whole-empty.png")

    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        draw_tutorial_images()
        dock.project.add_files([Path("slides")])
        dock.project.train_images(tab.controls.choose(patch_px=32, epochs=20))
        dock.project.wait()
        with Image.open("new/ill/ill22.png") as picture:
            viewer.add_image(np.asarray(picture), name="ill22")
    viewer.fit_to_view(margin=0.02)
    shoot(viewer, out / "whole-trained.png")

    tab.answer.heat_map.click()
    dock.project.wait()
    shoot(viewer, out / "whole-heat.png")
    viewer.close()


def draw_tutorial_images() -> None:
    """Run the first Python of the page, which writes into the working folder."""
    exec(TUTORIAL.read_text().split("```python\n")[1].split("```")[0], {})


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
