"""Places beside one another: funnel plots, smoothed values with their ranks, and a map of the user's outlines."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from .figures import BLUE, GREEN, GREY, INK, ORANGE, PALE, Figure, render
from .language import _

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

    Control = Callable[[float, np.ndarray, float], tuple[np.ndarray, np.ndarray]]

CLASSES = ("#dbe7f4", "#9fc0e2", "#5a93cb", "#1f5fa5")
_MARKS = {
    "within": (GREY, "o"),
    "rather low": (ORANGE, "v"),
    "low": (ORANGE, "v"),
    "rather high": (GREEN, "^"),
    "high": (GREEN, "^"),
}


def funnels(panels: list[tuple[str, pd.DataFrame]], control: Control, *, name: str, title: str, alt: str) -> Figure:
    """Funnel plots one below the other; places beyond the limits carry their names.

    Parameters
    ----------
    panels : list of (str, DataFrame)
        Heading, and rows of `surveillance.funnel` with `place_name`.
    control : callable
        Average, sizes and level to lower and upper control limits.
    """
    tall = 2.9

    def draw(drawing: Drawing) -> None:
        for number, (heading, rows) in enumerate(panels):
            bottom = 1 - (number + 1) / len(panels)
            box = (0.1, bottom + 0.46 / (tall * len(panels)), 0.87, (tall - 0.86) / (tall * len(panels)))
            _funnel(drawing.add_axes(box), rows, control, heading)

    return render(draw, height=tall * len(panels), name=name, title=title, alt=alt)


def _funnel(axes: Axes, rows: pd.DataFrame, control: Control, heading: str) -> None:
    average, most = float(rows["average"].iloc[0]), float(rows["denominator"].max())
    sizes = np.linspace(max(1.0, most / 200), most * 1.06, 200)
    for level, line in ((0.95, (0, (4, 3))), (0.998, "-")):
        for side in control(average, sizes, level):
            axes.plot(sizes, side, color=GREY, linewidth=1.1, linestyle=line, zorder=1)
    axes.axhline(average, color=INK, linewidth=1.1, zorder=1)
    low = min(float(rows["value"].min()), float(control(average, np.array([np.median(rows["denominator"])]), 0.998)[0][0]))
    axes.set_ylim(max(0.0, low - 6), 103.5)
    axes.set_xlim(0, most * 1.06)
    for row in rows.itertuples():
        colour, marker = _MARKS[row.position]
        axes.plot(row.denominator, row.value, marker=marker, color=colour, markersize=6, linestyle="none", zorder=3)
        if row.position != "within":
            aside, above = (-6 if row.denominator > most * 0.6 else 6), marker == "^"
            axes.annotate(
                row.place_name, (row.denominator, row.value), xytext=(aside, 4 if above else -3), textcoords="offset points",
                ha="right" if aside < 0 else "left", va="bottom" if above else "top", fontsize=9, color=colour,
            )  # fmt: skip
    axes.set_title(heading, loc="left", fontsize=10, color=INK)
    axes.set_xlabel(_("percent by denominator; dashed 95%, full line 99.8%"), fontsize=9, color=GREY)


def league(rows: pd.DataFrame, *, name: str, title: str, alt: str) -> Figure:
    """Values relative to all places with their intervals, the largest first; the rank and its limits beside the name.

    Parameters
    ----------
    rows : DataFrame
        `label`, `value`, `lower`, `upper` (1: as all places together).
    """

    def draw(drawing: Drawing) -> None:
        height = drawing.get_figheight()
        axes = drawing.add_axes((0.035, 0.55 / height, 0.9, 1 - 0.65 / height))
        axes.axvline(1, color=INK, linewidth=1.1, zorder=1)
        for position, row in enumerate(rows.itertuples()):
            y = -position
            axes.plot([row.lower, row.upper], [y, y], color=BLUE, linewidth=2, zorder=2)
            axes.plot(row.value, y, marker="o", color=BLUE, markersize=6, zorder=3)
            axes.text(0, y + 0.22, row.label, fontsize=9.5, va="bottom", ha="left", zorder=4)
        axes.set_xlim(0, float(rows["upper"].max()) * 1.05)
        axes.set_ylim(-len(rows) + 0.5, 0.9)
        axes.yaxis.set_visible(False)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(_("relative to all places together (1)"))

    return render(draw, height=0.9 + 0.44 * len(rows), name=name, title=title, alt=alt)


def outline_map(outlines: dict[str, list[Any]], rows: pd.DataFrame, *, name: str, title: str, alt: str) -> Figure:
    """Places shaded in four classes of equal numbers; those without a figure, for whatever reason, are hatched alike.

    Parameters
    ----------
    outlines : dict
        Rings of [longitude, latitude] by place.
    rows : DataFrame
        `place`, `label` (short), `value` (NaN without a figure).
    """
    points = np.array([point for rings in outlines.values() for ring in rings for point in ring])
    (west, south), (east, north) = points.min(axis=0), points.max(axis=0)
    stretch = 1 / max(0.2, math.cos(math.radians((south + north) / 2)))
    height = min(7.0, max(2.2, 5.0 * (north - south) * stretch / max(east - west, 1e-9)))
    known = rows["value"].dropna()
    edges = np.unique(np.quantile(known, [0, 0.25, 0.5, 0.75, 1])) if len(known) else np.array([])

    def draw(drawing: Drawing) -> None:
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path

        axes = drawing.add_axes((0.01, 0.5 / (height + 0.5), 0.98, height / (height + 0.5)))
        axes.set_axis_off()
        axes.set_xlim(west, east)
        axes.set_ylim(south, north)
        axes.set_aspect(stretch)
        for row in rows.itertuples():
            rings = outlines.get(row.place, [])
            if not rings:
                continue
            path = Path.make_compound_path(*(Path([*ring, ring[0]], closed=True) for ring in rings))
            missing = math.isnan(row.value)
            fill = "white" if missing else CLASSES[_class(row.value, edges)]
            axes.add_patch(PathPatch(path, facecolor=fill, edgecolor=INK, linewidth=0.7, hatch="///" if missing else None))
            if len(rows) <= 20:
                x, y = np.mean(max(rings, key=len), axis=0)
                dark = not missing and _class(row.value, edges) == len(CLASSES) - 1
                axes.text(x, y, row.label, ha="center", va="center", fontsize=9, color="white" if dark else INK)
        _legend(drawing, edges, height + 0.5)

    return render(draw, height=height + 0.5, name=name, title=title, alt=alt)


def _class(value: float, edges: np.ndarray) -> int:
    return int(np.clip(np.searchsorted(edges, value, side="right") - 1, 0, max(len(edges) - 2, 0)))


def _legend(drawing: Drawing, edges: np.ndarray, height: float) -> None:
    from matplotlib.patches import Rectangle

    texts = [f"{low:.1f}\u2013{high:.1f}" for low, high in pairwise(edges)] or [f"{edge:.1f}" for edge in edges]
    drawn = [(CLASSES[number], None, text) for number, text in enumerate(texts)] + [("white", "///", _("no figure"))]
    for number, (fill, hatch, text) in enumerate(drawn):
        x, y = 0.02 + number * 0.2, 0.12 / height
        drawing.add_artist(
            Rectangle(
                (x, y), 0.035, 0.16 / height, facecolor=fill, hatch=hatch, edgecolor=PALE if not hatch else INK, linewidth=0.6
            )
        )
        drawing.text(x + 0.042, y, text, fontsize=9, va="bottom", ha="left")


def flow(rows: pd.DataFrame, *, name: str, title: str, alt: str) -> Figure:
    """Steps one below the other: each bar is the part of the first that came so far.

    Parameters
    ----------
    rows : DataFrame
        One row a step, in order: `label`, `n`, `told` (written at the bar).
    """

    def draw(drawing: Drawing) -> None:
        axes = drawing.add_axes((0.035, 0.02, 0.93, 0.96))
        axes.set_axis_off()
        most = max(float(rows["n"].max()), 1.0)
        for position, row in enumerate(rows.itertuples()):
            y = -position
            axes.barh(y, most, height=0.34, color=PALE, linewidth=0)
            axes.barh(y, row.n, height=0.34, color=BLUE, linewidth=0)
            axes.text(0, y + 0.24, _("{name}: {n}", name=row.label, n=row.told), fontsize=10, va="bottom", ha="left")
        axes.set_xlim(0, most)
        axes.set_ylim(-len(rows) + 0.7, 0.75)

    return render(draw, height=0.3 + 0.62 * len(rows), name=name, title=title, alt=alt)
