"""Does borrowing strength pay? Forecasts of held-out years, from shrunken trends and from each place's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from .. import loglinear
from ..errors import ParameterRefused
from ..estimates import check_options, counted, estimate, grouped, measured, years_once
from ..limits import t_quantile
from . import hierarchy
from .futures import JEFFREYS, Outlook, futures, outlook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CLASSES = ("all places", "no cases", "below 1 case a year", "1 to 5 cases a year", "5 to 20", "20 or more")
EDGES = (0.0, 1.0, 5.0, 20.0)
DRAWS = 2_000
LEAST = 1e-300
"""Smallest probability that is scored."""


def holdout_score(
    table: pd.DataFrame,
    *,
    count: str,
    year: str,
    place: str | Sequence[str],
    population: str | None = None,
    held_out: int = 3,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Gain in log score (nats per count) of shrunken trends over each place's own, on the held-out last years.

    Both are fitted without the last years of the table and say how probable each held-out count was. Above 0 the
    shrunken trends forecast better: keep them only then. Not for choosing between places (the limits of the classes
    are wide), and not with a declared break between the fitted and the held-out years.

    Parameters
    ----------
    table, count, year, place, population
        As for `shrunken_trend`; the table holds the fitted and the held-out years.
    held_out : int
        Last calendar years of the table that are held out, at least 1.
    confidence : float
        Two-sided level of the limits (t over places), in (0, 1).

    Returns
    -------
    DataFrame
        `places` (all, then classes of places by their cases a year in the fitted years), value, lower, upper (mean
        gain, over places), level, unit ("nats per count"), method, numerator (held-out counts), denominator (places),
        note; then shrunken, own and no_trend (mean log scores themselves, nearer 0 is better; no_trend: each place's
        mean carried on with the region's dispersion; where that is best, no trend should be carried on). Classes
        without places are left out; a place counts if it has fitted and held-out years. One place: no limits.

    Raises
    ------
    CountError, ParameterRefused
        As for `shrunken_trend`; held_out is below 1, no years are left to fit, or they have no trend.

    Notes
    -----
    A place's own forecast is that of `forecast` (quasi-Poisson trend, or the mean of all years where it has none), its
    probabilities averaged over 2,000 draws. The shrunken forecast averages over the posterior of the slope: a negative
    binomial count whose mean is (cases + 1/2) · ratio and whose variance is dispersion · (1 + ratio) times that, with
    ratio = population · exp(slope · year) of the held-out year over their sum in the fitted years.

    References
    ----------
    Gneiting T, Raftery AE. J Am Stat Assoc 2007; 102: 359-378 (logarithmic score).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> cases = pd.DataFrame({"place": np.repeat(np.arange(40), 12), "year": np.tile(np.arange(2013, 2025), 40)})
    >>> cases["cases"] = rng.poisson(np.repeat(rng.uniform(0.5, 6, 40), 12) * 0.94 ** (cases["year"] - 2013))
    >>> found = holdout_score(cases, count="cases", year="year", place="place")
    >>> found[["places", "value", "numerator", "denominator"]].round(3)
                    places  value  numerator  denominator
    0           all places  0.078        120           40
    1  below 1 case a year -0.005         15            5
    2  1 to 5 cases a year  0.067         99           33
    3              5 to 20  0.455          6            2
    """
    check_options(confidence=confidence)
    if held_out < 1 or held_out != int(held_out):
        raise ParameterRefused("held_out is {held_out}: give a whole number of years, at least 1", held_out=held_out)
    (cases,) = counted(table, count)
    people = np.ones(len(table)) if population is None else measured(table, population, zero=False)
    groups = grouped(table, place)
    years = years_once(table, year, count, groups)
    late = years > years.max(initial=0) - held_out
    if not (~late).any():
        raise ParameterRefused("held_out is {held_out}: no earlier years are left to fit", held_out=held_out)
    codes, early = np.unique(groups.codes[~late], return_inverse=True)
    series = loglinear.padded(early, len(codes), cases[~late], years[~late], people[~late])
    places = hierarchy.places_of(series)
    if not hierarchy.estimable(places):
        raise ParameterRefused("the fitted years have no trend: the region has no cases in two different years")

    use = late & np.isin(groups.codes, codes)
    if not use.any():
        raise ParameterRefused("no place has both fitted and held-out years")
    row = np.searchsorted(codes, groups.codes[use])
    held = Held(row, years[use], years[use] - ((series.first + series.last) / 2)[row], people[use], cases[use])
    region = hierarchy.fit(places)
    level = hierarchy.Posterior(np.zeros((len(codes), 1)), np.ones((len(codes), 1)), np.zeros(len(codes)))
    scores = {
        "shrunken": _pooled(region, hierarchy.posterior(region), held),
        "own": _own(outlook(table[~late], count=count, year=year, population=population, by=place), held),
        "no_trend": _pooled(region, level, held),
    }
    number = np.bincount(row, minlength=len(codes))
    mean = pd.DataFrame({name: np.bincount(row, score, len(codes)) / np.maximum(number, 1) for name, score in scores.items()})
    kind = np.where(places.total == 0, 1, 1 + np.searchsorted(EDGES, places.total / places.years, side="right"))
    rows = []
    for code, name in enumerate(CLASSES):
        those = (number > 0) & ((kind == code) | (code == 0))
        if those.any():
            rows.append({"places": name, **_gain(mean[those], int(number[those].sum()), confidence)})
    frame = pd.DataFrame(rows)
    return estimate(frame[["places"]], **{name: frame[name] for name in frame.columns[1:]})


class Held(NamedTuple):
    """Held-out counts: row of the place, year, time on the place's scale, population, observed cases."""

    row: NDArray[np.intp]
    year: Floats
    time: Floats
    people: Floats
    observed: Floats


def _gain(mean: pd.DataFrame, counts: int, confidence: float) -> dict[str, object]:
    gain = (mean["shrunken"] - mean["own"]).to_numpy()
    value, number = float(gain.mean()), len(gain)
    reach = float(t_quantile(confidence, number - 1)) * gain.std(ddof=1) / np.sqrt(number) if number > 1 else np.nan
    return {
        "value": value,
        "lower": value - reach,
        "upper": value + reach,
        "level": confidence,
        "unit": "nats per count",
        "method": "log score, shrunken trend less own trend",
        "numerator": counts,
        "denominator": number,
        "note": "no limits: one place only" if number == 1 else "",
        **{name: float(mean[name].mean()) for name in mean.columns},
    }


def log_probability(count: Floats, mean: Floats, dispersion: Floats) -> Floats:
    """Log probability of counts: Poisson up to dispersion 1, else negative binomial with variance dispersion · mean."""
    extra = np.maximum(dispersion - 1, 1e-9)
    shape = mean / extra
    with np.errstate(divide="ignore", invalid="ignore"):
        poisson: Floats = special.xlogy(count, mean) - mean - special.gammaln(count + 1)
        wide: Floats = special.gammaln(count + shape) - special.gammaln(shape) - special.gammaln(count + 1)
        wide = wide + special.xlogy(count, extra / (1 + extra)) - shape * np.log1p(extra)
    return np.where(dispersion > 1 + 1e-9, wide, poisson)


def _pooled(region: hierarchy.Region, slopes: hierarchy.Posterior, held: Held) -> Floats:
    """Log scores of forecasts from the region's dispersion and given distributions of the places' slopes."""
    places, score = region.places, np.empty(len(held.row))
    log_sum = np.empty(slopes.slope.shape)
    for start in range(0, len(log_sum), 128):
        rows = slice(start, start + 128)
        log_sum[rows] = hierarchy.log_sum(places.some(rows), slopes.slope[rows])
    for start in range(0, len(held.row), 512):
        part = slice(start, start + 512)
        row, observed = held.row[part], held.observed[part, None]
        growth = slopes.slope[row] * held.time[part, None] - log_sum[row]
        ratio = np.exp(np.minimum(np.log(held.people[part, None]) + growth, 30))
        mean, dispersion = (places.total[row, None] + JEFFREYS) * ratio, region.noise.phi[row, None] * (1 + ratio)
        chance = (np.exp(log_probability(observed, mean, dispersion)) * slopes.probability[row]).sum(axis=1)
        score[part] = np.log(np.maximum(chance, LEAST))
    return score


def _own(known: Outlook, held: Held) -> Floats:
    """Log scores of the forecasts that each place gets by itself."""
    score = np.empty(len(held.row))
    for group in np.unique(held.row).tolist():
        those = np.flatnonzero(held.row == group)
        rng = np.random.default_rng(0)
        mean, dispersion = futures(known, group, held.year[those] - known.last[group], DRAWS, rng)
        if not np.isnan(known.population[group]):
            mean = mean * (held.people[those] / known.population[group])[:, None]
        chance = np.exp(log_probability(held.observed[those, None], mean, dispersion)).mean(axis=1)
        score[those] = np.log(np.maximum(chance, LEAST))
    return score
