from __future__ import annotations

import pytest
import torch

# These tests belong to the environment `gpu`.
collect_ignore_glob = [] if torch.cuda.is_available() else ["test_*.py"]


@pytest.fixture(autouse=True)
def _unwritten_memory_is_nan() -> None:
    """Not here: it needs deterministic algorithms, which some of the networks that users bring do not have on a GPU."""
