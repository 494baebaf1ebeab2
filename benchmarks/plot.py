"""docs/benchmarks.svg: rates, and where the processor time of one report goes. Readable on white and on black."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot

from benchmarks import plan
from benchmarks.report import Results, best

#: Mid tones: at least 4:1 against white and against GitHub's dark page.
_INK, _FAINT = "#767676", "#76767640"
_OWN, _PEER, _FLOOR = "#3f86c4", "#c26a4a", "#8a8a8a"
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "unghost",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _FAINT,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
}


def draw(results: Results, file: Path) -> None:
    """Draw it."""
    with pyplot.rc_context(_STYLE):
        figure, (rates, costs) = pyplot.subplots(2, 1, figsize=(8, 6.4), height_ratios=(5, 3))
        _rates(rates, results)
        _costs(costs, results)
        figure.tight_layout(h_pad=2)
        figure.savefig(file, transparent=True, metadata={"Date": None})
        pyplot.close(figure)


def _rates(axes: Any, results: Results) -> None:
    wanted = (
        ("single reports, 1 process", plan.SINGLE, "1 process", _OWN),
        ("single reports, 2 processes", plan.SINGLE, "2 processes", _OWN),
        ("batches of 100", plan.BATCH, "batches of 100", _OWN),
        ("batches of 1,000", plan.BATCH, "batches of 1000", _OWN),
        ("straightforward service", plan.PEER, "", _PEER),
        ("floor: HTTP alone, 1 process", plan.HTTP_FLOOR, "1 process", _FLOOR),
        ("floor: database alone", plan.DATABASE_FLOOR, "", _FLOOR),
    )
    rows = [(label, rate, colour) for label, group, part, colour in wanted if (rate := best(results, group, part))]
    axes.set_title("Durable reports per second", loc="left")
    bars = axes.barh([row[0] for row in rows], [row[1] for row in rows], color=[row[2] for row in rows], height=0.62)
    axes.bar_label(bars, [f"{row[1]:,.0f}" for row in rows], padding=4, color=_INK)
    _tidy(axes)


def _costs(axes: Any, results: Results) -> None:
    wanted = (("unghost", plan.SINGLE), ("straightforward service", plan.PEER), ("floor: HTTP alone", plan.HTTP_FLOOR))
    rows = []
    for label, group in wanted:
        own = [n for (g, name), n in results.items() if g == group and name.startswith("1 process")]
        if own:
            rows.append((label, min(own, key=lambda n: float(n["board µs"] + n["postgres µs"]))))
    axes.set_title("Processor time of one report, in microseconds", loc="left")
    names = [label for label, _ in rows]
    left = [0.0] * len(rows)
    for part, colour in (("board", _OWN), ("postgres", _FLOOR)):
        widths = [n[f"{part} µs"] for _, n in rows]
        label = {"board": "web process", "postgres": "PostgreSQL"}[part]
        axes.barh(names, widths, left=left, color=colour, height=0.55, label=label)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    for nth, whole in enumerate(left):
        axes.annotate(f"{whole:,.0f}", (whole, nth), (4, 0), textcoords="offset points", va="center")
    axes.legend(frameon=False, loc="lower right", labelcolor=_INK)
    _tidy(axes)


def _tidy(axes: Any) -> None:
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.xaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:,.0f}"))
    axes.grid(axis="x", color=_FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.margins(x=0.12)
