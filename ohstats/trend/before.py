"""Counts before and after a change of rule or programme: a descriptive table, a segmented trend where years suffice."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special

from .. import loglinear
from ..estimates import Groups, check_free, check_options, counted, estimate, grouped, labels, measured, whole, years_once
from ..limits import t_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST_YEARS = 8
"""Fewest years on each side that a segmented trend is fitted to."""

TERMS = {
    "trend before": "percent per year",
    "step": "percent",
    "change of trend": "percent per year",
    "trend after": "percent per year",
}


class _Rows(NamedTuple):
    cases: Floats
    years: Floats
    persons: Floats | None
    groups: Groups
    after: NDArray[np.bool_]


def before_after(
    table: pd.DataFrame, *, count: str, year: str, first_after: float, population: str | None = None, by: str | Sequence[str] = ()
) -> pd.DataFrame:
    """Mean cases per year (or cases per 100,000 person-years) before and after a change, two rows per group.

    A description without limits: it says nothing about the cause, and never "effect of". For a trend on each side,
    where there are at least 8 years, use `segmented`.

    Parameters
    ----------
    table : DataFrame
        One row per group and year; not modified. A year without a row is a gap and not counted.
    count, year : str
        Columns of whole counts and of years (numbers).
    first_after : float
        First year under the new rule.
    population : str, optional
        Column of persons or person-years above 0.
    by : sequence of str
        Grouping columns; groups come sorted; empty gives one group.

    Returns
    -------
    DataFrame
        `by`, side ("before" or "after"), then value (cases per year, or per 100,000), lower, upper, level (missing),
        unit, method ("descriptive"), numerator (cases), denominator (years, or person-years), note; then n_points,
        first_year and last_year. A side without years is missing with the note "no years".

    Raises
    ------
    CountError
        A count is missing, negative, fractional or infinite, a year missing or twice in its group, a population missing
        or not above 0; every such row is named.
    ParameterRefused
        A column does not exist.

    References
    ----------
    None: a table of sums.

    Examples
    --------
    >>> import pandas as pd
    >>> cases = pd.DataFrame({"year": range(2016, 2024), "cases": [62, 58, 60, 51, 47, 49, 40, 38]})
    >>> found = before_after(cases, count="cases", year="year", first_after=2020)
    >>> found[["side", "value", "unit", "numerator", "n_points"]]
         side  value            unit  numerator  n_points
    0  before  57.75  cases per year        231         4
    1   after  43.50  cases per year        174         4
    """
    rows = _rows(table, count, year, first_after, population, by, own="side")
    groups = len(rows.groups.keys)
    sides = Groups(2 * rows.groups.codes + rows.after, rows.groups.keys.loc[rows.groups.keys.index.repeat(2)])
    keys = sides.keys.reset_index(drop=True).assign(side=np.tile(["before", "after"], groups))
    cases, points = sides.total(rows.cases), sides.total(np.ones(len(table)))
    denominator = points if rows.persons is None else sides.total(rows.persons)
    first, last = np.full(2 * groups, np.inf), np.full(2 * groups, -np.inf)
    np.minimum.at(first, sides.codes, rows.years)
    np.maximum.at(last, sides.codes, rows.years)
    scale = np.where(points > 0, (1 if rows.persons is None else 100_000) / np.where(points > 0, denominator, 1), np.nan)
    return estimate(
        keys,
        value=cases * scale,
        lower=np.nan,
        upper=np.nan,
        level=np.nan,
        unit="cases per year" if rows.persons is None else "per 100,000",
        method="descriptive",
        numerator=whole(cases),
        denominator=denominator,
        note=labels(points == 0, ("", "no years")),
        n_points=whole(points),
        first_year=np.where(points > 0, first, np.nan),
        last_year=np.where(points > 0, last, np.nan),
    )


def segmented(
    table: pd.DataFrame,
    *,
    count: str,
    year: str,
    first_after: float,
    population: str | None = None,
    by: str | Sequence[str] = (),
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Trend before and after a change and the step between, in percent, by segmented quasi-Poisson: four rows a group.

    ln(mean) = b0 + b1·t + b2·after + b3·(t - T) after T, with T the year before `first_after`: an interrupted time
    series. Descriptive: something else may have changed in the same year. Only with 8 years or more on each side that
    are free of other breaks; provisional years left out.

    Parameters
    ----------
    table : DataFrame
        One row per group and year; not modified. A year without a row is a gap and fitted around.
    count, year : str
        Columns of whole counts and of years (numbers).
    first_after : float
        First year under the new rule.
    population : str, optional
        Column of persons or person-years above 0; with it the trends are those of the rate.
    by : sequence of str
        Grouping columns; groups come sorted; empty gives one group.
    confidence : float
        Two-sided level, in (0, 1).

    Returns
    -------
    DataFrame
        `by`, term ("trend before" = b1, "step" = b2: the jump between the two lines in year T, "change of trend" = b3,
        "trend after" = b1 + b3), then value, lower, upper, level, unit ("percent per year"; "percent" for the step),
        method, numerator (cases), denominator (person-years; missing without population), note; then coefficient and se
        (natural log, se with the dispersion), df (n-4), dispersion and p. Missing with a note below 8 years, or cases
        in fewer than two years, on a side. A perfect fit has limits equal to the value and says so.

    Raises
    ------
    CountError
        A count is missing, negative, fractional or infinite, a year missing or twice in its group, a population missing
        or not above 0; every such row is named.
    ParameterRefused
        A column does not exist or the level is outside (0, 1).

    References
    ----------
    Wagner AK, Soumerai SB, Zhang F, Ross-Degnan D. J Clin Pharm Ther 2002; 27: 299-309. Own code (the model is one
    separate Poisson trend per side with a common dispersion); agrees with R `glm(quasipoisson)`.

    Examples
    --------
    >>> import pandas as pd
    >>> cases = pd.DataFrame({"year": range(2006, 2022),
    ...     "cases": [51, 58, 60, 63, 57, 70, 71, 69, 62, 58, 60, 51, 47, 49, 40, 38]})
    >>> found = segmented(cases, count="cases", year="year", first_after=2014)
    >>> found[["term", "value", "lower", "upper", "unit"]].round(1)
                  term  value  lower  upper              unit
    0     trend before    4.2    2.2    6.2  percent per year
    1             step   -4.6  -15.8    8.1           percent
    2  change of trend  -10.5  -13.0   -7.9  percent per year
    3      trend after   -6.7   -8.7   -4.7  percent per year
    """
    check_options(confidence=confidence)
    rows = _rows(table, count, year, first_after, population, by, own="term")
    groups = len(rows.groups.keys)
    sides = 2 * rows.groups.codes + rows.after
    series = loglinear.padded(sides, 2 * groups, rows.cases, rows.years, rows.persons)
    points = series.there.sum(axis=1).reshape(groups, 2)
    with_cases = (series.cases > 0).sum(axis=1).reshape(groups, 2)
    reason = np.select([(points < FEWEST_YEARS).any(axis=1), (with_cases < 2).any(axis=1)], [1, 2], default=0)
    fits = np.repeat(reason == 0, 2)
    fit = loglinear.poisson(loglinear.Series(*(part[fits] for part in series)))
    slope, height, slope_variance, height_variance = _at(fit, series, fits, first_after - 1)
    df = points.sum(axis=1)[reason == 0] - 4.0
    dispersion = fit.residual.reshape(-1, 2).sum(axis=1) / df
    coefficients = [slope[:, 0], height[:, 1] - height[:, 0], slope[:, 1] - slope[:, 0], slope[:, 1]]
    variances = [slope_variance[:, 0], height_variance.sum(axis=1), slope_variance.sum(axis=1), slope_variance[:, 1]]
    filled = np.full((4, groups, len(TERMS)), np.nan)
    filled[0, reason == 0] = np.column_stack(coefficients)
    filled[1, reason == 0] = np.sqrt(dispersion[:, None] * np.column_stack(variances))
    filled[2, reason == 0], filled[3, reason == 0] = df[:, None], dispersion[:, None]
    coefficient, se, df, dispersion = (part.ravel() for part in filled)
    reach = t_quantile(confidence, df) * se
    reason = np.where(dispersion == 0, 3, np.repeat(reason, len(TERMS)))
    keys = rows.groups.keys.loc[rows.groups.keys.index.repeat(len(TERMS))].reset_index(drop=True)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        value, lower, upper = (100 * np.expm1(end) for end in (coefficient, coefficient - reach, coefficient + reach))
        p = 2 * special.stdtr(df, -np.abs(np.where(coefficient == 0, 0.0, coefficient / se)))
    return estimate(
        keys.assign(term=np.tile(list(TERMS), groups)),
        value=value,
        lower=lower,
        upper=upper,
        level=confidence,
        unit=np.tile(list(TERMS.values()), groups),
        method="segmented quasi-Poisson, t(n-4)",
        numerator=np.repeat(whole(rows.groups.total(rows.cases)), len(TERMS)),
        denominator=np.nan if rows.persons is None else np.repeat(rows.groups.total(rows.persons), len(TERMS)),
        note=labels(
            reason,
            (
                "",
                "not estimable: fewer than 8 years on a side",
                "not estimable: cases in fewer than two years on a side",
                "perfect fit: no residual variation",
            ),
        ),
        coefficient=coefficient,
        se=se,
        df=df,
        dispersion=dispersion,
        p=np.where(np.isnan(se), np.nan, p),
    )


def _rows(
    table: pd.DataFrame, count: str, year: str, first_after: float, population: str | None, by: str | Sequence[str], *, own: str
) -> _Rows:
    (cases,) = counted(table, count)
    persons = None if population is None else measured(table, population, zero=False)
    groups = grouped(table, by)
    check_free(groups.keys.columns, [own])
    years = years_once(table, year, count, groups)
    return _Rows(cases, years, persons, groups, years >= first_after)


def _at(
    fit: loglinear.Fit, series: loglinear.Series, fits: NDArray[np.bool_], year: float
) -> tuple[Floats, Floats, Floats, Floats]:
    """Slope and height of each side's line in `year` and their Poisson variances; a row per group: before, after."""
    there, time, offset = series.there[fits], series.time[fits], series.offset[fits]
    total = fit.mean.sum(axis=1)
    centre = (fit.mean * time).sum(axis=1) / total
    base = np.log(total / np.where(there, np.exp(offset + fit.slope[:, None] * time), 0.0).sum(axis=1))
    away = year - (series.first + series.last)[fits] / 2
    height = base + fit.slope * away
    variance = 1 / total + (away - centre) ** 2 * fit.se**2
    pairs = (each.reshape(-1, 2) for each in (fit.slope, height, fit.se**2, variance))
    return next(pairs), next(pairs), next(pairs), next(pairs)
