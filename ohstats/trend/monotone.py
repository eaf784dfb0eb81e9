"""Tests of a monotone trend: Mann-Kendall with Sen's slope for values, Cochran-Armitage for shares."""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from ..errors import Fault, ParameterRefused
from ..estimates import check_options, counted, estimate, numbers, refuse
from ..limits import normal_quantile

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

FEWEST_TESTED = 4
"""Fewest values that Mann-Kendall is computed for."""

FEWEST_WITH_LIMITS = 5
"""Fewest values that give Sen's slope limits; below it R gives none and scipy the whole range."""

MOST_STEPS = 200_000_000
"""Largest work of an exact Cochran-Armitage test (about a second)."""


def _one_row(**columns: object) -> pd.DataFrame:
    missing = dict.fromkeys(("lower", "upper", "level", "numerator", "denominator"), np.nan)
    return estimate(pd.DataFrame(index=range(1)), **{**missing, **columns})


def _series(values: ArrayLike, times: ArrayLike | None) -> tuple[Floats, Floats]:
    """Values and times without the gaps, in order of time."""
    given = pd.DataFrame({"value": np.asarray(values)})
    given["time"] = np.arange(len(given)) if times is None else np.asarray(times)
    value, time = numbers(given, "value"), numbers(given, "time")
    refuse(given, ["time", "value"], {
        Fault("row {row}: {counts}: the value is infinite"): np.isinf(value),
        Fault("row {row}: {counts}: the time is missing or infinite"): ~np.isfinite(time),
        Fault("row {row}: {counts}: the time occurs more than once"): given["time"].duplicated(keep=False).to_numpy(),
    })  # fmt: skip
    kept = ~np.isnan(value)
    order = np.argsort(time[kept])
    return value[kept][order], time[kept][order]


def mann_kendall(values: ArrayLike) -> pd.DataFrame:
    """Kendall's tau-b of values with their order in time (-1 to 1), with the Mann-Kendall test of no trend.

    For the methods appendix of a report only: it says whether, not how much, and assumes independent years. The size of
    a trend comes from `percent_change`. Hamed and Rao's correction for autocorrelation is not offered: unsafe on short
    series.

    Parameters
    ----------
    values : array_like
        Counts or rates in order of time; a missing value is a gap and left out.

    Returns
    -------
    DataFrame
        One row: value (tau-b), lower, upper, level, numerator, denominator (missing), unit ("tau-b"), method, note;
        then n, s, var_s (corrected for ties), z (with continuity correction) and p (two-sided, normal). Missing with a
        note below 4 values and for constant values.

    Raises
    ------
    CountError
        A value is infinite; every such row is named.

    References
    ----------
    Mann HB. Econometrica 1945; 13: 245-259. Kendall MG. Rank correlation methods. 4th ed. 1970. Own code; agrees with R
    `trend::mk.test`, and with pymannkendall except for tau, which is tau-a there.

    Examples
    --------
    >>> mann_kendall([62, 58, 60, 51, 47, 49, 40, 38])[["value", "s", "z", "p"]].round(4)
        value     s       z       p
    0 -0.8571 -24.0 -2.8455  0.0044
    """
    y, _time = _series(values, None)
    n = len(y)
    s = float(np.sign(y[:, None] - y[None, :])[np.tril_indices(n, -1)].sum())
    ties = np.unique(y, return_counts=True)[1]
    pairs = n * (n - 1) / 2
    variance = (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    untied = pairs - float((ties * (ties - 1) / 2).sum())
    tau, z, p, note = np.nan, np.nan, np.nan, ""
    if n < FEWEST_TESTED:
        note = "not tested: fewer than 4 values"
    elif untied == 0:
        note = "not tested: all values are equal"
    else:
        tau, z = s / np.sqrt(pairs * untied), np.sign(s) * max(abs(s) - 1, 0) / np.sqrt(variance)
        p = 2 * special.ndtr(-abs(z))
    return _one_row(value=tau, unit="tau-b", method="Mann-Kendall, normal", note=note, n=n, s=s, var_s=variance, z=z, p=p)


def sen_slope(values: ArrayLike, times: ArrayLike | None = None, *, confidence: float = 0.95) -> pd.DataFrame:
    """Sen's slope: median change of the values per unit of time, with rank-based limits.

    A change in cases, not in percent; for that use `percent_change`. For the methods appendix of a report only.

    Parameters
    ----------
    values : array_like
        Counts or rates; a missing value is a gap and left out.
    times : array_like, optional
        Times of the values, each once, in any order; 0, 1, 2, … if not given.
    confidence : float
        Two-sided level, in (0, 1).

    Returns
    -------
    DataFrame
        One row: value, lower, upper (change per unit of time), level, unit ("per unit of time"), method, numerator,
        denominator (missing), note; then n. No limits below 5 values; missing with a note below 2.

    Raises
    ------
    CountError
        A value is infinite, or a time missing, infinite or given twice; every such row is named.
    ParameterRefused
        The level is outside (0, 1).

    References
    ----------
    Sen PK. J Am Stat Assoc 1968; 63: 1379-1389. Computed by scipy `theilslopes`; agrees with R `trend::sens.slope`.

    Examples
    --------
    >>> sen_slope([62, 58, 60, 51, 47, 49, 40, 38])[["value", "lower", "upper"]].round(1)
       value  lower  upper
    0   -3.6   -4.4   -2.2
    """
    from scipy.stats import theilslopes

    check_options(confidence=confidence)
    y, time = _series(values, times)
    slope, lower, upper, note = np.nan, np.nan, np.nan, ""
    if len(y) < 2:
        note = "not estimable: fewer than 2 values"
    else:
        slope, _intercept, lower, upper = theilslopes(y, time, alpha=confidence)
        if len(y) < FEWEST_WITH_LIMITS:
            lower, upper, note = np.nan, np.nan, "no limits: fewer than 5 values"
    return _one_row(
        value=slope,
        lower=lower,
        upper=upper,
        level=confidence,
        unit="per unit of time",
        method="Sen's slope",
        note=note,
        n=len(y),
    )


def cochran_armitage(x: ArrayLike, n: ArrayLike, scores: ArrayLike | None = None, *, confidence: float = 0.95) -> pd.DataFrame:
    """Trend of shares over ordered groups, in percentage points per unit of score, with the Cochran-Armitage test.

    The test is exact (conditional on all cases and group sizes) where Cochran's rule forbids the chi-square: an
    expected number of cases or non-cases below 1, or more than a fifth of them below 5. Not for fewer than 10 cases in
    all: compare two pooled periods with `rates.fisher_midp`. A trend is an association, not the effect of a programme.

    Parameters
    ----------
    x, n : array_like
        Whole counts of cases and of all units of each group, x <= n; groups with n = 0 are left out.
    scores : array_like, optional
        Score of each group (year), finite; 0, 1, 2, … if not given.
    confidence : float
        Two-sided level, in (0, 1).

    Returns
    -------
    DataFrame
        One row: value (slope), lower, upper (percentage points per unit of score; they exclude 0 where p < 1 - level;
        none for the exact test), level, unit, method ("Cochran-Armitage" or "Cochran-Armitage, exact"), numerator,
        denominator (all cases, all units), note; then groups, chi2 (1 df), p, p_asymptotic, p_exact (missing unless
        needed). Missing with a note for a single group or score, no cases or nothing but cases.

    Raises
    ------
    CountError
        A count is missing, negative, fractional, infinite or above its denominator, or a score missing or infinite;
        every such row is named.
    ParameterRefused
        The arrays differ in length or the level is outside (0, 1).

    References
    ----------
    Armitage P. Biometrics 1955; 11: 375-386. Cochran WG. Biometrics 1954; 10: 417-451 (rule). Mehta CR, Patel NR,
    Senchaudhuri P. J Am Stat Assoc 1992; 87: 1163-1173 (exact). Own code; agrees with R `prop.trend.test` and, exact,
    with R `coin::independence_test(distribution = "exact")`. statsmodels' z² is (N-1)/N of this chi-square.

    Examples
    --------
    >>> found = cochran_armitage([12, 9, 7, 2], [40, 41, 38, 44], scores=[2021, 2022, 2023, 2024])
    >>> found[["value", "lower", "upper", "chi2", "p"]].round(3)
       value   lower  upper   chi2      p
    0 -8.066 -13.325 -2.808  9.039  0.003
    """
    check_options(confidence=confidence)
    sizes = {len(np.atleast_1d(np.asarray(each))) for each in (x, n) if each is not None}
    if scores is not None:
        sizes.add(len(np.atleast_1d(np.asarray(scores))))
    if len(sizes) > 1:
        raise ParameterRefused("x, n and scores have {sizes} values: give one of each per group", sizes=sorted(sizes))
    given = pd.DataFrame({"x": np.asarray(x), "n": np.asarray(n)})
    given["score"] = np.arange(len(given)) if scores is None else np.asarray(scores)
    cases, units = counted(given, "x", within="n")
    score = numbers(given, "score")
    refuse(given, ["score"], {Fault("row {row}: {counts}: the score is missing or infinite"): ~np.isfinite(score)})
    cases, units, score = (each[units > 0] for each in (cases, units, score))
    total, everyone = cases.sum(), units.sum()
    common: dict[str, object] = {"unit": "percentage points per unit of score", "level": confidence}
    common |= {"numerator": int(total), "denominator": int(everyone), "groups": len(units)}
    reasons = {
        "not estimable: one group": len(set(score)) < 2,
        "not estimable: no cases": total == 0,
        "not estimable: nothing but cases": total == everyone,
    }
    for note, holds in reasons.items():
        if holds:
            nothing = dict.fromkeys(("value", "chi2", "p", "p_asymptotic", "p_exact"), np.nan)
            return _one_row(method="Cochran-Armitage", note=note, **common, **nothing)
    share = total / everyone
    centred = score - (units * score).sum() / everyone
    spread = (units * centred**2).sum()
    slope, se = (centred * cases).sum() / spread, np.sqrt(share * (1 - share) / spread)
    p_asymptotic = float(2 * special.ndtr(-abs(slope / se)))
    expected = np.concatenate([units * share, units * (1 - share)])
    note, p_exact = "", np.nan
    if expected.min() < 1 or (expected < 5).mean() > 0.2:
        p_exact = _exact_trend(cases, units, score)
        note = "small counts: exact test, no limits"
        if np.isnan(p_exact):
            note = "small counts, but too many for the exact test"
    exact = not np.isnan(p_exact)
    reach = np.nan if exact else normal_quantile(confidence) * se
    return _one_row(
        value=100 * slope,
        lower=100 * (slope - reach),
        upper=100 * (slope + reach),
        method="Cochran-Armitage, exact" if exact else "Cochran-Armitage",
        note=note,
        chi2=(slope / se) ** 2,
        p=p_exact if exact else p_asymptotic,
        p_asymptotic=p_asymptotic,
        p_exact=p_exact,
        **common,
    )


def _exact_trend(cases: Floats, units: Floats, score: Floats) -> float:
    """Chance of a score sum at least as far from its expectation, given cases and group sizes; NaN if too large a task.

    The groups' cases are independent binomials given their sum, whatever the common share; they are added up group by
    group.
    """
    if cases.sum() > units.sum() / 2:
        cases = units - cases
    exact = [Fraction(str(each)) for each in score.tolist()]
    unit = lcm(*(each.denominator for each in exact))
    steps = np.array([int((each - min(exact)) * unit) for each in exact], dtype=object)
    steps //= np.gcd.reduce(steps)
    total = int(cases.sum())
    width = total * int(max(steps)) + 1
    if (total + 1) ** 2 * width * len(cases) > MOST_STEPS:
        return np.nan
    share = total / units.sum()
    joint = np.zeros((total + 1, width))  # cases so far × sum of their scores
    joint[0, 0] = 1.0
    for size, step in zip(units, steps.astype(int), strict=True):
        k = np.arange(min(total, int(size)) + 1)
        choose = special.gammaln(size + 1) - special.gammaln(k + 1) - special.gammaln(size - k + 1)
        chance = np.exp(choose + k * np.log(share) + (size - k) * np.log1p(-share))
        added = np.zeros_like(joint)
        for some, weight in zip(k.tolist(), chance.tolist(), strict=True):
            added[some:, some * step :] += weight * joint[: total + 1 - some, : width - some * step]
        joint = added
    law = joint[total] / joint[total].sum()
    expected = total * float((units * steps.astype(float)).sum() / units.sum())
    far = np.abs(np.arange(width) - expected)
    seen = abs(float((cases * steps.astype(float)).sum()) - expected)
    return min(1.0, float(law[far >= seen * (1 - 1e-9)].sum()))
