"""How well every pixel is classified after a few clicks, beside what people would use instead.

python benchmarks/few_clicks.py --data FOLDER --json OUT [--markdown OUT.md] [--figure OUT.png] [--quick] [--resume]
                                [--sets NAME ...] [--methods NAME ...] [--budgets N ...] [--choose-on NAME ...]

FOLDER holds sets: NAME/images/* (PNG or TIFF; grey, RGB, or stacks of planes) and NAME/labels/* with the same file
names, class numbers from 1 and 0 where the class is unknown. Strokes are drawn inside the truth of one image until N
pixels are labelled. A method learns from them and is scored on the unlabelled pixels of that image and on up to three
other images of the set, both counting alike. A set of one image is split into halves along its longest axis.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from _few_clicks.means import LEAD, SCORES, gaps, method_means, named
from _few_clicks.methods import DEFAULTS, METHODS
from _few_clicks.rounds import OTHERS, Course, run_course, warm_up
from _few_clicks.sets import read_set, set_names
from _few_clicks.tables import report_text
from _report import say, write_report

from clicktrain import ClickTrainError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from _few_clicks.means import Row

BUDGETS = (50, 200, 1000)
QUICK = {"budgets": [50], "images": 1, "size_px": 128}


def courses(arguments: argparse.Namespace) -> Iterator[Course]:
    for name in arguments.sets or set_names(arguments.data):
        count = max(arguments.images, 1 + OTHERS)
        examples = read_set(arguments.data / name, count, arguments.size_px)
        if len(examples) < 2:
            say(f"{name}: left out, as two images with room for strokes in every class are needed")
            continue
        for method in arguments.methods:
            yield Course(name, method, examples, arguments.budgets, arguments.images)


def run(arguments: argparse.Namespace) -> None:
    """Write the report anew after every set and method, so that a run which is stopped keeps what it has."""
    rows = kept_rows(arguments)
    done = {(row["set"], row["method"], row["image"], row["budget"]) for row in rows}
    refused: list[dict[str, str]] = []
    warm: set[str] = set()
    for course in courses(arguments):
        if course.method not in warm and not done.issuperset(course.rounds()):
            warm_up(course.method)
            warm.add(course.method)
        try:
            for row in run_course(course, done):
                rows.append(row)
                say("{set}, {method}, image {image}, {budget} px: IoU {iou:.3f}, AP {ap:.3f}".format(**row))
        except ClickTrainError as error:
            say(f"{course.name}, {course.method}: {error}")
            refused.append({"set": course.name, "method": course.method, "why": str(error)})
        extra = {"rows": rows, "choose_on": arguments.choose_on, "refused": refused}
        write_report(arguments.json, figures_of(rows, arguments.choose_on), command_line(arguments), extra)


def kept_rows(arguments: argparse.Namespace) -> list[Row]:
    """Rows of the report that is gone on with."""
    if not (arguments.resume and arguments.json.exists()):
        return []
    rows: list[Row] = json.loads(arguments.json.read_text())["rows"]
    return rows


def figures_of(rows: Sequence[Row], chosen: Sequence[str]) -> dict[str, float]:
    """Margins over all sets; means, and margins, over the sets that no choice was made on."""
    figures = margins(rows)
    held_out = [row for row in rows if row["set"] not in chosen]
    for (budget, method), means in method_means(held_out).items():
        figures |= {f"few_clicks.{method}.{budget}.{key}": value for key, value in means.items()}
    for budget in named(held_out, "budget"):
        for score in SCORES:
            differences = [gap.difference for gap in gaps(held_out, budget, score)]
            if differences:
                key = f"few_clicks.{budget}.{score}"
                figures[f"{key}_ahead_mean"] = sum(differences) / len(differences)
                figures[f"{key}_ahead_worst"] = min(differences)
    return figures


def margins(rows: Sequence[Row]) -> dict[str, float]:
    """How far ClickTrain is ahead of the best peer of each set, on average and at the worst, and its seconds."""
    lead = [row for row in rows if row["method"] == LEAD]
    figures = {key: fmean(row[key] for row in lead) for key in ("fit_s", "predict_s") if lead}
    worst = []
    for budget in named(rows, "budget"):
        for score in SCORES:
            differences = [gap.difference for gap in gaps(rows, budget, score)]
            if differences:
                figures[f"{score}_margin_{budget}"] = fmean(differences)
                worst += differences
    return {**figures, "worst_margin": min(worst)} if worst else figures


def command_line(arguments: argparse.Namespace) -> str:
    """What was run, without where the files lie."""
    words = ["few_clicks.py", "--data", arguments.data.name, "--json", arguments.json.name]
    for name in ("sets", "methods", "budgets", "choose_on"):
        values = getattr(arguments, name)
        words += [f"--{name.replace('_', '-')}", *map(str, values)] if values else []
    return " ".join([*words, "--images", str(arguments.images), "--size-px", str(arguments.size_px)])


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add: Any = parser.add_argument
    add("--data", type=Path, required=True, metavar="FOLDER", help="folder of sets")
    add("--json", type=Path, required=True, metavar="OUT")
    add("--markdown", type=Path, metavar="OUT", help="write the tables as well")
    add("--figure", type=Path, metavar="OUT", help="draw the curves as well (needs matplotlib)")
    add("--sets", nargs="+", default=[], metavar="NAME", help="only these; all sets of the folder by default")
    add("--choose-on", nargs="+", default=[], metavar="NAME", help="sets that choices were made on, reported apart")
    add("--methods", nargs="+", choices=METHODS, default=list(DEFAULTS), metavar="NAME", help=", ".join(METHODS))
    add("--budgets", nargs="+", type=int, default=list(BUDGETS), metavar="N", help="labelled pixels")
    add("--images", type=int, default=2, help="training images per set, taken in turn")
    add("--size-px", type=int, default=512, help="larger images are cut to this size, per axis")
    add("--quick", action="store_true", help="one training image, the fewest clicks and small windows")
    add("--resume", action="store_true", help="keep the rows of OUT and run only those that it lacks")
    arguments = parser.parse_args(words)
    if arguments.quick:
        vars(arguments).update(QUICK)
    return arguments


def main() -> None:
    arguments = parse()
    if arguments.figure:
        # Here, so that a missing matplotlib is noticed before hours of work and asked for by nobody else.
        from _few_clicks.figure import draw_curves
    run(arguments)
    report = json.loads(arguments.json.read_text())
    text = report_text(report)
    if arguments.markdown:
        arguments.markdown.parent.mkdir(parents=True, exist_ok=True)
        arguments.markdown.write_text(text)
    if arguments.figure:
        draw_curves(report, arguments.figure)
    print(text)


if __name__ == "__main__":
    main()
