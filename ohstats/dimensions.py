"""By what counts are broken down: the groups of records, and how they are called and ordered (`reference/dimensions.yml`)."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from . import codes, files
from .paths import REFERENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

UNKNOWN = "unknown"
"""Code of records whose group is not known: groups of a dimension always add up to the whole."""
_LONGEST = 40


@lru_cache(maxsize=1)
def declared() -> dict[str, dict[str, Any]]:
    """Declarations by dimension, in the order in which reports show them."""
    told: dict[str, dict[str, Any]] = files.read_yaml(REFERENCE / "dimensions.yml")
    return told


def group(dimension: str, code: str) -> str:
    """A group as Counts write it."""
    return f"{dimension}={code}"


def groups(rows: pd.DataFrame, dimension: str, table: str, *, own: Path | None = None) -> pd.Series[str] | None:
    """The group of each record, as Counts write it.

    Parameters
    ----------
    rows : DataFrame
        Records of a clean or derived table; not modified.
    dimension : str
        One of `declared()`.
    table : str
        Name of the table, where the column depends on it.
    own : Path, optional
        Folder of a data set with its own `codes/*.csv`.

    Returns
    -------
    Series of str or None
        `dimension=code`; None where the table has nothing of this dimension.
    """
    told = declared()[dimension]
    column = told["column"].get(table, "") if isinstance(told["column"], dict) else told["column"]
    if column not in rows or not rows[column].notna().any():
        return None
    values = rows[column]
    if "cuts" in told:
        made = pd.cut(values.astype("float64"), [-np.inf, *told["cuts"], np.inf], labels=bands(dimension), right=False).astype(
            "object"
        )
    else:
        code = _plain if told.get("text") else _coder(told, values, own)
        made = values.map({value: code(str(value)) for value in values.dropna().unique()}).astype("object")
    return (dimension + "=" + made.where(made.notna() & (made != ""), UNKNOWN).astype("str")).astype("str")


def bands(dimension: str) -> list[str]:
    """Codes of the bands of a dimension with cut points, lowest first: "<5", "5-9", "10-19", "20+"."""
    cuts = declared()[dimension]["cuts"]
    inner = [f"{low}-{high - 1}" if high - low > 1 else str(low) for low, high in pairwise(cuts)]
    return [f"<{cuts[0]}", *inner, f"{cuts[-1]}+"]


def names(dimension: str, language: str) -> dict[str, str]:
    """Name of each declared code in the order in which reports show them; free text has none but itself."""
    return dict(_names(dimension, language))


@lru_cache(maxsize=64)
def _names(dimension: str, language: str) -> dict[str, str]:
    told = declared()[dimension]
    if "cuts" in told:
        return {code: code.replace("-", "\u2013") for code in bands(dimension)}
    if told.get("text"):
        return {}
    rows = codes.table(told.get("names", told["list"]))
    if "take" in told:
        rows = rows[rows["code"].map(_taken(told["take"])) == rows["code"]]
    column = "code" if "names" in told else told.get("to", "code")
    last = rows.sort_values("valid_from", kind="stable").drop_duplicates(column, keep="last")  # the latest edition's name
    first = rows.drop_duplicates(column)[column]
    found: dict[str, str] = last.set_index(column)[f"name_{language}"].reindex(first).to_dict()
    return found


def _taken(pattern: str) -> Callable[[str], str]:
    take = re.compile(pattern)
    return lambda value: next(filter(None, found.groups()), "") if (found := take.search(value)) else ""


def _plain(text: object) -> str:
    """Free text as a code: without the signs that a group is written with, and no longer than a name."""
    return " ".join(str(text).replace(";", "\uff1b").replace("=", "\uff1d").split())[:_LONGEST]


def _coder(told: dict[str, Any], values: pd.Series[str], own: Path | None) -> Callable[[str], str]:
    """What gives the code of a value: a part of it, or what the code list says that it belongs to; empty where there is none.

    Where a code means different things in different editions, the edition counts whose own codes the table holds most often.
    """
    if "take" in told:
        return _taken(told["take"])
    rows, column = codes.table(told["list"], own), told.get("to", "code")
    name = column if column == "disease_id" else "code"
    alone = rows[~rows[name].duplicated(keep=False)].set_index(name)["edition"]
    use = values.map(alone.to_dict()).value_counts()
    rows = rows.sort_values("edition", key=lambda edition: edition.map(use).fillna(0), kind="stable")
    known = dict(zip(rows[name], rows[column], strict=True))
    return lambda value: known.get(value, "")
