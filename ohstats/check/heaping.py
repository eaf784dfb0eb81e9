"""Heaping (Q12): preferred terminal digits of ages and years of exposure, and results just below their limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..language import _
from ..limits import wilson
from ..wording import decimal, interval, percent
from .opened import Finding, numbers, otherwise, shares

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .opened import Check

NONE, UNCERTAIN, HEAPED = "no preference seen", "cannot tell", "digits 0 and 5 preferred"


def whipple(years: NDArray[np.int64], first: int, last: int) -> dict[str, float]:
    """Whipple's index of whole years from `first` to `last`: 100 = no preference for 0 and 5, 500 = these alone.

    With Wilson limits of the share of terminal digits 0 and 5, and Myers' blended index (0 = none, 90 = one digit alone). Not for
    years that are rounded by rule, and not where few are known: one digit holds a tenth only on average.

    References
    ----------
    Shryock HS, Siegel JS. The Methods and Materials of Demography, 1976. Myers RJ. Trans Actuarial Soc Am 1940; 41: 395-415.

    Examples
    --------
    >>> found = whipple(np.repeat(np.arange(23, 63), 5), 23, 62)
    >>> found["value"], found["myers"], found["denominator"]
    (100.0, 0.0, 200)
    """
    inside = years[(years >= first) & (years <= last)]
    n, x = len(inside), int(np.isin(inside % 10, (0, 5)).sum())
    lower, upper = (float(limit[0]) * 500 for limit in wilson([x], [n]))
    return {
        "value": 500 * x / n if n else float("nan"), "lower": lower, "upper": upper, "numerator": x, "denominator": n,
        "myers": myers(inside, first, last),
    }  # fmt: skip


def myers(years: NDArray[np.int64], first: int, last: int) -> float:
    """Myers' blended index of whole years from `first` to `last`, whole decades; NaN without years.

    Each digit is summed from ten starting years in turn, so that a number of years that falls with age does not look like
    a preference: of the decades from `first` on but the last, and of those ten years later.
    """
    early, late = years[(years >= first) & (years <= last - 10)] % 10, years[(years >= first + 10) & (years <= last)] % 10
    place = (np.arange(10) - first) % 10
    blended = (place + 1) * np.bincount(early, minlength=10) + (9 - place) * np.bincount(late, minlength=10)
    if not blended.sum():
        return float("nan")
    return float(np.abs(100 * blended / blended.sum() - 10).sum() / 2)


def digits(check: Check) -> tuple[pd.DataFrame, list[Finding]]:
    """Q12: Whipple's index with limits and Myers' index of ages and years of exposure, with the share of each terminal digit."""
    told = check.told["heaping"]
    made: list[dict[str, Any]] = []
    found = []
    for each in told["columns"]:
        frame = check.tables.get(each["table"])
        if frame is None or each["column"] not in frame.columns:
            continue
        years = np.floor(numbers(frame, each["column"]).dropna().to_numpy() + 1e-9).astype(np.int64)
        index = whipple(years, each["first"], each["last"])
        if not index["denominator"]:
            continue
        few = index["denominator"] < told["fewest"]
        word = UNCERTAIN if few else HEAPED if index["lower"] > told["classes"][0] else NONE
        inside = years[(years >= each["first"]) & (years <= each["last"])]
        tens = {f"digit_{digit}": 100 * float((inside % 10 == digit).mean()) for digit in range(10)}
        row = {"table": each["table"], "column": each["column"], "first": each["first"], "last": each["last"], **index}
        made.append(
            row
            | {"level": 0.95, "unit": "index", "method": "Whipple, wilson", "note": "" if not few else "few", "verdict": word}
            | tens
        )
        if word == HEAPED:
            text = _(
                "{table}, {column}: terminal digits 0 and 5 are preferred (Whipple {value}, {limits}): ask "
                "units to enter exact years and months.",
                table=check.table_name(each["table"]), column=check.column_name(each["table"], each["column"]),
                value=decimal(index["value"], 0), limits=interval(index["lower"], index["upper"], 0),
            )  # fmt: skip
            found.append(Finding("Q12", text))
    return pd.DataFrame(made), otherwise(found, bool(made), "Q12", _("No preference for digits can be seen: nothing to do."))


def below_limit(check: Check) -> tuple[pd.DataFrame, list[Finding]]:
    """Q12: of results in three bands of one width about the limit, percent in the band just below it.

    A third is expected where nothing is preferred.
    """
    told = check.told["below_limit"]
    made: list[dict[str, Any]] = []
    for each in told["columns"]:
        frame = check.tables.get(each["table"])
        if frame is None or each["column"] not in frame.columns:
            continue
        value, limit = numbers(frame, each["column"]), numbers(frame, each["limit"])
        width = each["width"] if "width" in each else each["share"] * limit
        steps = (limit - value) / width  # 0 to 1: just below
        below, outer, above = (int(steps.between(low, low + 1, inclusive="left").sum()) for low in (0, 1, -1))
        if below + outer + above:
            row = {"table": each["table"], "column": each["column"], "outer": outer, "above": above}
            made.append(row | {"numerator": below, "denominator": below + outer + above})
    frame = shares(pd.DataFrame(made, columns=["table", "column", "outer", "above", "numerator", "denominator"]))
    found = []
    for row in frame.to_dict("records"):
        if row["denominator"] >= told["fewest"] and row["lower"] > 100 / 3:
            text = _(
                "{table}, {column}: {x} of {n} results near the limit lie just below it ({value}; a third is "
                "expected): look at these test reports.",
                table=check.table_name(row["table"]), column=check.column_name(row["table"], row["column"]), x=row["numerator"],
                n=row["denominator"], value=percent(row["value"], 0),
            )  # fmt: skip
            found.append(Finding("Q12", text))
    return frame, otherwise(found, bool(made), "Q12", _("Results do not crowd just below their limits: nothing to do."))
