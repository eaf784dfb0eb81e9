"""Trends of small places that borrow strength from their region."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from .. import loglinear
from ..estimates import check_options, counted, estimate, grouped, labels, measured, whole, years_once
from . import hierarchy

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

METHOD = "hierarchical quasi-Poisson, empirical Bayes"
NO_TREND = "not estimable: the region has no cases in two different years"
NOTES = ("", "no cases: the trend of the region", "one year: the trend of the region", NO_TREND)


def shrunken_trend(
    table: pd.DataFrame,
    *,
    count: str,
    year: str,
    place: str | Sequence[str],
    population: str | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Annual percent change of each place, in percent per year, drawn towards the trend of its region.

    One hierarchical model over all places: each has its own level and slope, the slopes come from one normal
    distribution. The fewer cases a place has, the more its trend is the region's; `own_share` says how much of it is
    its own data. For districts with few cases a year, all of one region and one kind of reporting. Not across a
    declared break; not for places that are known to differ in kind (mining districts and others: one call for each
    kind); not as proof that a single place departs from its region, since its trend has been drawn towards it.

    Parameters
    ----------
    table : DataFrame
        One row per place and year, all places of the region; not modified; any order. Places may have different years.
        A year without a row is a gap; a year without cases is a row with 0.
    count, year : str
        Columns of whole counts and of years (numbers).
    place : str or sequence of str
        Columns that make a place; places come sorted.
    population : str, optional
        Column of persons or person-years above 0; with it the trends are those of rates.
    confidence : float
        Two-sided level, in (0, 1).

    Returns
    -------
    DataFrame
        `place` columns, then value, lower, upper (percent per year; posterior median and quantiles), level, unit,
        method, numerator (all cases), denominator (all person-years; missing without population), note; then p_falling
        (chance that the slope is below 0), own_share (1 - shrinkage, 0 to 1: how far its own data narrow what the
        region says), n_points, dispersion, region_value, region_lower, region_upper (percent per year; mean of the
        places' slopes) and between (standard deviation of the places' slopes, percent per year). A place without cases
        or with one year gets the region's trend with limits for a new place, own_share 0, and the note says so. If the
        region has no cases in two different years, or all places have theirs in the first (or last) year, everything is
        missing with a note.

    Raises
    ------
    CountError
        A count is missing, negative, fractional or infinite, a year missing or twice in its place, a
        population missing or not above 0; every such row is named.
    ParameterRefused
        A column does not exist or the level is outside (0, 1).

    Notes
    -----
    The model is described in `ohstats.hierarchy`; nothing is simulated, so the result is always the same. The limits
    hold the uncertainty of the region's trend and of the spread between places. Counts may vary more than Poisson
    counts: the dispersion is constant + factor · mean count, at least 1, shared by all places (one for all with fewer
    than 3 places). A single place gets about its own quasi-Poisson trend. Coverage of
    95 % limits over places with 0 to 50 cases a year (benchmarks/shrunken.py): 93 to 96 %; up to 100 % where all places
    have the same slope, since the limits allow for a spread that cannot be ruled out. That is an average over places:
    a place far from the rest of its region is covered less often, one near to it more often.

    References
    ----------
    Clayton D, Kaldor J. Biometrics 1987; 43: 671-681. Breslow NE, Clayton DG. J Am Stat Assoc 1993; 88: 9-25. Laird NM,
    Louis TA. J Am Stat Assoc 1987; 82: 739-750. Own batched code: no Python library fits such a model in bulk; checked
    by simulation and against direct numerical integration.

    Examples
    --------
    >>> import pandas as pd
    >>> cases = pd.DataFrame({
    ...     "place": ["A"] * 5 + ["B"] * 5 + ["C"] * 5, "year": [2020, 2021, 2022, 2023, 2024] * 3,
    ...     "cases": [41, 38, 30, 33, 24, 3, 1, 4, 0, 2, 0, 0, 0, 0, 0],
    ... })
    >>> found = shrunken_trend(cases, count="cases", year="year", place="place")
    >>> found[["place", "value", "lower", "upper", "p_falling", "own_share"]].round(2)
      place  value  lower  upper  p_falling  own_share
    0     A -11.20 -21.87   0.70       0.97       0.93
    1     B -11.69 -34.84  17.70       0.85       0.35
    2     C -11.19 -42.83  39.85       0.80       0.00
    """
    check_options(confidence=confidence)
    (cases,) = counted(table, count)
    people = None if population is None else measured(table, population, zero=False)
    groups = grouped(table, place)
    years = years_once(table, year, count, groups)
    series = loglinear.padded(groups.codes, len(groups.keys), cases, years, people)
    tail = (1 - confidence) / 2
    columns = ("value", "lower", "upper", "p_falling", "own_share", "dispersion")
    found = {name: np.full(len(groups.keys), np.nan) for name in columns}
    region = dict.fromkeys(("region_value", "region_lower", "region_upper", "between"), np.nan)
    places = hierarchy.places_of(series) if len(table) else None
    known = places is not None and hierarchy.estimable(places)
    if places is not None and known:
        fitted = hierarchy.fit(places)
        slopes = hierarchy.posterior(fitted)
        lower, value, upper = hierarchy.quantiles(slopes, [tail, 0.5, 1 - tail])
        found |= {"value": percent(value), "lower": percent(lower), "upper": percent(upper)}
        found |= {"p_falling": hierarchy.below_zero(slopes), "own_share": slopes.own_share}
        found["dispersion"] = fitted.noise.phi
        region = _region(fitted, tail)
    total, points = series.cases.sum(axis=1), series.there.sum(axis=1)
    state = np.select([total == 0, points < 2], [1, 2], default=0)
    return estimate(
        groups.keys,
        value=found.pop("value"),
        lower=found.pop("lower"),
        upper=found.pop("upper"),
        level=confidence,
        unit="percent per year",
        method=METHOD,
        numerator=whole(total),
        denominator=np.nan if people is None else groups.total(people),
        note=labels(state if known else np.full(len(state), 3), NOTES),
        **found,
        n_points=points,
        **region,
    )


def percent(slope: Floats) -> Floats:
    """Percent change per year of slopes in natural log units; an endless rise is infinite."""
    with np.errstate(over="ignore"):
        change: Floats = 100 * np.expm1(slope) + 0.0  # no -0
    return change


def _region(fitted: hierarchy.Region, tail: float) -> dict[str, float]:
    """Mean of the places' slopes with its limits, and the spread between places, over all values of tau."""
    mean = np.array([guess.mu for guess in fitted.guesses])
    sd = np.sqrt([guess.mu_variance for guess in fitted.guesses])
    low, high = float((mean - 10 * sd).min()), float((mean + 10 * sd).max())
    ends = []
    for level in (0.5, tail, 1 - tail):
        bottom, top = low, high
        for _halving in range(60):
            middle = (bottom + top) / 2
            below = float(fitted.weight @ special.ndtr((middle - mean) / sd)) < level
            bottom, top = (middle, top) if below else (bottom, middle)
        ends.append(bottom)
    tau = np.exp(fitted.weight @ np.log([guess.tau for guess in fitted.guesses]))
    value, lower, upper, between = (float(end) for end in percent(np.array([*ends, tau])))
    return {"region_value": value, "region_lower": lower, "region_upper": upper, "between": between}
