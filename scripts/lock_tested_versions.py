"""Write requirements/tested.txt: the exact versions that every environment of the project is tested with.

One resolution covers the package with all extras, every dependency group, Triton and the build backend, so no two
environments can disagree. Nothing is installed; pip only works out the answer, for the very first release of the oldest
supported Python, which some systems still have. Run it on Linux: `make lock`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTED = ROOT / "requirements" / "tested.txt"

# Versions that are chosen, not found: everything else is the newest that fits them.
CHOSEN = ["torch==2.13.0"]
PYTHON = "3.11.0"

HEADER = """\
# Exact versions that `make demo` and `make test` install. Constraints: a line binds only what is installed anyway.
# Resolved on Linux for Python {python}. Written by `make lock`; do not edit by hand.
"""


def build_requirements() -> list[str]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return list(tomllib.load(file)["build-system"]["requires"])


def resolve() -> dict[str, str]:
    """Return the version of every package that any environment installs."""
    wanted = [".[all]", "--group", "dev", "triton", *CHOSEN, *build_requirements()]
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    other_python = ["--python-version", PYTHON, "--only-binary", ":all:", "--target", "unused"]
    answer = subprocess.run([*command, *other_python, *wanted], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    packages = [item["metadata"] for item in json.loads(answer.stdout)["install"] if not item["is_direct"]]
    return {package["name"]: package["version"].partition("+")[0] for package in packages}


def main() -> None:
    versions = resolve()
    lines = [f"{name}=={versions[name]}" for name in sorted(versions, key=str.lower)]
    TESTED.write_text(HEADER.format(python=PYTHON) + "\n".join(lines) + "\n")
    print(f"{TESTED.relative_to(ROOT)}: {len(lines)} packages")


if __name__ == "__main__":
    main()
