"""Part (b): the encoders of whole-image classification beside their twins; their work and time, not their accuracy."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch

from _mod.clock import device, shortest_s
from _mod.digits import macs_of
from _mod.scale import Findings
from clicktrain.models.images.encoders import build_encoder
from clicktrain.models.images.mod_encoders import RATIOS, mod_twin

if TYPE_CHECKING:
    from _mod.scale import Scale

CODE_CHANNELS, BATCH = 64, 4


def time_encoders(scale: Scale) -> Findings:
    """A batch of patches through each encoder."""
    found = Findings()
    patches = torch.randn(BATCH, 3, scale.patch_px, scale.patch_px)
    for name in RATIOS:
        torch.manual_seed(0)
        nets = {
            "plain": build_encoder(name, 3, CODE_CHANNELS, norm="frozen_batch").eval(),
            "twin": build_encoder(name, 3, CODE_CHANNELS, norm="frozen_batch", every_second=mod_twin(name)).eval(),
        }
        with torch.inference_mode():
            timed = {kind: partial(net.to(device()), patches.to(device())) for kind, net in nets.items()}
            seconds = shortest_s(timed, scale.repeats)
        for kind, net in nets.items():
            key = f"mod.encoders.{name}.{kind}"
            found.figures |= {
                f"{key}.gmac": macs_of(net.cpu(), patches[:1]) / 1e9,
                f"{key}.parameters": sum(p.numel() for p in net.parameters()),
                f"{key}.ms": 1e3 * seconds[kind],
            }
        found.figures[f"mod.encoders.{name}.speedup"] = seconds["plain"] / seconds["twin"]
    return found
