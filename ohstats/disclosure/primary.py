"""Which figures may not be shown whatever stands beside them: few people, one employer, everyone or no one of a small group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from .. import counts as counting
from . import policy as rules

if TYPE_CHECKING:
    from ..dataset import Dataset
    from .policy import Policy


def small(figures: pd.DataFrame) -> pd.Series[bool]:
    """Counts of people from 1 to the threshold less one, and complements of them (rule 1); `figures` holds `threshold`."""
    rest = figures["denominator"] - figures["numerator"]
    top = figures["threshold"] - 1
    return (figures["numerator"].between(1, top) | rest.between(1, top)) & figures["people"]


def declared(figures: pd.DataFrame, policy: Policy, dataset: Dataset) -> pd.Series[bool]:
    """Yearly totals of all diseases of districts whose owner declared that they are public from 1 case on (rule 1)."""
    low = dataset.places.loc[dataset.places["level"].isin(rules.BELOW_CITY), "code"]
    total = (
        figures["place"].isin(low)
        & (figures["measure"] == counting.NEW_CASES)
        & (figures["key"] == rules.TOTAL)
        & (figures["group"] == "")
    )
    return total & figures["period"].str.fullmatch(r"\d{4}") & (policy.yearly_total is not None)


def of_one_employer(figures: pd.DataFrame) -> pd.Series[bool]:
    """Health findings and measurement results of fewer than 3 employers, or of which one makes more than 90 % (rule 8).

    Read from the columns `n_employers` and `largest_share`, where the frame has them; unknown is not few.
    """
    few = _column(figures, "n_employers").between(1, rules.FEW_EMPLOYERS - 1)
    dominated = _column(figures, "largest_share") > rules.DOMINANT
    return (few | dominated) & _result(figures)


def of_everyone(figures: pd.DataFrame) -> pd.Series[bool]:
    """All or none of a group smaller than 10, for health findings and measurement results (rule 9)."""
    n, d = figures["numerator"], figures["denominator"]
    return d.between(1, rules.SMALL_GROUP - 1) & ((n == 0) | (n == d)) & _result(figures)


def statistics(frame: pd.DataFrame) -> pd.Series[bool]:
    """Statistics of records that may not be shown (rules 7 and 8): fewer than 10 people or 3 employers, or one with over 90 %.

    Parameters
    ----------
    frame : DataFrame
        Statistics: Estimate columns with `n_people`, `n_employers`, `largest_share`; not modified.
    """
    few = _column(frame, "n_employers").between(1, rules.FEW_EMPLOYERS - 1)
    return (frame["n_people"] < rules.SMALL_GROUP) | few | (_column(frame, "largest_share") > rules.DOMINANT)


def hide_statistics(frame: pd.DataFrame, shown: pd.DataFrame) -> pd.DataFrame:
    """Statistics as the public edition may see them.

    A statistic that names a count in `of` is shown only where that count is: else it would tell that the count is at least 10.
    How many records and employers stand behind one is told by the counts beside it, or not at all.

    Parameters
    ----------
    frame : DataFrame
        Statistics of all places, with `of`; not modified.
    shown : DataFrame
        Protected Counts.

    Returns
    -------
    DataFrame
        The same rows; where `hidden`, all numbers are missing.
    """
    names = ["measure", "place", "period", "key", "group"]
    there = shown[shown["numerator"].notna() & ~shown["hidden"] & shown["year_basis"].isin(["", "diagnosis"])]
    counts = pd.MultiIndex.from_frame(there[names])
    own = pd.MultiIndex.from_frame(frame[["of", *names[1:]]].set_axis(names, axis=1))
    hidden = statistics(frame) | ((frame["of"] != "") & ~own.isin(counts))
    made = frame.assign(hidden=hidden)
    made.loc[hidden, ["value", "lower", "upper", "q1", "q3", "numerator", "denominator"]] = float("nan")
    made.loc[hidden, "note"] = ""
    made[["n_people", "n_employers", "largest_share"]] = float("nan")
    made.loc[made["unit"] != "percent", ["numerator", "denominator"]] = float("nan")
    return made


def _result(figures: pd.DataFrame) -> pd.Series[bool]:
    return figures["people"] | (figures["counts"] == "point")


def _column(frame: pd.DataFrame, name: str) -> pd.Series[float]:
    return frame[name] if name in frame.columns else pd.Series(float("nan"), index=frame.index)
