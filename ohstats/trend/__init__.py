"""Trends of annual counts: percent change per year, what may be said of it, and the windows that breaks leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from .. import loglinear
from ..errors import ParameterRefused
from ..estimates import check_columns, check_options, counted, estimate, grouped, measured, numbers, whole, years_once
from ..limits import t_quantile
from .before import before_after, segmented
from .divisia import decomposition
from .monotone import cochran_armitage, mann_kendall, sen_slope

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = [
    "before_after",
    "cochran_armitage",
    "decomposition",
    "mann_kendall",
    "percent_change",
    "segmented",
    "sen_slope",
    "verdict",
    "windows",
]

METHODS = {
    "quasipoisson": "quasi-Poisson, t(n-2)",
    "poisson": "Poisson, normal",
    "negative_binomial": "negative binomial, normal",
    "loglinear": "log-linear least squares, t(n-2)",
}
FALLING, RISING, LEVEL, UNKNOWN = "falling", "rising", "roughly level", "cannot tell"


def percent_change(
    table: pd.DataFrame,
    *,
    count: str,
    year: str,
    population: str | None = None,
    by: str | Sequence[str] = (),
    family: str = "quasipoisson",
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Annual percent change (APC) of counts or rates, in percent per year, one log-linear trend per group.

    Not across a declared break of the series: cut it with `windows` first. Not the words for a reader: those come from
    `verdict`. Not plain "poisson" for notification counts: they vary more than Poisson counts, and its limits are too
    narrow.

    Parameters
    ----------
    table : DataFrame
        One row per group and year; not modified; rows in any order. A year without a row is a gap and fitted around; a
        year without cases is a row with 0.
    count, year : str
        Columns of whole counts and of years (numbers).
    population : str, optional
        Column of persons or person-years above 0; with it the trend is that of the rate.
    by : sequence of str
        Grouping columns; groups come sorted; empty gives one row.
    family : {"quasipoisson", "poisson", "negative_binomial", "loglinear"}
        "quasipoisson" (default): dispersion = Pearson chi-square / (n-2), not floored at 1, limits from t(n-2).
        "poisson": dispersion 1, normal limits. "negative_binomial": alpha by maximum likelihood, normal limits;
        quasi-Poisson instead where the counts do not vary more than Poisson counts or no alpha is found (method and
        note say so). "loglinear": least squares of ln(count / population), 0.5 in place of each zero count (and of no
        other), t(n-2).
    confidence : float
        Two-sided level, in (0, 1).

    Returns
    -------
    DataFrame
        `by`, then value, lower, upper (percent per year), level, unit, method, numerator (all cases), denominator (all
        person-years; missing without population), note; then n_points, first_year, last_year, slope and se (natural log
        per year; se includes the dispersion), df (of the t quantile; infinite for normal limits), dispersion (Pearson
        chi-square / (n-2); alpha of the negative binomial; residual variance of "loglinear") and p (two-sided, slope =
        0). The value is missing with a note ("not estimable: …") for one year, for no cases, and for cases in one year
        only. Two years have a value but, except with "poisson", no limits. A perfect fit (no residual variation, such
        as the same count every year) has limits equal to the value and says so in the note.

    Raises
    ------
    CountError
        A count is missing, negative, fractional or infinite, a year missing or twice in its group, a population missing
        or not above 0; every such row is named.
    ParameterRefused
        A column does not exist, the family is unknown or the level is outside (0, 1).

    References
    ----------
    McCullagh P, Nelder JA. Generalized linear models. 2nd ed. 1989: 198-200, 327-328. Venables WN, Ripley BD. Modern
    applied statistics with S. 4th ed. 2002: 206-208 (negative binomial). Own batched code: agrees with R `glm`, `lm`
    and `MASS::glm.nb`, and with statsmodels `GLM` (whose default uses a normal quantile and, for the negative binomial,
    alpha = 1).

    Examples
    --------
    >>> cases = pd.DataFrame({"year": range(2016, 2024), "cases": [62, 58, 60, 51, 47, 49, 40, 38]})
    >>> found = percent_change(cases, count="cases", year="year")
    >>> found[["value", "lower", "upper", "unit", "n_points"]].round(1)
       value  lower  upper              unit  n_points
    0   -6.7   -8.7   -4.7  percent per year         8
    """
    check_options(confidence=confidence, choice=family, choices=list(METHODS))
    (cases,) = counted(table, count)
    persons = None if population is None else measured(table, population, zero=False)
    groups = grouped(table, by)
    years = years_once(table, year, count, groups)

    series = loglinear.padded(groups.codes, len(groups.keys), cases, years, persons)
    points = series.there.sum(axis=1)
    with_cases = (series.cases > 0).sum(axis=1)
    fits = (points >= 2) & (with_cases >= 2)
    fitted = _fit(loglinear.Series(*(part[fits] for part in series)), family)
    note = np.select(
        [points == 0, points == 1, with_cases == 0, with_cases == 1],
        [f"not estimable: {why}" for why in ("no years", "one year", "no cases", "cases in one year only")],
        default="",
    ).astype(object)
    note[fits] = fitted.pop("note")
    method = np.full(len(points), METHODS[family], dtype=object)
    method[fits] = fitted.pop("method")
    slope, se, df, dispersion = (np.full(len(points), np.nan) for _each in range(4))
    slope[fits], se[fits], df[fits], dispersion[fits] = (fitted[name] for name in ("slope", "se", "df", "dispersion"))

    reach = t_quantile(confidence, df) * se
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # an endless upper limit is infinite
        value, lower, upper = (100 * np.expm1(end) for end in (slope, slope - reach, slope + reach))
        p = 2 * special.stdtr(np.where(df >= 1, df, np.nan), -np.abs(np.where(slope == 0, 0.0, slope / se)))
    return estimate(
        groups.keys,
        value=value,
        lower=lower,
        upper=upper,
        level=confidence,
        unit="percent per year",
        method=pd.array(method, dtype="str"),
        numerator=whole(groups.total(cases)),
        denominator=np.nan if persons is None else groups.total(persons),
        note=pd.array(note, dtype="str"),
        n_points=points,
        first_year=_whole_years(series.first),
        last_year=_whole_years(series.last),
        slope=slope,
        se=se,
        df=df,
        dispersion=dispersion,
        p=np.where(np.isnan(se), np.nan, p),
    )


def _whole_years(years: Floats) -> NDArray[Any]:
    return years.astype(np.int64) if np.all(years == np.floor(years)) else years


def _fit(series: loglinear.Series, family: str) -> dict[str, NDArray[np.generic]]:
    """Slope, se, df, dispersion, method and note of series that are estimable."""
    fit = loglinear.least_squares(series) if family == "loglinear" else loglinear.poisson(series)
    df = series.there.sum(axis=1) - 2.0
    dispersion = np.divide(fit.residual, df, out=np.full(len(df), np.nan), where=df > 0)
    note = np.where(df == 0, "no limits: two years only", np.where(dispersion == 0, "perfect fit: no residual variation", ""))
    slope, se = fit.slope.copy(), fit.se * np.sqrt(dispersion)
    method = np.full(len(df), METHODS["loglinear" if family == "loglinear" else "quasipoisson"], dtype=object)
    note = note.astype(object)
    if family == "poisson":
        se, df, note[:], method[:] = fit.se, np.full(len(df), np.inf), "", METHODS[family]
    elif family == "negative_binomial":
        for row, there in enumerate(series.there):
            one = (part[row][there] for part in (series.cases, series.time, series.offset, fit.mean))
            found = loglinear.negative_binomial(*one)
            if found is None:
                note[row] = note[row] or "negative binomial not estimable: quasi-Poisson instead"
            else:
                slope[row], se[row], dispersion[row] = found
                df[row], method[row], note[row] = np.inf, METHODS[family], ""
    return {"slope": slope, "se": se, "df": df, "dispersion": dispersion, "method": method, "note": note}


def windows(years: Iterable[float], breaks: Iterable[float], *, minimum: int = 1) -> list[tuple[float, float]]:
    """First and last year of each unbroken window, in order of time.

    A gap (a year without data) does not end a window; a declared break does, and no window bridges one.

    Parameters
    ----------
    years : iterable of numbers
        Years present, in any order; repeats count once.
    breaks : iterable of numbers
        Break years: each is the first period under a new rule.
    minimum : int
        Fewest years present that make a window, at least 1.

    Returns
    -------
    list of (first, last)
        Years present at the ends of each window; empty without years.

    Raises
    ------
    ParameterRefused
        A year or break is missing or infinite, or the minimum is below 1.

    Examples
    --------
    >>> windows([2005, 2006, 2012, 2013, 2014, 2022, 2024], breaks=[2006, 2014, 2026])
    [(2005, 2005), (2006, 2013), (2014, 2024)]
    """
    present, cuts = sorted(set(years)), sorted(set(breaks))
    if minimum < 1:
        raise ParameterRefused("minimum is {minimum}: give at least 1", minimum=minimum)
    if not np.all(np.isfinite([*present, *cuts])):
        raise ParameterRefused("years and breaks must be finite numbers")
    edges = np.searchsorted(cuts, present, side="right")
    parts = [[year for year, edge in zip(present, edges, strict=True) if edge == part] for part in range(len(cuts) + 1)]
    return [(part[0], part[-1]) for part in parts if len(part) >= minimum]


def verdict(estimates: pd.DataFrame, *, band: float = 5.0, power: float = 0.80, min_points: int = 5) -> pd.DataFrame:
    """Words for each trend (falling, rising, roughly level, cannot tell) and the smallest change that would have shown.

    Not for a trend across a declared break, nor for one fitted with provisional years.

    Parameters
    ----------
    estimates : DataFrame
        Result of `percent_change`; not modified.
    band : float
        Widest change, in percent per year either way, that is still called roughly level.
    power : float
        Chance with which the detectable change would have been detected, in (0, 1).
    min_points : int
        Fewest years that allow any word but "cannot tell".

    Returns
    -------
    DataFrame
        The estimates and `verdict`: "falling" (upper limit below 0), "rising" (lower limit above 0), "roughly level"
        (neither, limits within the band), else and for fewer than `min_points` years "cannot tell"; `detectable_fall`
        and `detectable_rise`: the smallest change (percent per year) that would have been detected,
        100·(exp(∓(t(level) + t(power))·se) - 1) with `df`; missing without a standard error or after a perfect fit.

    Raises
    ------
    ParameterRefused
        The frame is no result of `percent_change`, the band is negative or the power outside (0, 1).

    References
    ----------
    Armitage P, Berry G, Matthews JNS. Statistical methods in medical research. 4th ed. 2002: 137-146 (power).

    Examples
    --------
    >>> cases = pd.DataFrame({"year": range(2016, 2024), "cases": [62, 58, 60, 51, 47, 49, 40, 38]})
    >>> told = verdict(percent_change(cases, count="cases", year="year"))
    >>> told[["value", "lower", "upper", "verdict", "detectable_fall", "detectable_rise"]].round(1)
       value  lower  upper  verdict  detectable_fall  detectable_rise
    0   -6.7   -8.7   -4.7  falling             -2.9              3.0
    """
    check_columns(estimates, "value", "lower", "upper", "level", "se", "df", "n_points")
    if not (band >= 0 and 0 < power < 1):
        raise ParameterRefused(
            "band is {band}, power is {power}: give a band from 0 and a power between 0 and 1", band=band, power=power
        )
    lower, upper, level, se, df = (numbers(estimates, name) for name in ("lower", "upper", "level", "se", "df"))
    enough = estimates["n_points"].to_numpy() >= min_points
    words = np.select(
        [~enough, upper < 0, lower > 0, (lower >= -band) & (upper <= band)], [UNKNOWN, FALLING, RISING, LEVEL], default=UNKNOWN
    )
    freedom = np.where(df >= 1, df, np.nan)
    reach = (special.stdtrit(freedom, (1 + level) / 2) + special.stdtrit(freedom, power)) * np.where(se > 0, se, np.nan)
    with np.errstate(over="ignore"):
        return estimates.assign(
            verdict=pd.array(words, dtype="str"), detectable_fall=100 * np.expm1(-reach), detectable_rise=100 * np.expm1(reach)
        )
