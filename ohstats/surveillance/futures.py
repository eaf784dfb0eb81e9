"""Cases of the coming years: how many to expect, how sure that is, and whether a target will be met."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import special

from .. import loglinear
from ..errors import ParameterRefused
from ..estimates import check_free, check_options, counted, estimate, grouped, labels, measured, names_of, whole, years_once
from .inputs import for_groups

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from ..estimates import Groups

    Floats = NDArray[np.float64]

TREND_FROM = 5
"""Fewest years from which a trend is carried on; with fewer, and with cases in one year only, the level is."""

JEFFREYS = 0.5
MOST = 1e15
"""Simulated means stop here: beyond, a limit says no more than that there is none."""

METHODS = ("quasi-Poisson trend, simulated", "level without trend, negative binomial")
NOTES = ("", "too few years or cases for a trend: the mean of all years is carried on", "no years", "the deadline has passed")
TREND, LEVEL, NO_YEARS, PASSED = range(4)


class Outlook(NamedTuple):
    """What is known of groups: fitted trend or level, and how sure it is; one value per group."""

    groups: Groups
    trend: NDArray[np.bool_]
    log_mean: Floats  # natural log of the mean at `centre`, at the population of the last year
    centre: Floats  # the year at which level and slope are independent
    slope: Floats
    level_se: Floats
    slope_se: Floats  # both without dispersion
    df: Floats
    dispersion: Floats
    cases: Floats
    length: Floats  # years observed, in populations of the last year
    last: Floats
    population: Floats

    def mean(self, year: Floats) -> Floats:
        """Fitted mean in a year; where there is no trend, the mean of all years."""
        with np.errstate(over="ignore", invalid="ignore"):
            fitted = np.exp(self.log_mean + self.slope * (year - self.centre))
            level = self.cases / self.length
        return np.where(self.trend, fitted, level)

    @property
    def state(self) -> NDArray[np.intp]:
        """Which of the notes each group gets."""
        return np.select([self.length == 0, self.trend], [NO_YEARS, TREND], default=LEVEL)


def forecast(
    table: pd.DataFrame,
    *,
    count: str,
    year: str,
    population: str | None = None,
    horizon: int = 1,
    by: str | Sequence[str] = (),
    confidence: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Cases to expect in each of the next `horizon` years, with prediction limits in whole cases.

    The limits hold the uncertainty of trend and level and the variation of the counts themselves: a year's count lies
    within them with the stated confidence if the trend goes on. Not across a declared break, not with provisional years
    in the table, and not far: the trend seldom goes on for more than three or so years.

    Parameters
    ----------
    table : DataFrame
        One row per group and year; not modified; any order. A year without a row is a gap; a year without cases is a 0.
    count, year : str
        Columns of whole counts and of years (numbers).
    population : str, optional
        Column of persons or person-years above 0; the population of the last year is carried on.
    horizon : int
        Years ahead of each group's last year, at least 1.
    by : sequence of str
        Grouping columns; groups come sorted; empty gives one series.
    confidence : float
        Two-sided level, in (0, 1).
    draws : int
        Simulated futures, at least 100.
    seed : int
        Seed of the simulation. A group's forecast does not depend on which other groups are in the table.

    Returns
    -------
    DataFrame
        `by` and the year, then value (fitted mean, need not be whole), lower, upper (whole cases), level, unit
        ("cases"), method, numerator (all cases that it rests on), denominator (population; missing without), note;
        then years_ahead and dispersion (Pearson chi-square / (n-2)). Fewer than 5 years, or cases in fewer than 2
        years: no trend; the mean of all years is carried on, with the limits of counts that vary as Poisson counts
        (Jeffreys' prior), and the note says so.

    Raises
    ------
    CountError
        A count is missing, negative, fractional or infinite, a year missing or twice in its group, a
        population missing or not above 0; every such row is named.
    ParameterRefused
        A column does not exist, the horizon is below 1, draws are below 100 or the level is outside (0, 1).

    Notes
    -----
    Each draw takes a dispersion f = phi·(n-2)/chi-square(n-2), a level and a slope with normal errors of variance f
    times that of the Poisson fit (so they follow t(n-2), as in quasi-Poisson regression), and a count: Poisson where
    phi <= 1, else negative binomial with variance phi times the mean. Coverage of 95 % limits (benchmarks/shrunken.py):
    93 to 97 % for means of 10 and more; 97 to 99 % for Poisson counts with means of 1 to 4 or with 5 years only, since
    limits are whole counts and a dispersion below 1 is not believed in.

    References
    ----------
    McCullagh P, Nelder JA. Generalized linear models. 2nd ed. 1989: 198-200. Own code: means and standard errors agree
    with R `predict(glm(...))`, whose interval is that of the mean and far too narrow for a count.

    Examples
    --------
    >>> import pandas as pd
    >>> cases = pd.DataFrame({"year": range(2015, 2025), "cases": [49, 40, 38, 41, 33, 30, 31, 25, 24, 20]})
    >>> found = forecast(cases, count="cases", year="year", horizon=2)
    >>> found[["year", "value", "lower", "upper", "unit"]].round(1)
       year  value  lower  upper   unit
    0  2025   19.8   11.0   30.0  cases
    1  2026   18.2   10.0   28.0  cases
    """
    _check(confidence, draws)
    if horizon < 1 or horizon != int(horizon):
        raise ParameterRefused("horizon is {horizon}: give a whole number of years, at least 1", horizon=horizon)
    check_free([year], names_of(by))
    known = outlook(table, count=count, year=year, population=population, by=by)
    ahead = np.arange(1.0, int(horizon) + 1)
    value = np.array([known.mean(known.last + step) for step in ahead])
    limits = np.full((2, len(ahead), len(known.last)), np.nan)
    tail = (1 - confidence) / 2
    for group in np.flatnonzero(known.length > 0).tolist():
        rng = np.random.default_rng(seed)
        mean, dispersion = futures(known, group, ahead, draws, rng)
        counts = simulated(mean, dispersion, rng)
        limits[:, :, group] = np.quantile(counts, [tail, 1 - tail], axis=1, method="inverted_cdf")
    keys = known.groups.keys.loc[np.repeat(known.groups.keys.index, len(ahead))].reset_index(drop=True)
    years = np.add.outer(known.last, ahead).ravel()
    keys[year] = years.astype(np.int64) if np.all(years == np.floor(years)) else years

    def each(values: NDArray[Any]) -> NDArray[Any]:
        return np.repeat(values, len(ahead))

    return estimate(
        keys,
        value=value.T.ravel(),
        lower=np.minimum(limits[0].T.ravel(), np.floor(value.T.ravel())),
        upper=np.maximum(limits[1].T.ravel(), np.ceil(value.T.ravel())),
        level=confidence,
        unit="cases",
        method=labels(each(~known.trend), METHODS),
        numerator=whole(each(known.cases)),
        denominator=each(known.population),
        note=labels(each(known.state), NOTES),
        years_ahead=np.tile(ahead.astype(np.int64), len(known.last)),
        dispersion=each(known.dispersion),
    )


def target_probability(
    table: pd.DataFrame,
    *,
    count: str,
    year: str,
    target: str | float,
    deadline: int,
    population: str | None = None,
    by: str | Sequence[str] = (),
    confidence: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Chance, in percent, that the count of the deadline year is at most the target, and the pace that this needs.

    The chance if the trend goes on: not a judgement of whether it will. Not across a declared break; see `forecast`.

    Parameters
    ----------
    table, count, year, population, by, draws, seed
        As for `forecast`.
    target : str or float
        Most cases that meet the target, 0 or above: one number, or a column that does not vary within a group.
    deadline : int
        Year whose count is judged.
    confidence : float
        Two-sided level of the forecast limits, in (0, 1).

    Returns
    -------
    DataFrame
        `by`, then value (chance in percent), lower, upper (missing: a chance holds the uncertainty already), level,
        unit ("percent"), method, numerator (all cases), denominator (population; missing without), note; then target,
        deadline, forecast, forecast_lower, forecast_upper (cases in the deadline year), pace (fitted change, percent
        per year; missing without a trend) and pace_needed (percent per year from the fitted level of the last year to
        the target; negative: a fall). Once the deadline has passed, chance, forecast and pace needed are missing and
        the note says so.

    Raises
    ------
    CountError, ParameterRefused
        As for `forecast`; or a target is missing, negative, infinite or varies within its group.

    References
    ----------
    As for `forecast`; own code.

    Examples
    --------
    >>> import pandas as pd
    >>> cases = pd.DataFrame({"year": range(2015, 2025), "cases": [49, 40, 38, 41, 33, 30, 31, 25, 24, 20]})
    >>> found = target_probability(cases, count="cases", year="year", target=15, deadline=2027)
    >>> found[["value", "unit", "forecast", "forecast_lower", "forecast_upper", "pace", "pace_needed"]].round(1)
       value     unit  forecast  forecast_lower  forecast_upper  pace  pace_needed
    0   40.6  percent      16.7             9.0            26.0  -8.4        -11.5
    """
    _check(confidence, draws)
    if deadline != int(deadline):
        raise ParameterRefused("deadline is {deadline}: give a year", deadline=deadline)
    known = outlook(table, count=count, year=year, population=population, by=by)
    goal = for_groups(table, target, known.groups, name="target")
    ahead = int(deadline) - known.last
    chance, lower, upper = (np.full(len(goal), np.nan) for _each in range(3))
    tail = (1 - confidence) / 2
    for group in np.flatnonzero(ahead > 0).tolist():
        rng = np.random.default_rng(seed)
        mean, dispersion = futures(known, group, ahead[[group]], draws, rng)
        chance[group] = at_most(np.floor(goal[group]), mean[0], dispersion).mean()
        counts = simulated(mean, dispersion, rng)[0]
        lower[group], upper[group] = np.quantile(counts, [tail, 1 - tail], method="inverted_cdf")
    passed = ~(ahead > 0)
    expected, now = np.where(passed, np.nan, known.mean(known.last + ahead)), known.mean(known.last)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        needed = 100 * ((goal / now) ** (1 / np.where(passed, np.nan, ahead)) - 1)
        pace = np.where(known.trend, 100 * np.expm1(known.slope), np.nan)
    return estimate(
        known.groups.keys,
        value=100 * chance,
        lower=np.nan,
        upper=np.nan,
        level=confidence,
        unit="percent",
        method=labels(~known.trend, METHODS),
        numerator=whole(known.cases),
        denominator=known.population,
        note=labels(np.where(passed & (known.length > 0), PASSED, known.state), NOTES),
        target=goal,
        deadline=int(deadline),
        forecast=expected,
        forecast_lower=np.minimum(lower, np.floor(expected)),
        forecast_upper=np.maximum(upper, np.ceil(expected)),
        pace=pace,
        pace_needed=np.where(now > 0, needed, np.nan),
    )


def _check(confidence: float, draws: int) -> None:
    check_options(confidence=confidence)
    if draws < 100:
        raise ParameterRefused("draws is {draws}: give at least 100", draws=draws)


def outlook(table: pd.DataFrame, *, count: str, year: str, population: str | None, by: str | Sequence[str]) -> Outlook:
    """Quasi-Poisson trend of every group that has one, and the level of the others."""
    (cases,) = counted(table, count)
    people = None if population is None else measured(table, population, zero=False)
    groups = grouped(table, by)
    years = years_once(table, year, count, groups)
    series = loglinear.padded(groups.codes, len(groups.keys), cases, years, people)
    points = series.there.sum(axis=1)
    trend = (points >= TREND_FROM) & ((series.cases > 0).sum(axis=1) >= 2)
    population_now = np.full(len(points), np.nan)
    if people is not None:
        now = years == series.last[groups.codes]
        population_now[groups.codes[now]] = people[now]
    newest = np.zeros(len(points)) if people is None else np.log(population_now)
    fitted = loglinear.Series(*(part[trend] for part in series))
    fit = loglinear.poisson(fitted)
    centre = (fit.mean * fitted.time).sum(axis=1) / fit.mean.sum(axis=1)
    weights = np.where(
        fitted.there, fitted.offset - newest[trend][:, None] + fit.slope[:, None] * (fitted.time - centre[:, None]), -np.inf
    )
    log_mean = np.log(fit.mean.sum(axis=1)) - special.logsumexp(weights, axis=1)

    def full(values: Floats) -> Floats:
        everywhere = np.full(len(points), np.nan)
        everywhere[trend] = values
        return everywhere

    df = points[trend] - 2.0
    return Outlook(
        groups,
        trend,
        full(log_mean),
        full(centre + (fitted.first + fitted.last) / 2),
        full(fit.slope),
        full(1 / np.sqrt(fit.mean.sum(axis=1))),
        full(fit.se),
        full(df),
        full(fit.residual / df),
        series.cases.sum(axis=1),
        np.where(series.there, np.exp(series.offset - newest[:, None]), 0).sum(axis=1),
        series.last,
        population_now,
    )


def futures(known: Outlook, group: int, ahead: Floats, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Simulated means (years ahead × draws) and dispersions (draws) of one group."""
    if not known.trend[group]:
        mean = rng.standard_gamma(known.cases[group] + JEFFREYS, size=draws) / known.length[group]
        return np.broadcast_to(mean, (len(ahead), draws)), np.ones(draws)
    df, phi = known.df[group], known.dispersion[group]
    spread = np.sqrt(phi * df / rng.chisquare(df, size=draws))
    level, slope = rng.standard_normal((2, draws)) * spread
    distance = known.last[group] + ahead - known.centre[group]
    log_mean = (
        known.log_mean[group]
        + level * known.level_se[group]
        + np.multiply.outer(distance, known.slope[group] + slope * known.slope_se[group])
    )
    return np.exp(np.minimum(log_mean, np.log(MOST))), np.full(draws, phi)


def simulated(mean: Floats, dispersion: Floats, rng: np.random.Generator) -> NDArray[np.int64]:
    """Counts drawn around the means: Poisson up to dispersion 1, else negative binomial."""
    extra = np.maximum(dispersion - 1, 0.0)
    if np.any(extra > 0):
        safe = np.where(extra > 0, extra, 1.0)
        mean = np.where(extra > 0, rng.standard_gamma(mean / safe) * safe, mean)
    return rng.poisson(np.minimum(mean, MOST))


def at_most(count: float, mean: Floats, dispersion: Floats) -> Floats:
    """Chance of at most `count` cases for each mean and dispersion."""
    wide = dispersion > 1
    extra = np.where(wide, dispersion - 1, 1.0)
    negative_binomial: Floats = special.betainc(mean / extra, count + 1, 1 / (1 + extra))
    poisson: Floats = special.gammaincc(count + 1, mean)
    return np.where(wide, negative_binomial, poisson)
