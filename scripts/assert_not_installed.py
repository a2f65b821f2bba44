"""Stop with an error if one of the packages named on the command line can be imported here."""

from __future__ import annotations

import sys
from importlib.util import find_spec


def main(names: list[str]) -> None:
    found = [name for name in names if find_spec(name)]
    if found:
        sys.exit(f"error: {', '.join(found)} must not be installed here, or the core could lean on it unseen")


if __name__ == "__main__":
    main(sys.argv[1:])
