"""What one batch of a training takes: memory of its tensors, and the resident memory of a process of its own.

The former counts every tensor that an operation returns for as long as it lives: activations that wait for the backward
pass, gradients, and what is between. Weights and pixels are not in it. The latter is the largest resident set (VmHWM of
Linux) of a child process less what is resident before it begins: also pixels, buffers and the allocator's slack.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from _engine.memory import LiveStorages

from _patchgd.network import build_network
from _patchgd.training import black, one_batch, training_set

if TYPE_CHECKING:
    from _patchgd.setting import Setting


def activation_bytes(setting: Setting, size_px: int, patch_px: int, share: int) -> int:
    """Most memory that the tensors of a batch take at one time, of images of `size_px` at a sampling of 1 / share."""
    net = build_network(setting.n_classes, 0)
    images = black(setting.batch_images, size_px)
    data = training_set(
        images, torch.zeros(len(images), dtype=torch.int64), setting.network(patch_px), setting.n_classes
    )
    with LiveStorages(list(net.state_dict().values())) as live:
        one_batch(net, data, setting.training(share))
    return live.peak_bytes


def resident_bytes(network: str, size_px: int, patch_px: int, share: int, batch_images: int) -> int:
    """Resident memory of one batch in a child process, see `_patchgd.child`."""
    asked = json.dumps([network, size_px, patch_px, share, batch_images])
    found = subprocess.run(
        [sys.executable, "-m", "_patchgd.child", asked],
        cwd=Path(__file__).parent.parent,
        check=True,
        capture_output=True,
        text=True,
    )
    return int(found.stdout)
