"""How long a user waits on the demo's 512 x 512 image: python benchmarks/demo_image.py --json OUT [--quick]."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median

import torch
from _report import write_report

from clicktrain import PixelClassifier
from clicktrain.data.samples import immunohistochemistry


def measure(repeats: int) -> dict[str, float]:
    sample = immunohistochemistry()
    rows = []
    for _ in range(repeats + 1):
        model = PixelClassifier()
        start = time.perf_counter()
        model.fit(sample.image, sample.clicks)
        fitted = time.perf_counter()
        classes = model.predict(sample.image)
        predicted = time.perf_counter()
        model.continue_fit(sample.image, sample.clicks)
        went_on = time.perf_counter()
        embedding = model.embed(sample.image)
        embedded = time.perf_counter()
        embedding.segment(sample.clicks)
        answered = time.perf_counter()
        rows.append((fitted - start, predicted - fitted, went_on - predicted, embedded - went_on, answered - embedded))
    # The first round pays for loading libraries and is left out.
    fit_s, predict_s, more_s, look_s, answer_s = (median(column) for column in zip(*rows[1:], strict=True))
    held_back = sample.held_back
    agreement = (classes[tuple(held_back.positions_px.T)] == held_back.classes).mean()
    return {
        "demo.fit_s": fit_s,
        "demo.predict_s": predict_s,
        "demo.continue_fit_s": more_s,
        "demo.look_s": look_s,
        "demo.first_answer_s": answer_s,
        "demo.clicked_px": len(sample.clicks),
        "demo.agreement": float(agreement),
        "demo.threads": torch.get_num_threads(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True, metavar="OUT")
    parser.add_argument("--quick", action="store_true", help="one round instead of five")
    arguments = parser.parse_args()
    figures = measure(1 if arguments.quick else 5)
    write_report(arguments.json, figures)
    for key, value in figures.items():
        print(f"{key:24s} {value:.3f}")


if __name__ == "__main__":
    main()
