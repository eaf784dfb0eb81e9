"""Slopes of joinpoint regressions, their standard errors, and their Estimate frames.

References
----------
Lerman PM. Fitting segmented regression models by grid search. Appl Stat 1980; 29: 77-84.
Clegg LX, Hankey BF, Tiwari R, Feuer EJ, Edwards BK. Estimating average annual per cent change in trend analysis.
Stat Med 2009; 28: 3670-3682.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from .grid import separate_lines, spline

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .data import Rows
    from .grid import Floats, Places
    from .select import Scaled

LEVEL = 0.95

NO_DEGREES = "no residual degrees of freedom"
NO_VARIANCE = "no residual variance around the lines"


class Lines(NamedTuple):
    """Slopes on the model's scale, each from `start` to `end`; in a table one row per series."""

    start: Floats
    end: Floats
    slope: Floats
    se: Floats
    df: Floats  # inf for the normal distribution
    numerator: Floats
    denominator: Floats

    def flat(self) -> Lines:
        """One after the other."""
        return Lines(*(column.ravel() for column in self))


def segments(rows: Rows, data: Scaled, knots: Places) -> Lines:
    """The segments of series with the same number of joinpoints, (series, segments).

    The slopes are those of the continuous fit; their standard errors come from the separate lines, which leave out the
    observations on joinpoints, with a common residual variance.
    """
    n, k = len(data.x), knots.shape[1]
    ends = np.column_stack([np.zeros(len(knots), dtype=np.intp), knots, np.full(len(knots), n - 1)])
    first, last = ends[:, :-1], ends[:, 1:]
    values, _ = spline(data.x, data.z, data.w, knots)
    sse, spread = separate_lines(data.x, data.z, data.w, knots)
    df = n - k - 2 * (k + 1)
    variance = (data.cleared(sse) / df)[:, None] / spread if df > 0 else np.full(spread.shape, np.nan)
    unit = data.scale[:, None] / data.length
    slope = np.diff(values) / (data.x[last] - data.x[first]) * unit
    sums = []
    for counts in (rows.numerator, rows.denominator):
        before = np.cumsum(np.vstack([np.zeros(len(knots)), counts]), axis=0).T
        sums.append(np.take_along_axis(before, last + 1, axis=1) - np.take_along_axis(before, first, axis=1))
    x = rows.x[:, 0]
    return Lines(x[first], x[last], slope, np.sqrt(variance) * unit, np.full(slope.shape, float(df)), *sums)


def average(lines: Lines, start: Floats, end: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean slope of each series from `start` to `end`, weighted with the segments' lengths there, its SE and df.

    Inside one segment it is that segment's, with its t distribution; over several the normal distribution is used.
    """
    share = np.maximum(np.minimum(lines.end, end[:, None]) - np.maximum(lines.start, start[:, None]), 0) / (end - start)[:, None]
    df = np.where((share > 0).sum(axis=1) == 1, lines.df[:, 0], np.inf)
    return (share * lines.slope).sum(axis=1), np.hypot.reduce(share * lines.se, axis=1), df


def estimates(lines: Lines, *, log: bool, name: str) -> pd.DataFrame:
    """The Estimate frame of some slopes: percent changes in a log-linear model, else the slopes themselves."""
    se = np.where(lines.se > 0, lines.se, np.nan)
    exact = np.isfinite(lines.df)
    df = np.where(exact, lines.df, 1.0)
    reach = np.where(exact, stdtrit(df, (1 + LEVEL) / 2), ndtri((1 + LEVEL) / 2)) * se
    distance = np.abs(lines.slope) / se
    p = 2 * np.where(exact, stdtr(df, -distance), ndtr(-distance))
    values = [lines.slope, lines.slope - reach, lines.slope + reach]
    if log:
        with np.errstate(over="ignore"):
            values = [100 * np.expm1(each) for each in values]
    return pd.DataFrame({
        "start": plain(lines.start), "end": plain(lines.end),
        "value": values[0], "lower": values[1], "upper": values[2], "level": LEVEL,
        "unit": "percent per year" if log else "per year", "method": name,
        "numerator": lines.numerator, "denominator": lines.denominator,
        "note": np.where(np.isnan(lines.se), NO_DEGREES, np.where(lines.se == 0, NO_VARIANCE, "")),
        "slope": lines.slope, "se": lines.se, "df": lines.df, "p": p,
    })  # fmt: skip


def plain(x: Floats) -> NDArray[Any]:
    """Whole x as integers, else as they are."""
    return x.astype(np.int64) if np.all(x == np.floor(x)) and np.all(np.abs(x) < 2**53) else x
