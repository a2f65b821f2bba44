"""What is installed agrees with what the repository says."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import entry_points, metadata, version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import clicktrain

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[1]
MANIFEST = yaml.safe_load((ROOT / "napari.yaml").read_text())
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
TESTED = (ROOT / "requirements" / "tested.txt").read_text()
DISTRIBUTION = "napari-clicktrain"


def project() -> dict[str, Any]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def plain_names(requirements: Iterable[str]) -> set[str]:
    """Names of requirements, in the one spelling that all others are the same as."""
    return {re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~! ]", line)[0]).lower() for line in requirements}


def imported_packages() -> set[str]:
    """Top-level names that any module of the package imports."""
    names: set[str] = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add((node.module or "clicktrain").partition(".")[0])
    return names


def test_installed_manifest_is_the_one_at_the_root() -> None:
    assert files("clicktrain").joinpath("napari.yaml").read_text() == (ROOT / "napari.yaml").read_text()


def test_napari_finds_the_manifest_through_the_entry_point() -> None:
    (entry,) = entry_points(group="napari.manifest", name=DISTRIBUTION)
    assert entry.value == "clicktrain:napari.yaml"
    assert MANIFEST["name"] == DISTRIBUTION


@pytest.mark.parametrize("python_name", [command["python_name"] for command in MANIFEST["contributions"]["commands"]])
def test_every_command_of_the_manifest_is_defined(python_name: str) -> None:
    # Read, not imported: the core must be testable where Qt is not installed.
    module, name = python_name.split(":")
    source = files("clicktrain").joinpath(*module.split(".")[1:-1], module.rpartition(".")[2] + ".py").read_text()
    defined = {node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    assert name in defined


def test_every_contribution_of_the_manifest_names_a_command() -> None:
    contributions = MANIFEST["contributions"]
    known = {command["id"] for command in contributions["commands"]}
    listed = contributions["widgets"] + contributions["sample_data"]
    listed += [item for menu in contributions["menus"].values() for item in menu]
    assert {item["command"] for item in listed} <= known


def test_one_version_everywhere() -> None:
    assert version(DISTRIBUTION) == clicktrain.__version__ == CITATION["version"]


def test_changelog_has_the_version() -> None:
    headings = [line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## ")]
    assert any(clicktrain.__version__ in line.split() for line in headings)


def test_citation_has_what_the_format_asks_for() -> None:
    assert {"cff-version", "message", "title", "authors"} <= CITATION.keys()
    assert CITATION["license"] == metadata(DISTRIBUTION)["License-Expression"] == "BSD-3-Clause"


def test_package_says_it_is_typed() -> None:
    assert files("clicktrain").joinpath("py.typed").is_file()


def test_the_wheel_is_the_package_and_the_source_archive_has_all_code() -> None:
    targets = project()["tool"]["hatch"]["build"]["targets"]
    assert targets["wheel"] == {"packages": ["src/clicktrain"]}
    beside = {f"/{path.parent.name}" for path in ROOT.glob("*/__init__.py")}
    assert beside == {"/pretraining", "/tests"}
    assert beside | {"/src", "/benchmarks"} <= set(targets["sdist"]["include"])


def test_only_what_answers_or_samples_need_ships_as_data() -> None:
    names = {path.name for path in files("clicktrain.data").iterdir()} - {"__pycache__"}
    assert names == {"__init__.py", "embedding.json", "embedding.safetensors", "ihc_clicks.csv", "samples.py"}


def test_base_install_has_no_gui_and_no_cluster() -> None:
    required = plain_names(project()["project"]["dependencies"])
    assert required.isdisjoint({"napari", "magicgui", "qtpy", "superqt", "pyqt6", "pyside6", "dask", "distributed"})


def test_what_is_imported_is_required_and_what_is_required_is_imported() -> None:
    known_as = {"PIL": "pillow", "skimage": "scikit-image", "sklearn": "scikit-learn"}
    # Triton comes with CUDA builds of torch; npe2 reads the manifest; the package may import itself.
    apart = {"triton", "npe2", "clicktrain"}
    imported = {known_as.get(name, name) for name in imported_packages()} - set(sys.stdlib_module_names)
    document = project()["project"]
    required = plain_names(document["dependencies"] + document["optional-dependencies"]["napari"])
    assert imported - apart == required - apart


def test_tested_versions_are_exact_sorted_and_portable() -> None:
    lines = [line for line in TESTED.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
    names = [line.partition("==")[0].lower() for line in lines]
    assert names == sorted(set(names))
    assert DISTRIBUTION not in names


def test_every_requirement_has_a_tested_version() -> None:
    document = project()
    wanted = [*document["project"]["dependencies"], *document["build-system"]["requires"]]
    wanted += [line for extra in document["project"]["optional-dependencies"].values() for line in extra]
    wanted += [line for group in document["dependency-groups"].values() for line in group if isinstance(line, str)]
    assert plain_names(wanted) - {DISTRIBUTION} <= plain_names(TESTED.splitlines())
