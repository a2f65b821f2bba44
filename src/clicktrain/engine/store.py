"""Small records kept between runs in the cache folder; a lost or broken file costs no more than a new measurement."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

__all__ = ["cache_folder", "load_record", "save_record"]


def cache_folder() -> Path:
    """Folder of what can be made again; the variable CLICKTRAIN_CACHE names another one."""
    if named := os.environ.get("CLICKTRAIN_CACHE"):
        return Path(named)
    if sys.platform == "win32":
        home = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        home = Path.home() / "Library" / "Caches"
    else:
        home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return home / "clicktrain"


def load_record(name: str, key: str) -> dict[str, Any] | None:
    """Return a record of the file `name`, or None where there is none that can be read."""
    record = _read(name).get(key)
    return record if isinstance(record, dict) else None


def save_record(name: str, key: str, record: dict[str, Any]) -> None:
    """Keep a record in the file `name`, whole or not at all; a folder that cannot be written to keeps nothing."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".tmp", delete=False) as file:
            json.dump({**_read(name), key: record}, file, indent=1)
        Path(file.name).replace(folder / f"{name}.json")
    except OSError:
        return


def _read(name: str) -> dict[str, Any]:
    try:
        found = json.loads((cache_folder() / f"{name}.json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
