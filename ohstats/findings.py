"""Problems and what follows from them: targets that are not met, and figures beyond the defaults of `reference/findings.yml`."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from . import evaluation, files, indicators, rates
from .data import once
from .paths import REFERENCE

if TYPE_CHECKING:
    from .data import Data

_TOLD = ["owner", "means", "next"]


@lru_cache(maxsize=1)
def rules() -> dict[str, dict[str, Any]]:
    """Rules by indicator."""
    told: dict[str, dict[str, Any]] = files.read_yaml(REFERENCE / "findings.yml")
    return told


@once
def found(data: Data) -> pd.DataFrame:
    """One row for each problem: targets before defaults, the certain ones before the others, then the largest.

    Returns
    -------
    DataFrame
        `indicator_id`, `project`, names and units of the indicator, the Estimate columns, `goal` (percent or units),
        `comparator`, `is_target` (False: a default of this package), `gap` (units; missing for samples and ratios), `short` (how
        far the figure is from the goal), `certain` (a census, or a sample whose limits lie beyond the goal), and of the rule
        `owner`, `means` and `next` with _zh and _en.
    """
    targets = evaluation.against_targets(data)
    judged = targets[targets["decides"] & (targets["status"] != evaluation.CANNOT)]
    missed = judged[judged["status"] == evaluation.NOT_MET].rename(columns={"target_value": "goal"}).assign(is_target=True)
    declared = data.indicators.drop_duplicates("indicator_id", keep="last")
    code = declared.set_index("indicator_id")["code"]
    done = {code.get(name) for name in judged["indicator_id"]} - {""}
    others = {name: rule for name, rule in rules().items() if {"below", "above"} & set(rule) and code.get(name) not in done}
    rows = pd.concat([missed, _beyond(data, others)], ignore_index=True)
    goals = rows["goal"].astype("float64")
    beyond = np.where(rows["comparator"] == "<=", rows["lower"] > goals, rows["upper"] < goals)
    about = ["indicator_id", "project", "code", "name_zh", "name_en", "unit_zh", "unit_en", "unit_en_plural"]
    rows = rows.drop(columns=[name for name in about[1:] if name in rows]).merge(declared[about], on="indicator_id", how="left")
    rows = rows.assign(goal=goals, short=(rows["value"] - goals).abs(), certain=(rows["basis"] != "sample") | beyond)
    for part in _TOLD:
        for language in ("zh", "en"):
            told = {name: rule[part][language] for name, rule in rules().items()}
            rows[f"{part}_{language}"] = rows["indicator_id"].map(told).fillna("")
    return rows.sort_values(["is_target", "certain", "short"], ascending=False, kind="stable", ignore_index=True)


def _beyond(data: Data, chosen: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Figures beyond the defaults, compared exactly."""
    values = indicators.values(data, list(chosen), evaluation.period_of(data))
    made = []
    for row in values[values["note"] == ""].to_dict("records"):
        rule = chosen[row["measure"]]
        goal, low = (rule["below"], True) if "below" in rule else (rule["above"], False)
        share = Fraction(row["numerator"]) * 100 / Fraction(row["denominator"])
        if (share < goal) if low else (share > goal):
            told = {"indicator_id": row["measure"], "goal": goal, "comparator": ">=" if low else "<=", "is_target": False}
            counted = row["method"] in evaluation.SHARES and row["basis"] != "sample"
            n, d = int(row["numerator"]), int(row["denominator"])
            gap = rates.lacking(n, d, rates.exact_share(goal), told["comparator"])[0] if counted else np.nan
            made.append(row | told | {"gap": gap})
    return pd.DataFrame(made, columns=[*values.columns, "indicator_id", "goal", "comparator", "is_target", "gap"])
