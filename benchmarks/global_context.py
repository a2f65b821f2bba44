"""Whether it helps to know where in the image a pixel lies, by `position_encoding=True`, on generated organs.

python benchmarks/global_context.py --json OUT [--figure OUT] [--quick]

Shell and core of the organs look alike (`_organ.py`). Strokes are drawn on one section; scored are that
section, without its strokes, and another one of the same kind.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from _few_clicks.rounds import timed, warm_up
from _few_clicks.scores import score
from _few_clicks.strokes import draw_strokes
from _global_context import draw_answers
from _organ import organ_section
from _report import say, write_report

from clicktrain import PixelClassifier

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CONTEXTS = ("local", "global")
TITLES = ("without position encoding", "with position encoding")
CLICKED_PX = 400
SEEDS = 3
TIMES = ("fit_s", "predict_s")


def rows_of(seed: int, side_px: int) -> Iterator[dict[str, Any]]:
    """Scores and seconds of both contexts, with the same strokes."""
    (image, truth), (other, other_truth) = (organ_section(2 * seed + k, side_px=side_px) for k in range(2))
    drawn = draw_strokes(truth, CLICKED_PX, seed=[seed, CLICKED_PX])
    for context in CONTEXTS:
        model, fit_s = timed(PixelClassifier(position_encoding=context == "global").fit, image, drawn)
        same, predict_s = timed(model.predict_proba, image)
        scores = {
            "same": score(same, model.classes_, np.where(drawn > 0, 0, truth)),
            "other": score(model.predict_proba(other), model.classes_, other_truth),
        }
        named = {f"{name}_iou": one.iou for name, one in scores.items()}
        yield {"seed": seed, "context": context, **named, "fit_s": fit_s, "predict_s": predict_s}


def answers_of(seed: int, side_px: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """A section that was not trained on, and what it truly is and is taken for."""
    (image, truth), (other, other_truth) = (organ_section(2 * seed + k, side_px=side_px) for k in range(2))
    drawn = draw_strokes(truth, CLICKED_PX, seed=[seed, CLICKED_PX])
    found = {
        title: PixelClassifier(position_encoding=context == "global").fit(image, drawn).predict(other)
        for context, title in zip(CONTEXTS, TITLES, strict=True)
    }
    return other, {"truth": other_truth, **found}


def figures_of(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Means over the seeds."""
    return {
        f"global_context.{context}.{key}": float(np.mean([row[key] for row in rows if row["context"] == context]))
        for context in CONTEXTS
        for key in ("same_iou", "other_iou", *TIMES)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True, metavar="OUT")
    parser.add_argument(
        "--figure", type=Path, metavar="OUT", help="picture of the answers for a section not trained on"
    )
    parser.add_argument("--quick", action="store_true", help="one pair of small sections")
    arguments = parser.parse_args()
    warm_up("clicktrain")
    rows: list[dict[str, Any]] = []
    side_px = 256 if arguments.quick else 768
    for seed in range(1 if arguments.quick else SEEDS):
        say(f"section {seed}")
        rows += rows_of(seed, side_px)
    figures = figures_of(rows)
    for key, value in figures.items():
        print(f"{key} {value:.3f}")
    # What was run, without where the files lie.
    command = ["global_context.py", "--json", arguments.json.name, *["--quick"] * arguments.quick]
    write_report(arguments.json, figures, command, {"rows": rows})
    if arguments.figure:
        draw_answers(*answers_of(0, side_px), arguments.figure)


if __name__ == "__main__":
    main()
