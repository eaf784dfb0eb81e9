"""Estimates against targets: status by exact comparison, gap in units, and what cannot be judged with its reason."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from . import indicators, occurrence, periods, rates
from .data import once

if TYPE_CHECKING:
    from .data import Data

MET, NOT_MET, CANNOT = "met", "not_met", "cannot_judge"
TREND_TARGET = "trend target"  # no single figure: facts are shown
SHARES = ("wilson", indicators.CLUSTERED)  # methods of shares of whole counts
PLAN_YEARS = 5
_TRENDS = ("trend_falling", "trend_rising")


class Plan(NamedTuple):
    """Years that an assessment covers, and the last one, in which it judges."""

    first: int
    last: int
    final: bool


def plan(data: Data) -> Plan:
    """The plan that the report assesses: the five-year plan of its period, for a final assessment the last one that has ended.

    Plans run 2016-2020, 2021-2025, 2026-2030.
    """
    year = data.period.last_year
    first = year - (year - 1) % PLAN_YEARS
    if data.assessment != "final":
        return Plan(first, year, False)
    ended = year == first + PLAN_YEARS - 1 and data.period.end[1] == 12
    first -= 0 if ended else PLAN_YEARS
    return Plan(first, first + PLAN_YEARS - 1, True)


def period_of(data: Data) -> str:
    """Period whose figures the report tells: its own, in a final assessment the last year of the plan."""
    told = plan(data)
    return str(told.last) if told.final else str(data.period)


def in_force(data: Data) -> pd.DataFrame:
    """Targets that the assessment judges for a place of this level, nearest level first, each once.

    In force in the report's period; in a final assessment also those that ended within the plan. Those of another industry
    scope or denominator than their indicator has are left out. A start that is not known does not exclude a target; its row
    says so. References and qualitative aims have no status and are left out.

    Returns
    -------
    DataFrame
        Columns of the target; `decides` (the strictest of those for one indicator; a trend always does), `judged_in` (year in
        which it is judged: the last of the plan, or its own last one).
    """
    told = plan(data)
    rows = data.targets
    begins = rows["in_force_from"].where(rows["in_force_from"] != "", "0").astype(int)
    ends = rows["in_force_to"].where(rows["in_force_to"] != "", "9999").astype(int)
    level = rows["levels"].str.split().map(lambda levels: not levels or data.place["level"] in levels)
    judged = rows["comparator"].isin([">=", "<=", *_TRENDS])
    chosen = rows[(begins <= told.last) & (ends >= (told.first if told.final else told.last)) & level & judged].copy()
    chosen["judged_in"] = ends[chosen.index].clip(upper=told.last)
    chosen = chosen[_of_same_scope(chosen, data.indicators)]
    order = {code: number for number, code in enumerate(data.dataset.ancestors(data.place["code"]))}
    chosen["distance"] = chosen["jurisdiction_code"].map(order)
    chosen = chosen.sort_values(["distance"], kind="stable").drop(columns="distance").reset_index(drop=True)
    chosen["decides"] = _strictest(chosen)
    chosen = _named(chosen, "indicator_id", "name", data.indicators.set_index("indicator_id"))
    return _named(chosen, "jurisdiction_code", "jurisdiction", data.dataset.places.set_index("code"))


def _of_same_scope(rows: pd.DataFrame, declared: pd.DataFrame) -> pd.Series[bool]:
    """Whether industry scope and denominator of a target are those of its indicator; what one of them does not say fits."""
    fits = pd.Series(True, index=rows.index)
    known = declared.drop_duplicates("indicator_id", keep="last").set_index("indicator_id")
    for column in ("scope", "denominator_key"):
        if column in known:
            own = rows["indicator_id"].map(known[column]).fillna("")
            fits &= (rows[column] == own) | (rows[column] == "") | (own == "")
    return fits


def _strictest(rows: pd.DataFrame) -> pd.Series[bool]:
    """The strictest target of each indicator and direction; of equal ones, and of trends, the nearest."""
    goals = pd.to_numeric(rows["target_value"], errors="coerce")
    strict = goals.where(rows["comparator"] != "<=", -goals).fillna(-np.inf)
    first = strict.groupby([rows["indicator_id"], rows["comparator"]]).idxmax()
    return pd.Series(rows.index.isin(first), index=rows.index)


def _named(rows: pd.DataFrame, key: str, column: str, known: pd.DataFrame) -> pd.DataFrame:
    """Rows with the declared name where they bring none of their own, else with the bare key."""
    names = [f"{column}_zh", f"{column}_en"]
    bare = (rows[names] == "").all(axis=1)
    for name, declared in zip(names, ("name_zh", "name_en"), strict=True):
        rows[name] = rows[name].mask(bare, rows[key].map(known[declared]).fillna(rows[key]))
    return rows


@once
def against_targets(data: Data) -> pd.DataFrame:
    """One row for each target that the assessment judges: the Estimate, status, gap and reason.

    Returns
    -------
    DataFrame
        Columns of `in_force`; the Estimate columns; `status` (met, not_met, cannot_judge); `gap` (further units needed, whole; 0
        where met, missing for samples and where nothing is judged); `months` left until the deadline and `pace` (units a month
        until then; missing after the deadline and where nothing is missing); `certainty_of_sample` (clearly above, compatible,
        clearly below; samples only); `note` (why it cannot be judged); `before` (the figure of the same period a year before)
        and `change` from it (percentage points, or units).
    """
    targets = in_force(data)
    rows = targets.rename(columns={"unit": "target_unit", "source": "target_source", "note": "target_note"})
    rows["at"] = range(len(rows))
    final = plan(data).final
    parts = [
        part.merge(
            indicators.values(data, list(dict.fromkeys(part["indicator_id"])), str(year) if final else str(data.period)),
            left_on="indicator_id", right_on="measure", how="left",
        )
        for year, part in rows.groupby("judged_in")
    ]  # fmt: skip
    rows = pd.concat(parts, ignore_index=True).sort_values("at", ignore_index=True) if parts else _without(rows, data)
    about = ["indicator_id", "unit_zh", "unit_en", "unit_en_plural", "kind"]
    rows = rows.merge(data.indicators[about], on="indicator_id", how="left")
    trends = rows["comparator"].isin(_TRENDS)
    rows["note"] = rows["note"].mask((rows["target_value"] == "") & ~trends, "no target value")
    has_facts = rows["note"].eq("") | (rows["indicator_id"].eq("new_cases_trend") & bool(len(occurrence.total(data))))
    rows["note"] = rows["note"].mask(trends & has_facts, TREND_TARGET)
    return _paced(compared(_judge(rows, rows["note"] == ""), data), data)


def _without(rows: pd.DataFrame, data: Data) -> pd.DataFrame:
    """The columns of a report without any target."""
    return rows.merge(indicators.values(data, [], str(data.period)), left_on="indicator_id", right_on="measure", how="left")


def compared(rows: pd.DataFrame, data: Data) -> pd.DataFrame:
    """Figures with those of the same period a year before (`before`) and the change from them (`change`).

    Results of purposive monitoring have no change: other employers are monitored each year.
    """
    earlier = periods.year_before(periods.parse(period_of(data)))
    found = indicators.values(data, list(dict.fromkeys(rows["indicator_id"])), str(earlier) if earlier else "none")
    before = rows["indicator_id"].map(found.set_index("measure")["value"]).astype("float64")
    if "judged_in" in rows:
        before = before.where(rows["judged_in"] == plan(data).last)
    counted = data.indicators.drop_duplicates("indicator_id", keep="last").set_index("indicator_id")["counts"]
    purposive = (rows["basis"] == "sample") & (rows["indicator_id"].map(counted) == "point")
    return rows.assign(before=before, change=(rows["value"] - before).mask(purposive))


def _paced(rows: pd.DataFrame, data: Data) -> pd.DataFrame:
    """With what is needed each month until the deadline; nothing after it."""
    year, month = data.period.end
    deadline = pd.to_numeric(rows["deadline_year"], errors="coerce")
    left = 12 * (deadline - year) + 12 - month
    left = left.where(left > 0)
    return rows.assign(months=left, pace=np.ceil(rows["gap"].where(rows["gap"] > 0) / left))


@once
def course(data: Data) -> pd.DataFrame:
    """Figures of each year of the plan for the indicators that its targets name: start, course, end.

    Returns
    -------
    DataFrame
        `measure`, `year`, the Estimate columns; years without a figure have a row whose `note` says why.
    """
    told, wanted = plan(data), list(dict.fromkeys(in_force(data)["indicator_id"]))
    years = range(told.first, told.last + 1)
    parts = [indicators.values(data, wanted, str(year)).assign(year=year) for year in years]
    return pd.concat(parts, ignore_index=True)


def _judge(rows: pd.DataFrame, usable: pd.Series[bool]) -> pd.DataFrame:
    rows = rows.assign(status=CANNOT, gap=np.nan, certainty_of_sample="", at=range(len(rows)))
    for (goal, comparator, method), part in rows[usable].groupby(["target_value", "comparator", "method"]):
        if method in SHARES:
            judged = rates.gap(
                part, numerator="numerator", denominator="denominator", target=goal, comparator=comparator, by=["at"]
            )
            missing, met = judged["value"].to_numpy(), judged["met"].to_numpy()
        elif method == "ratio":  # plan and done need not be whole: compared as exact fractions, no gap in units
            reached = [Fraction(n) * 100 / Fraction(d) for n, d in part[["numerator", "denominator"]].itertuples(index=False)]
            wanted = rates.exact_share(goal) * 100
            met = np.array([each >= wanted if comparator == ">=" else each <= wanted for each in reached])
            missing = np.where(met, 0.0, np.nan)
        else:  # a count against a whole number
            short = (
                float(goal) - part["numerator"].to_numpy() if comparator == ">=" else part["numerator"].to_numpy() - float(goal)
            )
            missing, met = np.maximum(short, 0), short <= 0
        rows.loc[part.index, "status"] = np.where(met, MET, NOT_MET)
        census = (part["basis"] == "census").to_numpy()
        rows.loc[part.index, "gap"] = np.where(census, missing, np.nan)  # of a sample, the units seen are not the units due
    sample = (usable & (rows["basis"] == "sample") & rows["method"].isin(SHARES) & rows["lower"].notna()).to_numpy()
    goals = pd.to_numeric(rows["target_value"], errors="coerce")
    words = np.select([rows["lower"] > goals, rows["upper"] < goals], ["clearly above", "clearly below"], "compatible")
    rows.loc[sample, "certainty_of_sample"] = words[sample]
    return rows.drop(columns="at")


def largest_gaps(rows: pd.DataFrame, most: int = 3) -> pd.DataFrame:
    """Targets not met with a gap that can be said in units (not of samples), the largest first, each indicator once."""
    missed = rows[(rows["status"] == NOT_MET) & rows["gap"].notna() & rows["decides"]].sort_values(
        "gap", ascending=False, kind="stable"
    )
    return missed.drop_duplicates("indicator_id").head(most)
