"""A command that was killed is given once more, and goes on where it was."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

# The command as it is, but that it waits within the second image until it is killed.
PREDICT = """
import sys
import numpy as np
from clicktrain.api import PixelClassifier
from clicktrain.cli.app import app
from clicktrain.geometry.region import Region
right = PixelClassifier.predict_to

def waiting(self, image, sink, **options):
    if "b.png" not in image.name:
        return right(self, image, sink, **options)
    sink.write(Region((0, 0), (8, 8)), np.ones((2, 8, 8), np.float32))
    print("half", flush=True)
    sys.stdin.read()

PixelClassifier.predict_to = waiting
app(sys.argv[1:])
"""


def kill_midway(code: str, *args: object) -> None:
    command = [sys.executable, "-c", code, *map(str, args)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "half\n"
        child.kill()
        child.wait(timeout=60)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("file_format", ["tiff", "ome-zarr"])
def test_predict_goes_on_after_it_was_killed(clicktrain, model, images, tmp_path, file_format):
    args = ("predict", model, images, "--format", file_format)
    assert clicktrain(*args, "-o", tmp_path / "undisturbed").exit_code == 0
    out = tmp_path / "out"
    kill_midway(PREDICT, *args, "-o", out)
    assert {name[:2] for name in os.listdir(out)} - {".c"} == {"a_"}
    refused = clicktrain(*args, "-o", out)
    assert refused.exit_code == 2
    assert "--skip-existing" in refused.stderr
    assert "--overwrite" in refused.stderr
    result = clicktrain(*args, "-o", out, "--skip-existing")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("1 of 3 images were done already\n2 of 3 images classified in ")
    assert content(out) == content(tmp_path / "undisturbed")
    result = clicktrain(*args, "-o", out, "--skip-existing")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"3 of 3 images were done already, results in {out}\n"


def test_results_of_another_model_are_not_taken_for_those_of_this_one(clicktrain, model, images, tmp_path):
    from clicktrain import PixelClassifier
    from tests.cli.conftest import halves, strokes

    PixelClassifier(preset="fast", seed=1).fit(halves(0), strokes()).save(tmp_path / "other.clicktrain")
    out = tmp_path / "out"
    assert clicktrain("predict", model, images / "a.png", "-o", out).exit_code == 0
    before = content(out)
    refused = clicktrain("predict", tmp_path / "other.clicktrain", images, "-o", out, "--skip-existing")
    assert refused.exit_code == 2
    assert refused.stderr.count("\n") == 1
    assert "must be of the same model, image and options" in refused.stderr
    assert content(out) == before


def test_one_either_skips_or_overwrites(clicktrain, model, images, tmp_path):
    refused = clicktrain("predict", model, images, "-o", tmp_path / "out", "--skip-existing", "--overwrite")
    assert refused.exit_code == 2
    assert refused.stderr == (
        "clicktrain: results that exist must be either skipped or overwritten, got both. "
        "Choose --skip-existing or --overwrite.\n"
    )


ANSWER = """
import sys
from clicktrain.api import ImageClassifier
from clicktrain.cli.app import app
right = ImageClassifier.heatmap

def waiting(self, image, **options):
    if image.name != "03.tif":
        return right(self, image, **options)
    print("half", flush=True)
    sys.stdin.read()

ImageClassifier.heatmap = waiting
app(sys.argv[1:])
"""


def test_predict_image_goes_on_after_it_was_killed(clicktrain, image_model, slides, tmp_path):
    def args(folder):
        return ("predict-image", image_model, slides / "square", "-o", folder / "t.csv", "--heat-maps", folder / "maps")

    for name in ("out", "undisturbed"):
        (tmp_path / name).mkdir()
    out = tmp_path / "out"
    assert clicktrain(*args(tmp_path / "undisturbed")).exit_code == 0
    kill_midway(ANSWER, *args(out))
    assert sorted(os.listdir(out)) == ["maps", "t.csv.unfinished"]
    refused = clicktrain(*args(out))
    assert refused.exit_code == 2
    assert "t.csv.unfinished`" in refused.stderr
    result = clicktrain(*args(out), "--skip-existing")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("1 of 9 images were done already\n8 of 9 images classified in ")
    assert content(out) == content(tmp_path / "undisturbed")
