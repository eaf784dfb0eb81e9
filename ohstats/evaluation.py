"""Estimates against targets: status by exact comparison, gap in units, and what cannot be judged with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from . import indicators, occurrence, rates
from .data import once

if TYPE_CHECKING:
    from .data import Data

MET, NOT_MET, CANNOT = "met", "not_met", "cannot_judge"
TREND_TARGET = "trend target"  # no single figure: facts are shown
_TRENDS = ("trend_falling", "trend_rising")


def in_force(data: Data) -> pd.DataFrame:
    """Targets in force in the report's period for a place of this level, nearest level first, each once.

    A start that is not known does not exclude a target; its row says so. References and qualitative aims have no status and
    are left out.
    """
    rows, year = data.targets, data.period.last_year
    begins = rows["in_force_from"].where(rows["in_force_from"] != "", "0").astype(int)
    ends = rows["in_force_to"].where(rows["in_force_to"] != "", "9999").astype(int)
    level = rows["levels"].str.split().map(lambda levels: not levels or data.place["level"] in levels)
    judged = rows["comparator"].isin([">=", "<=", *_TRENDS])
    chosen = rows[(begins <= year) & (ends >= year) & level & judged].copy()
    order = {code: number for number, code in enumerate(data.dataset.ancestors(data.place["code"]))}
    chosen["distance"] = chosen["jurisdiction_code"].map(order)
    chosen = chosen.sort_values(["distance"], kind="stable").drop(columns="distance").reset_index(drop=True)
    chosen = _named(chosen, "indicator_id", "name", data.indicators.set_index("indicator_id"))
    return _named(chosen, "jurisdiction_code", "jurisdiction", data.dataset.places.set_index("code"))


def _named(rows: pd.DataFrame, key: str, column: str, known: pd.DataFrame) -> pd.DataFrame:
    """Rows with the declared name where they bring none of their own, else with the bare key."""
    names = [f"{column}_zh", f"{column}_en"]
    bare = (rows[names] == "").all(axis=1)
    for name, declared in zip(names, ("name_zh", "name_en"), strict=True):
        rows[name] = rows[name].mask(bare, rows[key].map(known[declared]).fillna(rows[key]))
    return rows


@once
def against_targets(data: Data) -> pd.DataFrame:
    """One row for each target in force: the Estimate, status, gap and reason.

    Returns
    -------
    DataFrame
        Columns of the target; the Estimate columns; `status` (met, not_met, cannot_judge); `gap` (further units needed, whole; 0
        where met, missing for samples and where nothing is judged); `certainty_of_sample` (clearly above, compatible, clearly
        below; samples only); `note` (why it cannot be judged).
    """
    targets = in_force(data)
    ids = list(dict.fromkeys(targets["indicator_id"]))
    found = indicators.values(data, ids, str(data.period))
    rows = targets.rename(columns={"unit": "target_unit", "source": "target_source", "note": "target_note"})
    rows = rows.merge(found, left_on="indicator_id", right_on="measure", how="left")
    rows = rows.merge(
        data.indicators[["indicator_id", "unit_zh", "unit_en", "unit_en_plural", "kind"]], on="indicator_id", how="left"
    )
    trends = rows["comparator"].isin(_TRENDS)
    rows["note"] = rows["note"].mask((rows["target_value"] == "") & ~trends, "no target value")
    has_facts = rows["note"].eq("") | (rows["indicator_id"].eq("new_cases_trend") & bool(len(occurrence.total(data))))
    rows["note"] = rows["note"].mask(trends & has_facts, TREND_TARGET)
    return _judge(rows, rows["note"] == "")


def _judge(rows: pd.DataFrame, usable: pd.Series[bool]) -> pd.DataFrame:
    rows = rows.assign(status=CANNOT, gap=np.nan, certainty_of_sample="", at=range(len(rows)))
    for (goal, comparator, unit), part in rows[usable].groupby(["target_value", "comparator", "unit"]):
        if unit == "percent":
            judged = rates.gap(
                part, numerator="numerator", denominator="denominator", target=goal, comparator=comparator, by=["at"]
            )
            missing, met = judged["value"].to_numpy(), judged["met"].to_numpy()
        else:  # a count against a whole number
            short = (
                float(goal) - part["numerator"].to_numpy() if comparator == ">=" else part["numerator"].to_numpy() - float(goal)
            )
            missing, met = np.maximum(short, 0), short <= 0
        rows.loc[part.index, "status"] = np.where(met, MET, NOT_MET)
        census = (part["basis"] == "census").to_numpy()
        rows.loc[part.index, "gap"] = np.where(census, missing, np.nan)  # of a sample, the units seen are not the units due
    sample = (usable & (rows["basis"] == "sample") & (rows["unit"] == "percent")).to_numpy()
    goals = pd.to_numeric(rows["target_value"], errors="coerce")
    words = np.select([rows["lower"] > goals, rows["upper"] < goals], ["clearly above", "clearly below"], "compatible")
    rows.loc[sample, "certainty_of_sample"] = words[sample]
    return rows.drop(columns="at")


def largest_gaps(rows: pd.DataFrame, most: int = 3) -> pd.DataFrame:
    """Targets not met with a gap that can be said in units (not of samples), the largest first, each indicator once."""
    missed = rows[(rows["status"] == NOT_MET) & rows["gap"].notna()].sort_values("gap", ascending=False, kind="stable")
    return missed.drop_duplicates("indicator_id").head(most)
