"""A process that multiplies matrices on all cores as long as its parent lives: _speed.load_child numpy|torch."""

from __future__ import annotations

import os
import sys
from importlib import import_module

SIDE = 1024


def main() -> None:
    parent = os.getppid()
    library = import_module(sys.argv[1])
    matrix = library.ones((SIDE, SIDE), dtype=library.float32)
    library.matmul(matrix, matrix)
    print("computing", flush=True)
    while os.getppid() == parent:
        library.matmul(matrix, matrix)


if __name__ == "__main__":
    main()
