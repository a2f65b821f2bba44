"""Where the time goes on the demo's 512 x 512 image: python benchmarks/profile_demo.py --json OUT [--quick].

What a thread spends in a part is measured by the processor's clock of that thread, so that waiting does not count.
"Other" is what no part claims: statistics of the image, making the networks dense, copies, and threads of PyTorch's own
that wait in a loop.
"""

from __future__ import annotations

import argparse
import functools
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from unittest import mock

import torch
from _profile import summary_text
from _report import describe_machine, write_report

from clicktrain import PixelClassifier
from clicktrain.data.samples import immunohistochemistry
from clicktrain.inference.pixels import embedding, members, region, stream
from clicktrain.inference.pixels.strided import StridedRegion
from clicktrain.learning.pixels import click_embeddings, click_windows, fit, steps
from clicktrain.models.pixels.components import PrincipalComponents
from clicktrain.models.pixels.pretrained import EmbeddedHead
from clicktrain.models.pixels.stem import ScaleSpaceStem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clicktrain.annotations.clicks import Clicks
    from clicktrain.types import AnyArray

REPEATS = 5
# Of each part the functions that do it: the class or module where they are found, and their names.
PARTS: dict[str, list[tuple[Any, str]]] = {
    "reading": [(module, "read_window") for module in (click_embeddings, click_windows, embedding, region, stream)],
    "stem": [(ScaleSpaceStem, "forward")],
    "components": [(PrincipalComponents, "measure"), (PrincipalComponents, "forward")],
    "embedding": [(EmbeddedHead, "embed"), (EmbeddedHead, "fitted"), (EmbeddedHead, "probabilities_of")],
    "local network, forward": [
        (steps, "turned_parameters"),
        (steps, "functional_call"),
        (members, "_scores_at_every_place"),
    ],
    "local network, backward": [(torch.Tensor, "backward")],
    "optimiser": [(torch.optim.AdamW, "step")],
    "trees": [(fit, "_grown"), (members, "_by_trees")],
    "interpolation and smoothing": [
        (StridedRegion, "between"),
        (members, "blended"),
        *((module, name) for module in (embedding, region) for name in ("guide_values", "smooth", "weigh")),
        (stream, "weigh"),
    ],
}


class Clock:
    """Adds up the processor's seconds of parts; of parts inside each other the outer one counts."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._thread, self._lock = threading.local(), threading.Lock()

    def timed(self, part: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that does the same, and whose seconds count as those of a part."""

        @functools.wraps(plain)
        def measured(*args: Any, **kwargs: Any) -> Any:
            if getattr(self._thread, "is_inside", False):
                return plain(*args, **kwargs)
            self._thread.is_inside, start = True, time.thread_time()
            try:
                return plain(*args, **kwargs)
            finally:
                self._thread.is_inside, spent = False, time.thread_time() - start
                with self._lock:
                    self.seconds[part] += spent

        return measured


@contextmanager
def watched() -> Iterator[Clock]:
    """Time all parts until the end of the block."""
    clock = Clock()
    with ExitStack() as stack:
        for part, places in PARTS.items():
            for owner, name in places:
                stack.enter_context(mock.patch.object(owner, name, clock.timed(part, getattr(owner, name))))
        yield clock


def measure(image: AnyArray, clicks: Clicks, repeats: int, **options: Any) -> list[dict[str, Any]]:
    """Train, classify and answer a stroke; seconds of each part of each of these."""
    classifier = PixelClassifier(**options)
    embedded = classifier.embed(image)
    works = {
        "fit": ("Train", lambda: classifier.fit(image, clicks)),
        "predict": ("Classify", lambda: classifier.predict(image)),
        "first_answer": ("First answer", lambda: embedded.segment(clicks)),
    }
    # The first time libraries are loaded.
    for _, work in works.values():
        work()
    return [{"key": key, "title": title, **divided(work, repeats)} for key, (title, work) in works.items()]


def divided(work: Callable[[], object], repeats: int) -> dict[str, Any]:
    """Means of several runs; of what one waits for, which other programs lengthen, the median."""
    with watched() as clock:
        start_s, ticks = time.process_time(), [time.perf_counter()]
        for _ in range(repeats):
            work()
            ticks.append(time.perf_counter())
        processor_s = (time.process_time() - start_s) / repeats
    parts_s = {part: clock.seconds[part] / repeats for part in PARTS}
    parts_s["other"] = processor_s - sum(parts_s.values())
    wall_s = median(after - before for before, after in pairwise(ticks))
    return {"parts_s": parts_s, "processor_s": processor_s, "wall_s": wall_s}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True, metavar="OUT")
    parser.add_argument("--quick", action="store_true", help="one run instead of five")
    arguments = parser.parse_args()
    sample = immunohistochemistry()
    repeats = 1 if arguments.quick else REPEATS
    works = measure(sample.image, sample.clicks, repeats)
    rows, columns = sample.clicks.shape_px
    report = {
        "works": works,
        "example": f"{rows} x {columns} RGB, {len(sample.clicks):,} clicked pixels",
        "threads": torch.get_num_threads(),
        "repeats": repeats,
    }
    figures = {f"profile.{work['key']}.processor_s": work["processor_s"] for work in works}
    command = ["profile_demo.py", "--json", arguments.json.name, *["--quick"] * arguments.quick]
    write_report(arguments.json, figures, command, report)
    print(summary_text({**report, "machine": describe_machine()}))


if __name__ == "__main__":
    main()
