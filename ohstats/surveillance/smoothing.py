"""Rates of small places drawn towards the rate of all places, and ranks that own up to chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special

from .. import limits
from ..errors import ParameterRefused
from ..estimates import NO_DENOMINATOR, check_options, counted, estimate, grouped, labels, measured, per, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from ..estimates import Groups

    Floats = NDArray[np.float64]

NO_VARIATION = "no variation between places beyond chance: all get the overall value"
NO_RANKS = "no variation between places beyond chance: any place may have nearly any rank"
NOTES = ("", NO_DENOMINATOR, NO_VARIATION, "no cases in any place")
OK, NO_PEOPLE, ALIKE, NO_CASES = range(4)
STEPS = 10_000
LEAST_VARIANCE = 1e-10
"""Variance of the relative risks (1 = the overall risk) below which the places count as alike."""


def marshall(
    table: pd.DataFrame,
    *,
    events: str,
    population: str,
    by: str | Sequence[str],
    multiplier: float = 100_000,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Empirical-Bayes rates of places (Marshall, global), per `multiplier` persons.

    Each place's rate is drawn towards the rate of all places, the more so the fewer its people. For maps and for
    comparing places; not for judging one place against a target, and not with fewer than about 10 places: the variance
    between them is then poorly known, and the limits take it as known.

    Parameters
    ----------
    table : DataFrame
        One row per reporting unit; not modified. Events and population are summed within `by` first.
    events : str
        Column of whole counts.
    population : str
        Column of persons or person-years, not negative.
    by : sequence of str
        Columns that make a place; places come sorted.
    multiplier : float
        Persons that the rate refers to, above 0.
    confidence : float
        Two-sided level, in (0, 1).

    Returns
    -------
    DataFrame
        `by`, then value, lower, upper, level, unit ("per 100,000"), method, numerator (events), denominator
        (population), note; then raw (the place's own rate) and own_share (weight of its own rate, 0 to 1). The limits
        are those of the gamma distribution whose mean is the value. Where the population is 0 everything is missing
        with a note. Where the places vary no more than by chance the variance is floored at 0: all get the overall
        rate, its exact limits, own_share 0 and a note. No cases in any place: 0 with the exact upper limit.

    Raises
    ------
    CountError
        A count is missing, negative, fractional or infinite, or a population missing, negative or infinite.
    ParameterRefused
        A column does not exist, the multiplier is not above 0 or the level is outside (0, 1).

    References
    ----------
    Marshall RJ. Appl Stat 1991; 40: 283-294. Own code: agrees with R `spdep::EBest(family = "poisson")`; esda's
    `Empirical_Bayes` does not floor the variance.

    Examples
    --------
    >>> import pandas as pd
    >>> counties = pd.DataFrame({"place": list("ABCD"), "cases": [0, 12, 3, 30], "workers": [9e3, 4e4, 5e4, 6e4]})
    >>> found = marshall(counties, events="cases", population="workers", by="place")
    >>> found[["place", "value", "lower", "upper", "raw", "own_share"]].round(2)
      place  value  lower  upper   raw  own_share
    0     A  14.28   2.48  36.17   0.0       0.50
    1     B  29.68  16.46  46.74  30.0       0.81
    2     C   9.45   3.32  18.75   6.0       0.85
    3     D  47.13  32.36  64.63  50.0       0.87
    """
    check_options(confidence=confidence, multiplier=multiplier)
    (cases,) = counted(table, events)
    people = measured(table, population)
    groups = grouped(table, by)
    x, n = groups.total(cases), groups.total(people)
    there = n > 0
    overall = _share(x[there].sum(), n[there].sum())
    raw = np.divide(x, n, out=np.full(len(x), np.nan), where=there)
    between = 0.0
    if overall > 0:
        spread = float((n[there] * (raw[there] - overall) ** 2).sum() / n[there].sum())
        between = max(spread - overall / float(n[there].mean()), 0.0)
    # the gamma prior with mean `overall` and variance `between`
    prior = Gamma(overall**2 / between, overall / between) if between > 0 else None
    value, lower, upper, own = _posterior(x, n, there, prior, confidence)
    return estimate(
        groups.keys,
        value=value * multiplier,
        lower=lower * multiplier,
        upper=upper * multiplier,
        level=confidence,
        unit=per(multiplier),
        method="empirical Bayes, Marshall",
        numerator=whole(x),
        denominator=n,
        note=labels(_state(n, overall, prior), NOTES),
        raw=raw * multiplier,
        own_share=own,
    )


def poisson_gamma(
    table: pd.DataFrame,
    *,
    events: str,
    population: str | None = None,
    expected: str | None = None,
    by: str | Sequence[str],
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Smoothed relative risks of places (Poisson-gamma, Clayton and Kaldor): 1 is the risk of all places.

    Each place's observed / expected is drawn towards the mean of the places, the more so the fewer its expected cases.
    Not for judging one place against a target; not with fewer than about 10 places (the limits take the gamma
    distribution of the places as known).

    Parameters
    ----------
    table : DataFrame
        One row per reporting unit; not modified; summed within `by` first.
    events : str
        Column of whole counts.
    population, expected : str, optional
        One of the two: persons or person-years, from which the expected cases follow by the overall rate, or the
        expected cases themselves (e.g. standardised for age). Not negative.
    by : sequence of str
        Columns that make a place; places come sorted.
    confidence : float
        Two-sided level, in (0, 1).

    Returns
    -------
    DataFrame
        `by`, then value, lower, upper (ratio; limits are gamma quantiles), level, unit ("ratio"), method, numerator
        (events), denominator (expected cases), note; then raw (observed / expected), own_share (weight of the place's
        own ratio), prior_shape and prior_rate (nu and alpha of the gamma distribution). Expected 0: missing with a
        note. Where the places vary no more than by chance (the moments do not converge, or to a variance below 1e-10)
        all get the overall ratio, its exact limits, own_share 0 and a note.

    Raises
    ------
    CountError
        A count is missing, negative, fractional or infinite, or a population missing, negative or infinite.
    ParameterRefused
        A column does not exist, not exactly one of population and expected is given, or the level is outside (0, 1).

    References
    ----------
    Clayton D, Kaldor J. Biometrics 1987; 43: 671-681. Own code, iterated to the fixed point: agrees with R
    `DCluster::empbaysmooth`.

    Examples
    --------
    >>> import pandas as pd
    >>> counties = pd.DataFrame({"place": list("ABCD"), "cases": [0, 12, 3, 30], "workers": [9e3, 4e4, 5e4, 6e4]})
    >>> found = poisson_gamma(counties, events="cases", population="workers", by="place")
    >>> found[["place", "value", "lower", "upper", "raw", "own_share"]].round(2)
      place  value  lower  upper   raw  own_share
    0     A   0.31   0.01   1.03  0.00       0.63
    1     B   1.03   0.55   1.66  1.06       0.88
    2     C   0.27   0.08   0.58  0.21       0.90
    3     D   1.69   1.15   2.33  1.77       0.92
    """
    check_options(confidence=confidence)
    groups, x, mean, prior = _relative_risks(table, events, population, expected, by)
    there = mean > 0
    overall = _share(x[there].sum(), mean[there].sum())
    value, lower, upper, own = _posterior(x, mean, there, prior, confidence)
    return estimate(
        groups.keys,
        value=value,
        lower=lower,
        upper=upper,
        level=confidence,
        unit="ratio",
        method="empirical Bayes, Poisson-gamma",
        numerator=whole(x),
        denominator=mean,
        note=labels(_state(mean, overall, prior), NOTES),
        raw=np.divide(x, mean, out=np.full(len(x), np.nan), where=there),
        own_share=own,
        prior_shape=np.nan if prior is None else prior.shape,
        prior_rate=np.nan if prior is None else prior.rate,
    )


def ranks(
    table: pd.DataFrame,
    *,
    events: str,
    population: str | None = None,
    expected: str | None = None,
    by: str | Sequence[str],
    confidence: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Rank of each place by relative risk (1 = highest) with the limits that chance leaves it.

    The limits are wide for small places, usually too wide for a league table: show them or show no rank. Not for
    places of different age structure unless `expected` is standardised.

    Parameters
    ----------
    table, events, population, expected, by
        As for `poisson_gamma`, whose posterior distributions are ranked.
    confidence : float
        Two-sided level, in (0, 1).
    draws : int
        Simulated sets of relative risks, at least 100.
    seed : int
        Seed of the simulation; the same seed gives the same ranks.

    Returns
    -------
    DataFrame
        `by`, then value (median rank), lower, upper, level, unit ("rank"), method, numerator (events), denominator
        (expected cases), note; then p_above (chance that the place's risk is above the overall risk). Places without
        expected cases are not ranked. Where the places vary no more than by chance every place may have nearly any
        rank; the note says so.

    Raises
    ------
    CountError, ParameterRefused
        As for `poisson_gamma`; fewer than 100 draws.

    References
    ----------
    Goldstein H, Spiegelhalter DJ. J R Stat Soc A 1996; 159: 385-443. Laird NM, Louis TA. J Educ Stat 1989; 14: 29-46.

    Examples
    --------
    >>> import pandas as pd
    >>> counties = pd.DataFrame({"place": list("ABCD"), "cases": [0, 12, 3, 30], "workers": [9e3, 4e4, 5e4, 6e4]})
    >>> ranks(counties, events="cases", population="workers", by="place")[["place", "value", "lower", "upper"]]
      place  value  lower  upper
    0     A    4.0    2.0    4.0
    1     B    2.0    1.0    3.0
    2     C    3.0    3.0    4.0
    3     D    1.0    1.0    2.0
    """
    check_options(confidence=confidence)
    if draws < 100:
        raise ParameterRefused("draws is {draws}: give at least 100", draws=draws)
    groups, x, mean, prior = _relative_risks(table, events, population, expected, by)
    there = np.flatnonzero(mean > 0)
    overall = _share(x[there].sum(), mean[there].sum())
    value, lower, upper, above = (np.full(len(x), np.nan) for _each in range(4))
    if len(there) and overall > 0:
        rng = np.random.default_rng(seed)
        alike = np.zeros(len(there)) + x[there].sum(), np.zeros(len(there)) + mean[there].sum()
        shape, rate = alike if prior is None else (x[there] + prior.shape, mean[there] + prior.rate)
        place = np.empty((draws, len(there)), dtype=np.int32)
        for start in range(0, draws, 500):
            risk = rng.standard_gamma(shape, size=(min(500, draws - start), len(there))) / rate
            order = np.argsort(-risk, axis=1, kind="stable")
            np.put_along_axis(place[start : start + 500], order, np.arange(1, len(there) + 1, dtype=np.int32), axis=1)
        tail = (1 - confidence) / 2
        ends = np.quantile(place, [tail, 0.5, 1 - tail], axis=0, method="inverted_cdf")
        lower[there], value[there], upper[there] = ends
        above[there] = special.gammaincc(shape, rate * overall)
    return estimate(
        groups.keys,
        value=value,
        lower=lower,
        upper=upper,
        level=confidence,
        unit="rank",
        method="posterior ranks, Poisson-gamma",
        numerator=whole(x),
        denominator=mean,
        note=labels(_state(mean, overall, prior), (*NOTES[:ALIKE], NO_RANKS, NOTES[NO_CASES])),
        p_above=above,
    )


class Gamma(NamedTuple):
    """A gamma distribution by shape and rate."""

    shape: float
    rate: float


def _state(size: Floats, overall: float, prior: Gamma | None) -> NDArray[np.intp]:
    """Which of the notes a place gets; its size is 0 without people, and missing where there are no cases to expect."""
    known = NO_CASES if not overall > 0 else ALIKE if prior is None else OK
    return np.where(size == 0, NO_PEOPLE, known)


def _share(part: float, whole_: float) -> float:
    return float(part / whole_) if whole_ > 0 else float("nan")


def _posterior(x: Floats, n: Floats, there: NDArray[np.bool_], prior: Gamma | None, confidence: float) -> tuple[Floats, ...]:
    """Posterior mean, limits and own share of each place; without a prior the pooled value with exact limits."""
    tail = (1 - confidence) / 2
    if prior is None:
        cases, people = x[there].sum(), n[there].sum()
        ends = limits.poisson_exact(np.array([cases]), confidence=confidence)
        same = [np.where(there, _share(float(part), people), np.nan) for part in (cases, ends[0][0], ends[1][0])]
        return same[0], same[1], same[2], np.where(there, 0.0, np.nan)
    shape, rate = np.where(there, x + prior.shape, np.nan), np.where(there, n + prior.rate, np.nan)
    value, lower, upper = (shape / rate, special.gammaincinv(shape, tail) / rate, special.gammainccinv(shape, tail) / rate)
    return value, lower, np.maximum(upper, value), n / rate  # the mean of a very skewed gamma can pass its quantile


def _relative_risks(
    table: pd.DataFrame, events: str, population: str | None, expected: str | None, by: str | Sequence[str]
) -> tuple[Groups, Floats, Floats, Gamma | None]:
    """Groups, cases, expected cases, and the gamma distribution of the relative risks (None: places are alike)."""
    if (population is None) == (expected is None):
        raise ParameterRefused("give either population or expected")
    (cases,) = counted(table, events)
    size = measured(table, population if population is not None else str(expected))
    groups = grouped(table, by)
    x, mean = groups.total(cases), groups.total(size)
    if population is not None and mean.sum() > 0:
        cases_there = x[mean > 0].sum()
        mean = mean * (cases_there / mean.sum()) if cases_there else np.where(mean > 0, np.nan, 0.0)
    return groups, x, mean, _moments(x[mean > 0], mean[mean > 0])


def _moments(x: Floats, mean: Floats) -> Gamma | None:
    """Shape and rate by Clayton and Kaldor's moments, iterated; None without variation beyond chance."""
    if len(x) < 2 or x.sum() == 0:
        return None
    shape = rate = 1.0
    for _step in range(STEPS):
        risk = (x + shape) / (mean + rate)
        centre = float(risk.mean())
        variance = float(((1 + rate / mean) * (risk - centre) ** 2).sum() / (len(x) - 1))
        if variance < LEAST_VARIANCE * centre**2:
            return None
        before, rate = rate, centre / variance
        shape = centre * rate
        if abs(rate - before) <= 1e-13 * rate:
            return Gamma(shape, rate)
    return None
