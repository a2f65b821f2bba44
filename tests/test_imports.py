"""What importing the package brings in, seen from a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

HEAVY = ["torch", "numpy", "skimage", "napari", "qtpy", "PyQt6", "PySide6", "magicgui", "superqt", "dask", "pydantic"]
GUI = ["napari", "qtpy", "PyQt6", "PySide6", "magicgui", "superqt", "vispy"]


def modules_after(statement: str) -> set[str]:
    """Top-level modules that are loaded once `statement` has run in an interpreter of its own."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    # In the repository, as only there `pretraining` is found.
    command = [sys.executable, "-c", code]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    return {name.partition(".")[0] for name in json.loads(answer.stdout)}


def test_import_is_light() -> None:
    assert modules_after("import clicktrain").isdisjoint(HEAVY)


def test_version_and_names_are_known_without_loading_anything() -> None:
    assert modules_after("import clicktrain; clicktrain.__version__; dir(clicktrain)").isdisjoint(HEAVY)


@pytest.mark.parametrize(
    "statement",
    [
        "from clicktrain import ImageClassifier, PixelClassifier, densify",
        "import clicktrain.project",
        "import clicktrain.batch",
        "import clicktrain.cli.app",
    ],
)
def test_nothing_but_the_plugin_needs_a_gui(statement: str) -> None:
    assert modules_after(statement).isdisjoint(GUI)


def test_every_public_name_resolves() -> None:
    import clicktrain

    assert all(getattr(clicktrain, name) is not None for name in clicktrain.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    import clicktrain

    with pytest.raises(AttributeError, match="no attribute 'PixelClasifier'"):
        clicktrain.PixelClasifier  # noqa: B018
