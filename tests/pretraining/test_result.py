from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file

from clicktrain.errors import StorageError
from clicktrain.models.pixels.pretrained import Embedding
from pretraining.pool import Pool
from pretraining.result import ensure_result_writable, write_result
from pretraining.train import FewClicks, Report

if TYPE_CHECKING:
    from pathlib import Path

REPORT = Report(step=12, tasks=24, over=1.0, loss=0.123456)


def write(path: Path, report: Report = REPORT) -> FewClicks:
    model = FewClicks()
    pool = Pool(64, 96, seed=3)
    pool.made = 40
    write_result(path, model, report, pool, seed=3)
    return model


def test_weights_load_into_the_embedding(tmp_path: Path) -> None:
    path = tmp_path / "embedding.safetensors"
    model = write(path)
    embedding = Embedding.of(load_file(path))
    assert torch.equal(embedding.sharpness, model.sharpness)
    patch = torch.randn(1, 1, model.trunk.fov_px, model.trunk.fov_px)
    assert torch.equal(embedding.trunk(patch), model.trunk(patch))


def test_provenance_tells_steps_tasks_and_data(tmp_path: Path) -> None:
    write(tmp_path / "embedding.safetensors")
    told = json.loads((tmp_path / "embedding.json").read_text())
    assert (told["steps"], told["tasks"], told["pairs_of_images"], told["side_px"], told["seed"]) == (12, 24, 40, 96, 3)
    assert "generated images only" in told["data"]
    assert told["last_losses_mean"] == 0.1235
    assert set(told["versions"]) == {"napari-clicktrain", "torch"}


def test_files_are_replaced_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "embedding.safetensors"
    path.write_text("older")
    write(path)
    assert {file.name for file in tmp_path.iterdir()} == {"embedding.safetensors", "embedding.json"}
    assert len(load_file(path)) > 10


def test_what_can_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "there.safetensors").write_text("older")
    ensure_result_writable(tmp_path / "there.safetensors")
    assert [file.name for file in tmp_path.iterdir()] == ["there.safetensors"]
    assert (tmp_path / "there.safetensors").read_text() == "older"


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken.json").mkdir()
    for name, words in {
        "nowhere/embedding.safetensors": "folder does not exist",
        "embedding.json": "must end in .safetensors",
        "taken.safetensors": "got a folder",
    }.items():
        with pytest.raises(StorageError, match=words):
            ensure_result_writable(tmp_path / name)
