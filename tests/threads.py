"""Work in several threads, as users have it, whatever the environment says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def several_threads() -> Iterator[None]:
    """PyTorch with more threads than most tests have parts."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)
