from __future__ import annotations

from importlib import import_module
from importlib.metadata import distribution
from importlib.resources import files
from pathlib import Path

from npe2 import PluginManifest
from npe2.cli import app
from typer.testing import CliRunner

ROOT = Path(__file__).parents[2]


def manifest() -> PluginManifest:
    return PluginManifest.from_distribution("napari-clicktrain")


def test_every_python_name_resolves():
    for command in manifest().contributions.commands:
        module, _, name = command.python_name.partition(":")
        assert callable(getattr(import_module(module), name)), command.python_name


def test_npe2_finds_it_valid_by_the_distribution_name():
    result = CliRunner().invoke(app, ["validate", "napari-clicktrain"])
    assert result.exit_code == 0, result.output


def test_installed_manifest_equals_the_root_file():
    assert files("clicktrain").joinpath("napari.yaml").read_bytes() == ROOT.joinpath("napari.yaml").read_bytes()


def test_entry_point_carries_the_name_of_the_manifest():
    (entry,) = distribution("napari-clicktrain").entry_points.select(group="napari.manifest")
    assert entry.name == manifest().name == distribution("napari-clicktrain").metadata["Name"]
