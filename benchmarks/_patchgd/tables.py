"""Reports of the benchmark of whole-image labels as figures and as Markdown; reads nothing but the report."""

from __future__ import annotations

from collections import defaultdict
from statistics import fmean
from typing import TYPE_CHECKING, Any

from _markdown import machine_name, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Row = Mapping[str, Any]

NAMES = {
    "whole": "gradient descent, all patches",
    "patchgd": "PatchGD, 1/{share} of the patches",
    "shrunk": "shrunk",
    "shrunk_longer": "shrunk, longer",
}
MB = 1e6

EXPLANATION = """\
One encoder and head, the same images and epochs for every way. Shrunk: gradient descent on images whose pixels are the
mean of those under them, as large as fits into the memory of the PatchGD above; longer: until as many pixels have been
seen. Memory: most that the tensors of a batch take at one time, without weights and pixels. Accuracy: on validation
images, mean over the seeds, and that of each seed. Time: of the processor, for training.
"""


def accuracies(rows: Sequence[Row], way: str, share: int) -> dict[int, float]:
    """Accuracy of each seed."""
    return {row["seed"]: row["accuracy"] for row in rows if (row["way"], row["share"]) == (way, share)}


def figures(rows: Sequence[Row], compared: int) -> dict[str, float]:
    """Numbers of the report; PatchGD and shrunk images are compared at a sampling of 1 / compared.

    Margins are over seeds that both did: the mean and the smallest difference of accuracy.
    """
    found: dict[str, float] = {}
    shares = sorted({row["share"] for row in rows if row["way"] == "patchgd"})
    whole_bytes = next(row["activation_bytes"] for row in rows if row["way"] == "whole")
    found["accuracy_whole"] = fmean(accuracies(rows, "whole", 1).values())
    for share in shares:
        ours, rival = (accuracies(rows, way, share) for way in ("patchgd", "shrunk"))
        margins = [ours[seed] - rival[seed] for seed in ours.keys() & rival.keys()]
        needed = next(row["activation_bytes"] for row in rows if (row["way"], row["share"]) == ("patchgd", share))
        each = {"accuracy": fmean(ours.values()), "memory_ratio": needed / whole_bytes}
        longer = accuracies(rows, "shrunk_longer", share)
        each |= {"accuracy_shrunk_longer": fmean(longer.values())} if longer else {}
        if margins:
            each |= {"accuracy_shrunk": fmean(rival.values()), "margin": fmean(margins), "worst_margin": min(margins)}
        found |= {f"{name}_{share}": value for name, value in each.items()}
        found |= each if share == compared else {}
    return found


def summary_text(report: Mapping[str, Any]) -> str:
    """One line per way, under the name of the machine."""
    groups: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in report["rows"]:
        groups[row["way"], row["share"]].append(row)
    head = ("Way", "Image", "Patch", "Epochs", "Memory", "of all patches", "Accuracy", "Seeds", "Time")
    whole_bytes = groups["whole", 1][0]["activation_bytes"]
    shares = list(dict.fromkeys(share for _, share in groups))
    # Rivals stay together, whenever they were measured.
    in_order = sorted(groups, key=lambda each: shares.index(each[1]))
    lines = [_line(*each, groups[each], whole_bytes) for each in in_order]
    parts = [
        f"Measured on {machine_name(report['machine'])}.\n",
        f"Images: {report['images']}.\n",
        table(head, lines),
        EXPLANATION,
        _resident(report["figures"]),
    ]
    return "\n".join(part for part in parts if part)


def _line(way: str, share: int, rows: Sequence[Row], whole_bytes: int) -> list[str]:
    first = rows[0]
    return [
        NAMES[way].format(share=share),
        f"{first['size_px']} px",
        f"{first['patch_px']} px",
        str(first["epochs"]),
        f"{first['activation_bytes'] / MB:.1f} MB",
        f"{first['activation_bytes'] / whole_bytes:.2f}",
        f"{fmean(row['accuracy'] for row in rows):.3f}",
        ", ".join(f"{row['accuracy']:.3f}" for row in rows),
        f"{fmean(row['processor_s'] for row in rows):.0f} s",
    ]


def _resident(found: Mapping[str, float]) -> str:
    names = {
        "whole_resident_bytes": "one batch, gradient descent on all patches",
        "patchgd_resident_bytes": "the same batch, PatchGD at 1/{compared_share:.0f}",
        "step_8192_bytes": "one image of 8192 x 8192 px, PatchGD with the preset `small` at 1/{step_8192_share:.0f}",
    }
    lines = [(text.format_map(found), f"{found[key] / MB:,.0f} MB") for key, text in names.items() if key in found]
    return table(("Peak resident memory of a process that does nothing else, beyond its imports", "Measured"), lines)
