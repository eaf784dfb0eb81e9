"""Records as an export shows them: Chinese headings, names instead of codes, one text a cell."""

from __future__ import annotations

import csv
import io
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import codes, schema
from .plan import read
from .rows import Table, iso, lookup

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from ..schema import Column

_AS_CODES = ("radiation_jobs", "economic_types")  # lists whose names are not looked up


def declared(file: str) -> schema.Table:
    """The declared table of a file of records."""
    return schema.table(file.removesuffix("_summary"))


def texts(made: Table, file: str) -> Table:
    """A table of records as text, columns in the order of the declaration."""
    table = declared(file)
    days = made[table.date] if table.date in made else np.full(len(made), "", dtype=object)
    shown = {}
    for column in table.columns.values():
        if column.name in made:
            shown[column.name] = _cells(made[column.name], column, days)
        elif column.name == "category_code" and "disease_id" in made:
            shown[column.name] = _catalogue(made["disease_id"], days, 1)
    return Table(len(made), **shown)


def headings(file: str, names: Iterable[str]) -> list[str]:
    """Headings of columns."""
    return [declared(file).columns[name].title for name in names]


def lines(rows: Iterable[Iterable[str]], delimiter: str = ",") -> str:
    """Rows as delimited text."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _cells(values: NDArray[Any], column: Column, days: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind == "M":
        return iso(values)
    if column.type == "disease":
        return _catalogue(values, days, 0)
    words = read("synthetic_records")["texts"]
    if column.type == "flag":
        return _named(values, {True: words["yes"], False: words["no"], "": ""})
    if column.type == "choice":
        return _named(values, {"": "", **{key: texts[0] for key, texts in column.choices.items()}})
    if column.type == "code" and column.list not in _AS_CODES:
        return _named(values, {"": "", **_names(column.list)})
    if column.type == "codes":
        known = _names(column.list)
        several = {text: words["comma"].join(known[part] for part in text.split("|") if part) for text in set(values)}
        return _named(values, several)
    return values.astype(str).astype(object)


def _named(values: NDArray[Any], names: dict[Any, str]) -> NDArray[Any]:
    return lookup([names[value] for value in values.tolist()])


@lru_cache(maxsize=64)
def _names(name: str) -> dict[str, str]:
    rows = codes.table(name)
    return dict(zip(rows["code"], rows["name_zh"], strict=True))


@lru_cache(maxsize=1)
def _editions() -> dict[tuple[bool, str], tuple[str, str]]:
    """Name and category of a disease before and from the day of the newer catalogue on."""
    rows, categories = codes.table("diseases"), codes.table("disease_categories")
    of = dict(zip(zip(categories["edition"], categories["code"], strict=True), categories["name_zh"], strict=True))
    cells = zip(rows["edition"], rows["disease_id"], rows["name_zh"], rows["parent"], strict=True)
    return {(edition == "2025", disease): (name, of[edition, parent]) for edition, disease, name, parent in cells}


def _catalogue(diseases: NDArray[Any], days: NDArray[Any], which: int) -> NDArray[Any]:
    """Names (0) or categories (1) of diseases, in the edition that was in force on the day."""
    known = _editions()
    text = iso(days) if days.dtype.kind == "M" else days
    cells = zip(text.tolist(), diseases.tolist(), strict=True)
    return lookup([known[day >= codes.BRIDGE, name][which] if name else "" for day, name in cells])
