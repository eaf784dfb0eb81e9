"""Outliers by a robust rule: values far from the median in units of the median deviation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..language import _
from .opened import Finding, named, numbers, otherwise

if TYPE_CHECKING:
    from .opened import Check


def modified_z(values: pd.Series[float]) -> pd.Series[float]:
    """0.6745 (x - median) / MAD; by the mean deviation where more than half of the values agree; 0 where all do.

    References
    ----------
    Iglewicz B, Hoaglin DC. How to Detect and Handle Outliers. ASQC, 1993.

    Examples
    --------
    >>> modified_z(pd.Series([1.0, 2, 3, 4, 50])).round(2).tolist()
    [-1.35, -0.67, 0.0, 0.67, 31.7]
    """
    away = values - values.median()
    middle, mean = away.abs().median(), away.abs().mean()
    if middle > 0:
        return 0.6745 * away / middle
    return away / (1.253314 * mean) if mean > 0 else away * 0.0


def outliers(check: Check) -> tuple[pd.DataFrame, list[Finding]]:
    """Values beyond the cutoff by table, column and group: how many, in which rows, and what lies within; no value itself."""
    told = check.told["outliers"]
    made: list[dict[str, Any]] = []
    for each in told["columns"]:
        frame = check.tables.get(each["table"])
        if frame is None or each["column"] not in frame.columns:
            continue
        values = numbers(frame, each["column"])
        values = np.log(values.where(values > 0)) if each.get("log") else values
        groups = frame[each["by"]].fillna("-") if "by" in each else pd.Series("", index=frame.index)
        far = pd.Series(False, index=frame.index)
        judged = left = 0
        for _group, mine in values.dropna().groupby(groups):
            if len(mine) < told["fewest"]:
                left += len(mine)
                continue
            judged += len(mine)
            far[mine.index[modified_z(mine).abs() > told["cutoff"]]] = True
        if judged or left:
            rows = named(check, frame.loc[far, "file"], frame.loc[far, "row"]) if far.any() else ""
            row = {
                "table": each["table"],
                "column": each["column"],
                "by": each.get("by", ""),
                "scale": "log" if each.get("log") else "",
            }
            made.append(row | {"n": int(far.sum()), "judged": judged, "too_few": left, "rows": rows})
    frame = pd.DataFrame(made, columns=["table", "column", "by", "scale", "n", "judged", "too_few", "rows"])
    found = [
        Finding("", _("{table}, {column}: {n} of {judged} values lie far from the others: look at rows {rows} in the source.",
                      table=check.table_name(row["table"]), column=check.column_name(row["table"], row["column"]), n=row["n"],
                      judged=row["judged"], rows=row["rows"]))
        for row in frame[frame["n"] > 0].to_dict("records")
    ]  # fmt: skip
    return frame, otherwise(found, bool(made), "", _("No value lies far from the others: nothing to do."))
