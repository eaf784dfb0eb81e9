"""Estimates to figures: inline SVG with text as text, the same bytes everywhere, and the alt text that goes with it."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from .language import _
from .paths import TEMPLATE

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

INK, GREY, PALE = "#1b2733", "#5c6b7a", "#e8edf2"
BLUE, ORANGE, GREEN = "#0b5cab", "#b3470c", "#2b7a4b"  # told apart in grey too: by marker and line as well
WIDTH = 5.3  # inches; at 390 px on a phone the text is still about 9 px
FONTS = "'PingFang SC','Microsoft YaHei','Noto Sans SC','Noto Sans CJK SC','Source Han Sans SC',sans-serif"


@dataclass(frozen=True)
class Figure:
    """A finished figure: SVG, title that states the finding, and alt text."""

    svg: str
    title: str
    alt: str


@lru_cache(maxsize=1)
def _style() -> dict[str, Any]:
    """Settings of the house style, with the bundled font registered."""
    from matplotlib import font_manager

    path = str(TEMPLATE / "assets" / "NotoSansSC-subset.ttf")
    font_manager.fontManager.addfont(path)
    name = font_manager.FontProperties(fname=path).get_name()
    return {
        "font.family": [name, "DejaVu Sans"],
        "font.size": 10.5,
        "axes.unicode_minus": True,
        "svg.fonttype": "none",
        "svg.hashsalt": "ohstats",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": GREY,
        "axes.labelcolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "text.color": INK,
        "text.parse_math": False,  # a $ in a name is a $
        "axes.grid": False,
        "lines.linewidth": 1.8,
        "hatch.linewidth": 0.6,
        "hatch.color": GREY,
    }


def render(draw: Any, *, height: float, name: str, title: str, alt: str) -> Figure:
    """Draw with the house style and return clean SVG.

    Parameters
    ----------
    draw : callable
        Takes a matplotlib Figure and draws into it.
    height : float
        In inches; the width is the house's.
    name : str
        Prefix of all ids, unique on the page.
    title, alt : str
        What the figure shows, in one line and in full.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure as Drawing

    with mpl.rc_context(_style()):
        drawing = Drawing(figsize=(WIDTH, height))
        FigureCanvasSVG(drawing)
        draw(drawing)
        buffer = io.StringIO()
        drawing.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return Figure(scrub(buffer.getvalue(), name), title, alt)


def scrub(svg: str, name: str) -> str:
    """SVG fit to stand in a page: no prolog, comment, metadata or global style, ids prefixed, the page's own fonts."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>|<defs>\s*</defs>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r"url\(#", f"url(#{name}-", svg)
    svg = re.sub(r'href="#', f'href="#{name}-', svg)
    svg = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", svg)
    box = re.search(r'viewBox="([^"]+)"', svg)
    assert box is not None  # noqa: S101  matplotlib always writes it
    root = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="{box[1]}" width="100%" '
        f'font-family="{FONTS}" stroke-linejoin="round" stroke-linecap="butt" style="max-width: 44rem">'
    )
    svg = re.sub(r"<svg[^>]*>", lambda _match: root, svg, count=1)
    return re.sub(r">\s+<", "><", svg).strip()


def _year_axis(axes: Axes, years: np.ndarray) -> None:
    step = max(1, int(np.ceil(len(years) / 7)))
    axes.set_xticks(years[::-1][::step][::-1])
    axes.set_xlim(years[0] - 0.9, years[-1] + 0.9)


def cases(series: pd.DataFrame, fits: pd.DataFrame, breaks: pd.DataFrame, *, name: str, title: str, alt: str) -> Figure:
    """Cases by year with exact limits; fitted line of each unbroken window; breaks, notes, gaps and hidden years marked.

    Parameters
    ----------
    series : DataFrame
        One row a year: `year`, `value`, `lower`, `upper`, `state` (shown, recalled, provisional, gap or hidden).
    fits : DataFrame
        One row a fitted window: `first_year`, `last_year`, `slope`, `level` (fitted cases in the first year), `label`.
    breaks : DataFrame
        `year`, `last`, `kind` (break or note), `label`.
    """
    from matplotlib.ticker import MaxNLocator

    def draw(drawing: Drawing) -> None:
        axes = drawing.add_axes((0.13, 0.09, 0.85, 0.83))
        years = series["year"].to_numpy(dtype=float)
        top = float(np.nanmax([1.0, *series["upper"], *series["value"]])) * 1.22
        axes.set_ylim(0, top)
        _year_axis(axes, years)
        _mark_breaks(axes, breaks, years, top)
        _mark_points(axes, series, top)
        for fit in fits.itertuples():
            span = np.linspace(fit.first_year, fit.last_year, 40)
            axes.plot(span, fit.level * np.exp(fit.slope * (span - fit.first_year)), color=ORANGE, zorder=2)
            middle = (fit.first_year + fit.last_year) / 2
            high = series.loc[series["year"].between(fit.first_year, fit.last_year), "upper"].max()
            axes.text(middle, min(high * 1.05, top * 0.88), fit.label, color=ORANGE, ha="center", va="bottom", fontsize=9.5)
        axes.yaxis.set_major_locator(MaxNLocator(7, integer=True))
        axes.yaxis.set_major_formatter(lambda value, _position: f"{value:,.0f}")
        axes.text(-0.125, 1.03, _("new cases"), transform=axes.transAxes, ha="left", va="bottom", color=GREY, fontsize=9.5)

    return render(draw, height=3.4, name=name, title=title, alt=alt)


def _mark_breaks(axes: Axes, breaks: pd.DataFrame, years: np.ndarray, top: float) -> None:
    for row in breaks.itertuples():
        if not years[0] <= row.year <= years[-1]:
            continue
        if row.kind == "break":
            axes.axvline(row.year - 0.5, color=INK, linewidth=1.1, linestyle=(0, (4, 3)), zorder=1)
            axes.text(row.year - 0.42, top * 0.985, row.label, fontsize=8.5, va="top", ha="left")
        else:
            axes.axvspan(row.year - 0.5, min(row.last, years[-1]) + 0.5, color=PALE, zorder=0, linewidth=0)
            axes.text(row.year - 0.42, top * 0.07, row.label, fontsize=8.5, color=GREY, va="bottom", ha="left", rotation=90)


def _mark_points(axes: Axes, series: pd.DataFrame, top: float) -> None:
    styles = {"shown": (BLUE, BLUE, "o"), "recalled": (BLUE, "white", "o"), "provisional": (GREY, "white", "D")}
    for state, (edge, face, marker) in styles.items():
        rows = series[series["state"] == state]
        if rows.empty:
            continue
        spread = np.abs(rows[["lower", "upper"]].to_numpy().T - rows["value"].to_numpy())
        axes.errorbar(
            rows["year"],
            rows["value"],
            yerr=spread,
            fmt=marker,
            color=edge,
            markerfacecolor=face,
            markersize=5.5,
            elinewidth=1.2,
            capsize=2,
            zorder=3,
        )
        if state == "provisional":
            for year in rows["year"]:
                axes.axvspan(year - 0.5, year + 0.5, facecolor="none", hatch="///", edgecolor=PALE, linewidth=0, zorder=0)
    for state, text in (("gap", _("no figure")), ("hidden", "*")):
        for year in series.loc[series["state"] == state, "year"]:
            axes.text(
                year,
                top * 0.015,
                text,
                fontsize=8.5 if state == "gap" else 12,
                color=GREY,
                ha="center",
                va="bottom",
                rotation=90 if state == "gap" else 0,
            )
    shown = series[series["value"].notna()]
    for position in {0, len(shown) - 1} if len(shown) else ():
        row = shown.iloc[position]
        axes.annotate(
            f"{row['value']:,.0f}",
            (row["year"], row["upper"]),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            fontsize=9.5,
            color=BLUE,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.8},
        )


def targets(rows: pd.DataFrame, *, name: str, title: str, alt: str) -> Figure:
    """Values of indicators against their targets: a dot with its interval, the target as an upright line.

    Parameters
    ----------
    rows : DataFrame
        `label`, `value`, `lower`, `upper`, `target` (percent), `status`; `start` (percent, at
        the start of the plan; missing where it is not drawn).
    """

    def draw(drawing: Drawing) -> None:
        height = drawing.get_figheight()
        axes = drawing.add_axes((0.035, 0.55 / height, 0.88, 1 - 0.65 / height))
        low = min(50.0, float(np.floor(np.nanmin([*rows["lower"], *rows["target"], *rows["start"]]) / 10) * 10))
        for position, row in enumerate(rows.itertuples()):
            y = -position
            colour, marker = {"met": (GREEN, "o"), "not_met": (ORANGE, "s")}.get(row.status, (GREY, "D"))
            axes.plot([low, 100], [y, y], color=PALE, linewidth=7, solid_capstyle="butt", zorder=0)
            axes.plot([row.lower, row.upper], [y, y], color=colour, linewidth=2, zorder=2)
            axes.plot(row.value, y, marker=marker, color=colour, markersize=7, zorder=3)
            if row.start == row.start:  # a start that is known
                axes.plot(row.start, y, marker=marker, color=colour, markerfacecolor="white", markersize=6, zorder=2)
            axes.plot([row.target, row.target], [y - 0.24, y + 0.24], color=INK, linewidth=2.4, zorder=2)
            axes.text(low, y + 0.30, row.label, fontsize=9.5, va="bottom", ha="left")
            axes.text(101, y, f"{row.value:.1f}", fontsize=9.5, va="center", ha="left", color=colour)
        axes.set_xlim(low, 100.5)
        axes.set_ylim(-len(rows) + 0.4, 0.85)
        axes.yaxis.set_visible(False)
        axes.spines["left"].set_visible(False)
        started = rows["start"].notna().any()
        told = _("percent; upright line: target; hollow: start of the plan") if started else _("percent; upright line: target")
        axes.set_xlabel(told)

    return render(draw, height=0.9 + 0.5 * len(rows), name=name, title=title, alt=alt)


def blocks(rows: pd.DataFrame, *, name: str, title: str, alt: str) -> Figure:
    """Cases in blocks of years, oldest on top: a dot with its number and its exact limits; a star where it is hidden.

    Parameters
    ----------
    rows : DataFrame
        One row a block: `label`, `value`, `lower`, `upper`, `hidden`.
    """
    from matplotlib.ticker import MaxNLocator

    def draw(drawing: Drawing) -> None:
        height = drawing.get_figheight()
        axes = drawing.add_axes((0.19, 0.52 / height, 0.77, 1 - 0.58 / height))
        top = float(np.nanmax([1.0, *rows["upper"]])) * 1.06
        for position, row in enumerate(rows.itertuples()):
            y, last = -position, position == len(rows) - 1
            axes.plot([0, top], [y, y], color=PALE, linewidth=1, zorder=0)
            axes.text(-0.02 * top, y, row.label, ha="right", va="center", fontweight="bold" if last else "normal")
            if row.hidden:
                axes.text(0.01 * top, y, "*", va="center", fontsize=12, color=GREY)
                continue
            axes.plot([row.lower, row.upper], [y, y], color=BLUE, linewidth=2.4, solid_capstyle="butt", zorder=2)
            axes.plot(row.value, y, marker="o", color=BLUE, markersize=7.5, zorder=3, clip_on=False)
            axes.text(row.value, y + 0.2, f"{row.value:,.0f}", ha="center", va="bottom", fontsize=11, color=BLUE)
        axes.set_xlim(0, top)
        axes.set_ylim(-len(rows) + 0.55, 0.72)
        axes.yaxis.set_visible(False)
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_xlabel(_("new cases in the block; bar: limits (95%)"), fontsize=9.5)

    return render(draw, height=0.75 + 0.42 * len(rows), name=name, title=title, alt=alt)
