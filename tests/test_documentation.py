"""What the documentation shows works as it stands: its Python is run, and so are the examples in docstrings."""

from __future__ import annotations

import doctest
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from clicktrain import config
from clicktrain.config.images import ImagePreset

ROOT = Path(__file__).parents[1]
PAGES = [
    "README.md",
    "docs/index.md",
    "docs/tutorials/first-clicks.md",
    "docs/tutorials/whole-images.md",
    "docs/how-to/large-images.md",
    "docs/reference/api.md",
    "docs/explanation/engine.md",
    "docs/explanation/mixture-of-depths.md",
    "docs/explanation/project.md",
    "docs/explanation/whole-images.md",
    "docs/explanation/patchgd.md",
]
MODULES = ["clicktrain.api.images", "clicktrain.api.pixels", "_patchgd.ultramnist", "clicktrain.engine.densify"]


@pytest.fixture(autouse=True)
def _short_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every preset train for a few steps only: here it counts that the code runs, not what is learned."""
    fast = config.preset("fast")
    short = fast.model_copy(update={"training": fast.training.model_copy(update={"steps": 3})})
    monkeypatch.setattr(config, "preset", lambda name, **_: short)
    changed = ImagePreset.with_changes
    monkeypatch.setattr(ImagePreset, "with_changes", lambda own, **changes: changed(own, **(changes | {"epochs": 1})))


def readers_own() -> dict[str, Any]:
    """What the pages take for granted: a network, an image and positions of the reader's own."""
    return {
        "my_patch_cnn": nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 2)),
        "image": torch.rand(1, 1, 32, 40),
        "positions": torch.tensor([[0, 0], [20, 30]]),
    }


@pytest.mark.parametrize("page", PAGES)
def test_python_on_the_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    assert blocks
    exec("\n".join(blocks), readers_own())


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings_hold(module: str) -> None:
    outcome = doctest.testmod(import_module(module), optionflags=doctest.ELLIPSIS)
    assert outcome.attempted
    assert not outcome.failed
