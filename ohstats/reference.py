"""Reference data that ships with the package: categories, indicators, targets, breaks; every row names its source."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import pandas as pd

from . import files
from .errors import Fault, FileRefused
from .paths import REFERENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NATION = "100000"
_YEAR = r"\d{4}"
_NEEDED = {
    "breaks": ["place", "first_period_after", "kind", "scope"],
    "targets": ["indicator_id", "comparator", "jurisdiction_code"],
    "indicators": ["indicator_id", "measure"],
    "exam_intervals": ["hazard_class", "interval_years"],
}
_WORDS = {
    ("breaks", "kind"): ("break", "note"),
    ("breaks", "scope"): ("place", "below"),
    ("targets", "comparator"): (">=", "<=", "trend_falling", "trend_rising", "reference", "qualitative", "none"),
    ("indicators", "measure"): ("proportion", "ratio", "count", "trend", "trend_share"),
    ("indicators", "basis"): ("census", "sample", ""),
    ("indicators", "counts"): ("case", "finding", "coverage", "employer", "point", "money", "context", ""),
    ("indicators", "direction"): ("up", "down", ""),
    ("indicators", "project"): ("A", "B", "C", "D", "management", "quality", "occurrence", "assistance", "context", ""),
    ("exam_intervals", "hazard_class"): ("dust", "chemical", "physical", "radiation", "biological", "other"),
}
_FORMS = {
    ("breaks", "first_period_after"): _YEAR,
    ("breaks", "last_period"): f"({_YEAR})?",
    ("targets", "in_force_from"): f"({_YEAR})?",
    ("targets", "in_force_to"): f"({_YEAR})?",
    ("targets", "target_value"): r"(\d+(\.\d+)?)?",
    ("indicators", "per"): r"(\d+(\.\d+)?)?",
    ("exam_intervals", "interval_years"): r"(?=.*[1-9])\d+(\.\d+)?",
}


@lru_cache(maxsize=16)
def _packaged(name: str) -> pd.DataFrame:
    return pd.read_csv(REFERENCE / f"{name}.csv", dtype=str, keep_default_na=False, encoding="utf-8")


def table(name: str, own: Path | None = None, *, key: str | list[str] | None = None) -> pd.DataFrame:
    """Rows of a packaged reference table, all as text, with a data set's own rows over them.

    Parameters
    ----------
    name : str
        "categories", "indicators", "targets", "breaks", "methods" or "exam_intervals".
    own : Path, optional
        Folder of a data set; its file `<name>.csv` adds rows.
    key : str or list of str, optional
        Column(s) that make a row the same: the data set's own row replaces the packaged one.

    Raises
    ------
    FileRefused
        The data set's file lacks a column that it needs, has a column that the table does not know, or holds values that
        are not understood; all such cells are listed.
    """
    rows = _packaged(name)
    path = own / f"{name}.csv" if own else None
    if path is None or not path.is_file():
        return rows.copy()
    added, _encoding = files.read_text_table(path)
    unknown = [column for column in added.columns if column not in ("row", *rows.columns)]
    lacking = [column for column in _NEEDED.get(name, []) if column not in added.columns]
    if unknown or lacking:
        raise FileRefused(
            "{file}: columns {columns} do not fit; the table has {known}.",
            file=path.name, columns=", ".join(unknown + lacking), known=", ".join(rows.columns),
        )  # fmt: skip
    added = added.apply(lambda column: column if column.name == "row" else column.str.strip())
    if faults := list(_faults(name, added)):
        raise FileRefused("{file}: {n} problems.", file=path.name, n=len(faults), faults=faults)
    both = pd.concat([rows, added.reindex(columns=rows.columns, fill_value="")], ignore_index=True)
    return both.drop_duplicates(key, keep="last", ignore_index=True) if key else both


def _faults(name: str, added: pd.DataFrame) -> Iterator[Fault]:
    """Cells of a data set's own rows that could not be understood later on."""
    for (table, column), words in _WORDS.items():
        if table == name and column in added.columns:
            bad = added.loc[~added[column].isin(words), ["row", column]]
            for row, value in bad.itertuples(index=False):
                known = ", ".join(filter(None, words))
                yield Fault("row {row}: {column} '{value}' is none of {known}", row=row, column=column, value=value, known=known)
    for (table, column), form in _FORMS.items():
        if table == name and column in added.columns:
            bad = added.loc[~added[column].str.fullmatch(form), ["row", column]]
            for row, value in bad.itertuples(index=False):
                yield Fault("row {row}: {column} '{value}' is not written as a number", row=row, column=column, value=value)


def name_of(row: pd.Series[str] | dict[str, str], language: str, column: str = "name") -> str:
    """Name of a reference row in the language asked for, else in the other one."""
    return str(row[f"{column}_{language}"] or row[f"{column}_{'en' if language == 'zh' else 'zh'}"])


def category_names(language: str) -> dict[str, str]:
    """Name of each category of diseases by its key."""
    rows = table("categories")
    return {row["key"]: name_of(row, language) for row in rows.to_dict("records")}


def above(key: str, parents: dict[str, str]) -> list[str]:
    """A category and all that it lies in; a circle of own categories ends."""
    chain = [key]
    while (parent := parents.get(chain[-1], "")) and parent not in chain:
        chain.append(parent)
    return chain


def category_keys(own: Path | None = None) -> dict[str, str]:
    """Key of each category of diseases by all that it is called, in small letters: its key and its names."""
    rows = table("categories", own, key="key")
    return {
        row[name].lower(): row["key"] for name in ("name_en", "name_zh", "key") for row in rows.to_dict("records") if row[name]
    }
