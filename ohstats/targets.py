"""Proportions held against a target: the exact gap in units."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .errors import ParameterRefused
from .estimates import NO_DENOMINATOR, check_options, counted, estimate, grouped, labels, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

COMPARATORS = (">=", ">", "<=", "<")


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
    for samples, where the units seen are not the units due: use `rates.target_test`.

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
    scaled = due.astype(object) * share.numerator  # Python's whole numbers: no overflow
    floor, ceiling = scaled // share.denominator, -(-scaled // share.denominator)
    wanted = {">=": ceiling, ">": floor + 1, "<=": floor, "<": ceiling - 1}[comparator].astype(np.int64)
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
