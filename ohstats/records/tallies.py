"""Indicators counted from clean records, as `reference/tallies.yml` and a data set's own `tallies.yml` declare them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from .. import dimensions, files, schema
from ..errors import Fault, FileRefused
from ..paths import REFERENCE
from . import conditions, derived

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PARTS = {"table", "where", "numerator", "denominator", "sum", "unique", "once", "circular", "by", "employers"}
_CONDITIONS = ("where", "numerator", "circular")


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
        return [Fault("{name}: it needs table, and may have {parts}", name=name, parts=", ".join(sorted(_PARTS - {"table"})))]
    tables = list(dict.fromkeys([*schema.tables(), "measured", *derived.DERIVED]))
    if entry["table"] not in tables:
        return [Fault("{name}: no table '{table}'; there are {known}", name=name, table=entry["table"], known=", ".join(tables))]
    found = [fault for part in _CONDITIONS if part in entry for fault in conditions.faults(name, entry[part])]
    if "denominator" in entry:
        found += _faults(name, entry["denominator"])
    known = dimensions.declared()
    return found + [
        Fault("{name}: no dimension '{dimension}'; there are {known}", name=name, dimension=each, known=", ".join(known))
        for each in entry.get("by", [])
        if each not in known
    ]


def tally(tables: Mapping[str, pd.DataFrame], *, own: Path | None = None, data_date: str = "") -> pd.DataFrame:
    """Numerators and denominators of all declared indicators by place and year, from clean records.

    Rows whose place or year is not known belong to no place or year and are left out. Nothing is added up to higher places.

    Parameters
    ----------
    tables : mapping of DataFrame
        Clean tables by name; an indicator whose table is missing is left out. Not modified.
    own : Path, optional
        Folder of a data set: its `tallies.yml` and `codes/key_industries.csv`.
    data_date : str
        Last day of the data, for what has to be followed for some time.

    Returns
    -------
    DataFrame
        `indicator_id`, `table` (the declared one), `place`, `year`, `group` ("" or `dimension=code`), `numerator`, `denominator`
        (NaN for a count), `circular` (rows of the denominator that come from what the numerator counts; NaN where nothing is
        declared of it), `n_employers` that have rows and `largest` (rows of one of them), where the entry asks for `employers`.

    Raises
    ------
    FileRefused
        The data set's own file declares something that does not exist.
    """
    made, parts = derived.make(tables, own, data_date), []
    for name, entry in declared(own).items():
        wanted = [entry, *([entry["denominator"]] if "denominator" in entry else [])]
        if any(each["table"] not in made for each in wanted):
            continue
        counted = _by_place(name, entry, made[entry["table"]], own)
        if "denominator" in entry:
            other = _by_place(name, entry["denominator"], made[entry["denominator"]["table"]], own)
            other = other[["place", "year", "group", "numerator"]].rename(columns={"numerator": "denominator"})
            same = derived.source(entry["table"]) == derived.source(entry["denominator"]["table"])
            counted = counted.drop(columns="denominator").merge(
                other, on=["place", "year", "group"], how="right" if same else "inner"
            )
            counted["numerator"] = counted["numerator"].fillna(0.0)
        parts.append(counted.assign(indicator_id=name, table=derived.source(entry["table"])))
    numbers = ["numerator", "denominator", "circular", "n_employers", "largest"]
    columns = ["indicator_id", "table", "place", "year", "group", *numbers]
    whole = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return whole.reindex(columns=columns).astype({"year": "int64", **dict.fromkeys(numbers, "float64")})


def plain(tables: Mapping[str, pd.DataFrame], own: Path | None = None) -> list[tuple[str, str]]:
    """Indicators that are counts of records at hand, with the declared table of each: a covered year without a row is 0."""
    counts = {name: entry for name, entry in declared(own).items() if not {"numerator", "denominator"} & set(entry)}
    sources = {
        name: derived.source(entry["table"]) for name, entry in counts.items() if "denominator" not in entry.get("sum", {})
    }
    return [(name, table) for name, table in sources.items() if table in tables and table not in derived.AGGREGATED]


def _by_place(name: str, entry: dict[str, Any], rows: pd.DataFrame, own: Path | None) -> pd.DataFrame:
    """One tally by place and year, of all and of each group."""
    place, year = place_and_year(entry["table"])
    _check(name, entry, rows)
    inside = rows[conditions.fits(rows, entry.get("where", {}), own) & rows[place].notna() & rows[year].notna()]
    if "once" in entry:  # figures of an institution that stand in each of its rows
        inside = inside[inside[entry["once"]].notna()].drop_duplicates([place, year, entry["once"]])
    keys = [inside[place].rename("place"), inside[year].astype(int).rename("year")]
    counted, parts = _counted(inside, entry, own), []
    for group in _groups(inside, entry, own):
        each = counted.groupby([*keys, group]).agg(_total(entry))
        parts.append(each.join(_employers(inside, [*keys, group])) if entry.get("employers") else each)
    return pd.concat(parts).reset_index()


def _groups(rows: pd.DataFrame, entry: dict[str, Any], own: Path | None) -> list[pd.Series[str]]:
    """What rows are counted by: all together, then the groups of each declared dimension that the table holds."""
    found = [dimensions.groups(rows, each, entry["table"], own=own) for each in entry.get("by", [])]
    whole = pd.Series("", index=rows.index, dtype="str")
    return [each.rename("group") for each in (whole, *found) if each is not None]


def _employers(rows: pd.DataFrame, keys: list[pd.Series[Any]]) -> pd.DataFrame:
    """How many employers the rows of each figure come from, and how many rows the largest has; unknown ones count as one."""
    each = rows.groupby([*keys, pd.factorize(rows["employer_key"])[0]]).size()
    by = each.groupby(level=list(range(len(keys))))
    return pd.DataFrame({"n_employers": by.size(), "largest": by.max()})


def place_and_year(name: str) -> tuple[str, str]:
    """Columns of place and year of a clean or derived table."""
    if name in derived.PLACES:
        return derived.PLACES[name]
    table = schema.table(derived.source(name))
    return table.place, table.columns[table.date].year or table.date


def _check(name: str, entry: dict[str, Any], rows: pd.DataFrame) -> None:
    """Refuse conditions on columns that the clean table does not have."""
    wanted = {*entry.get("sum", {}).values(), *filter(None, [entry.get("unique"), entry.get("once")])}
    for part in _CONDITIONS:
        wanted |= conditions.columns(entry.get(part, {}))
    if faults := conditions.unknown(name, wanted, rows):
        raise FileRefused("{file}: {n} problems.", file="tallies.yml", n=len(faults), faults=faults)


def _counted(inside: pd.DataFrame, entry: dict[str, Any], own: Path | None) -> pd.DataFrame:
    """What each row adds to numerator and denominator; the key itself where keys are counted."""
    nothing = pd.Series(float("nan"), index=inside.index)
    parts: dict[str, Any] = {"numerator": pd.Series(1.0, index=inside.index), "denominator": nothing, "circular": nothing}
    told = entry.get("sum", {})
    for part in told:
        parts[part] = inside[told[part]].astype("float64")
    if "unique" in entry:
        parts["numerator"] = inside[entry["unique"]]
    if "numerator" in entry and "numerator" not in told:
        parts |= {"numerator": conditions.fits(inside, entry["numerator"], own).astype(float), "denominator": 1.0}
    if "circular" in entry:
        parts["circular"] = conditions.fits(inside, entry["circular"], own).astype(float)
    return pd.DataFrame(parts, index=inside.index)


def _total(entry: dict[str, Any]) -> dict[str, Any]:
    def added(part: pd.Series[float]) -> float:
        return float(part.sum(min_count=1))

    return {"numerator": "nunique" if "unique" in entry else "sum", "denominator": added, "circular": added}
