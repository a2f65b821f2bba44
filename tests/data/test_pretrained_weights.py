"""The weights that ship: small, whole, and with a word on where they come from."""

from __future__ import annotations

import json
from importlib.resources import files

import torch

from clicktrain.models.pixels.pretrained import EmbeddedHead
from pretraining.padded import embed

DATA = files("clicktrain.data")


def test_they_are_small_and_say_how_they_were_made() -> None:
    assert len((DATA / "embedding.safetensors").read_bytes()) < 5_000_000
    provenance = json.loads((DATA / "embedding.json").read_text())
    assert provenance["made_by"] == "python -m pretraining"
    assert provenance["data"].startswith("generated images only")
    assert provenance["tasks"] > 0


def test_they_tell_what_noise_cannot() -> None:
    """Two textures of the same mean and deviation lie apart in the embedding, parts of one texture do not."""
    trunk = EmbeddedHead.packaged(torch.device("cpu")).embedding.trunk
    rng = torch.Generator().manual_seed(0)
    fine = torch.randn(1, 1, trunk.fov_px + 40, trunk.fov_px + 40, generator=rng)
    coarse = torch.nn.functional.avg_pool2d(fine, 5, stride=1, padding=2) * 5
    half_px = trunk.fov_px // 2
    one, same, other = (
        embed(trunk, image)[0, :, half_px:-half_px, half_px:-half_px].flatten(1).mean(dim=1)
        for image in (fine[..., :-20], fine[..., 20:], coarse[..., 20:])
    )
    assert (one - other).norm() > 5 * (one - same).norm()
