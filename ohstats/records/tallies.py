"""Indicators counted from clean records, as `reference/tallies.yml` and a data set's own `tallies.yml` declare them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from .. import codes, files, schema
from ..errors import Fault, FileRefused, nearest
from ..paths import REFERENCE
from . import doses, samples

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DERIVED = {"measured": "workplace_samples", "doses": "radiation_dose"}
"""Tables derived from declared ones."""
PLACES = {"doses": ("employer_division", "dose_year")}
_PARTS = {"table", "where", "numerator", "sum", "unique"}
_WORDS = ("filled", "blank", "key_industry")


def declared(own: Path | None = None) -> dict[str, dict[str, Any]]:
    """Declarations by indicator, the data set's own over the packaged ones.

    Raises
    ------
    FileRefused
        A declaration names a table or a part that does not exist; all are listed.
    """
    told: dict[str, dict[str, Any]] = dict(files.read_yaml(REFERENCE / "tallies.yml"))
    path = own / "tallies.yml" if own else None
    if path is None or not path.is_file():
        return told
    added = files.read_yaml(path)
    entries = added.items() if isinstance(added, dict) else [("", added)]
    faults = [fault for name, entry in entries for fault in _faults(str(name), entry)]
    if faults:
        raise FileRefused("{file}: {n} problems.", file=path.name, n=len(faults), faults=faults)
    return told | {str(name): entry for name, entry in entries}


def _faults(name: str, entry: Any) -> list[Fault]:
    if not isinstance(entry, dict) or "table" not in entry or not set(entry) <= _PARTS:
        return [Fault("{name}: it needs table, and may have where, numerator, sum, unique", name=name)]
    tables = [*schema.tables(), *DERIVED]
    if entry["table"] not in tables:
        return [Fault("{name}: no table '{table}'; there are {known}", name=name, table=entry["table"], known=", ".join(tables))]
    return []


def tally(tables: Mapping[str, pd.DataFrame], *, own: Path | None = None) -> pd.DataFrame:
    """Numerators and denominators of all declared indicators by place and year, from clean records.

    Rows whose place or year is not known belong to no place or year and are left out. Nothing is added up to higher places.

    Parameters
    ----------
    tables : mapping of DataFrame
        Clean tables by name; an indicator whose table is missing is left out. Not modified.
    own : Path, optional
        Folder of a data set: its `tallies.yml` and `codes/key_industries.csv`.

    Returns
    -------
    DataFrame
        `indicator_id`, `table` (the declared one), `place`, `year`, `numerator`, `denominator` (NaN for a count).

    Raises
    ------
    FileRefused
        The data set's own file declares something that does not exist.
    """
    made, parts = _derived(tables, own), []
    for name, entry in declared(own).items():
        rows = made.get(entry["table"])
        if rows is None:
            continue
        place, year = _place_and_year(entry["table"])
        _check(name, entry, rows)
        inside = rows[_fits(rows, entry.get("where", {}), own) & rows[place].notna() & rows[year].notna()]
        keys = [inside[place].rename("place"), inside[year].astype(int).rename("year")]
        counted = _counted(inside, entry, own).groupby(keys).agg(_total(entry)).reset_index()
        parts.append(counted.assign(indicator_id=name, table=DERIVED.get(entry["table"], entry["table"])))
    columns = ["indicator_id", "table", "place", "year", "numerator", "denominator"]
    whole = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return whole[columns].astype({"year": "int64", "numerator": "float64", "denominator": "float64"})


def _derived(tables: Mapping[str, pd.DataFrame], own: Path | None) -> dict[str, pd.DataFrame]:
    made = dict(tables)
    if "workplace_samples" in tables:
        made["measured"] = samples.judge(tables["workplace_samples"], own=own)
    if "radiation_dose" in tables:
        made["doses"] = doses.annual(tables["radiation_dose"])
    return made


def _place_and_year(name: str) -> tuple[str, str]:
    if name in PLACES:
        return PLACES[name]
    table = schema.table(DERIVED.get(name, name))
    return table.place, table.columns[table.date].year or table.date


def _check(name: str, entry: dict[str, Any], rows: pd.DataFrame) -> None:
    """Refuse conditions on columns that the clean table does not have."""
    wanted = {
        *entry.get("where", {}),
        *entry.get("numerator", {}),
        *entry.get("sum", {}).values(),
        *filter(None, [entry.get("unique")]),
    }
    if unknown := sorted(wanted - set(rows.columns)):
        fault = Fault(
            "{name}: no column '{column}'; there are {known}",
            name=name, column=unknown[0], known=nearest(unknown[0], rows.columns),
        )  # fmt: skip
        raise FileRefused("{file}: {n} problems.", file="tallies.yml", n=1, faults=[fault])


def _fits(rows: pd.DataFrame, conditions: Mapping[str, Any], own: Path | None) -> pd.Series[bool]:
    """Rows that fulfil all conditions; what is not known fulfils none but `blank` and a listed null."""
    fits = pd.Series(True, index=rows.index)
    for column, wanted in conditions.items():
        fits &= _fulfils(rows[column], wanted, own).fillna(False).astype(bool)
    return fits


def _fulfils(values: pd.Series[Any], wanted: Any, own: Path | None) -> pd.Series[bool]:
    if wanted in ("filled", "blank"):
        return values.notna() if wanted == "filled" else values.isna()
    if wanted == "key_industry":
        divisions = values.astype("str").str.extract(r"^[A-Z]?(\d{2})", expand=False)
        return divisions.isin(codes.table("key_industries", own)["code"])
    if isinstance(wanted, dict):
        number = values.astype("Float64")
        return (number >= wanted.get("min", float("-inf"))) & (number <= wanted.get("max", float("inf")))
    listed = wanted if isinstance(wanted, list) else [wanted]
    found = values.isin([each for each in listed if each is not None])
    return found | values.isna() if None in listed else found


def _counted(inside: pd.DataFrame, entry: dict[str, Any], own: Path | None) -> pd.DataFrame:
    """What each row adds to numerator and denominator; the key itself where keys are counted."""
    told = entry.get("sum", {})
    if told:
        parts = {
            part: inside[told[part]].astype("float64") if part in told else float("nan") for part in ("numerator", "denominator")
        }
        return pd.DataFrame(parts, index=inside.index)
    if "unique" in entry:
        return pd.DataFrame({"numerator": inside[entry["unique"]], "denominator": float("nan")}, index=inside.index)
    if "numerator" not in entry:
        return pd.DataFrame({"numerator": 1.0, "denominator": float("nan")}, index=inside.index)
    return pd.DataFrame(
        {"numerator": _fits(inside, entry["numerator"], own).astype(float), "denominator": 1.0}, index=inside.index
    )


def _total(entry: dict[str, Any]) -> dict[str, Any]:
    count = "nunique" if "unique" in entry else "sum"
    return {"numerator": count, "denominator": lambda part: part.sum(min_count=1)}
