from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

GUARD = "from clicktrain.project.triton_guard import bind_triton_to_itself as bind; path = bind()"


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_library_is_loaded_where_triton_is_installed_on_linux():
    loaded = run(f"{GUARD}; print(path is not None)")
    assert loaded == str(find_spec("triton") is not None and sys.platform == "linux")


def test_nothing_is_done_where_triton_is_not_installed():
    assert run(f"import sys; sys.modules['triton'] = None; {GUARD}; print(path)") == "None"


def test_torch_finds_triton_as_before():
    if_there = "import torch.utils._triton as t; print(t.has_triton_package())"
    assert run(f"{GUARD}; {if_there}") == str(find_spec("triton") is not None)
