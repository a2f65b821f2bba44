"""Make the pretrained weights again: `python -m clicktrain.pretrain FILE.safetensors`."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import torch

import clicktrain.engine  # noqa: F401  before the first large tensor: sets how memory is taken
from clicktrain.pretrain.pool import Pool
from clicktrain.pretrain.result import write_result
from clicktrain.pretrain.train import FewClicks, Report, pretrain

logger = logging.getLogger("clicktrain.pretrain")

_SAY_EVERY_STEPS = 25


def main() -> None:
    """Train for the given time and write the weights and their provenance."""
    options = _options()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(options.threads)
    with Pool(options.pairs, options.side_px, options.seed) as pool:
        pool.fill(min(32, options.pairs))
        torch.manual_seed(options.seed)
        model, report = FewClicks(), Report()
        for report in pretrain(model, pool, seconds=60 * options.minutes, seed=options.seed):
            if report.step % _SAY_EVERY_STEPS == 0:
                logger.info("step %d, %.1f %% of the time: loss %.3f", report.step, 100 * report.over, report.loss)
        write_result(options.out, model, report, pool, options.seed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m clicktrain.pretrain", description=__doc__)
    parser.add_argument("out", type=Path, help="file to write, NAME.safetensors; NAME.json beside it tells its making")
    parser.add_argument("--minutes", type=float, default=70, help="how long to train (70)")
    parser.add_argument("--pairs", type=int, default=4096, help="pairs of images to generate (4096)")
    parser.add_argument("--side-px", type=int, default=160, help="side of an image (160)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    return parser.parse_args()


if __name__ == "__main__":
    main()
