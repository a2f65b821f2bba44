"""Small records kept between runs in the cache folder; a lost or broken file costs no more than a new measurement."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from contextlib import suppress
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
    text = json.dumps({**_read(name), key: record}, indent=1)
    with suppress(OSError):
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / f"{name}.json", text)


def _write(path: Path, text: str) -> None:
    """Write beside the place and rename; nothing is left beside it if that fails."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False) as file:
        beside = Path(file.name)
        try:
            file.write(text)
            file.close()
            beside.replace(path)
        except OSError:
            beside.unlink(missing_ok=True)
            raise


def _read(name: str) -> dict[str, Any]:
    try:
        found = json.loads((cache_folder() / f"{name}.json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
