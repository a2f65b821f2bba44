"""Let Triton live in one process with an OpenGL driver that brought its own LLVM."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

__all__ = ["bind_triton_to_itself"]


@cache
def bind_triton_to_itself() -> Path | None:
    """Load Triton's library so that it calls its own LLVM, not one that is in the process already.

    PyTorch imports Triton, where installed, as soon as an optimizer is made. Triton's library carries an LLVM whose
    symbols are visible; Mesa's drivers bring another one into the process as soon as a window shows OpenGL. Loaded in
    the ordinary way after that, Triton calls into Mesa's copy and the process dies.

    Returns
    -------
    Path or None
        The library, or None where there is nothing to do.
    """
    spec = find_spec("triton")
    if spec is None or spec.origin is None or "triton" in sys.modules or not hasattr(os, "RTLD_DEEPBIND"):
        return None
    library = next(Path(spec.origin).parent.joinpath("_C").glob("libtriton*.so"), None)
    if library is not None:
        ctypes.CDLL(str(library), mode=os.RTLD_NOW | os.RTLD_DEEPBIND)
    return library
