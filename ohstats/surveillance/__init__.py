"""Small places: what is notable, how places compare, where they are heading. One public face for all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special

from .. import limits
from ..errors import ParameterRefused
from ..estimates import check_options, counted, estimate, grouped, labels, whole
from .funnels import funnel
from .futures import forecast, target_probability
from .holdout import holdout_score
from .inputs import for_groups, given
from .shrinkage import shrunken_trend
from .smoothing import marshall, poisson_gamma, ranks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from ..estimates import Groups

    Floats = NDArray[np.float64]

__all__ = [
    "exceedance",
    "forecast",
    "funnel",
    "holdout_score",
    "marshall",
    "poisson_gamma",
    "ranks",
    "shrunken_trend",
    "target_probability",
]

JEFFREYS = 0.5
"""Shape that Jeffreys' prior of a Poisson mean adds to the cases."""

NOTES = ("", "expected is 0", "expected is 0: any case is notable", "baseline has no cases")


def exceedance(
    table: pd.DataFrame,
    *,
    observed: str,
    expected: str | None = None,
    baseline: str | None = None,
    baseline_years: str | float | None = None,
    by: str | Sequence[str] = (),
    confidence: float = 0.95,
    fdr: float = 0.05,
) -> pd.DataFrame:
    """Observed against expected cases, as a ratio, and which rows are notable after control of false discoveries.

    For annual counts of many places and diseases. Not for weekly counts with seasons. Not with an expected number that
    itself comes from a few years of the same place: give those years as `baseline`, or too many rows become notable.

    Parameters
    ----------
    table : DataFrame
        One row per place, disease and so on; not modified. Counts are summed within `by` first.
    observed : str
        Column of whole counts of the year that is judged.
    expected : str, optional
        Column of known expected cases, 0 or above (e.g. from the rates of a large region).
    baseline : str, optional
        Column of whole counts: all cases of the baseline years. Either this or `expected`.
    baseline_years : str or float, optional
        With `baseline`: how many times as long as the judged period it is (in years or person-years), above 0; one
        number, or a column that does not vary within a group.
    by : sequence of str
        Grouping columns; groups come sorted; empty gives one row.
    confidence : float
        Two-sided level of the limits of the ratio; 1 - confidence is the one-sided level of `alarm_from`.
    fdr : float
        Share of false discoveries that is accepted among the notable rows, in (0, 1).

    Returns
    -------
    DataFrame
        `by`, then value, lower, upper (observed / expected; exact Poisson limits, with a baseline the conditional exact
        ones), level, unit ("ratio"), method, numerator (observed), denominator (expected), note; then p (chance of as
        many cases or more), q (p adjusted over all rows with a p), notable (q <= fdr), alarm_from (smallest count whose
        chance is at most 1 - confidence). Expected 0: ratio, p, q and alarm are missing, any case is notable, the note
        says so. A baseline without cases: the ratio is missing, p is not.

    Raises
    ------
    CountError
        A count or expected number is missing, negative or infinite, a count fractional, a baseline length not above 0
        or unequal within its group; every such row is named.
    ParameterRefused
        A column does not exist, not exactly one of `expected` and `baseline` is given, or a level is outside (0, 1).

    Notes
    -----
    Known expected number: exact Poisson. Baseline of B cases in T years: with Jeffreys' prior the yearly mean is
    Gamma(B + 1/2, T), so the count of one year is negative binomial with size B + 1/2 and probability T / (T + 1).
    Counts that vary more than Poisson counts are notable too often.

    References
    ----------
    Garwood F. Biometrika 1936; 28: 437-442. Benjamini Y, Hochberg Y. J R Stat Soc B 1995; 57: 289-300. Przyborowski J,
    Wilenski H. Biometrika 1940; 31: 313-323. Gelman A et al. Bayesian data analysis. 3rd ed. 2013: 43-45. Own code:
    agrees with R `ppois`, `pnbinom`, `poisson.test` and `p.adjust(method = "BH")`.

    Examples
    --------
    >>> import pandas as pd
    >>> year = pd.DataFrame({"place": ["A", "B", "C"], "cases": [5, 14, 0], "before": [20, 21, 4]})
    >>> found = exceedance(year, observed="cases", baseline="before", baseline_years=5, by="place")
    >>> found[["place", "value", "lower", "upper", "p", "q", "notable", "alarm_from"]].round(3)
      place  value  lower  upper      p      q  notable  alarm_from
    0     A  1.250  0.367  3.432  0.388  0.583    False         9.0
    1     B  3.333  1.568  6.873  0.001  0.002     True         9.0
    2     C  0.000  0.000  7.574  1.000  1.000    False         4.0
    """
    check_options(confidence=confidence)
    if not 0 < fdr < 1:
        raise ParameterRefused("fdr is {fdr}: give a share between 0 and 1", fdr=fdr)
    groups = grouped(table, by)
    if expected is not None and baseline is None and baseline_years is None:
        judged = _against_known(table, observed, expected, groups, confidence)
    elif expected is None and baseline is not None and baseline_years is not None:
        judged = _against_years(table, observed, baseline, baseline_years, groups, confidence)
    else:
        raise ParameterRefused("give either expected, or baseline together with baseline_years")
    x, mean, chance = judged.observed, judged.expected, judged.chance
    empty = mean == 0
    undefined = empty & (expected is not None)
    p = np.where(undefined, np.nan, chance(x))
    q = adjusted(p)
    with np.errstate(invalid="ignore"):
        notable = (q <= fdr) | (undefined & (x > 0))
    return estimate(
        groups.keys,
        value=np.divide(x, mean, out=np.full(len(x), np.nan), where=~empty),
        lower=np.where(empty, np.nan, judged.lower),
        upper=np.where(empty, np.nan, judged.upper),
        level=confidence,
        unit="ratio",
        method=judged.method,
        numerator=whole(x),
        denominator=mean,
        note=labels(np.where(undefined, 1 + (x > 0), 3 * empty), NOTES),
        p=p,
        q=q,
        notable=notable,
        alarm_from=np.where(undefined, np.nan, _smallest(chance, 1 - confidence, len(x))),
    )


class Judged(NamedTuple):
    """Observed and expected cases of each group, limits of their ratio, and the chance of at least so many cases."""

    observed: Floats
    expected: Floats
    lower: Floats
    upper: Floats
    chance: Callable[[Floats], Floats]
    method: str


def _against_known(table: pd.DataFrame, observed: str, expected: str, groups: Groups, confidence: float) -> Judged:
    (cases,) = counted(table, observed)
    x, mean = groups.total(cases), groups.total(given(table, expected))
    lower, upper = limits.poisson_exact(x, confidence=confidence)
    with np.errstate(divide="ignore", invalid="ignore"):
        lower, upper = lower / mean, upper / mean

    def chance(y: Floats) -> Floats:
        tail: Floats = special.gammainc(np.maximum(y, 1), mean)
        return np.where(y > 0, tail, 1.0)

    return Judged(x, mean, lower, upper, chance, "Poisson, exact")


def _against_years(
    table: pd.DataFrame, observed: str, baseline: str, length: str | float, groups: Groups, confidence: float
) -> Judged:
    cases, before = counted(table, observed, baseline)
    x, b = groups.total(cases), groups.total(before)
    years = for_groups(table, length, groups, name="baseline_years", above_zero=True)
    lower, upper = limits.clopper_pearson(x, x + b, confidence=confidence)
    with np.errstate(divide="ignore", invalid="ignore"):
        lower, upper = lower / (1 - lower) * years, upper / (1 - upper) * years

    def chance(y: Floats) -> Floats:
        tail: Floats = special.betainc(np.maximum(y, 1), b + JEFFREYS, 1 / (years + 1))
        return np.where(y > 0, tail, 1.0)

    return Judged(x, b / years, lower, upper, chance, "negative binomial, predictive")


def adjusted(p: Floats) -> Floats:
    """P values adjusted for the false discovery rate over all that are not missing (Benjamini and Hochberg)."""
    q = np.full(len(p), np.nan)
    there = np.flatnonzero(~np.isnan(p))
    order = there[np.argsort(p[there], kind="stable")]
    scaled = p[order] * (len(order) / np.arange(1, len(order) + 1))  # the last factor is 1 exactly: no p shrinks
    q[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    most: Floats = np.minimum(q, 1.0)
    return most


def _smallest(chance: Callable[[Floats], Floats], level: float, rows: int) -> Floats:
    """Smallest whole count of each row whose chance is at most `level`."""
    low, high = np.zeros(rows), np.ones(rows)
    while np.any(over := chance(high) > level):
        low, high = np.where(over, high, low), np.where(over, 2 * high, high)
    while np.any(high - low > 1):
        middle = np.floor((low + high) / 2)
        over = chance(middle) > level
        low, high = np.where(over, middle, low), np.where(over, high, np.maximum(middle, low + 1))
    return high
