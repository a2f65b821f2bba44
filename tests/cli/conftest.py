from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image
from typer.testing import CliRunner

from clicktrain.cli.app import app
from tests.learning.images.cases import blobs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIDE_PX = 48


def halves(seed: int, side_px: int = SIDE_PX) -> np.ndarray:
    """Grey image whose left half is dark and whose right half is bright, (Y, X) uint8."""
    image = np.random.default_rng(seed).integers(0, 60, (side_px, side_px))
    image[:, side_px // 2 :] += 150
    return image.astype(np.uint8)


def strokes(side_px: int = SIDE_PX) -> np.ndarray:
    """Labels for `halves`: 1 on the left, 2 on the right."""
    labels = np.zeros((side_px, side_px), np.uint8)
    labels[5:9, 4:12] = 1
    labels[20:24, -12:-4] = 2
    return labels


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Threads that wait for each other cost more than they bring on images this small."""
    import torch

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Folder `images` with a.png, b.png, c.png."""
    folder = tmp_path / "images"
    folder.mkdir()
    for seed, name in enumerate("abc"):
        Image.fromarray(halves(seed)).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Folder `clicks` with a.png and b.csv."""
    folder = tmp_path / "clicks"
    folder.mkdir()
    Image.fromarray(strokes()).save(folder / "a.png")
    rows = [f"{y},{x},{strokes()[y, x]}" for y, x in np.argwhere(strokes())]
    (folder / "b.csv").write_text("\n".join(["y,x,class", *rows]))
    return folder


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that tells the halves apart."""
    from clicktrain import PixelClassifier

    path = tmp_path_factory.mktemp("model") / "halves.clicktrain"
    PixelClassifier(preset="fast").fit(halves(0), strokes()).save(path)
    return path


@pytest.fixture
def clicktrain():
    """Run the command in this process; all arguments are turned into text."""
    runner = CliRunner()
    return lambda *args: runner.invoke(app, [str(arg) for arg in args])


@pytest.fixture
def start():
    """Start the command as a process of its own."""

    def begin(*args: object, **options) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "clicktrain", *map(str, args)]
        environment = {key: value for key, value in os.environ.items() if "DISPLAY" not in key} | {
            "OMP_NUM_THREADS": "1"
        }
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environment} | options
        return subprocess.Popen(command, text=True, preexec_fn=_heed_interrupts, **options)

    return begin


def _heed_interrupts() -> None:
    # What a shell runs in the background ignores them, and so would all that it starts.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture(scope="session")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders `nothing` and `square` of small images, one of them an OME-Zarr; not to be changed."""
    folder = tmp_path_factory.mktemp("slides")
    images, names = blobs(16)
    for i, (image, name) in enumerate(zip(images, names, strict=True)):
        (folder / name).mkdir(exist_ok=True)
        tifffile.imwrite(folder / name / f"{i:02}.tif", image)
    group = zarr.create_group(folder / "square" / "16.ome.zarr")
    group.create_array("0", data=images[1], chunks=(32, 32))
    axes = [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    group.attrs["ome"] = {"multiscales": [{"axes": axes, "datasets": [{"path": "0"}]}]}
    return folder


@pytest.fixture(scope="session")
def image_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of whole images, of which some have a bright square."""
    from clicktrain import ImageClassifier
    from tests.learning.images.cases import settings

    path = tmp_path_factory.mktemp("image_model") / "squares.clicktrain"
    ImageClassifier(preset=settings(epochs=2)).fit(*blobs(24, seed=5)).save(path)
    return path
