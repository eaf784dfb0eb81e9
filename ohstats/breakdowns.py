"""Counts of one place by the groups of a dimension: shares with limits, names in the report's language, hidden ones hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from . import dimensions, estimates, language, periods, rates
from .counts import NEW_CASES
from .data import once
from .language import _

if TYPE_CHECKING:
    from .data import Data


def title(dimension: str, language: str) -> str:
    """Name of a dimension."""
    return str(dimensions.declared()[dimension][f"name_{language}"])


def rows(data: Data, measure: str, dimension: str, *, key: str = "") -> pd.DataFrame:
    """Counts of a measure by the groups of a dimension, as published: all periods, those hidden too, and `code`."""
    found = _of(data, measure)
    found = found[(found["dimension"] == dimension) & (found["key"] == key)].drop(columns="dimension")
    if measure == NEW_CASES and "diagnosis" in set(found["year_basis"]):
        found = found[found["year_basis"] == "diagnosis"]
    return found


@once
def _of(data: Data, measure: str) -> pd.DataFrame:
    """Published counts of a measure by the groups of single dimensions, with `dimension` and `code`."""
    found = data.of(measure, groups=True)
    found = found[(found["numerator"].notna() | found["hidden"]) & ~found["group"].str.contains(";", regex=False)]
    parts = [str(group).partition("=") for group in found["group"]]
    texts = {"dimension": [part[0] for part in parts], "code": [part[2] for part in parts]}
    return found.assign(**{name: pd.array(told, dtype="str") for name, told in texts.items()})


@once
def groups(data: Data, measure: str, dimension: str, *, key: str = "", period: str | None = None) -> pd.DataFrame:
    """A measure of one place by the groups of a dimension, as the edition shows it.

    For counts (no denominator) the denominator is the sum of all groups, and the value each group's share of it. Where a group
    is hidden, it is the published figure of all together, if there is one.

    Parameters
    ----------
    data : Data
        What the report opened.
    measure : str
        "new_cases" or an indicator.
    dimension : str
        One of `dimensions.declared()`.
    key : str
        Category of diseases; for "new_cases" the total, or the category that the dimension belongs to, when left out.
    period : str, optional
        A period of the counts; when left out the latest one within the report's that is published: its year, else a block.

    Returns
    -------
    DataFrame
        In the order of reports (bands and stages in theirs, else the largest first, unknown last): `code`, `name`, `period`,
        `hidden`, and the Estimate columns: value, lower, upper (percent, Wilson). Empty where nothing is published.
    """
    told = dimensions.declared()[dimension]
    if measure == NEW_CASES and not key:
        key = told.get("applies", "total")
    found = rows(data, measure, dimension, key=key)
    period = period or _latest(found, data)
    found = found[found["period"] == period].drop_duplicates("code")
    if found.empty:
        return pd.DataFrame(columns=["code", "name", "period", "hidden", *estimates.COLUMNS])
    if found["denominator"].isna().all():
        found = found.assign(denominator=_whole(data, found))
    known = found[found["numerator"].notna() & (found["denominator"] > 0)]
    made = rates.proportion(known, numerator="numerator", denominator="denominator", by=["code"])
    made = found[["code", "period", "hidden", "numerator", "denominator"]].merge(
        made.drop(columns=["numerator", "denominator"]), on="code", how="left"
    )
    names = dimensions.names(dimension, data.language)
    with language.use(data.language):
        names[dimensions.UNKNOWN] = _("not known")
    made["name"] = [names.get(code) or code for code in made["code"]]
    order = {code: place for place, code in enumerate(names)} if told.get("ordered") or "cuts" in told else {}
    last = made["code"] == dimensions.UNKNOWN
    made = made.assign(last=last, at=made["code"].map(order).fillna(len(order)), size=-made["numerator"].fillna(-1))
    made = made.sort_values(["last", "at", "size", "code"], kind="stable", ignore_index=True)
    return made[["code", "name", "period", "hidden", *estimates.COLUMNS]]


def statistics(data: Data, measure: str, *, key: str = "", dimension: str = "", period: str | None = None) -> pd.DataFrame:
    """Statistics of records of one place (`measured.make`), of the latest period that is shown unless one is given.

    Returns
    -------
    DataFrame
        Rows of `data.statistics`, with `code` (of the group, "" for none); hidden ones have no value.
    """
    rows = data.statistics
    found = rows[(rows["measure"] == measure) & (rows["key"] == key)]
    found = found[found["group"].str.startswith(f"{dimension}=") if dimension else found["group"] == ""]
    period = period or _latest(found[~found["hidden"]], data) or _latest(found, data)
    return found[found["period"] == period].assign(code=found["group"].str.removeprefix(f"{dimension}=")).reset_index(drop=True)


def _whole(data: Data, found: pd.DataFrame) -> float:
    """What the groups of a count add up to."""
    if not found["hidden"].any():
        return float(found["numerator"].sum())
    first, rows = found.iloc[0], data.of(str(found["measure"].iloc[0]))
    same = (rows["period"] == first["period"]) & (rows["year_basis"] == first["year_basis"]) & (rows["key"] == first["key"])
    total = rows.loc[same & ~rows["hidden"], "numerator"]
    return float(total.iloc[0]) if len(total) and total.iloc[0] >= found["numerator"].sum() else float("nan")


def _latest(found: pd.DataFrame, data: Data) -> str:
    """The latest period within the report's; of two that end together the one by year if it shows anything, else the longer."""
    told = []
    for text, part in found.groupby("period"):
        span = periods.parse(str(text))
        if span.end <= data.period.end and span.first_year >= data.first_year:
            shows = part["hidden"].mean() < 0.5 if len(part) else False
            whole = span == data.period or span.is_year  # not the second half of a reported year
            told.append((span.end, shows, whole, -(span.last_year - span.first_year), str(text)))
    return max(told)[-1] if told else ""


def name_of_measure(data: Data, measure: str) -> str:
    """Name of an indicator in the report's language."""
    return data.names.get(measure, measure)
