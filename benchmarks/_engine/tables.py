"""Reports of the engine's benchmark as Markdown; reads nothing but the report, and needs no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from _markdown import machine_name, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NETWORKS = ("plain_cnn_1", "n4", "default", "net_3d")
MODES = (("forward", ""), ("forward and backward", "step_"))

# Figure, how it is called, and how its number is shown.
ROWS = (
    ("plain_cnn_1.gemm_fraction", "plain_cnn_1, share of the floor", "{:.2f}"),
    ("n4.gemm_fraction", "n4, share of the floor", "{:.2f}"),
    ("n4.stroke_step_speedup", "gradient of 1,000 stroked pixels, to the better of patches and masked pass", "{:.2f}x"),
    ("n4.stroke_step_speedup_plain_torch", "the same, the masked pass in plain PyTorch", "{:.2f}x"),
    ("planner.worst_ratio", "planner, best way / chosen way, worst of {planner.rows} cases", "{:.2f}"),
    ("fast.speedup", '`precision="fast"`, geometric mean of the networks', "{:.2f}x"),
    ("fast.argmax_agreement", "pixels that get the same class in it", "{:.3%}"),
)  # fmt: skip

EXPLANATION = """\
Patch scan: the module on batches of patches in its own memory layout, at its fastest batch size of 1 to 128; timed on a
sample of patches and scaled to all of them. In brackets: the paper's batch of 128, and channels-last patches at their
fastest batch size. Memory: most that a pass holds at one time, beside image and parameters; that of one batch for the
scan.
"""


def summary_text(report: Mapping[str, Any]) -> str:
    """Table of the networks and of the other figures, under the name of the machine."""
    parts = [f"Measured on {machine_name(report['machine'])}:\n", *_network_tables(report["figures"]), EXPLANATION]
    parts.append(_figure_table(report["figures"]))
    return "\n".join(part for part in parts if part)


def report_text(report: Mapping[str, Any]) -> str:
    """All tables, the planner's cases included."""
    parts = [summary_text(report), _floor_text(report["figures"]), _stroke_table(report["figures"])]
    return "\n".join(part for part in [*parts, _planner_table(report.get("rows", []))] if part)


def _network_tables(figures: Mapping[str, float]) -> list[str]:
    measured = [name for name in NETWORKS if f"{name}.planned_s" in figures]
    if not measured:
        return []
    times = ("Network", "Pass", "Patch scan (128; channels last)", "Batch", "Dense", "Fragments", "Planned", "Speed-up")
    memory = ("Network", "Peak memory in", "Patch scan", "Dense", "Fragments", "Planned")
    modes = [(name, mode, key) for name in measured for mode, key in MODES]
    return [
        table(times, [_times(figures, *row) for row in modes]),
        table(memory, [_memory(figures, *row) for row in modes]),
    ]


def _times(figures: Mapping[str, float], name: str, mode: str, key: str) -> list[str]:
    ends = ("patch_scan_s", "patch_scan_128_s", "patch_scan_channels_last_s", "planned_s")
    scan_s, batch_128_s, last_s, planned_s = (figures[f"{name}.{key}{end}"] for end in ends)
    # The best batch is found on a few patches; on many, 128 may turn out to be faster.
    scan_s, batch = min((scan_s, figures[f"{name}.{key}patch_batch"]), (batch_128_s, 128))
    plain, batch_128, last = (scanned_s / planned_s for scanned_s in (scan_s, batch_128_s, last_s))
    return [
        f"{name}, {figures[f'{name}.image_px']} px, fov {figures[f'{name}.fov_px']}",
        mode,
        f"{seconds(scan_s)} ({seconds(batch_128_s)}; {seconds(last_s)})",
        str(batch),
        *(seconds(figures[f"{name}.{key}{way}_s"]) for way in ("dense", "fragments", "planned")),
        f"{plain:,.0f}x ({batch_128:,.0f}x; {last:,.0f}x)",
    ]


def _memory(figures: Mapping[str, float], name: str, mode: str, key: str) -> list[str]:
    ways = ("patch_scan", "dense", "fragments", "planned")
    return [name, mode, *(f"{figures[f'{name}.{key}{way}_peak_bytes'] / 1e6:,.0f} MB" for way in ways)]


def seconds(value: float) -> str:
    """Three digits, in a unit that suits."""
    if value < 0.1:
        return f"{value * 1e3:.3g} ms"
    return f"{value:.3g} s" if value < 100 else f"{value:,.0f} s"


def _figure_table(figures: Mapping[str, float]) -> str:
    rows = [
        (title.replace("{planner.rows}", str(figures.get("planner.rows"))), form.format(figures[key]))
        for key, title, form in ROWS
        if key in figures
    ]
    return table(("What", "Measured"), rows) if rows else ""


def _floor_text(figures: Mapping[str, float]) -> str:
    if "gemm.mm_flops_per_s" not in figures:
        return ""
    head = ("Network", "Scores", "GMAC", "Floor", "Planned", "Share")
    rows = [
        (
            name,
            f"{figures[f'{name}.gemm_scores_px']}²",
            f"{figures[f'{name}.gemm_macs'] / 1e9:.1f}",
            seconds(figures[f"{name}.gemm_floor_s"]),
            seconds(figures[f"{name}.gemm_planned_s"]),
            f"{figures[f'{name}.gemm_fraction']:.2f}",
        )
        for name in ("plain_cnn_1", "n4")
    ]
    mm, conv = (figures[f"gemm.{name}_flops_per_s"] / 1e9 for name in ("mm", "conv1x1"))
    rates = f"Float32 products in the same run: {mm:,.0f} GFLOP/s (2048³), {conv:,.0f} GFLOP/s (1 x 1 convolution).\n"
    return f"{rates}The floor is the time of the dense pass's multiplications at the better rate.\n\n" + table(
        head, rows
    )


def _stroke_table(figures: Mapping[str, float]) -> str:
    if "n4.stroke_step_speedup" not in figures:
        return ""
    ways = ("at", "patches", "masked_dense", "masked_plain_torch")
    head = (
        "1,000 pixels in strokes",
        "`dense.at`",
        "Patches",
        "Masked, planned",
        "Masked, plain PyTorch",
        "Ratio",
        "to PyTorch",
    )
    rows = []
    for brush in ("strokes_1px", "strokes_3px"):
        key = f"n4.{brush}_"
        times = [seconds(figures[f"{key}{way}_s"]) if f"{key}{way}_s" in figures else "-" for way in ways]
        names = [key + ratio for ratio in ("speedup", "speedup_plain_torch")]
        ratios = [f"{figures[name]:.2f}x" if name in figures else "-" for name in names]
        rows.append([f"{brush[8:9]} px wide", *times, *ratios])
    return table(head, rows)


def _planner_table(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    ways = ("auto", "windows", "dense", "selected", "patches")
    head = ("Network", "Clicks", "", "Gradient", *ways, "Predicted", "Chosen", "Best", "Ratio")
    return table(head, [_planner_row(row, ways) for row in rows])


def _planner_row(row: Mapping[str, Any], ways: Sequence[str]) -> list[str]:
    times = [seconds(row["seconds"][way]) if way in row["seconds"] else "-" for way in ways]
    gradient = "yes" if row["gradient"] else "no"
    end = [seconds(row["predicted_s"]), row["chosen"], row["best"], f"{row['ratio']:.2f}"]
    return [row["network"], f"{row['clicks']:,}", row["kind"], gradient, *times, *end]
