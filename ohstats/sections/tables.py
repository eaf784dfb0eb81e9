"""Tables that several sections make alike: indicators in rows, and groups of a dimension by indicators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from .. import breakdowns, indicators, wording
from ..display import Table
from ..language import _

if TYPE_CHECKING:
    from ..data import Data

MOST = 30
"""Groups in one table; the others stand in the download."""


def figures(data: Data, ids: list[str]) -> pd.DataFrame:
    """Indicators that have a figure in the period or are protected, in the order asked for."""
    rows = indicators.values(data, ids, str(data.period))
    return rows[rows["note"] != indicators.NO_DATA].reset_index(drop=True)


def lacking(data: Data, table: str) -> str:
    """That there is no figure, and what it takes."""
    told = wording.period(data.period)
    return _("No figure for {period}: it takes the table {table}, or indicator_values.", period=told, table=table)


def value(row: dict[str, Any]) -> str:
    """A figure with its unit, what is protected in words."""
    if row["note"] == indicators.PROTECTED:
        return _("not shown (small numbers)")
    if row["note"]:
        return wording.reason(row["note"])
    return wording.percent(row["value"]) if row["unit"] == "percent" else wording.decimal(row["value"], 0)


def listed(data: Data, rows: pd.DataFrame, caption: str, note: str = "") -> Table | None:
    """Indicators one below the other with their counts and limits; None without any."""
    if rows.empty:
        return None
    cells = [
        [
            breakdowns.name_of_measure(data, row["measure"]),
            value(row),
            wording.DASH
            if row["note"] or pd.isna(row["denominator"])
            else wording.share_of(row["numerator"], row["denominator"]),
            wording.interval(row["lower"], row["upper"]),
        ]
        for row in rows.to_dict("records")
    ]
    return Table(caption, [_("Indicator"), _("Value"), _("n / d"), _("Limits (95%)")], cells, note, numeric=(1, 2, 3))


def grouped(data: Data, ids: list[str], dimension: str, caption: str, note: str = "") -> tuple[Table | None, pd.DataFrame]:
    """Groups of a dimension in rows, indicators in columns: value, counts and limits in each cell; and the frame behind it."""
    parts = [breakdowns.groups(data, measure, dimension).assign(measure=measure) for measure in ids]
    there = [part for part in parts if len(part)]
    if not there:
        return None, pd.DataFrame()
    rows = pd.concat(there, ignore_index=True)
    size = rows.groupby("code", sort=False)["denominator"].max().sort_values(ascending=False, kind="stable")
    by = {(row["code"], row["measure"]): row for row in rows.to_dict("records")}
    names = rows.drop_duplicates("code").set_index("code")["name"]
    known = [measure for measure in ids if (rows["measure"] == measure).any()]
    cells = [[str(names[code]), *(_cell(by.get((code, measure))) for measure in known)] for code in size.index[:MOST]]
    told = wording.period_of(str(rows["period"].max()))
    caption = caption if told in caption else _("{title}, {period}", title=caption, period=told)
    title = breakdowns.title(dimension, data.language)
    header = [title[:1].upper() + title[1:], *(breakdowns.name_of_measure(data, measure) for measure in known)]
    return Table(caption, header, cells, note), rows.drop(columns="name")


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return wording.DASH
    if row["hidden"]:
        return _("not shown (small numbers)")
    if pd.isna(row["value"]):
        return wording.DASH
    counted = wording.share_of(row["numerator"], row["denominator"])
    inside = _("{counts}; {limits}", counts=counted, limits=wording.interval(row["lower"], row["upper"], 0))
    return wording.explained(wording.percent(row["value"], 0), inside)


def statistic(data: Data, measure: str) -> dict[str, Any] | None:
    """A statistic of records in the period; None where there is none, or it is hidden."""
    rows = data.statistics
    rows = rows[(rows["measure"] == measure) & (rows["period"] == str(data.period)) & (rows["group"] == "") & ~rows["hidden"]]
    return {str(name): told for name, told in rows.iloc[0].items()} if len(rows) else None
