"""What PatchGD gains where whole images do not fit: beside gradient descent that has the memory, and shrunk images.

python benchmarks/patchgd.py --json OUT [--markdown OUT.md] [--quick] [--resume] [--seeds N] [--shares N ...]

Images are those of UltraMNIST, drawn from scikit-learn's digits or, with --digits IMAGES LABELS, from files of MNIST's
formats: in a variant that a processor learns in minutes, which the report names.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from _patchgd.digits import bundled_digits, read_digits
from _patchgd.memory import resident_bytes
from _patchgd.setting import Setting
from _patchgd.tables import figures, summary_text
from _patchgd.ultramnist import Variant
from _patchgd.ways import rows as trained_rows
from _patchgd.ways import ways
from _report import describe_machine, say, write_report

if TYPE_CHECKING:
    from collections.abc import Mapping

_LARGE_PX, _LARGE_PATCH_PX, _LARGE_SHARE = 8192, 64, 16


def setting_of(arguments: argparse.Namespace) -> Setting:
    variant = Variant(size_px=arguments.size, n_digits=(1,), sums=(0, 1, 2), scales=(1,))
    if arguments.quick:
        return Setting(variant, n_train=20, n_validation=10, epochs=1, seeds=1, shares=(8,))
    return Setting(
        variant,
        n_train=200,
        n_validation=60,
        epochs=arguments.epochs,
        seeds=arguments.seeds,
        shares=tuple(arguments.shares),
    )


def resident(setting: Setting, *, quick: bool) -> dict[str, float]:
    """Peak resident memories, each in a process of its own."""
    say("resident memory")
    size_px, share = setting.variant.size_px, setting.shares[0]
    one = ("benchmark", size_px, setting.patch_px)
    large_px = _LARGE_PX // 4 if quick else _LARGE_PX
    return {
        "compared_share": share,
        "whole_resident_bytes": resident_bytes(*one, 1, setting.batch_images),
        "patchgd_resident_bytes": resident_bytes(*one, share, setting.batch_images),
        f"step_{large_px}_share": _LARGE_SHARE,
        f"step_{large_px}_bytes": resident_bytes("small", large_px, _LARGE_PATCH_PX, _LARGE_SHARE, 1),
    }


def write(
    arguments: argparse.Namespace, setting: Setting, rows: list[Mapping[str, Any]], found: dict[str, float]
) -> str:
    """Write what there is so far, as JSON and as a table."""
    numbers = {"threads": torch.get_num_threads(), **figures(rows, setting.shares[0]), **found}
    extra = {"images": setting.in_words(), "epochs": setting.epochs, "rows": rows}
    write_report(arguments.json, numbers, command_line(arguments), extra)
    text = summary_text({"figures": numbers, "machine": describe_machine(), **extra})
    if arguments.markdown:
        arguments.markdown.write_text(text)
    return text


def known_rows(path: Path, setting: Setting) -> list[dict[str, Any]]:
    """What a report has of the same images, if there is one."""
    report = json.loads(path.read_text()) if path.exists() else {}
    same = (report.get("images"), report.get("epochs")) == (setting.in_words(), setting.epochs)
    return report["rows"] if same else []


def command_line(arguments: argparse.Namespace) -> str:
    """What was run, without where the files lie."""
    words = ["patchgd.py", "--json", arguments.json.name, *["--quick"] * arguments.quick]
    words += ["--size", str(arguments.size), "--seeds", str(arguments.seeds), "--epochs", str(arguments.epochs)]
    words += ["--shares", *map(str, arguments.shares)]
    return " ".join([*words, *(["--digits", *(path.name for path in arguments.digits)] if arguments.digits else [])])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True, metavar="OUT")
    parser.add_argument("--markdown", type=Path, metavar="OUT", help="write the tables as well")
    parser.add_argument("--quick", action="store_true", help="few images, one seed, smaller images")
    parser.add_argument("--resume", action="store_true", help="train only what the report at OUT lacks")
    parser.add_argument("--size", type=int, default=512, metavar="PX", help="side of the images; digits grow along")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--shares", type=int, nargs="+", default=[8, 4, 16], help="1 / sampling; the first is compared")
    parser.add_argument("--digits", type=Path, nargs=2, metavar=("IMAGES", "LABELS"), help="NPZ or IDX files")
    arguments = parser.parse_args()
    setting = setting_of(arguments)
    say("memory of a batch")
    every = ways(setting)
    found = resident(setting, quick=arguments.quick)
    digits = read_digits(*arguments.digits) if arguments.digits else bundled_digits()
    rows = known_rows(arguments.json, setting) if arguments.resume else []
    text = ""
    for row in trained_rows(setting, digits, every, list(rows)):
        rows.append(row)
        # Written again and again, so that a run that is stopped has not been for nothing.
        if {each["way"] for each in rows} >= {"whole", "patchgd"}:
            text = write(arguments, setting, rows, found)
    print(text)


if __name__ == "__main__":
    main()
