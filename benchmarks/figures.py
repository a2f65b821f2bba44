"""Write the figures of benchmarks/results/*.json into README.md and docs: python benchmarks/figures.py [--check]."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import _global_context as global_context
import _more_clicks as more_clicks
import _profile as profile
from _engine import tables as engine
from _few_clicks import ablation
from _few_clicks import tables as few_clicks
from _markdown import machine_name
from _markdown import table as markdown_table
from _mod import tables as mod
from _patchgd import tables as patchgd
from _speed import tables as speed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
EXPLANATION = ROOT / "docs" / "explanation"
PAGES = (
    ROOT / "README.md",
    ROOT / "docs" / "index.md",
    EXPLANATION / "engine.md",
    EXPLANATION / "few_clicks.md",
    EXPLANATION / "global-context.md",
    EXPLANATION / "mixture-of-depths.md",
    EXPLANATION / "patchgd.md",
    EXPLANATION / "speed.md",
)
BLOCK = r"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)"
# One report per machine, with the same figures in each.
ENGINE_REPORTS = "engine_*.json"
ABLATION_REPORTS = "few_clicks_ablation_*.json"
FEW_CLICKS_REPORTS = "few_clicks_[0-9]*.json"
GLOBAL_CONTEXT_REPORTS = "global_context_*.json"
MOD_REPORTS = "mod_*.json"
MORE_CLICKS_REPORTS = "more_clicks_*.json"
VOLUMES_REPORTS = "few_clicks_volumes_*.json"
PATCHGD_REPORTS = "patchgd_*.json"
PROFILE_REPORTS = "profile_*.json"
SPEED_REPORTS = "speed_*.json"
TABLES_OF_THEIR_OWN = (
    ABLATION_REPORTS,
    ENGINE_REPORTS,
    FEW_CLICKS_REPORTS,
    GLOBAL_CONTEXT_REPORTS,
    MOD_REPORTS,
    MORE_CLICKS_REPORTS,
    VOLUMES_REPORTS,
    PATCHGD_REPORTS,
    PROFILE_REPORTS,
    SPEED_REPORTS,
)

# Figure, how it is called, and how its number is shown.
ROWS = (
    ("demo.fit_s", "train on the demo's image (512 x 512 RGB, {demo.clicked_px:.0f} clicked pixels)", "{:.1f} s"),
    ("demo.predict_s", "classify it", "{:.2f} s"),
    ("demo.continue_fit_s", "go on training after more strokes", "{:.1f} s"),
    ("demo.first_answer_s", "first answer to a stroke, once the image is embedded", "{:.3f} s"),
    ("demo.look_s", "embed the image for that", "{:.2f} s"),
    ("demo.agreement", "held-back clicks that get the right class", "{:.1%}"),
    ("live.gui_gap_p99_s", "gaps of a 20 ms GUI timer while training, 99 % are below", "{:.3f} s"),
    ("live.gui_gap_max_s", "the largest of these gaps", "{:.3f} s"),
    ("live.first_gui_gap_max_s", "the largest gap in the first training, which also loads torch", "{:.3f} s"),
    ("live.cancel_p95_s", "from Cancel to idle, 95 % are below", "{:.2f} s"),
    ("scale.rss_over_budget", "most memory that `clicktrain predict` took of what `--memory` allowed", "{:.0%}"),
    (
        "scale.rss_growth",
        "memory for {scale.largest_px:.0f} x {scale.largest_px:.0f} px, beside 2048 x 2048 px",
        "{:.2f} times",
    ),
    ("startup.import_s", "`import clicktrain`", "{:.3f} s"),
)


def table() -> str:
    paths = [path for path in sorted(RESULTS.glob("*.json")) if not any(map(path.match, TABLES_OF_THEIR_OWN))]
    reports = [json.loads(path.read_text()) for path in paths]
    figures = {key: value for report in reports for key, value in report["figures"].items()}
    machines = {key: machine_name(report["machine"]) for report in reports for key in report["figures"]}
    rows = []
    for key, title, form in ROWS:
        name = re.sub(r"\{([\w.]+):(.*?)\}", lambda m: format(figures[m[1]], m[2]), title)
        rows.append([name, form.format(figures[key]), machines[key]])
    # Apart from the comment that marks the block, or it is no table to some readers of Markdown.
    return "\n" + markdown_table(("What", "Measured", "On"), rows)


def summaries(pattern: str, summary_text: Callable[[Mapping[str, Any]], str]) -> str:
    reports = [json.loads(path.read_text()) for path in sorted(RESULTS.glob(pattern))]
    return "\n".join(summary_text(report) for report in reports)


def filled(page: str, blocks: dict[str, str]) -> str:
    """Page with the text of its blocks replaced; one without text stays as it is."""
    for name, text in blocks.items():
        if text:
            block = re.compile(BLOCK.format(name=name), re.DOTALL)
            page = block.sub(lambda match, text=text: match[1] + text + match[2], page)
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a page is not up to date")
    check = parser.parse_args().check
    blocks = {
        "figures": table(),
        "engine": summaries(ENGINE_REPORTS, engine.summary_text),
        "few_clicks": summaries(FEW_CLICKS_REPORTS, few_clicks.summary_text),
        "global_context": summaries(GLOBAL_CONTEXT_REPORTS, global_context.summary_text),
        "mod": summaries(MOD_REPORTS, mod.summary_text),
        "more_clicks": summaries(MORE_CLICKS_REPORTS, more_clicks.summary_text),
        "few_clicks_ablation": summaries(ABLATION_REPORTS, ablation.ablation_text),
        "few_clicks_volumes": summaries(VOLUMES_REPORTS, few_clicks.summary_text),
        "patchgd": summaries(PATCHGD_REPORTS, patchgd.summary_text),
        "profile": summaries(PROFILE_REPORTS, profile.summary_text),
        "speed": summaries(SPEED_REPORTS, speed.report_text),
    }
    for page in PAGES:
        old = page.read_text()
        new = filled(old, blocks)
        if check and new != old:
            sys.exit(f"{page.name} must show the figures of benchmarks/results; run python benchmarks/figures.py")
        if not check:
            page.write_text(new)


if __name__ == "__main__":
    main()
