"""Reference data that ships with the package: categories, indicators, targets, breaks; every row names its source."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import pandas as pd

from .errors import FileRefused
from .paths import REFERENCE

if TYPE_CHECKING:
    from pathlib import Path

NATION = "100000"


@lru_cache(maxsize=16)
def _packaged(name: str) -> pd.DataFrame:
    return pd.read_csv(REFERENCE / f"{name}.csv", dtype=str, keep_default_na=False, encoding="utf-8")


def table(name: str, own: Path | None = None, *, key: str | list[str] | None = None) -> pd.DataFrame:
    """Rows of a packaged reference table, all as text, with a data set's own rows over them.

    Parameters
    ----------
    name : str
        "categories", "indicators", "targets" or "breaks".
    own : Path, optional
        Folder of a data set; its file `<name>.csv` adds rows.
    key : str or list of str, optional
        Column(s) that make a row the same: the data set's own row replaces the packaged one.

    Raises
    ------
    FileRefused
        The data set's file lacks the key or has a column that the table does not know.
    """
    rows = _packaged(name)
    path = own / f"{name}.csv" if own else None
    if path is None or not path.is_file():
        return rows.copy()
    added = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    unknown = [column for column in added.columns if column not in rows.columns]
    lacking = [column for column in [key] if isinstance(column, str) and column not in added.columns]
    if unknown or lacking:
        raise FileRefused(
            "{file}: columns {columns} do not fit; the table has {known}.",
            file=path.name, columns=", ".join(unknown + lacking), known=", ".join(rows.columns),
        )  # fmt: skip
    both = pd.concat([rows, added.reindex(columns=rows.columns, fill_value="")], ignore_index=True)
    return both.drop_duplicates(key, keep="last", ignore_index=True) if key else both


def name_of(row: pd.Series[str] | dict[str, str], language: str, column: str = "name") -> str:
    """Name of a reference row in the language asked for, else in the other one."""
    return str(row[f"{column}_{language}"] or row[f"{column}_{'en' if language == 'zh' else 'zh'}"])


def category_names(language: str) -> dict[str, str]:
    """Name of each category of diseases by its key."""
    rows = table("categories")
    return {row["key"]: name_of(row, language) for row in rows.to_dict("records")}
