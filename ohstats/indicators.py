"""Declared indicators to Estimates: numerator and denominator of one place and period, with Wilson limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from . import rates

if TYPE_CHECKING:
    from .data import Data

PROTECTED = "protected"
NO_DATA = "no data"
NO_DENOMINATOR = "denominator is 0"


def values(data: Data, ids: list[str], period: str) -> pd.DataFrame:
    """One Estimate row for each indicator asked for.

    Parameters
    ----------
    data : Data
        Counts of a place.
    ids : list of str
        Indicators.
    period : str
        Exactly as in the data.

    Returns
    -------
    DataFrame
        `measure`, the Estimate columns (percent for shares, the count itself for counts), `basis`, `source`. What cannot be
        computed is missing and `note` says why: no data, protected, denominator is 0, numerator above denominator.
    """
    rows = data.counts[(data.counts["period"] == period) & (data.counts["group"] == "") & data.counts["measure"].isin(ids)]
    declared = data.indicators.set_index("indicator_id")
    made = pd.DataFrame({"measure": pd.Series(ids, dtype="str")}).merge(
        rows[["measure", "numerator", "denominator", "hidden", "source"]], on="measure", how="left"
    )
    made["basis"] = made["measure"].map(declared["basis"].replace("", "census"))
    made["is_share"] = made["measure"].map(declared["measure"]).isin(["proportion", "trend_share"])
    made["note"] = _reasons(made)
    return shares(made)


def shares(rows: pd.DataFrame) -> pd.DataFrame:
    """Estimate columns of counted rows: a share with Wilson limits where it can be computed, the count where it is one.

    Parameters
    ----------
    rows : DataFrame
        `numerator`, `denominator`, `note` (empty where the figure can be used), `is_share`; not modified.
    """
    can = (rows["note"] == "") & rows["is_share"]
    limits = rates.proportion(
        rows.loc[can, ["numerator", "denominator"]].assign(one=range(int(can.sum()))),
        numerator="numerator",
        denominator="denominator",
        by=["one"],
    )
    made = rows.assign(value=np.nan, lower=np.nan, upper=np.nan, level=0.95, unit="percent", method="wilson")
    for column in ("value", "lower", "upper"):
        made.loc[can, column] = limits[column].to_numpy()
    counted = (rows["note"] == "") & ~rows["is_share"]
    made.loc[counted, "value"] = rows.loc[counted, "numerator"]
    made.loc[~rows["is_share"], ["unit", "method"]] = ["count", "count"]
    return made.drop(columns="is_share")


def _reasons(rows: pd.DataFrame) -> np.ndarray:
    absent = rows["numerator"].isna() | (rows["denominator"].isna() & rows["is_share"])
    return np.select(
        [
            rows["hidden"].eq(True),
            absent,
            rows["is_share"] & (rows["denominator"] == 0),
            rows["is_share"] & (rows["numerator"] > rows["denominator"]),
        ],
        [PROTECTED, NO_DATA, NO_DENOMINATOR, "numerator above denominator"],
        "",
    )


def context(data: Data) -> pd.DataFrame:
    """Published figures of any place as Estimates, newest first: `name_place`, `name`, the Estimate columns, `source`."""
    rows = data.context.merge(data.indicators, left_on="measure", right_on="indicator_id", suffixes=("", "_declared"))
    rows = rows.merge(data.dataset.places, left_on="place", right_on="code", suffixes=("", "_place"))
    rows["is_share"] = rows["denominator"].notna()
    rows["note_printed"], rows["note"] = rows["note"], _reasons(rows)
    return shares(rows).sort_values(["place", "period", "measure"], ignore_index=True)
