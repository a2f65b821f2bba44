from __future__ import annotations

from importlib.util import find_spec

import pytest
from hypothesis import settings

# One fixed set of examples on every machine: a failure is a fact, not luck.
settings.register_profile("clicktrain", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("clicktrain")


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory):
    """Keep what the tests measure, with odd settings, out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLICKTRAIN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


if find_spec("torch"):

    @pytest.fixture(autouse=True, scope="session")
    def _no_tf32():
        """Multiply on a GPU as `pick_device` has it done."""
        import torch

        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False

    @pytest.fixture(autouse=True)
    def _unwritten_memory_is_nan():
        """Fill `torch.empty` with NaN, so that nothing passes by reading a cell that was never written."""
        import torch
        import torch.utils.deterministic

        torch.use_deterministic_algorithms(True, warn_only=False)
        torch.utils.deterministic.fill_uninitialized_memory = True
        yield
        torch.use_deterministic_algorithms(False)
