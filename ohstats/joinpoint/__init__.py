"""Joinpoint regression as the NCI program does it: where a trend bends, and the percent change of each stretch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from ..errors import CountError, ParameterRefused, nearest
from .data import FEWEST, numbers, options, rows
from .grid import spline
from .select import regress
from .slopes import Lines, average, estimates, plain, segments

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from .grid import Floats

    Column: TypeAlias = Sequence[float] | NDArray[Any] | pd.Series

SEED = 7160  # the NCI program's own; its stream of random numbers is another one

TOO_FEW = "fewer than 7 points"
ALL_ZERO = "all counts are 0"

_APC = {True: "joinpoint APC", False: "joinpoint slope"}
_AAPC = {True: "joinpoint AAPC", False: "joinpoint average slope"}


@dataclass(frozen=True, eq=False)
class Fit:
    """One joinpoint regression.

    Attributes
    ----------
    joinpoints : tuple
        The values of x where the trend bends, ascending; empty for one straight line.
    segments : DataFrame
        Estimate frame, one row per segment: start, end, value (percent change per unit of x; the slope itself in a
        linear model), lower, upper, level, unit, method, numerator, denominator (sums from start to end where y are
        counts, else missing), note, slope, se, df, p.
    candidates : DataFrame
        Best fit with each number of joinpoints: k, sse, bic, bic3, wbic, r2max, joinpoints, ties (placements with the
        same SSE; the first in order of x is taken).
    fitted : DataFrame
        x in ascending order, observed, fitted, numerator, denominator.
    """

    joinpoints: tuple[float, ...]
    segments: pd.DataFrame
    candidates: pd.DataFrame
    fitted: pd.DataFrame
    _summary: Mapping[str, Any] = field(repr=False)

    def aapc(self, start: float | None = None, end: float | None = None) -> pd.DataFrame:
        """Average percent change per unit of x from `start` to `end`, with 95 % parametric limits, as one Estimate row.

        The slopes of the segments are averaged with the lengths of their parts inside the window as weights (in a
        linear model the average slope is the result). Several segments: normal quantile; inside one: its t quantile.

        Parameters
        ----------
        start, end : float, optional
            Ends of the window, within the range of x and not necessarily observed; by default the whole range.

        Returns
        -------
        DataFrame
            start, end, value, lower, upper, level, unit, method, numerator, denominator, note, slope, se, df, p.

        Raises
        ------
        ParameterRefused
            The window is empty or leaves the range of x.

        References
        ----------
        Clegg LX, Hankey BF, Tiwari R, Feuer EJ, Edwards BK. Estimating average annual per cent change in trend
        analysis. Stat Med 2009; 28: 3670-3682.
        """
        lines = Lines(*(self.segments[name].to_numpy(dtype=float)[None, :] for name in Lines._fields))
        first, last = self.segments["start"].iloc[0], self.segments["end"].iloc[-1]
        start, end = first if start is None else start, last if end is None else end
        if not first <= start < end <= last:
            raise ParameterRefused(
                "no window from {start} to {end}: give a start before the end, both from {first} to {last}",
                start=start, end=end, first=first, last=last,
            )  # fmt: skip
        window = np.array([float(start)]), np.array([float(end)])
        counts = self.fitted[self.fitted["x"].between(start, end)][["numerator", "denominator"]].sum(min_count=1)
        log = self._summary["model"] == "log-linear"
        return estimates(Lines(*window, *average(lines, *window), *counts.to_numpy()[:, None]), log=log, name=_AAPC[log])

    def summary(self) -> dict[str, Any]:
        """What was fitted and how: to be printed beside the result.

        Returns
        -------
        dict
            n, model, variance, k, joinpoints, k_max, select ("fixed" where the number was given), half_added (the x
            whose count 0 became 0.5), limits, and for the permutation test permutations, seed and tests (a list with
            null, alternative, ratio T, p, alpha, rejected).
        """
        return {**self._summary, "tests": [test._asdict() for test in self._summary["tests"]]}


def fit(
    x: Column,
    y: Column,
    *,
    se: Column | None = None,
    weights: str = "constant",
    population: Column | None = None,
    log: bool = True,
    joinpoints: int | None = None,
    max_joinpoints: int | None = None,
    select: str | None = None,
    permutations: int = 4499,
    seed: int = SEED,
) -> Fit:
    """Percent change per year of each stretch of a series between bends found by least squares, with 95 % limits.

    ln(y) (or y) is fitted by a continuous line with joinpoints on observed x: at least 2 observations lie before the
    first, after the last and between two joinpoints, not counting those on joinpoints. All placements are tried.

    Parameters
    ----------
    x : sequence of numbers
        Years (or other equal or unequal steps), each once, in any order; series are matched by position.
    y : sequence of numbers
        Rates; with `population`, or with weights="poisson", counts, from which the rates are made here.
    se : sequence of numbers, optional
        Standard errors of the rates, above 0, for weights="se".
    weights : {"constant", "se", "poisson"}
        Variance: the same everywhere; known standard errors (weight (y/se)², linear model 1/se²); or Poisson counts
        (weight the count c, linear model population²/c).
    population : sequence of numbers, optional
        Persons or person-years, above 0; y are then counts.
    log : bool
        Log-linear (percent changes) or linear (slopes).
    joinpoints : int, optional
        Fixes the number of joinpoints.
    max_joinpoints : int, optional
        Most joinpoints considered; by default 1 from 7 points, 2 from 12, 3 from 17, 4 from 22, 5 from 27.
    select : {"permutation", "wbic", "bic", "bic3"}, optional
        How the number is chosen; by default the permutation test below 20 points, else weighted BIC.
    permutations : int
        Random permutations of each test, at least 99.
    seed : int
        Of the permutations.

    Returns
    -------
    Fit
        joinpoints, segments, candidates, fitted, aapc(), summary().

    Raises
    ------
    CountError
        Fewer than 7 points; a value is missing, infinite or no number; x twice; a count negative or fractional, all
        counts 0; a rate of 0 or below in a log-linear model; a standard error or population not above 0.
    ParameterRefused
        An option does not exist or does not fit the others; no room for so many joinpoints; too many placements.

    Notes
    -----
    Zero: 0.5 is added to each zero **count**, and `summary` says where; a given rate of 0 cannot be used in a
    log-linear model, nor can a series of zero counts only. Missing years are gaps: leave the rows out.

    Limits are the NCI program's parametric ones: each segment's line without the observations on joinpoints, variances
    pooled, t with n − k − 2(k + 1) degrees of freedom around the slope of the continuous fit. They take number and
    places of the joinpoints as known. Where no degrees of freedom or no variance remain, they are missing and the note
    says why. Simulated with one true joinpoint (15 and 21 points, `benchmarks/joinpoint.py`), nominal 95 % limits of a
    segment hold the truth in 91 to 98 % of series: too often where the joinpoint is plain, because the separate lines
    know less than the continuous one; too seldom where it is missed or misplaced. Those of the average over all years
    hold it in over 99 %: they treat neighbouring slopes as independent, which are opposed in the continuous fit. The
    empirical-quantile limits of NCI version 5 are not offered: there was nothing to check them against.

    The permutation test shuffles the residuals of the null fit, T = SSE(null)/SSE(alternative), p = (1 + number of
    T* ≥ T)/(1 + permutations); it starts with 0 against the most, a null that is rejected (p below 0.05/(max − null))
    gains a joinpoint, else the alternative loses one. With weights, residuals times the root of the weight are
    shuffled and divided by the root of the weight where they land: so the 27 p-values of nine series exported from NCI
    4.5.0.1 agree within their random error (chi-square 32 on 27; shuffling raw residuals: 443). A null model that fits
    perfectly is never rejected. Of placements with the same SSE the first is taken; `candidates` counts them.

    When not to use it: below 12 unbroken points or a median count of 10, for a headline (use `trend.percent_change`),
    across a break in definition, or to prove that a measure worked. In Poisson series without any change weighted BIC
    finds joinpoints in 16 to 20 % at 8 or 10 points and 8 to 12 % at 15 or 20; the permutation test in 2 to 5 %.

    Agrees with NCI Joinpoint 4.5 and 4.9 on joinpoints, and on percent changes and limits to all printed digits. No
    library does all of this; numpy's linear algebra and scipy's quantiles are used.

    References
    ----------
    Kim HJ, Fay MP, Feuer EJ, Midthune DN. Permutation tests for joinpoint regression with applications to cancer
    rates. Stat Med 2000; 19: 335-351 (correction 2001; 20: 655).
    Lerman PM. Fitting segmented regression models by grid search. Appl Stat 1980; 29: 77-84.

    Examples
    --------
    >>> cases = [40, 47, 52, 63, 70, 83, 92, 88, 79, 70, 66, 60, 61, 58]
    >>> trend = fit(range(2009, 2023), cases, weights="poisson", select="wbic")
    >>> trend.joinpoints
    (2015, 2020)
    >>> trend.segments[["start", "end", "value", "lower", "upper", "unit"]].round(1)
       start   end  value  lower  upper              unit
    0   2009  2015   15.2   13.7   16.7  percent per year
    1   2015  2020   -8.5  -10.4   -6.6  percent per year
    2   2020  2022   -1.2   -8.4    6.5  percent per year
    """
    how = options(
        se=se is not None, population=population is not None, weights=weights, log=log, joinpoints=joinpoints,
        most=max_joinpoints, select=select, permutations=permutations, seed=seed,
    )  # fmt: skip
    given = {"x": x, "y": y, "se": se, "population": population}
    columns = {name: numbers(values, name) for name, values in given.items() if values is not None}
    if len({len(values) for values in columns.values()}) > 1:
        raise ParameterRefused(
            "not of one length: {lengths}", lengths=", ".join(f"{name} {len(column)}" for name, column in columns.items())
        )
    labels = y.index if isinstance(y, pd.Series) else pd.RangeIndex(len(columns["y"]))
    checked = rows(columns, {name: name for name in columns}, labels, np.zeros(len(labels), dtype=np.intp), how)
    n = len(labels)
    if n < FEWEST:
        raise CountError("{n} points: joinpoint regression needs at least {fewest}", n=n, fewest=FEWEST)
    if how.counts and not checked.numerator.any():
        raise CountError("all counts are 0: there is no trend to estimate")
    order = np.argsort(checked.x)
    batch = checked.pick(order[:, None])
    data, best, chosen, (tests,) = regress(batch.x[:, 0], batch.z, batch.weight, how)
    k, years = int(chosen[0]), plain(batch.x[:, 0])
    lines = estimates(segments(batch, data, best.knots[k]).flat(), log=log, name=_APC[log])
    placed = [tuple(years[knots[0]].tolist()) for knots in best.knots]
    criteria = {name: getattr(best, name)[:, 0] for name in ("sse", "bic", "bic3", "wbic", "r2max")}
    tried = pd.DataFrame({"k": range(len(placed)), **criteria, "joinpoints": placed, "ties": best.ties[:, 0]})
    _, curve = spline(data.x, data.z, data.w, best.knots[k])
    curve = curve[0] * data.scale + data.centre
    points = pd.DataFrame({
        "x": years, "observed": batch.observed[:, 0], "fitted": np.exp(curve) if log else curve,
        "numerator": batch.numerator[:, 0], "denominator": batch.denominator[:, 0],
    })  # fmt: skip
    summary = {
        "n": n, "model": "log-linear" if log else "linear", "variance": weights, "k": k, "joinpoints": placed[k],
        "k_max": len(placed) - 1, "select": how.rule(n), "half_added": tuple(years[batch.half[:, 0]].tolist()),
        "limits": "parametric", "permutations": permutations if tests else None, "seed": seed if tests else None,
        "tests": tests,
    }  # fmt: skip
    return Fit(placed[k], lines, tried, points, summary)


def fit_many(
    table: pd.DataFrame,
    *,
    x: str,
    y: str,
    by: str | Sequence[str],
    se: str | None = None,
    weights: str = "constant",
    population: str | None = None,
    log: bool = True,
    joinpoints: int | None = None,
    max_joinpoints: int | None = None,
    select: str | None = None,
    permutations: int = 4499,
    seed: int = SEED,
) -> pd.DataFrame:
    """Percent changes per year of the segments of many series, and each series' average, with 95 % limits.

    The same regressions as `fit`, all series with the same x searched together.

    Parameters
    ----------
    table : DataFrame
        One row per series and x; not modified.
    x, y, se, population : str
        Columns, as the arguments of `fit`.
    by : str or sequence of str
        Columns that tell the series apart; missing keys are a series of their own.
    weights, log, joinpoints, max_joinpoints, select, permutations, seed
        As in `fit`; `max_joinpoints` and `joinpoints` must have room in every series that is fitted.

    Returns
    -------
    DataFrame
        Estimate frame, by series (sorted) one row per segment (method "joinpoint APC"), then one for the average of
        the whole range ("joinpoint AAPC"): by, start, end, value, lower, upper, level, unit, method, numerator,
        denominator, note, slope, se, df, p, joinpoints (their number). A series with fewer than 7 points or zero
        counts only has one row of missing values with the reason in its note.

    Raises
    ------
    CountError
        Rows that cannot be used, as in `fit`; all of them are named.
    ParameterRefused
        As in `fit`; a column does not exist.

    Notes
    -----
    The limits of each series stand alone: among many series some bends are false. For the rest see `fit`. The
    permutation test takes its time for each series, the information criteria take theirs for all together.

    Examples
    --------
    >>> table = pd.DataFrame({"place": ["A"] * 8 + ["B"] * 3, "year": [*range(2015, 2023), *range(2015, 2018)],
    ...                       "cases": [5, 7, 9, 12, 11, 9, 6, 5, 1, 0, 2]})
    >>> fit_many(table, x="year", y="cases", by="place", weights="poisson", joinpoints=1)[
    ...     ["place", "start", "end", "value", "method", "note"]].round(1)
      place  start   end  value          method                 note
    0     A   2015  2018   36.7   joinpoint APC
    1     A   2018  2022  -19.9   joinpoint APC
    2     A   2015  2022    0.7  joinpoint AAPC
    3     B   2015  2017    NaN  joinpoint AAPC  fewer than 7 points
    """
    how = options(
        se=se is not None, population=population is not None, weights=weights, log=log, joinpoints=joinpoints,
        most=max_joinpoints, select=select, permutations=permutations, seed=seed,
    )  # fmt: skip
    keys = [by] if isinstance(by, str) else list(by)
    names = {role: name for role, name in {"x": x, "y": y, "se": se, "population": population}.items() if name is not None}
    for name in (*keys, *names.values()):
        if name not in table.columns:
            raise ParameterRefused(
                "the table has no column {name!r}; nearest are {known}", name=name, known=nearest(name, table.columns)
            )
    groups = np.asarray(table.groupby(keys, sort=True, dropna=False, observed=True).ngroup(), dtype=np.intp)
    checked = rows({role: numbers(table[name], name) for role, name in names.items()}, names, table.index, groups, how)
    order = np.lexsort([checked.x, groups])
    groups, checked = groups[order], checked.pick(order)
    starts = np.flatnonzero(np.diff(groups, prepend=-1))
    length = np.diff(starts, append=len(groups))
    totals = [np.add.reduceat(column, starts) if len(starts) else column for column in (checked.numerator, checked.denominator)]
    zero, short = totals[0] == 0, length < FEWEST
    blank = np.full(len(starts), np.nan)
    whole = Lines(checked.x[starts], checked.x[starts + length - 1], blank.copy(), blank.copy(), blank.copy(), *totals)
    bends = np.zeros(len(starts), dtype=np.intp)
    owners, parts = [], []
    for series in _alike(checked.x, starts, length, ~zero & ~short):
        batch = checked.pick(starts[series] + np.arange(length[series[0]])[:, None])
        data, best, bends[series], _ = regress(batch.x[:, 0], batch.z, batch.weight, how)
        for k in np.unique(bends[series]):
            chosen, knots = np.flatnonzero(bends[series] == k), best.knots[k]
            lines = segments(batch.pick((slice(None), chosen)), data.of(chosen), knots[chosen])
            own = series[chosen]
            whole.slope[own], whole.se[own], whole.df[own] = average(lines, whole.start[own], whole.end[own])
            owners.append(np.repeat(own, k + 1))
            parts.append(lines.flat())
    owner = np.concatenate([*owners, np.arange(len(starts))])
    lines = Lines._make(np.concatenate(columns) for columns in zip(*parts, whole, strict=True))
    overall = np.arange(len(owner)) >= len(owner) - len(starts)
    sequence = np.lexsort([lines.start, overall, owner])
    result = estimates(lines, log=log, name=_APC[log]).assign(joinpoints=bends[owner])
    result.loc[overall, "method"] = _AAPC[log]
    result.loc[zero[owner], "note"] = ALL_ZERO
    result.loc[short[owner], "note"] = TOO_FEW
    taken = [name for name in keys if name in result.columns]
    if taken:
        raise ParameterRefused(
            "results have columns of their own named {taken}: rename the grouping columns", taken=", ".join(taken)
        )
    own_keys = table[keys].iloc[order[starts[owner]]].reset_index(drop=True)
    together: pd.DataFrame = pd.concat([own_keys, result], axis=1).iloc[sequence].reset_index(drop=True)
    return together


def _alike(
    x: Floats, starts: NDArray[np.intp], length: NDArray[np.intp], usable: NDArray[np.bool_]
) -> Iterator[NDArray[np.intp]]:
    """Series that have the same x."""
    for n in np.unique(length[usable]):
        same = np.flatnonzero(usable & (length == n))
        _, pattern = np.unique(x[starts[same, None] + np.arange(n)], axis=0, return_inverse=True)
        order = np.argsort(pattern.ravel(), kind="stable")
        yield from np.split(same[order], np.flatnonzero(np.diff(pattern.ravel()[order])) + 1)
