"""Proportions and rates with their limits: frames of counts in, Estimate frames out."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .. import limits
from ..errors import ParameterRefused
from ..estimates import (
    NO_DENOMINATOR,
    check_free,
    check_options,
    counted,
    estimate,
    grouped,
    labels,
    measured,
    names_of,
    per,
    whole,
)
from .clusters import clustered_proportion, standardised_change
from .comparison import detectable_ratio, difference, fisher_midp, ratio_of_rates
from .standardisation import standardised_rate, standardised_ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "clustered_proportion",
    "detectable_ratio",
    "difference",
    "fisher_midp",
    "gap",
    "lacking",
    "proportion",
    "rate",
    "ratio_of_rates",
    "standardised_change",
    "standardised_rate",
    "standardised_ratio",
    "target_test",
]

COMPARATORS = (">=", ">", "<=", "<")
CERTAINTY = ("clearly above", "compatible", "clearly below", "cannot judge")


def proportion(
    table: pd.DataFrame,
    *,
    numerator: str,
    denominator: str,
    by: str | Sequence[str] = (),
    confidence: float = 0.95,
    method: str = "wilson",
) -> pd.DataFrame:
    """Pooled share meeting a condition, in percent, with Wilson score limits.

    Counts are summed within `by` first: the share of all workers, not the mean of the employers' shares.
    Not for events that can exceed units (cases per worker-years): use `rate`. Not for points or posts that
    cluster in employers: the limits would be too narrow; use `clustered_proportion`.

    Parameters
    ----------
    table : DataFrame
        One row per reporting unit; not modified.
    numerator, denominator : str
        Columns of whole counts of the same unit (persons, employers or posts).
    by : sequence of str
        Grouping columns; groups come sorted, a missing key is a group of its own; empty gives one row.
    confidence : float
        Two-sided level, in (0, 1).
    method : {"wilson", "clopper-pearson"}
        Score limits, or exact limits with at least the nominal coverage.

    Returns
    -------
    DataFrame
        `by`, then value, lower, upper (percent), level, unit ("percent"), method, numerator, denominator (pooled
        counts), note. Where the denominator is 0 the share is missing with the note "denominator is 0", never 0.
        Without cases the lower limit is exactly 0, without misses the upper exactly 100.

    Raises
    ------
    CountError
        A count is missing, negative, fractional, infinite or above its denominator; every such row is named.
    ParameterRefused
        A column does not exist, the level is outside (0, 1) or the method is unknown.

    References
    ----------
    Wilson EB. J Am Stat Assoc 1927; 22: 209-212. Clopper CJ, Pearson ES. Biometrika 1934; 26: 404-413.
    Own vectorised code; agrees with PHEindicatormethods `phe_proportion` and R `binom.test`.

    Examples
    --------
    >>> exams = pd.DataFrame({"year": [2023, 2024, 2024], "examined": [88, 50, 46], "due": [100, 50, 50]})
    >>> found = proportion(exams, numerator="examined", denominator="due", by=["year"])
    >>> found[["year", "value", "lower", "upper", "unit", "numerator", "denominator"]].round(1)
       year  value  lower  upper     unit  numerator  denominator
    0  2023   88.0   80.2   93.0  percent         88          100
    1  2024   96.0   90.2   98.4  percent         96          100
    """
    check_options(confidence=confidence, choice=method, choices=("wilson", "clopper-pearson"))
    x, n = counted(table, numerator, within=denominator)
    groups = grouped(table, by)
    x, n = groups.total(x), groups.total(n)
    interval = limits.wilson if method == "wilson" else limits.clopper_pearson
    lower, upper = interval(x, n, confidence=confidence)
    value = np.divide(100 * x, n, out=np.full(len(n), np.nan), where=n > 0)
    return estimate(
        groups.keys,
        value=value,
        lower=np.minimum(100 * lower, value),  # round-off must not put a limit past the estimate
        upper=np.maximum(100 * upper, value),
        level=confidence,
        unit="percent",
        method=method,
        numerator=whole(x),
        denominator=whole(n),
        note=labels(n == 0, ("", NO_DENOMINATOR)),
    )


def rate(
    table: pd.DataFrame,
    *,
    events: str,
    population: str | None = None,
    by: str | Sequence[str] = (),
    multiplier: float = 100_000,
    confidence: float = 0.95,
    method: str = "phe",
) -> pd.DataFrame:
    """Events per `multiplier` persons (or a plain count of cases) with Poisson limits.

    Events and population are summed within `by` first. Not for shares (events are part of the population and common):
    use `proportion`. Rates of places with different age structure: use `standardised_rate`.

    Parameters
    ----------
    table : DataFrame
        One row per reporting unit; not modified.
    events : str
        Column of whole counts.
    population : str, optional
        Column of persons or person-years, not negative, may be fractional. Without it the result is the count itself,
        in cases, whatever the multiplier.
    by : sequence of str
        Grouping columns; groups come sorted; empty gives one row.
    multiplier : float
        Persons that the rate refers to, above 0.
    confidence : float
        Two-sided level, in (0, 1).
    method : {"phe", "exact"}
        "phe": exact Poisson limits below 10 events, Byar's from 10 up. "exact": exact limits throughout.

    Returns
    -------
    DataFrame
        `by`, then value, lower, upper, level, unit ("per 100,000", or "cases"), method ("poisson-exact" or "byar", row
        by row), numerator (events), denominator (population; missing for plain counts), note. Where the population is 0
        the rate is missing with the note "denominator is 0". No events: rate 0, lower limit 0, upper limit above 0.

    Raises
    ------
    CountError
        A count is missing, negative, fractional or infinite, or a population missing, negative or infinite.
    ParameterRefused
        A column does not exist, the multiplier is not above 0, the level is outside (0, 1) or the method is unknown.

    References
    ----------
    Garwood F. Biometrika 1936; 28: 437-442. Breslow NE, Day NE. IARC 1987, volume II: 69.
    Own code (no Python library has Byar's limits as meant); agrees with PHEindicatormethods `phe_rate` and R
    `poisson.test`.

    Examples
    --------
    >>> cases = pd.DataFrame({"year": [2023, 2024], "cases": [4, 27], "workers": [98_000, 98_000]})
    >>> found = rate(cases, events="cases", population="workers", by=["year"])
    >>> found[["year", "value", "lower", "upper", "unit", "method"]].round(1)
       year  value  lower  upper         unit         method
    0  2023    4.1    1.1   10.5  per 100,000  poisson-exact
    1  2024   27.6   18.2   40.1  per 100,000           byar
    """
    check_options(confidence=confidence, choice=method, choices=("phe", "exact"), multiplier=multiplier)
    (x,) = counted(table, events)
    persons = None if population is None else measured(table, population)
    groups = grouped(table, by)
    x = groups.total(x)
    scale = np.ones(len(x))
    if persons is not None:
        persons = groups.total(persons)
        scale = np.divide(multiplier, persons, out=np.full(len(x), np.nan), where=persons > 0)
    lower, upper = (limits.phe if method == "phe" else limits.poisson_exact)(x, confidence=confidence)
    approximate = (x >= limits.BYAR_FROM) & (method == "phe")
    return estimate(
        groups.keys,
        value=x * scale,
        lower=lower * scale,
        upper=upper * scale,
        level=confidence,
        unit="cases" if persons is None else per(multiplier),
        method=labels(approximate, ("poisson-exact", "byar")),
        numerator=whole(x),
        denominator=np.nan if persons is None else persons,
        note=labels(np.isnan(scale), ("", NO_DENOMINATOR)),
    )


def exact_share(target: float | str | Fraction) -> Fraction:
    """A target in percent as an exact share, as it is written: 94.95 is 1899/2000, not the nearest binary number.

    Raises
    ------
    ParameterRefused
        The target is no number from 0 to 100.
    """
    try:
        share = Fraction(target if isinstance(target, Fraction) else str(target)) / 100
    except (ValueError, ZeroDivisionError):
        share = Fraction(-1)
    if not 0 <= share <= 1:
        raise ParameterRefused("target is {target}: give percent from 0 to 100", target=target)
    return share


def _wanted(due: Any, share: Fraction, comparator: str) -> Any:
    """The numerator that just meets a target, of one denominator or an array of them."""
    scaled = due * share.numerator
    floor, ceiling = scaled // share.denominator, -(-scaled // share.denominator)
    return {">=": ceiling, ">": floor + 1, "<=": floor, "<": ceiling - 1}[comparator]


def lacking(done: int, due: int, share: Fraction, comparator: str) -> tuple[float, bool]:
    """Units that one figure of a denominator above 0 still needs, as `gap` says it (NaN: no number meets the target); if met."""
    wanted = _wanted(due, share, comparator)
    short = wanted - done if comparator in (">=", ">") else done - wanted
    return float(max(short, 0)) if 0 <= wanted <= due else np.nan, short <= 0


def gap(
    table: pd.DataFrame,
    *,
    numerator: str,
    denominator: str,
    target: float | str | Fraction,
    comparator: str = ">=",
    by: str | Sequence[str] = (),
) -> pd.DataFrame:
    """Units still needed to reach a target share, as an exact whole number, and whether the target is met.

    Counts are summed within `by` first. For ">=" and ">" the number says how many more of the same units must comply,
    for "<=" and "<" by how many the numerator must fall. Compared in whole numbers: 9,496 of 10,000 is not 95 %. Not
    for samples, where the units seen are not the units due: use `target_test`.

    Parameters
    ----------
    table : DataFrame
        One row per reporting unit; not modified.
    numerator, denominator : str
        Columns of whole counts of the same unit.
    target : number, text or Fraction
        Percent from 0 to 100, taken as written (94.95, "94.95", Fraction(200, 3)).
    comparator : {">=", ">", "<=", "<"}
        How the share must stand to the target.
    by : sequence of str
        Grouping columns; groups come sorted; empty gives one row.

    Returns
    -------
    DataFrame
        `by`, then value (units; 0 where the target is met), lower, upper and level (missing: nothing is estimated),
        unit ("units"), method ("exact"), numerator, denominator, note; then met (True, False, missing) and target
        (percent). Missing with a note where the denominator is 0 and where no numerator could meet the target.

    Raises
    ------
    CountError
        A count is missing, negative, fractional, infinite or above its denominator; every such row is named.
    ParameterRefused
        A column or comparator does not exist, or the target is no number from 0 to 100.

    References
    ----------
    None: whole-number arithmetic of our own.

    Examples
    --------
    >>> exams = pd.DataFrame({"place": ["A", "B"], "examined": [9496, 95], "due": [10_000, 100]})
    >>> found = gap(exams, numerator="examined", denominator="due", target=95, by=["place"])
    >>> found[["place", "value", "unit", "met"]]
      place  value   unit    met
    0     A    4.0  units  False
    1     B    0.0  units   True
    """
    check_options(choice=comparator, choices=COMPARATORS)
    share = exact_share(target)
    x, n = counted(table, numerator, within=denominator)
    groups = grouped(table, by)
    done, due = whole(groups.total(x)), whole(groups.total(n))
    wanted = _wanted(due.astype(object), share, comparator).astype(np.int64)  # Python's whole numbers: no overflow
    lacking = wanted - done if comparator in (">=", ">") else done - wanted
    reason = np.select([due == 0, (wanted > due) | (wanted < 0)], [1, 2], default=0)
    met = pd.array(lacking <= 0, dtype="boolean")
    met[due == 0] = pd.NA
    return estimate(
        groups.keys,
        value=np.where(reason == 0, np.maximum(lacking, 0), np.nan),
        lower=np.nan,
        upper=np.nan,
        level=np.nan,
        unit="units",
        method="exact",
        numerator=done,
        denominator=due,
        note=labels(reason, ("", NO_DENOMINATOR, "no number of units meets the target")),
        met=met,
        target=float(100 * share),
    )


def target_test(
    table: pd.DataFrame,
    *,
    numerator: str,
    denominator: str,
    target: float | str | Fraction,
    by: str | Sequence[str] = (),
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Share of a sample in percent, and how certainly it lies above or below a target.

    Not for complete registers (census): there the share itself is compared, see `gap`. Not for points that cluster in
    employers. For a target of 100 % any miss refutes it: report `misses`; the p-values are then 0 or 1.

    Parameters
    ----------
    table : DataFrame
        One row per reporting unit; not modified.
    numerator, denominator : str
        Columns of whole counts of the same unit.
    target : number, text or Fraction
        Percent from 0 to 100.
    by : sequence of str
        Grouping columns; groups come sorted; empty gives one row.
    confidence : float
        Two-sided level, in (0, 1).

    Returns
    -------
    DataFrame
        As `proportion` (Wilson limits, percent); then target (percent), misses (count), certainty ("clearly
        above": the limits lie above the target, "clearly below", "compatible", or "cannot judge" where the denominator
        is 0), and the exact binomial p_less, p_greater and p_two (missing where the denominator is 0).

    Raises
    ------
    CountError
        A count is missing, negative, fractional, infinite or above its denominator; every such row is named.
    ParameterRefused
        A column does not exist, the target is no number from 0 to 100 or the level is outside (0, 1).

    References
    ----------
    Clopper CJ, Pearson ES. Biometrika 1934; 26: 404-413. Own vectorised code; agrees with R `binom.test` and with scipy
    `binomtest`.

    Examples
    --------
    >>> checked = pd.DataFrame({"right": [181], "checked": [200]})
    >>> found = target_test(checked, numerator="right", denominator="checked", target=85)
    >>> found[["value", "lower", "upper", "certainty", "p_two"]].round(3)
       value  lower   upper      certainty  p_two
    0   90.5  85.64  93.834  clearly above  0.029
    """
    share = exact_share(target)
    found = proportion(table, numerator=numerator, denominator=denominator, by=by, confidence=confidence)
    x, n = found["numerator"].to_numpy(), found["denominator"].to_numpy()
    less, greater, two = limits.binomial_tails(x, n, float(share))
    check_free(names_of(by), ("target", "misses", "certainty", "p_less", "p_greater", "p_two"))
    aim = float(100 * share)
    place = np.select([n == 0, found["lower"] > aim, found["upper"] < aim], [3, 0, 2], default=1)
    return found.assign(target=aim, misses=n - x, certainty=labels(place, CERTAINTY), p_less=less, p_greater=greater, p_two=two)
