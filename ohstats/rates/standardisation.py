"""Rates and ratios of places with different age or exposure structure: direct and indirect standardisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import limits
from ..errors import Fault
from ..estimates import check_options, counted, estimate, grouped, labels, measured, per, refuse, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

FEWEST_EVENTS = 10
"""Fewest events of a directly standardised rate; below it PHEindicatormethods gives none (calculate_dsr)."""

_NO_PERSONS = Fault("row {row}: {counts}: events without population")


def standardised_rate(
    table: pd.DataFrame,
    *,
    events: str,
    population: str,
    standard: str,
    by: str | Sequence[str],
    multiplier: float = 100_000,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Directly standardised rate (DSR) per `multiplier` persons, with Dobson limits.

    The rate that a place would have, were its strata (age bands) as large as those of the standard population. Not for
    few events: none is given below 10 (at 12 expected, limits that are given hold the truth 98 % of the time); use
    `standardised_ratio`. Not for comparing places whose strata have opposite
    differences: look at the strata.

    Parameters
    ----------
    table : DataFrame
        One row per place and stratum; not modified. Every place needs the same strata.
    events, population, standard : str
        Columns of whole counts, of persons or person-years, and of the standard population of the row's stratum (any
        scale, not negative).
    by : sequence of str
        Columns of the places; empty gives one row.
    multiplier : float
        Persons that the rate refers to, above 0.
    confidence : float
        Two-sided level, in (0, 1).

    Returns
    -------
    DataFrame
        `by`, then value, lower, upper, level, unit ("per 100,000"), method ("dobson"), numerator (events), denominator
        (population), note. Missing with a note below 10 events, where a stratum that counts has no population (its rate
        is unknown, not 0) and where the standard population is 0.

    Raises
    ------
    CountError
        A count is missing, negative, fractional or infinite, a population missing, negative or infinite, or a stratum
        has events but no population; every such row is named.
    ParameterRefused
        A column does not exist, the multiplier is not above 0 or the level is outside (0, 1).

    References
    ----------
    Dobson AJ, Kuulasmaa K, Eberle E, Scherer J. Stat Med 1991; 10: 457-462 (with Byar's limits of the total).
    Own vectorised code; agrees with PHEindicatormethods `calculate_dsr`. The gamma limits of Fay and Feuer are wider.

    Examples
    --------
    >>> import pandas as pd
    >>> strata = pd.DataFrame({"place": ["A", "A", "B", "B"], "age": ["16-44", "45+", "16-44", "45+"],
    ...     "cases": [5, 30, 2, 12], "workers": [60_000, 40_000, 50_000, 20_000], "standard": [60, 40, 60, 40]})
    >>> found = standardised_rate(strata, events="cases", population="workers", standard="standard", by=["place"])
    >>> found[["place", "value", "lower", "upper", "numerator"]].round(1)
      place  value  lower  upper  numerator
    0     A   35.0   24.4   48.7         35
    1     B   26.4   14.3   44.5         14
    """
    check_options(confidence=confidence, multiplier=multiplier)
    (x,) = counted(table, events)
    persons, weight = measured(table, population), measured(table, standard)
    empty = persons == 0
    refuse(table, [events, population], {_NO_PERSONS: empty & (x > 0)})
    groups = grouped(table, by)
    share = np.divide(weight, persons, out=np.zeros(len(x)), where=~empty)
    observed, total = groups.total(x), groups.total(weight)
    unknown = groups.total((empty & (weight > 0)).astype(float)) > 0
    reason = np.select([total == 0, unknown, observed < FEWEST_EVENTS], [1, 2, 3], default=0)
    total = np.where(reason == 0, total, np.nan)
    value = groups.total(share * x) / total
    spread = np.sqrt(groups.total(share**2 * x) / np.maximum(observed, 1)) / total
    lower, upper = limits.byar(observed, confidence=confidence)
    return estimate(
        groups.keys,
        value=multiplier * value,
        lower=multiplier * (value + spread * (lower - observed)),
        upper=multiplier * (value + spread * (upper - observed)),
        level=confidence,
        unit=per(multiplier),
        method="dobson",
        numerator=whole(observed),
        denominator=groups.total(persons),
        note=labels(reason, ("", "standard population is 0", "a stratum has no population", "fewer than 10 events")),
    )


def standardised_ratio(
    table: pd.DataFrame,
    *,
    events: str,
    population: str,
    reference_events: str,
    reference_population: str,
    by: str | Sequence[str],
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Indirectly standardised ratio (SIR or SMR): observed events per expected event.

    Expected are the events that the place would have with the reference's rate in each stratum. Ratios of two places
    are not comparable with each other, only with the reference; for that use `standardised_rate`.

    Parameters
    ----------
    table : DataFrame
        One row per place and stratum; not modified.
    events, population : str
        Columns of whole counts and of persons or person-years of the place.
    reference_events, reference_population : str
        Columns of the events (may be fractional) and persons of the reference in the row's stratum.
    by : sequence of str
        Columns of the places; empty gives one row.
    confidence : float
        Two-sided level, in (0, 1).

    Returns
    -------
    DataFrame
        `by`, then value, lower, upper (ratio, 1 = as the reference), level, unit ("ratio"), method ("poisson-exact"
        below 10 events, else "byar"), numerator (observed), denominator (expected), note. Where nothing is expected the
        ratio is missing with the note "expected is 0". No events: ratio and lower limit are 0.

    Raises
    ------
    CountError
        A count is missing, negative, fractional or infinite, a population missing, negative or infinite, the reference
        population 0, or a stratum has events but no population; every such row is named.
    ParameterRefused
        A column does not exist or the level is outside (0, 1).

    References
    ----------
    Breslow NE, Day NE. Statistical methods in cancer research, volume II. IARC 1987: 65-72.
    Own vectorised code; agrees with PHEindicatormethods `calculate_ISRatio` (and R `poisson.test` below 10 events).

    Examples
    --------
    >>> import pandas as pd
    >>> strata = pd.DataFrame({"age": ["16-44", "45+"], "cases": [5, 30], "workers": [60_000, 40_000],
    ...     "all_cases": [100, 400], "all_workers": [2_000_000, 1_000_000]})
    >>> found = standardised_ratio(strata, events="cases", population="workers", reference_events="all_cases",
    ...     reference_population="all_workers", by=[])
    >>> found[["value", "lower", "upper", "numerator", "denominator"]].round(2)
       value  lower  upper  numerator  denominator
    0   1.84   1.28   2.56         35         19.0
    """
    check_options(confidence=confidence)
    (x,) = counted(table, events)
    persons = measured(table, population)
    refuse(table, [events, population], {_NO_PERSONS: (persons == 0) & (x > 0)})
    reference = measured(table, reference_events) / measured(table, reference_population, zero=False)
    groups = grouped(table, by)
    observed, expected = groups.total(x), groups.total(persons * reference)
    divisor = np.where(expected > 0, expected, np.nan)
    lower, upper = limits.phe(observed, confidence=confidence)
    return estimate(
        groups.keys,
        value=observed / divisor,
        lower=lower / divisor,
        upper=upper / divisor,
        level=confidence,
        unit="ratio",
        method=labels(observed >= limits.BYAR_FROM, ("poisson-exact", "byar")),
        numerator=whole(observed),
        denominator=expected,
        note=labels(expected == 0, ("", "expected is 0")),
    )
