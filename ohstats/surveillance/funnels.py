"""Funnel plots: how far a place may lie from the value of all places by chance alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from .. import limits
from ..estimates import NO_DENOMINATOR, check_options, counted, estimate, grouped, labels, measured, per, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

WARNING, ALARM = 0.95, 0.998
"""Two-sided levels of the inner and outer limits (about 2 and 3 standard deviations)."""

TRIMMED = 0.1
"""Share of the standardised differences that is drawn in at each end before the over-dispersion is taken."""

OVERDISPERSED = "places vary more than by chance: limits too narrow"
KINDS = ("proportion", "rate", "ratio")


def funnel(
    table: pd.DataFrame,
    *,
    numerator: str,
    denominator: str,
    by: str | Sequence[str],
    kind: str = "proportion",
    multiplier: float = 100_000,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Each place's proportion (percent), rate or ratio beside the control limits around the value of all places.

    For finding places that differ from the rest by more than chance. Not for judging against a target, and not for
    ranking. Read `phi` first: well above 1, the places differ by more than chance throughout, and single outliers mean
    little.

    Parameters
    ----------
    table : DataFrame
        One row per reporting unit; not modified; summed within `by` first.
    numerator : str
        Column of whole counts: units that meet the condition, events, or observed cases.
    denominator : str
        Column of units (whole counts, not below the numerator), persons or person-years, or expected cases.
    by : sequence of str
        Columns that make a place; places come sorted.
    kind : {"proportion", "rate", "ratio"}
        A ratio is observed / expected and is compared with 1.
    multiplier : float
        Persons that a rate refers to, above 0.
    confidence : float
        Two-sided level of lower and upper, in (0, 1); the control limits are always at 95 % and 99.8 %.

    Returns
    -------
    DataFrame
        `by`, then value, lower, upper (the place's own interval: Wilson; exact below 10 events, Byar's from 10 up),
        level, unit, method, numerator, denominator, note; then average (value of all places; 1 for a ratio), low_95,
        high_95, low_998, high_998 (control limits at the place's size), position ("low" and "high" beyond 99.8 %,
        "rather low" and "rather high" beyond 95 %, else "within"), phi and k (over-dispersion, winsorised by 10 % at
        each end, and number of places in it). Denominator 0: missing with a note. phi above 1 + 2·√(2/k): the note says
        that the limits are too narrow.

    Raises
    ------
    CountError
        A count is missing, negative, fractional, infinite or above its denominator, or a denominator missing, negative
        or infinite; every such row is named.
    ParameterRefused
        A column does not exist, the kind is unknown, the multiplier is not above 0 or the level is outside (0, 1).

    Notes
    -----
    A place lies beyond a limit when its own interval at that level (Wilson; exact below 10 events, else Byar's) misses
    the average. The control limits are where that happens, for rates and ratios by exact intervals throughout, as in
    PHEindicatormethods. phi is the mean of the squared
    standardised differences on the arcsine (proportion) or square-root scale.

    References
    ----------
    Spiegelhalter DJ. Stat Med 2005; 24: 1185-1202; Qual Saf Health Care 2005; 14: 347-351. Own code: agrees with
    PHEindicatormethods `calculate_funnel_limits` and `assign_funnel_significance`.

    Examples
    --------
    >>> import pandas as pd
    >>> checks = pd.DataFrame({"county": list("ABC"), "passed": [28, 150, 60], "points": [30, 160, 80]})
    >>> found = funnel(checks, numerator="passed", denominator="points", by="county")
    >>> found[["county", "value", "average", "low_95", "high_95", "position"]].round(1)
      county  value  average  low_95  high_95     position
    0      A   93.3     88.1    76.6     99.7       within
    1      B   93.8     88.1    83.1     93.2  rather high
    2      C   75.0     88.1    81.1     95.2          low
    """
    check_options(confidence=confidence, choice=kind, choices=KINDS, multiplier=multiplier)
    if kind == "proportion":
        cases, size = counted(table, numerator, within=denominator)
    else:
        (cases,), size = counted(table, numerator), measured(table, denominator)
    groups = grouped(table, by)
    x, n = groups.total(cases), groups.total(size)
    there = n > 0
    average = 1.0 if kind == "ratio" else float(x[there].sum() / n[there].sum()) if there.any() else np.nan
    scale = {"proportion": 100.0, "rate": multiplier, "ratio": 1.0}[kind]
    divided = np.where(there, n, np.nan)
    if kind == "proportion":
        lower, upper = limits.wilson(x, n, confidence=confidence)
        control = [_around(average, divided, level) for level in (WARNING, ALARM)]
    else:
        lower, upper = (end / divided for end in limits.phe(x, confidence=confidence))
        control = [_beyond(average * divided, level) for level in (WARNING, ALARM)]
        control = [(low / divided, high / divided) for low, high in control]
    (low_95, high_95), (low_998, high_998) = control
    phi, k = _overdispersion(x[there], n[there], average, kind)
    many = k > 1 and phi > 1 + 2 * np.sqrt(2 / k)
    return estimate(
        groups.keys,
        value=scale * x / divided,
        lower=scale * lower,
        upper=scale * upper,
        level=confidence,
        unit={"proportion": "percent", "rate": per(multiplier), "ratio": "ratio"}[kind],
        method="funnel, Wilson" if kind == "proportion" else "funnel, exact and Byar",
        numerator=whole(x),
        denominator=whole(n) if kind == "proportion" else n,
        note=labels(np.where(there, int(many), 2), ("", OVERDISPERSED, NO_DENOMINATOR)),
        average=scale * average,
        low_95=scale * low_95,
        high_95=scale * high_95,
        low_998=scale * low_998,
        high_998=scale * high_998,
        position=_position(x, divided, average, kind, control),
        phi=phi,
        k=k,
    )


def _around(average: float, n: Floats, level: float) -> tuple[Floats, Floats]:
    """Control limits of a proportion: a place lies beyond them exactly where its Wilson interval misses the average."""
    reach = limits.normal_quantile(level) * np.sqrt(average * (1 - average) / n)
    return np.maximum(average - reach, 0.0), np.minimum(average + reach, 1.0)


def _beyond(expected: Floats, level: float) -> tuple[Floats, Floats]:
    """Events (need not be whole) below and above which their exact interval misses the expected ones."""
    tail = (1 - level) / 2
    low = _last(lambda events: special.gammaincc(events + 1, expected) <= tail, expected)
    return low, _last(lambda events: special.gammainc(events, expected) >= tail, expected)


def _last(holds: Callable[[Floats], NDArray[np.bool_]], expected: Floats) -> Floats:
    """Events up to which a condition holds, or 0 where it never does."""
    low, high = np.zeros(len(expected)), np.ones(len(expected))
    while np.any(still := holds(high)):
        high = np.where(still, 2 * high, high)
    for _halving in range(60):
        middle = (low + high) / 2
        still = holds(middle)
        low, high = np.where(still, middle, low), np.where(still, high, middle)
    return np.where(np.isnan(expected), np.nan, low)


def _position(
    x: Floats, n: Floats, average: float, kind: str, control: list[tuple[Floats, Floats]]
) -> pd.api.extensions.ExtensionArray:
    """Words for where each place lies; missing without a denominator."""
    code = np.zeros(len(x), dtype=np.intp)
    for step, (level, (low, high)) in enumerate(zip((WARNING, ALARM), control, strict=True), start=1):
        if kind == "proportion":
            below, above = x / n < low, x / n > high
        else:
            lower, upper = limits.phe(x, confidence=level)
            below, above = upper < average * n, lower > average * n
        code[below], code[above] = -step, step
    code[np.isnan(n)] = 3
    known = ["within", "rather high", "high", None, "low", "rather low"]  # -2 and -1 count from the end
    return pd.array(known, dtype="str").take(code, allow_fill=False)


def _overdispersion(x: Floats, n: Floats, average: float, kind: str) -> tuple[float, int]:
    """Mean squared standardised difference, the outer tenths drawn in (quantile type 7), and the number of places."""
    k = len(x)
    if not k or not average > 0:
        return np.nan, k
    if kind == "proportion":
        z = 2 * np.sqrt(n) * (np.arcsin(np.sqrt(x / n)) - np.arcsin(np.sqrt(average)))
    else:
        z = 2 * (np.sqrt(x) - np.sqrt(average * n))
    return float(np.mean(np.clip(z, *np.quantile(z, [TRIMMED, 1 - TRIMMED])) ** 2)), k
