from __future__ import annotations

import os
from importlib.util import find_spec


def _triton_can_run() -> bool:
    if find_spec("triton") is None:
        return False
    import torch

    return os.environ.get("TRITON_INTERPRET") == "1" or torch.cuda.is_available()


# The Triton tests belong to the environments `interpret` and `gpu`; elsewhere test_backends.py checks the refusal.
collect_ignore_glob = [] if _triton_can_run() else ["*_triton.py"]
