"""`clicktrain` as a process of its own that says in the end where its time went: _scale.child OUT.json ARGUMENTS..."""

from __future__ import annotations

import functools
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import zarr

from clicktrain.cli.app import main
from clicktrain.images.stored import StoredImage
from clicktrain.stores.ome_zarr import OmeZarrSink

SECONDS = {"reading": 0.0, "writing": 0.0, "waiting": 0.0}


def timed(owner: Any, name: str, what: str) -> None:
    """Add up the seconds that a method takes; of reading apart those on the main thread, which work waits for."""
    plain = getattr(owner, name)

    @functools.wraps(plain)
    def measured(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return plain(*args, **kwargs)
        finally:
            spent = time.perf_counter() - start
            SECONDS[what] += spent
            if what == "reading" and threading.current_thread() is threading.main_thread():
                SECONDS["waiting"] += spent

    setattr(owner, name, measured)


if __name__ == "__main__":
    out, sys.argv = Path(sys.argv[1]), ["clicktrain", *sys.argv[2:]]
    timed(StoredImage, "read", "reading")
    timed(OmeZarrSink, "write", "writing")
    # zarr starts its threads here, not while they are timed.
    zarr.config.set({"async.concurrency": 4})
    start = time.perf_counter()
    try:
        main()
    finally:
        out.write_text(json.dumps({**SECONDS, "total": time.perf_counter() - start}))
