"""Check the installed wheel as a user meets it: what is inside, and that its command trains and predicts.

Run by tox in an environment with the wheel and its dependencies and nothing else; TOX_PACKAGE names the wheel.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import tifffile

ROOT = Path(__file__).parents[1]
NEEDED = [
    "clicktrain/py.typed",
    "clicktrain/data/embedding.safetensors",
    "clicktrain/data/ihc_clicks.csv",
    "clicktrain/api/pixels.py",
    "clicktrain/napari/dock.py",
]
# They make and check what ships; whoever wants them has the repository.
UNWANTED = {"pretraining", "benchmarks", "tests"}
BAD_INPUT = 2


def require(condition: bool, text: str) -> None:
    if not condition:
        sys.exit(f"error: {text}")


def check_content(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        manifest = archive.read("clicktrain/napari.yaml")
    for name in NEEDED:
        require(name in names, f"{wheel.name} lacks {name}")
    for name in names:
        require(UNWANTED.isdisjoint(Path(name).parts), f"{wheel.name} has {name}, which only the repository needs")
    require(any(name.endswith("/licenses/LICENSE") for name in names), "the licence is not in it")
    require(manifest == (ROOT / "napari.yaml").read_bytes(), "its napari.yaml is not the one at the root")
    strangers = {name.split("/")[0] for name in names if not name.startswith(("clicktrain/", "napari_clicktrain-"))}
    require(not strangers, f"it would install {', '.join(sorted(strangers))} beside the package")


def clicktrain(*arguments: object, code: int = 0) -> str:
    """Run the installed command away from the repository, so that only the wheel can answer."""
    command = [str(Path(sys.executable).with_name("clicktrain")), *map(str, arguments)]
    answer = subprocess.run(command, cwd=tempfile.gettempdir(), capture_output=True, text=True, timeout=300)
    said = answer.stdout + answer.stderr
    require(answer.returncode == code, f"{' '.join(command)} ended with {answer.returncode}, not {code}:\n{said}")
    require("Traceback" not in said, f"{' '.join(command)} showed a traceback:\n{said}")
    return said


def check_command(folder: Path) -> None:
    require("0." in clicktrain("--version"), "--version says no version")
    not_a_model = folder / "picture.clicktrain"
    not_a_model.write_bytes(b"not a model")
    require(not_a_model.name in clicktrain("info", not_a_model, code=BAD_INPUT), "info does not name the bad file")
    train_and_predict(folder)


def train_and_predict(folder: Path) -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(60, 5, (64, 64))
    image[:, 32:] += 100
    labels = np.zeros((64, 64), np.uint8)
    labels[20:24, 10:14] = 1
    labels[20:24, 50:54] = 2
    tifffile.imwrite(folder / "image.tif", image.astype(np.uint8))
    tifffile.imwrite(folder / "labels.tif", labels)

    model = folder / "two.clicktrain"
    clicktrain("train", folder / "image.tif", "--clicks", folder / "labels.tif", "--output", model)
    clicktrain("info", model)
    clicktrain("predict", model, folder / "image.tif", "--output", folder / "out")

    predicted = tifffile.imread(folder / "out" / "image_classes.tif")
    agreement = (predicted == np.where(np.arange(64) < 32, 1, 2)).mean()
    require(agreement > 0.9, f"classes agree with the truth at {agreement:.0%} of the pixels only")


def main() -> None:
    wheel = Path(os.environ["TOX_PACKAGE"])
    check_content(wheel)
    with tempfile.TemporaryDirectory() as folder:
        check_command(Path(folder))
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB, content, command, training and prediction are right")


if __name__ == "__main__":
    main()
