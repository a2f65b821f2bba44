"""The pretrained weights as a file, with a second one that says how they were made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save

import clicktrain
from clicktrain.errors import StorageError
from clicktrain.stores.whole_files import ensure_writable, write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from pretraining.pool import Pool
    from pretraining.train import FewClicks, Report

__all__ = ["ensure_result_writable", "write_result"]

_SUFFIX = ".safetensors"


def ensure_result_writable(path: Path) -> None:
    """Find out before the training that its result could not be written.

    Raises
    ------
    StorageError
        If `path` does not end in `.safetensors`, or if it or the file beside it cannot be written now.
    """
    if path.suffix != _SUFFIX:
        raise StorageError(f"the file to write must end in {_SUFFIX}, got `{path}`.")
    ensure_writable(path)
    ensure_writable(_provenance_path(path))


def write_result(path: Path, model: FewClicks, report: Report, pool: Pool, seed: int) -> None:
    """Write what ships of a pretrained model, and beside it how it was made: the same name with `.json`.

    Parameters
    ----------
    path : Path
        Ends in `.safetensors`; files that are there are replaced.
    model : FewClicks
    report : Report
        Of the last step.
    pool : Pool
        What it was trained on.
    seed : int

    Raises
    ------
    StorageError
        If a file cannot be written; it is then as it was.
    """
    kept = {name: tensor.detach().contiguous() for name, tensor in model.state_dict().items()}
    _write(path, save(kept))
    _write(_provenance_path(path), json.dumps(_provenance(report, pool, seed), indent=2).encode())


def _provenance_path(path: Path) -> Path:
    return path.with_suffix(".json")


def _provenance(report: Report, pool: Pool, seed: int) -> dict[str, object]:
    return {
        "made_by": "python -m pretraining",
        "versions": {"napari-clicktrain": clicktrain.__version__, "torch": torch.__version__},
        "data": "generated images only (pretraining.scenes)",
        "pairs_of_images": pool.made,
        "side_px": pool.side_px,
        "tasks": report.tasks,
        "steps": report.step,
        "last_losses_mean": round(report.loss, 4),
        "seed": seed,
        "licence": "BSD-3-Clause, as the package",
    }


def _write(path: Path, content: bytes) -> None:
    def write(beside: Path) -> None:
        beside.write_bytes(content)

    write_whole(path, write)
