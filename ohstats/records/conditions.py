"""Conditions on rows of a clean table, as `tallies.yml` declares them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pandas as pd

from .. import codes
from ..errors import Fault, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

INDUSTRIAL = r"^[A-D]?(?:0[6-9]|[1-3]\d|4[0-6])"
"""Divisions 06 to 46 of GB/T 4754: mining, manufacturing, electricity, heat, gas and water."""
_WORDS = ("filled", "blank", "key_industry", "industrial")
_BETWEEN = " - "  # "check_date - complaint_date": days from the second date to the first


def fits(rows: pd.DataFrame, conditions: Mapping[str, Any], own: Path | None) -> pd.Series[bool]:
    """Rows that fulfil all conditions; what is not known fulfils none but `blank` and a listed null."""
    found = pd.Series(True, index=rows.index)
    for column, wanted in conditions.items():
        found &= _fulfils(_values(rows, column), wanted, own).fillna(False).astype(bool)
    return found


def columns(conditions: Mapping[str, Any]) -> set[str]:
    """Columns that the conditions look at."""
    return {part for name in conditions for part in name.split(_BETWEEN)}


def faults(name: str, conditions: Any) -> Iterator[Fault]:
    """What is not understood about conditions."""
    if not isinstance(conditions, dict):
        yield Fault("{name}: conditions are written as column: what it must be", name=name)
        return
    for column, wanted in conditions.items():
        if isinstance(wanted, dict) and not (wanted and set(wanted) <= {"min", "max", "like"}):
            yield Fault("{name}: {column}: a condition has min, max or like", name=name, column=column)
        if isinstance(wanted, dict) and "like" in wanted and not _compiles(wanted["like"]):
            yield Fault("{name}: {column}: 'like' is no regular expression", name=name, column=column)


def unknown(name: str, wanted: set[str], rows: pd.DataFrame) -> list[Fault]:
    """Columns that a clean table does not have, each with its nearest names."""
    return [
        Fault(
            "{name}: no column '{column}'; there are {known}", name=name, column=column, known=nearest(column, rows.columns)
        )
        for column in sorted(wanted - set(rows.columns))
    ]  # fmt: skip


def _compiles(pattern: Any) -> bool:
    try:
        return bool(re.compile(str(pattern)))
    except re.error:
        return False


def _values(rows: pd.DataFrame, column: str) -> pd.Series[Any]:
    if _BETWEEN not in column:
        return rows[column]
    later, earlier = (pd.to_datetime(rows[name], errors="coerce") for name in column.split(_BETWEEN))
    return (later - earlier).dt.days


def _fulfils(values: pd.Series[Any], wanted: Any, own: Path | None) -> pd.Series[bool]:
    if wanted in _WORDS[:2]:
        return values.notna() if wanted == "filled" else values.isna()
    if wanted == "key_industry":
        divisions = values.astype("str").str.extract(r"^[A-Z]?(\d{2})", expand=False)
        return divisions.isin(codes.table("key_industries", own)["code"])
    if wanted == "industrial":
        return values.astype("str").str.contains(INDUSTRIAL)
    if isinstance(wanted, dict) and "like" in wanted:
        wanted_like = re.compile(str(wanted["like"]))
        return values.map(lambda text: bool(wanted_like.search(str(text))), na_action="ignore").astype("boolean")
    if isinstance(wanted, dict):
        number = values.astype("Float64")
        return (number >= wanted.get("min", float("-inf"))) & (number <= wanted.get("max", float("inf")))
    listed = wanted if isinstance(wanted, list) else [wanted]
    found = values.isin([each for each in listed if each is not None])
    return found | values.isna() if None in listed else found
