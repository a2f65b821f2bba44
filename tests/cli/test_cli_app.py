from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

import clicktrain as package

HEAVY = {"torch", "numpy", "skimage", "PIL", "tifffile", "napari"}


@pytest.mark.parametrize(
    "args",
    [["--help"], ["train", "--help"], ["predict", "-h"], ["train-image", "-h"], ["predict-image", "-h"], ["--version"]],
)
def test_help_needs_nothing_heavy(args):
    code = (
        "import json, sys\nfrom typer.testing import CliRunner\nfrom clicktrain.cli.app import app\n"
        f"result = CliRunner().invoke(app, {args!r})\nassert result.exit_code == 0, result.output\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert HEAVY.isdisjoint(json.loads(answer.stdout))


def test_version_is_that_of_the_package(clicktrain):
    assert clicktrain("--version").stdout == f"clicktrain {package.__version__}\n"


@pytest.mark.parametrize("args", [["unknown"], ["train"], ["predict", "m"], ["info"], ["demo", "--odd"], ["--odd"]])
def test_wrong_usage_ends_with_2(clicktrain, args):
    result = clicktrain(*args)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


@pytest.mark.parametrize(("option", "value"), [("--preset", "huge"), ("--device", "abacus"), ("--seed", "one")])
def test_value_that_is_no_choice_ends_with_2(clicktrain, images, labels, option, value):
    result = clicktrain("train", images, "--clicks", labels, "-o", "m.clicktrain", option, value)
    assert result.exit_code == 2
    assert option in result.stderr


def test_command_as_a_process(start, model, images, tmp_path):
    with start("predict", model, images, "-o", tmp_path / "out") as child:
        out, err = child.communicate(timeout=120)
    assert (child.returncode, err) == (0, "")
    assert out.startswith("3 of 3 images classified in ")


def test_damaged_file_says_one_line_as_a_process(start, model, images, tmp_path):
    (images / "b.tif").write_bytes(b"II*\0\x08\0\0\0\x05\0aaaaaaaaaaaaaaaa")
    with start("predict", model, images / "b.tif", "-o", tmp_path / "out") as child:
        _, err = child.communicate(timeout=120)
    assert child.returncode == 1
    assert err.count("\n") == 1
    assert "b.tif` must be a whole TIFF file" in err


def test_file_name_that_is_no_text_can_be_shown(start, model, tmp_path):
    name = os.fsdecode(str(tmp_path).encode() + b"/\xff.png")
    with start("predict", model, name, "-o", tmp_path / "out") as child:
        _, err = child.communicate(timeout=120)
    assert child.returncode == 2
    assert r"\udcff.png" in err


def test_closed_pipe_ends_with_one_line(start, model):
    reading, writing = os.pipe()
    os.close(reading)
    with start("info", model, stdout=writing) as child:
        os.close(writing)
        _, err = child.communicate(timeout=120)
    assert child.returncode == 130
    assert err == "clicktrain: stopped, as nobody reads the output.\n"


def interrupted(child) -> str:
    """What a command says once interrupted; a signal that comes just before a blocking read needs another one."""
    for _ in range(12):
        child.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return child.communicate(timeout=10)[1]
    raise AssertionError("12 interrupts did not end the command")


def test_interrupt_ends_with_one_line_and_whole_outputs(start, model, images, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    # The image is a pipe that is never filled, so that the command surely waits when the signal comes.
    os.mkfifo(images / "z.png")
    with start("predict", model, images / "a.png", images / "z.png", "-o", out) as child:
        with open(images / "z.png", "wb"):
            err = interrupted(child)
    assert child.returncode == 130
    assert err == "clicktrain: stopped.\n"
    assert sorted(os.listdir(out)) == ["a_classes.tif", "a_probabilities.tif"]
