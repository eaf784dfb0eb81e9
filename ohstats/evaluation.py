"""Estimates against targets: status by exact comparison, gap in units, and what cannot be judged with its reason."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

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
_SCOPES = ("scope", "denominator_key")
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
    return _in_force(data, same=True)


def of_other_scope(data: Data) -> pd.DataFrame:
    """Targets in force that `in_force` leaves out: set for another industry scope or denominator than that of the figures."""
    return _in_force(data, same=False)


def _in_force(data: Data, *, same: bool) -> pd.DataFrame:
    told, declared = plan(data), _by("indicator_id", data.indicators, "name_zh", "name_en", *_SCOPES)
    chosen = [(at, row) for at, row in enumerate(data.targets.to_dict("records")) if _applies(row, data, told)]
    chosen = [(at, row) for at, row in chosen if _of_same_scope(row, declared.get(row["indicator_id"], {})) == same]
    order = {code: number for number, code in enumerate(data.dataset.ancestors(data.place["code"]))}
    chosen.sort(key=lambda each: order.get(each[1]["jurisdiction_code"], len(order)))
    found = [row for _at, row in chosen]
    rows = data.targets.iloc[[at for at, _row in chosen]].reset_index(drop=True)
    rows["judged_in"] = np.array([min(int(row["in_force_to"] or told.last), told.last) for row in found], dtype="int64")
    rows["decides"] = np.array(_strictest(found), dtype=bool)
    rows = _named(rows, found, "indicator_id", "name", declared)
    return _named(rows, found, "jurisdiction_code", "jurisdiction", _by("code", data.dataset.places, "name_zh", "name_en"))


def _by(key: str, rows: pd.DataFrame, *names: str) -> dict[str, dict[str, Any]]:
    """Some columns of each row by another one; of several rows the last."""
    return {row[key]: row for row in rows.reindex(columns=[key, *names], fill_value="").to_dict("records")}


def _applies(row: dict[str, str], data: Data, told: Plan) -> bool:
    """Whether a target is judged in the years of the assessment, for a place of this level."""
    begins, ends, levels = int(row["in_force_from"] or 0), int(row["in_force_to"] or told.last), row["levels"].split()
    timely = begins <= told.last and ends >= (told.first if told.final else told.last)
    return timely and (not levels or data.place["level"] in levels) and row["comparator"] in (">=", "<=", *_TRENDS)


def _of_same_scope(row: dict[str, str], declared: dict[str, Any]) -> bool:
    """Whether industry scope and denominator of a target are those of its indicator; what one of them does not say fits."""
    both = [(row[name], declared.get(name, "")) for name in _SCOPES]
    return all(not wanted or not own or wanted == own for wanted, own in both)


def _strictest(rows: list[dict[str, str]]) -> list[bool]:
    """Which is the strictest target of its indicator and direction; of equal ones, and of trends, the nearest."""
    first: dict[tuple[str, str], tuple[float, int]] = {}
    for at, row in enumerate(rows):
        goal = float(row["target_value"] or "-inf") * (-1 if row["comparator"] == "<=" and row["target_value"] else 1)
        key = row["indicator_id"], row["comparator"]
        if key not in first or goal > first[key][0]:
            first[key] = goal, at
    strictest = {at for _goal, at in first.values()}
    return [at in strictest for at in range(len(rows))]


def _named(rows: pd.DataFrame, found: list[dict[str, str]], key: str, column: str, known: dict[str, Any]) -> pd.DataFrame:
    """Rows with the declared name where they bring none of their own, else with the bare key."""
    names = {f"{column}_{language}": f"name_{language}" for language in ("zh", "en")}
    for name, declared in names.items():
        told = [row[name] if any(map(row.get, names)) else known.get(row[key], {}).get(declared, row[key]) for row in found]
        rows[name] = pd.array(told, dtype="str")
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


def purposive(data: Data) -> set[str]:
    """Indicators of points that are chosen anew each year: their results of two years are not compared as they stand."""
    told = data.indicators.drop_duplicates("indicator_id", keep="last")
    return set(told.loc[(told["basis"] == "sample") & (told["counts"] == "point"), "indicator_id"])


def compared(rows: pd.DataFrame, data: Data) -> pd.DataFrame:
    """Figures with those of the same period a year before (`before`) and the change from them (`change`).

    Results of purposive monitoring have no change: other employers are monitored each year.
    """
    earlier = periods.year_before(periods.parse(period_of(data)))
    found = indicators.values(data, list(dict.fromkeys(rows["indicator_id"])), str(earlier) if earlier else "none")
    before = rows["indicator_id"].map(found.set_index("measure")["value"]).astype("float64")
    if "judged_in" in rows:
        before = before.where(rows["judged_in"] == plan(data).last)
    return rows.assign(before=before, change=(rows["value"] - before).mask(rows["indicator_id"].isin(purposive(data))))


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
    told = [_judged(row) if can else (CANNOT, np.nan, "") for row, can in zip(rows.to_dict("records"), usable, strict=True)]
    status, gaps, words = zip(*told, strict=True) if told else ((), (), ())
    texts = {"status": pd.array(status, dtype="str"), "certainty_of_sample": pd.array(words, dtype="str")}
    return rows.assign(status=texts["status"], gap=np.array(gaps, dtype=float), certainty_of_sample=texts["certainty_of_sample"])


def _judged(row: dict[str, Any]) -> tuple[str, float, str]:
    """Status, gap and how certain a sample is of one figure against its target."""
    goal, n, low = row["target_value"], row["numerator"], row["comparator"] == ">="
    if row["method"] in SHARES:
        missing, met = rates.lacking(int(n), int(row["denominator"]), rates.exact_share(goal), row["comparator"])
    elif row["method"] == "ratio":  # plan and done need not be whole: compared as exact fractions, no gap in units
        reached, wanted = Fraction(n) * 100 / Fraction(row["denominator"]), rates.exact_share(goal) * 100
        met = reached >= wanted if low else reached <= wanted
        missing = 0.0 if met else np.nan
    else:  # a count against a whole number
        short = float(goal) - n if low else n - float(goal)
        missing, met = max(short, 0.0), short <= 0
    word = ""
    if row["basis"] == "sample" and row["method"] in SHARES and not np.isnan(row["lower"]):
        above, below = row["lower"] > float(goal), row["upper"] < float(goal)
        word = "clearly above" if above else "clearly below" if below else "compatible"
    of_all = row["basis"] == "census"  # of a sample, the units seen are not the units due
    return MET if met else NOT_MET, missing if of_all else np.nan, word


def largest_gaps(rows: pd.DataFrame, most: int = 3) -> pd.DataFrame:
    """Targets not met with a gap that can be said in units (not of samples), the largest first, each indicator once."""
    missed = rows[(rows["status"] == NOT_MET) & rows["gap"].notna() & rows["decides"]].sort_values(
        "gap", ascending=False, kind="stable"
    )
    return missed.drop_duplicates("indicator_id").head(most)
