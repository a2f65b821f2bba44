from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import torch

from pretraining import train
from pretraining.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path

QUICK = ["--minutes", "0.001", "--pairs", "8", "--side-px", "96"]


def stopped(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Exit code and the last line of what was said."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code, capsys.readouterr().err.splitlines()[-1]


def test_the_command_writes_weights_and_their_provenance(tmp_path: Path) -> None:
    main([str(tmp_path / "made.safetensors"), *QUICK, "--threads", str(torch.get_num_threads())])
    assert {file.name for file in tmp_path.iterdir()} == {"made.safetensors", "made.json"}
    told = json.loads((tmp_path / "made.json").read_text())
    assert told["steps"] >= 1
    assert told["pairs_of_images"] == 8


def test_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    told = capsys.readouterr().out
    assert all(option in told for option in ("out", "--minutes", "--pairs", "--side-px", "--seed", "--threads"))


@pytest.mark.parametrize(
    "option", ["--minutes=0", "--minutes=nan", "--minutes=inf", "--pairs=0", "--side-px=40", "--seed=-1", "--threads=0"]
)
def test_a_number_that_cannot_be_is_refused(tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = stopped(capsys, tmp_path / "made.safetensors", option)
    name, value = option.split("=")
    assert code == 2
    assert f"{name} must be a number from" in said
    assert f"got {value}" in said
    assert not list(tmp_path.iterdir())


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop where the training would begin, as Ctrl-C does."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "pretrain", interrupted)


@pytest.mark.usefixtures("no_training")
def test_a_path_that_cannot_be_written_is_found_before_the_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = stopped(capsys, tmp_path / "nowhere" / "made.safetensors", *QUICK)
    assert code == 2
    assert said.endswith("its folder does not exist. Create the folder first.")


@pytest.mark.usefixtures("no_training")
def test_a_run_that_is_interrupted_says_so_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stopped(capsys, tmp_path / "made.safetensors", *QUICK) == (130, "python -m pretraining: stopped.")
    assert not list(tmp_path.iterdir())
