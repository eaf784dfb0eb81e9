"""Corrections of known source errors: each with its reason, each failing loudly when it no longer fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from . import files
from .errors import Fault, FileRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_FORMS = (
    {"table", "row", "column", "from", "to", "reason"},
    {"table", "where", "column", "to", "expect_rows", "reason"},
    {"table", "where", "swap", "expect_rows", "reason"},
)
_OPTIONAL = {"reported", "status", "file"}
_STATUS = ("open", "reported", "fixed_at_source")
AUDIT_COLUMNS = ("row", "column", "rule", "old", "new")


def read(path: Path, tables: Iterable[str]) -> Mapping[str, list[tuple[int, dict[str, Any]]]]:
    """Entries of a correction file by table, each with its number in the file; none when there is no file.

    Raises
    ------
    FileRefused
        It is no list of entries, or an entry names a table that the data set does not hold: it would change nothing.
    """
    told = (files.read_yaml(path) or []) if path.is_file() else []
    found: dict[str, list[tuple[int, dict[str, Any]]]] = {name: [] for name in tables}
    faults = []
    for number, entry in enumerate(told if isinstance(told, list) else [told], start=1):
        table = entry.get("table") if isinstance(entry, dict) else None
        if isinstance(entry, dict) and table in found:
            found[table].append((number, entry))
        else:
            problem = Fault("it names no table of the data set; there are {known}", known=", ".join(found))
            faults.append(Fault("correction {number}: {problem}", number=number, problem=problem))
    if faults:
        raise FileRefused(
            "{file}: {n} corrections do not fit; nothing was written.", file=path.name, n=len(faults), faults=faults
        )
    return found


def apply(frame: pd.DataFrame, entries: Iterable[tuple[int, dict[str, Any]]], *, file: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A text table with its corrections made, and an audit row for each cell changed.

    Parameters
    ----------
    frame : DataFrame
        Cells as text, with the file's row number in `row`; not modified.
    entries : iterable of (number, dict)
        From `read`. One cell (`row`, `column`, `from`, `to`), a block (`where`, `column`, `to`, `expect_rows`) or two values
        exchanged in a block (`where`, `swap: {column, values}`, `expect_rows`); each with a `reason`. Rows count from the
        header as row 1.
    file : str
        Name of the correction file, for messages.

    Raises
    ------
    FileRefused
        An entry is incomplete, finds another value than it expects, or another number of rows; all are listed.
    """
    corrected, changes, faults = frame.copy(), [], []
    for number, entry in entries:
        fault = _shape(entry, frame)
        if fault is None:
            cells, new = _cells(entry, corrected)
            fault = _expected(entry, corrected, cells)
            if fault is None:
                column = entry["swap"]["column"] if "swap" in entry else entry["column"]
                old = corrected.loc[cells, column]
                new_values = old.map(new) if isinstance(new, dict) else pd.Series(new, index=old.index, dtype="str")
                changes.append(
                    pd.DataFrame(
                        {
                            "row": corrected.loc[cells, "row"],
                            "column": column,
                            "rule": f"correction {number}",
                            "old": old,
                            "new": new_values,
                        }
                    )
                )
                corrected.loc[cells, column] = new_values
                continue
        faults.append(Fault("correction {number}: {problem}", number=number, problem=fault))
    if faults:
        raise FileRefused("{file}: {n} corrections do not fit; nothing was written.", file=file, n=len(faults), faults=faults)
    audit = pd.concat(changes, ignore_index=True) if changes else pd.DataFrame(columns=list(AUDIT_COLUMNS))
    return corrected, audit


def _shape(entry: dict[str, Any], frame: pd.DataFrame) -> Fault | None:
    names = set(entry) - _OPTIONAL
    if names not in _FORMS:
        return Fault("entries must be one of: {forms}", forms="; ".join(", ".join(sorted(form)) for form in _FORMS))
    if entry.get("status", "open") not in _STATUS:
        return Fault("status must be one of {known}", known=", ".join(_STATUS))
    swap = entry.get("swap", {"column": "", "values": ["", ""]})
    whole = all(isinstance(entry.get(name, 0), int) for name in ("row", "expect_rows"))
    if not (whole and isinstance(entry.get("where", {}), dict) and isinstance(swap, dict) and len(swap.get("values", ())) == 2):
        return Fault("row and expect_rows are whole numbers, where names columns, swap holds column and two values")
    columns = {*entry.get("where", {}), entry.get("column", entry.get("swap", {}).get("column"))}
    missing = sorted(str(column) for column in columns if column not in frame.columns)
    return Fault("the table has no column {columns}", columns=", ".join(missing)) if missing else None


def _text(value: object) -> str:
    """A value as it stands in a file; nothing at all is an empty cell."""
    return "" if value is None else str(value)


def _cells(entry: dict[str, Any], frame: pd.DataFrame) -> tuple[pd.Series[bool], str | dict[str, str]]:
    if "row" in entry:
        return frame["row"] == entry["row"], _text(entry["to"])
    chosen = pd.Series(True, index=frame.index)
    for column, wanted in entry["where"].items():
        values = wanted if isinstance(wanted, list) else [wanted]
        chosen &= frame[column].isin([_text(value) for value in values])
    if "swap" not in entry:
        return chosen, _text(entry["to"])
    first, second = (_text(value) for value in entry["swap"]["values"])
    chosen &= frame[entry["swap"]["column"]].isin([first, second])
    return chosen, {first: second, second: first}


def _expected(entry: dict[str, Any], frame: pd.DataFrame, cells: pd.Series[bool]) -> Fault | None:
    found = int(cells.sum())
    if "row" in entry:
        if not found:
            return Fault("the file has no row {row}", row=entry["row"])
        if (frame.loc[cells, entry["column"]] != _text(entry["from"])).any():
            return Fault("row {row} no longer holds the value expected in {column}", row=entry["row"], column=entry["column"])
    elif found != entry["expect_rows"]:
        return Fault("{found} rows match, {expected} were expected", found=found, expected=entry["expect_rows"])
    return None
