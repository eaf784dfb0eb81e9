"""Two groups or two periods compared: rate ratio, difference of shares, odds ratio of rare cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from .. import limits
from ..estimates import NO_DENOMINATOR, check_options, counted, estimate, grouped, labels, measured, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

NO_REFERENCE_EVENTS = "no reference events: the ratio has no upper limit"


def ratio_of_rates(
    table: pd.DataFrame,
    *,
    events: str,
    population: str,
    reference_events: str,
    reference_population: str,
    by: str | Sequence[str] = (),
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Rate ratio of two groups or periods (1 = equal rates), with exact conditional limits and p.

    Not across a declared break without naming it. Not where counts vary more than Poisson counts do (epidemics,
    screening campaigns): the limits are then too narrow. For one trend over many years use `trend.percent_change`.

    Parameters
    ----------
    table : DataFrame
        One row per reporting unit, holding both groups; not modified.
    events, population : str
        Columns of whole counts and of persons, person-years or years of observation.
    reference_events, reference_population : str
        The same of the group that the ratio refers to.
    by : sequence of str
        Grouping columns; everything is summed within; empty gives one row.
    confidence : float
        Two-sided level, in (0, 1).

    Returns
    -------
    DataFrame
        `by`, then value, lower, upper (ratio), level, unit ("ratio"), method ("conditional exact"), numerator (events),
        denominator (reference events), note; then p (two-sided, ratio = 1) and population, reference_population.
        Missing with a note where a population or all events are 0. Without reference events there is no ratio and no
        upper limit (infinite), but a lower limit.

    Raises
    ------
    CountError
        A count is missing, negative, fractional or infinite, or a population missing, negative or infinite.
    ParameterRefused
        A column does not exist or the level is outside (0, 1).

    References
    ----------
    Przyborowski J, Wilenski H. Biometrika 1940; 31: 313-323. Own vectorised code; agrees with R `poisson.test`.

    Examples
    --------
    >>> import pandas as pd
    >>> periods = pd.DataFrame({"cases": [100], "years": [5], "cases_before": [140], "years_before": [5]})
    >>> found = ratio_of_rates(periods, events="cases", population="years", reference_events="cases_before",
    ...     reference_population="years_before")
    >>> found[["value", "lower", "upper", "p"]].round(3)
       value  lower  upper      p
    0  0.714  0.547   0.93  0.012
    """
    check_options(confidence=confidence)
    x, y = counted(table, events, reference_events)
    groups = grouped(table, by)
    x, y = groups.total(x), groups.total(y)
    persons, others = (groups.total(measured(table, name)) for name in (population, reference_population))
    reason = np.select([(persons == 0) | (others == 0), x + y == 0, y == 0], [1, 2, 3], default=0)
    defined = (reason == 0) | (reason == 3)
    scale = np.divide(others, persons, out=np.full(len(x), np.nan), where=defined)
    low, high = limits.clopper_pearson(x, x + y, confidence=confidence)
    with np.errstate(divide="ignore"):
        lower, upper = low / (1 - low) * scale, high / (1 - high) * scale
    value = np.divide(x, y, out=np.full(len(x), np.nan), where=y > 0) * scale
    share = np.where(defined, persons / np.where(defined, persons + others, 1), np.nan)
    return estimate(
        groups.keys,
        value=value,
        lower=lower,
        upper=upper,
        level=confidence,
        unit="ratio",
        method="conditional exact",
        numerator=whole(x),
        denominator=whole(y),
        note=labels(reason, ("", NO_DENOMINATOR, "no events", NO_REFERENCE_EVENTS)),
        p=np.where(defined, limits.binomial_tails(x, x + y, np.where(defined, share, 0.5))[2], np.nan),
        population=persons,
        reference_population=others,
    )


def detectable_ratio(events: float, *, confidence: float = 0.95, power: float = 0.8) -> tuple[float, float]:
    """Largest fall and smallest rise (ratios, 1 = no change) that two periods of equal length would show.

    Not for counts that vary more than Poisson counts do: the true change would have to be larger still.

    Parameters
    ----------
    events : float
        Events expected in the first period.
    confidence, power : float
        Level of the conditional exact test (two-sided), and its chance to see the change.

    Returns
    -------
    tuple of float
        Ratio of the fall, missing where not even a fall to 0 would be seen; ratio of the rise, missing without events.

    References
    ----------
    Power of the test of `ratio_of_rates`, summed over all totals that the two periods can have.

    Examples
    --------
    >>> [round(ratio, 2) for ratio in detectable_ratio(20)]
    [0.27, 2.14]
    """
    check_options(confidence=confidence)
    if events <= 0:
        return np.nan, np.nan

    def lacks(ratio: float) -> bool:
        mean = events * (1 + ratio)
        totals = np.arange(1.0, mean + 12 * np.sqrt(mean) + 20)
        most = np.ceil(special.bdtrik((1 + confidence) / 2, totals, 0.5))  # of the period with more events, without a finding
        seen = np.where(most < totals, special.betainc(most + 1, np.maximum(totals - most, 1), max(ratio, 1) / (1 + ratio)), 0)
        chance = np.exp(special.xlogy(totals, mean) - mean - special.gammaln(totals + 1))
        return bool((chance * seen).sum() < power)

    def first_seen(seen: float, unseen: float) -> float:
        for _step in range(50):
            middle = (seen + unseen) / 2
            seen, unseen = (seen, middle) if lacks(middle) else (middle, unseen)
        return seen

    return np.nan if lacks(0.0) else first_seen(0.0, 1.0), first_seen(20 + 100 / events, 1.0)


def difference(
    table: pd.DataFrame,
    *,
    numerator: str,
    denominator: str,
    reference_numerator: str,
    reference_denominator: str,
    by: str | Sequence[str] = (),
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Difference of two independent shares, in percentage points, with Newcombe's hybrid score limits.

    Not for the same units seen twice (paired), nor for points that cluster in employers.

    Parameters
    ----------
    table : DataFrame
        One row per reporting unit, holding both groups; not modified.
    numerator, denominator : str
        Columns of whole counts of the same unit.
    reference_numerator, reference_denominator : str
        The same of the group that is taken off.
    by : sequence of str
        Grouping columns; counts are summed within; empty gives one row.
    confidence : float
        Two-sided level, in (0, 1).

    Returns
    -------
    DataFrame
        `by`, then value, lower, upper (percentage points), level, unit, method ("newcombe"), numerator, denominator,
        note; then reference_numerator, reference_denominator. Missing with a note where a denominator is 0.

    Raises
    ------
    CountError
        A count is missing, negative, fractional, infinite or above its denominator; every such row is named.
    ParameterRefused
        A column does not exist or the level is outside (0, 1).

    References
    ----------
    Newcombe RG. Stat Med 1998; 17: 873-890 (method 10). Own vectorised code; agrees with statsmodels
    `confint_proportions_2indep(method="newcomb")`.

    Examples
    --------
    >>> import pandas as pd
    >>> years = pd.DataFrame({"passed": [90], "checked": [100], "passed_before": [80], "checked_before": [100]})
    >>> found = difference(years, numerator="passed", denominator="checked", reference_numerator="passed_before",
    ...     reference_denominator="checked_before")
    >>> found[["value", "lower", "upper", "unit"]].round(2)
       value  lower  upper               unit
    0   10.0   0.01  19.95  percentage points
    """
    check_options(confidence=confidence)
    x, n = counted(table, numerator, within=denominator)
    y, m = counted(table, reference_numerator, within=reference_denominator)
    groups = grouped(table, by)
    x, n, y, m = (groups.total(each) for each in (x, n, y, m))
    none = (n == 0) | (m == 0)
    first, second = x / np.where(none, np.nan, n), y / np.where(none, np.nan, m)
    low, high = limits.wilson(x, n, confidence=confidence)
    other_low, other_high = limits.wilson(y, m, confidence=confidence)
    value = first - second
    return estimate(
        groups.keys,
        value=100 * value,
        lower=100 * (value - np.hypot(first - low, other_high - second)),
        upper=100 * (value + np.hypot(high - first, second - other_low)),
        level=confidence,
        unit="percentage points",
        method="newcombe",
        numerator=whole(x),
        denominator=whole(n),
        note=labels(none, ("", NO_DENOMINATOR)),
        reference_numerator=whole(y),
        reference_denominator=whole(m),
    )


def fisher_midp(
    table: pd.DataFrame,
    *,
    numerator: str,
    denominator: str,
    reference_numerator: str,
    reference_denominator: str,
    by: str | Sequence[str] = (),
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Odds ratio of few cases in two groups (1 = equal shares), with mid-p limits and p.

    For pooled periods with fewer than about 10 cases; with more use `difference`. Mid-p is less timid than Fisher's
    exact test: its error is 5 % on average, not at most.

    Parameters
    ----------
    table : DataFrame
        One row per reporting unit, holding both groups; not modified.
    numerator, denominator : str
        Columns of whole counts of the same unit.
    reference_numerator, reference_denominator : str
        The same of the group that the ratio refers to.
    by : sequence of str
        Grouping columns; counts are summed within; empty gives one row.
    confidence : float
        Two-sided level, in (0, 1).

    Returns
    -------
    DataFrame
        `by`, then value (conditional maximum likelihood), lower, upper (odds ratio), level, unit ("odds ratio"), method
        ("fisher mid-p"), numerator, denominator, note; then p (mid-p, two-sided: twice the smaller tail), p_fisher
        (Fisher's exact two-sided p), reference_numerator, reference_denominator. Missing with a note where a
        denominator is 0, where there are no cases or nothing but cases. With all cases (or none but cases) on one side
        the ratio is 0 with an upper limit, or missing with a lower limit.

    Raises
    ------
    CountError
        A count is missing, negative, fractional, infinite or above its denominator; every such row is named.
    ParameterRefused
        A column does not exist or the level is outside (0, 1).

    References
    ----------
    Lancaster HO. J Am Stat Assoc 1961; 56: 223-234. Own vectorised code; agrees with epitools `ormidp.test` (p), R
    `fisher.test` (odds ratio, p_fisher); scipy's `fisher_exact` has the sample odds ratio instead.

    Examples
    --------
    >>> import pandas as pd
    >>> halves = pd.DataFrame({"short": [1], "all": [60], "short_before": [6], "all_before": [55]})
    >>> found = fisher_midp(halves, numerator="short", denominator="all", reference_numerator="short_before",
    ...     reference_denominator="all_before")
    >>> found[["value", "lower", "upper", "p", "p_fisher"]].round(3)
       value  lower  upper      p  p_fisher
    0   0.14  0.006  0.993  0.049     0.053
    """
    check_options(confidence=confidence)
    x, n = counted(table, numerator, within=denominator)
    y, m = counted(table, reference_numerator, within=reference_denominator)
    groups = grouped(table, by)
    x, n, y, m = (groups.total(each) for each in (x, n, y, m))
    fixed = (n == 0) | (m == 0) | (x + y == 0) | (x + y == n + m)
    law = _Conditional(x, n, y, m)
    lowest, highest = (x == law.least) & ~fixed, (x == law.most) & ~fixed
    tail = (1 - confidence) / 2
    value = np.where(lowest, 0.0, law.solve(lambda odds: law.mean(odds) - x))
    lower = np.where(lowest, 0.0, law.solve(lambda odds: law.beyond(odds, above=True) - tail))
    upper = np.where(highest, np.inf, law.solve(lambda odds: tail - law.beyond(odds, above=False)))
    start = np.zeros(len(x))
    value, lower, upper = (np.where(fixed, np.nan, each) for each in (np.where(highest, np.nan, value), lower, upper))
    above, below = law.beyond(start, above=True), law.beyond(start, above=False)
    reason = np.select([(n == 0) | (m == 0), x + y == 0, fixed, highest], [1, 2, 3, 4], default=0)
    return estimate(
        groups.keys,
        value=value,
        lower=lower,
        upper=upper,
        level=confidence,
        unit="odds ratio",
        method="fisher mid-p",
        numerator=whole(x),
        denominator=whole(n),
        note=labels(reason, ("", NO_DENOMINATOR, "no cases", "nothing but cases", "the odds ratio has no upper limit")),
        p=np.where(fixed, np.nan, np.minimum(1.0, 2 * np.minimum(above, below))),
        p_fisher=np.where(fixed, np.nan, law.no_likelier()),
        reference_numerator=whole(y),
        reference_denominator=whole(m),
    )


class _Conditional:
    """Cases of the first group given all margins, one table a row: the noncentral hypergeometric distribution."""

    def __init__(self, x: Floats, n: Floats, y: Floats, m: Floats) -> None:
        cases = x + y
        self.least, self.most = np.maximum(0, cases - m), np.minimum(n, cases)
        width = int((self.most - self.least).max(initial=0)) + 1
        self.support = self.least[:, None] + np.arange(width)
        there = self.support <= self.most[:, None]
        k, rest = np.where(there, self.support, self.least[:, None]), cases[:, None]
        ways = -sum(special.gammaln(each + 1) for each in (k, n[:, None] - k, rest - k, m[:, None] - rest + k))
        self.ways = np.where(there, ways, -np.inf)
        self.x = x[:, None]

    def _chances(self, log_odds: Floats) -> Floats:
        exponent = self.ways + log_odds[:, None] * (self.support - self.x)
        weight = np.exp(exponent - exponent.max(axis=1, keepdims=True))
        chances: Floats = weight / weight.sum(axis=1, keepdims=True)
        return chances

    def mean(self, log_odds: Floats) -> Floats:
        return np.asarray((self._chances(log_odds) * self.support).sum(axis=1))

    def beyond(self, log_odds: Floats, *, above: bool) -> Floats:
        """Chance of more (or fewer) cases than seen and half the chance of as many."""
        side = self.support > self.x if above else self.support < self.x
        return np.asarray((self._chances(log_odds) * (side + 0.5 * (self.support == self.x))).sum(axis=1))

    def no_likelier(self) -> Floats:
        chances = self._chances(np.zeros(len(self.x)))
        seen = np.where(self.support == self.x, chances, 0).sum(axis=1, keepdims=True)
        return np.asarray(np.minimum(1.0, np.where(chances <= seen * (1 + 1e-7), chances, 0).sum(axis=1)))

    def solve(self, rising: Callable[[Floats], Floats], *, reach: float = 60.0, steps: int = 64) -> Floats:
        """Odds where a function of the log odds crosses 0, by bisection."""
        low, high = np.full(len(self.x), -reach), np.full(len(self.x), reach)
        for _step in range(steps):
            middle = (low + high) / 2
            below = rising(middle) < 0
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return np.asarray(np.exp((low + high) / 2))
