"""Figures of several parts: small multiples of series, and the split of a change into its parts."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

import pandas as pd

from .figures import BLUE, GREY, INK, ORANGE, PALE, WIDTH, Figure, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

COLUMNS, ROW, SIDE = 2, 1.18, 0.07  # panels side by side; inches of height a row; inches of air at the sides
DIGIT = 0.075  # inches of a digit of a count
WIDE = 18.0  # what fits over a panel, in Chinese characters


def multiples(rows: pd.DataFrame, cuts: list[int], *, name: str, title: str, alt: str) -> Figure:
    """Series one below and beside the other, on one scale of years, each on a scale of counts of its own, from 0.

    Parameters
    ----------
    rows : DataFrame
        `label` (panels come in the order of their first row), `year`, `value`, `lower`, `upper`, `state` (shown, provisional or
        hidden); a year without a row is a gap.
    cuts : list of int
        First years after breaks.
    name, title, alt : str
        As `figures.render` takes them.
    """
    labels = list(dict.fromkeys(rows["label"]))
    cuts = [year for year in cuts if rows["year"].min() < year <= rows["year"].max()]
    lines = -(-len(labels) // COLUMNS)
    first, last = int(rows["year"].min()), int(rows["year"].max())

    def draw(drawing: Drawing) -> None:
        axes = drawing.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, WIDTH)
        axes.set_ylim(-ROW * lines, 0)
        placed = []
        for number, label in enumerate(labels):
            corner = (number % COLUMNS * WIDTH / COLUMNS, -ROW * (number // COLUMNS))
            placed.append(_panel(axes, rows[rows["label"] == label], label, corner, (first, last), cuts))
        _marks(axes, pd.concat(placed), cuts)

    return render(draw, height=ROW * lines, name=name, title=title, alt=alt)


def _panel(
    axes: Axes, mine: pd.DataFrame, label: str, corner: tuple[float, float], years: tuple[int, int], cuts: list[int]
) -> pd.DataFrame:
    """Frame of one series: name, axis with first and last year, breaks, first and last count; its rows with their places."""
    left, width = corner[0] + SIDE + 0.12, WIDTH / COLUMNS - 2 * SIDE - 0.24
    floor, tall = corner[1] - ROW + 0.20, ROW - 0.68
    span = max(years[1] - years[0], 1)
    scale = tall / max(float(mine["upper"].max()), 1.0) if mine["upper"].notna().any() else tall

    def x(year: float) -> float:
        return left + (year - years[0]) / span * width

    axes.text(left - 0.12, corner[1] - 0.05, shortened(label), fontsize=9.5, va="top", ha="left")
    axes.plot([left - 0.06, left + width + 0.06], [floor, floor], color=GREY, linewidth=0.8)
    for year in cuts:
        axes.plot([x(year - 0.5)] * 2, [floor, floor + tall], color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    for end, at, side in ((years[0], left - 0.06, "left"), (years[1], left + width + 0.06, "right")):
        axes.text(at, floor - 0.03, str(end), fontsize=8.5, color=GREY, va="top", ha=side)
    placed = mine.assign(x=x(mine["year"]), **{name: floor + mine[name] * scale for name in ("lower", "upper")})
    placed["y"], placed["floor"] = floor + mine["value"] * scale, floor
    known = placed[placed["value"].notna()]
    ends = known.iloc[[0, -1]] if len(known) > 1 and known["x"].iloc[-1] - known["x"].iloc[0] > width / 3 else known.tail(1)
    for row in ends.itertuples():
        text = f"{row.value:,.0f}"
        wide = DIGIT * len(text)
        start = row.x - wide * (0 if row.x < left + width / 3 else 1 if row.x > left + 2 * width / 3 else 0.5)
        over = known.loc[known["x"].between(start - 0.12, start + wide + 0.12), "upper"].max()  # clear of the line below it
        axes.text(start, over + 0.03, text, fontsize=8.5, color=BLUE, ha="left", va="bottom")
    return placed


def _marks(axes: Axes, placed: pd.DataFrame, cuts: list[int]) -> None:
    """Counts of all series at once: limits, lines that cross neither gap nor break, points; a star where a count is hidden."""
    from matplotlib.collections import LineCollection

    known = placed[placed["value"].notna()]
    axes.vlines(known["x"], known["lower"], known["upper"], color=BLUE, linewidth=1.0)
    settled = known[known["state"] != "provisional"]
    apart = (
        (settled["label"] != settled["label"].shift())
        | (settled["year"] != settled["year"].shift() + 1)
        | settled["year"].isin(cuts)
    )
    pieces = [part[["x", "y"]].to_numpy() for _number, part in settled.groupby(apart.cumsum()) if len(part) > 1]
    axes.add_collection(LineCollection(pieces, colors=BLUE, linewidths=1.4))
    for state, face, marker in (("shown", BLUE, "o"), ("provisional", "white", "D")):
        some = known[known["state"] == state]
        axes.plot(some["x"], some["y"], marker, color=BLUE, markerfacecolor=face, markersize=3.2, linestyle="none")
    for row in placed[placed["state"] == "hidden"].itertuples():
        axes.text(row.x, row.floor, "*", fontsize=11, color=GREY, ha="center", va="bottom")


def dots(rows: pd.DataFrame, axis: str, *, name: str, title: str, alt: str) -> Figure:
    """Shares of groups, the first on top: a dot with its limits under the name of its group.

    Parameters
    ----------
    rows : DataFrame
        One row a group: `label`, `value`, `lower`, `upper` (percent), `numerator` (cases).
    axis : str
        What is shown, under the axis.
    name, title, alt : str
        As `figures.render` takes them.
    """

    def draw(drawing: Drawing) -> None:
        height = drawing.get_figheight()
        axes = drawing.add_axes((0.035, 0.52 / height, 0.86, 1 - 0.56 / height))
        top = float(rows["upper"].max()) * 1.04
        for position, row in enumerate(rows.itertuples()):
            axes.plot([0, top], [-position, -position], color=PALE, linewidth=6, solid_capstyle="butt", zorder=0)
            axes.plot([row.lower, row.upper], [-position, -position], color=BLUE, linewidth=2, zorder=2)
            axes.plot(row.value, -position, marker="o", color=BLUE, markersize=6.5, zorder=3)
            axes.text(0, 0.22 - position, row.label, fontsize=9.5, va="bottom", ha="left")
            axes.text(top * 1.01, -position, f"{row.numerator:,.0f}", fontsize=9.5, va="center", ha="left", color=BLUE)
        axes.set_xlim(0, top)
        axes.set_ylim(-len(rows) + 0.6, 0.8)
        axes.yaxis.set_visible(False)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(axis, fontsize=9.5)

    return render(draw, height=0.75 + 0.42 * len(rows), name=name, title=title, alt=alt)


def shortened(label: str) -> str:
    """A name in the width of a panel: one line, ending in an ellipsis where it is longer."""
    narrow = max(label, default="a") < "\u2e80"  # no Han: letters are half as wide
    most = int(WIDE * (2.1 if narrow else 1))
    return label if len(label) <= most else (wrap(label, most - 1)[0] if narrow else label[: most - 1]) + "\u2026"


def split(rows: pd.DataFrame, ends: tuple[str, str], *, name: str, title: str, alt: str) -> Figure:
    """A change taken apart: the count at the start, each part as a bar with its interval, the count at the end.

    Parameters
    ----------
    rows : DataFrame
        One row a part, in order: `label`, `value`, `lower`, `upper` (cases), `numerator` and `denominator` (cases at the end and
        at the start).
    ends : (str, str)
        Names of both counts.
    name, title, alt : str
        As `figures.render` takes them.
    """
    start, end = float(rows["denominator"].iloc[0]), float(rows["numerator"].iloc[0])

    def draw(drawing: Drawing) -> None:
        axes = drawing.add_axes((0.03, 0.03, 0.82, 0.94))
        axes.set_axis_off()
        level, reach = start, [0.0, start, end]
        bars: list[tuple[str, float, float, str, str, tuple[float, ...]]] = [(ends[0], 0.0, start, GREY, f"{start:,.0f}", ())]
        for row in rows.itertuples():
            text = f"{row.value:+,.0f}".replace("-", "\u2212")
            limits: tuple[float, ...] = (level + row.lower, level + row.upper)
            bars.append((row.label, level, level + row.value, BLUE if row.value > 0 else ORANGE, text, limits))
            level += row.value
            reach += [level, *limits]
        bars.append((ends[1], 0.0, end, GREY, f"{end:,.0f}", ()))
        low, high = min(reach), max(reach)
        for number, (label, left, right, colour, text, limits) in enumerate(bars):
            y = -number
            axes.barh(y, right - left, left=left, height=0.34, color=colour, zorder=2)
            axes.text(low, y + 0.24, label, fontsize=9.5, va="bottom", ha="left")
            axes.text(max(left, right, *limits) + 0.015 * (high - low), y, text, fontsize=9.5, va="center", color=colour)
            if limits:
                axes.plot(limits, [y, y], color=INK, linewidth=1.2, zorder=3)
            if number < len(bars) - 1:
                axes.plot([right, right], [y, y - 1], color=PALE, linewidth=1.2, zorder=1)
        axes.plot([0, 0], [-len(bars) + 0.6, 0.3], color=GREY, linewidth=0.8, zorder=1)
        axes.set_xlim(low, high)
        axes.set_ylim(-len(bars) + 0.7, 0.75)

    return render(draw, height=0.5 * (len(rows) + 2) + 0.1, name=name, title=title, alt=alt)
