"""Estimates against targets: status by exact comparison, gap in units, and what cannot be judged with its reason."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from . import indicators

if TYPE_CHECKING:
    from .data import Data

MET, NOT_MET, CANNOT = "met", "not_met", "cannot_judge"
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
    return chosen.sort_values(["distance"], kind="stable").drop(columns="distance").reset_index(drop=True)


def against_targets(data: Data) -> pd.DataFrame:
    """One row for each target in force: the Estimate, status, gap and reason.

    Returns
    -------
    DataFrame
        Columns of the target; the Estimate columns; `status` (met, not_met, cannot_judge); `gap` (further units needed, whole;
        missing where met or not judged); `certainty_of_sample` (clearly above, compatible, clearly below; samples only); `note`
        (why it cannot be judged).
    """
    targets = in_force(data)
    ids = list(dict.fromkeys(targets["indicator_id"]))
    found = indicators.values(data, ids, str(data.period))
    rows = targets.rename(columns={"unit": "target_unit", "source": "target_source", "note": "target_note"})
    rows = rows.merge(found, left_on="indicator_id", right_on="measure", how="left")
    rows = rows.merge(
        data.indicators[["indicator_id", "unit_zh", "unit_en", "unit_en_plural", "kind"]], on="indicator_id", how="left"
    )
    rows["note"] = rows["note"].mask(rows["comparator"].isin(_TRENDS), "trend target")
    usable = rows["note"].eq("") & (rows["target_value"] != "")
    return _judge(rows, usable)


def _judge(rows: pd.DataFrame, usable: pd.Series[bool]) -> pd.DataFrame:
    rows = rows.assign(status=CANNOT, gap=np.nan, certainty_of_sample="")
    chosen = rows[usable]
    target = chosen["target_value"].astype(float)
    share = chosen["unit"] == "percent"
    for part, counts in ((chosen[share], False), (chosen[~share], True)):
        if part.empty:
            continue
        goal = target[part.index]
        if counts:  # a count against a whole number
            missing = (goal - part["numerator"]).where(part["comparator"] == ">=", part["numerator"] - goal)
            missing = missing.clip(lower=0)
        else:
            missing = pd.Series(
                [
                    _units(*row)
                    for row in zip(part["numerator"], part["denominator"], part["target_value"], part["comparator"], strict=True)
                ],
                index=part.index,
                dtype="float64",
            )
        rows.loc[part.index, "gap"] = missing
        rows.loc[part.index, "status"] = np.where(missing == 0, MET, NOT_MET)
    sample = usable & (rows["basis"] == "sample") & (rows["unit"] == "percent")
    goals = pd.to_numeric(rows["target_value"], errors="coerce")
    words = np.select([rows["lower"] > goals, rows["upper"] < goals], ["clearly above", "clearly below"], "compatible")
    rows.loc[sample, "certainty_of_sample"] = words[sample.to_numpy()]
    return rows


def _units(numerator: float, denominator: float, target: str, comparator: str) -> int:
    """Whole units that are missing to the target, in exact arithmetic: 94.96 % is not 95 %."""
    needed = Fraction(target) * int(denominator) / 100
    missing = needed - int(numerator) if comparator == ">=" else int(numerator) - needed
    return max(0, ceil(missing))


def largest_gaps(rows: pd.DataFrame, most: int = 3) -> pd.DataFrame:
    """Targets not met, the largest gap in units first, each indicator once."""
    missed = rows[rows["status"] == NOT_MET].sort_values("gap", ascending=False, kind="stable")
    return missed.drop_duplicates("indicator_id").head(most)
