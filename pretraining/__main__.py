"""Make the pretrained weights again."""

from __future__ import annotations

import argparse
import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING

from clicktrain.errors import ClickTrainError

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger("pretraining")

_LEAST = {"minutes": 0.001, "pairs": 8, "side_px": 96, "seed": 0, "threads": 1}
_PAIRS_AT_START = 32
_SAY_EVERY_STEPS = 25
_STOPPED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Train for the given time, then write the weights and their provenance.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the command line unless given.

    Raises
    ------
    SystemExit
        With code 2 for bad input, 130 for Ctrl-C; no file is written then.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    _check_numbers(parser, options)
    try:
        _make(options)
    except ClickTrainError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    except KeyboardInterrupt:
        parser.exit(_STOPPED, f"{parser.prog}: stopped.\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pretraining", description=__doc__)
    parser.add_argument("out", type=Path, help="file to write, NAME.safetensors; NAME.json beside it tells its making")
    parser.add_argument("--minutes", type=float, default=70, help="how long to train (70)")
    parser.add_argument("--pairs", type=int, default=4096, help="pairs of images to generate (4096)")
    parser.add_argument("--side-px", type=int, default=160, help="side of an image (160)")
    parser.add_argument("--seed", type=int, default=1, help="of the images, tasks and first weights (1)")
    parser.add_argument("--threads", type=int, help="processor threads to train with (all)")
    return parser


def _check_numbers(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    for name, least in _LEAST.items():
        value = getattr(options, name)
        if value is not None and not least <= value < math.inf:
            parser.error(f"--{name.replace('_', '-')} must be a number from {least} on, got {value}.")


def _make(options: argparse.Namespace) -> None:
    # Imported late: the process that draws images imports this file as well, and needs no torch.
    import torch

    import clicktrain.engine  # noqa: F401  before the first large tensor: sets how memory is taken
    from pretraining.pool import Pool
    from pretraining.result import ensure_result_writable, write_result
    from pretraining.train import FewClicks, Report, pretrain

    ensure_result_writable(options.out)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    with Pool(options.pairs, options.side_px, options.seed) as pool:
        pool.fill(_PAIRS_AT_START)
        torch.manual_seed(options.seed)
        model, report = FewClicks(), Report()
        for report in pretrain(model, pool, seconds=60 * options.minutes, seed=options.seed):
            if report.step % _SAY_EVERY_STEPS == 0:
                logger.info("step %d, %.1f %% of the time: loss %.3f", report.step, 100 * report.over, report.loss)
        write_result(options.out, model, report, pool, options.seed)


if __name__ == "__main__":
    main()
