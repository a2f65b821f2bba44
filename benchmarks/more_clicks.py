"""Whether it pays to go on: more strokes with `continue_fit` beside training anew, on one image and on a second one.

python benchmarks/more_clicks.py --data FOLDER --json OUT [--quick] [--sets NAME ...]

FOLDER is as for few_clicks.py; sets of fewer than three images are left out. Scored are one or two other images of the
set, which nothing was trained on.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from _few_clicks.rounds import timed, warm_up
from _few_clicks.scores import score
from _few_clicks.sets import read_set, set_names
from _few_clicks.strokes import draw_strokes
from _report import say, write_report

from clicktrain import PixelClassifier

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from _few_clicks.sets import Example

FIRST_PX, MORE_PX = 50, 200
TESTED = 2


def rows_of(name: str, examples: Sequence[Example]) -> Iterator[dict[str, Any]]:
    """Scores and seconds of each way to train on a set."""
    (one, other), tested = examples[:2], examples[2 : 2 + TESTED]
    first, more = (draw_strokes(one.truth, count, seed=[0, count]) for count in (FIRST_PX, MORE_PX))
    both = np.where(first > 0, first, more)
    # As many strokes again, on the same image or on another.
    free = np.where(both > 0, 0, one.truth)
    still = np.where(both > 0, both, draw_strokes(free, MORE_PX, seed=[2, MORE_PX]))
    elsewhere = draw_strokes(other.truth, MORE_PX, seed=[1, MORE_PX])
    axes = one.picture.axes
    images = [one.picture.array, other.picture.array]

    started = PixelClassifier().fit(images[0], first, axes=axes)
    ways = {
        "first strokes": lambda: PixelClassifier().fit(images[0], first, axes=axes),
        "more strokes, going on": lambda: started.continue_fit(images[0], both, axes=axes),
        "more strokes, anew": lambda: PixelClassifier().fit(images[0], both, axes=axes),
        "still more on that image": lambda: PixelClassifier().fit(images[0], still, axes=axes),
        "as many more on a second image": lambda: PixelClassifier().fit(images, [both, elsewhere], axes=axes),
    }
    for way, fit in ways.items():
        model, seconds = timed(fit)
        scores = [score(model.predict_proba(e.picture.array, axes=axes), model.classes_, e.truth) for e in tested]
        iou, precision = np.mean(scores, axis=0)
        yield {"set": name, "way": way, "iou": float(iou), "ap": float(precision), "fit_s": seconds}


def figures_of(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Means over the sets."""
    figures: dict[str, float] = {}
    for way in dict.fromkeys(row["way"] for row in rows):
        for key in ("iou", "ap", "fit_s"):
            values = [row[key] for row in rows if row["way"] == way]
            figures[f"more_clicks.{way.replace(', ', ' ').replace(' ', '_')}.{key}"] = float(np.mean(values))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="folder of sets")
    parser.add_argument("--json", type=Path, required=True, metavar="OUT")
    parser.add_argument("--sets", nargs="+", default=[], metavar="NAME", help="only these")
    parser.add_argument("--size-px", type=int, default=512, help="larger images are cut to this size, per axis")
    parser.add_argument("--quick", action="store_true", help="the first set, small windows")
    arguments = parser.parse_args()
    names = arguments.sets or set_names(arguments.data)
    size_px = 192 if arguments.quick else arguments.size_px
    rows: list[dict[str, Any]] = []
    warm_up("clicktrain")
    for name in names:
        examples = read_set(arguments.data / name, 2 + TESTED, size_px)
        if len(examples) < 2 + 1:
            continue
        for row in rows_of(name, examples):
            rows.append(row)
            say("{set}, {way}: IoU {iou:.3f}, AP {ap:.3f}, {fit_s:.1f} s".format(**row))
        if arguments.quick:
            break
    # What was run, without where the files lie.
    command = ["more_clicks.py", "--data", arguments.data.name, "--json", arguments.json.name, "--sets", *names]
    command += ["--size-px", str(arguments.size_px)]
    write_report(arguments.json, figures_of(rows), [*command, *["--quick"] * arguments.quick], {"rows": rows})


if __name__ == "__main__":
    main()
