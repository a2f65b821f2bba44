"""The pretrained weights as a file, with a second one that says how they were made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save

import clicktrain
from clicktrain.io.files import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from clicktrain.pretrain.pool import Pool
    from clicktrain.pretrain.train import FewClicks, Report

__all__ = ["write_result"]


def write_result(path: Path, model: FewClicks, report: Report, pool: Pool, seed: int) -> None:
    """Write what ships of a pretrained model, `path`, and its provenance, the same name with `.json`.

    Parameters
    ----------
    path : Path
    model : FewClicks
    report : Report
        Of the last step.
    pool : Pool
    seed : int
    """
    kept = {
        name: tensor.detach().contiguous()
        for name, tensor in model.state_dict().items()
        # The refiner only helps to train.
        if not name.startswith("refiner.")
    }
    provenance = {
        "made_by": "python -m clicktrain.pretrain",
        "versions": {"napari-clicktrain": clicktrain.__version__, "torch": torch.__version__},
        "data": "generated images only (clicktrain.pretrain.scenes)",
        "pairs_of_images": pool.made,
        "side_px": pool.side_px,
        "tasks": report.tasks,
        "steps": report.step,
        "last_losses_mean": round(report.loss, 4),
        "seed": seed,
        "licence": "BSD-3-Clause, as the package",
    }
    write_whole(path, lambda beside: _write(beside, save(kept)))
    write_whole(path.with_suffix(".json"), lambda beside: _write(beside, json.dumps(provenance, indent=2).encode()))


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
