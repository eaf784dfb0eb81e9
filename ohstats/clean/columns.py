"""Columns of one batch: each cell gets its value, the rule that changed it and the fault that it has.

Cells of most columns repeat: distinct texts are read once and put back. The rules are polars expressions, the same for a
small frame and for a big file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from . import dates, identity, lookups, numbers, text

if TYPE_CHECKING:
    from ..schema import Column
    from .context import Context

_MOST_TEXTS = 300_000  # of a column that are remembered
_TEXTS = ("text", "prose", "name", "address")  # mostly distinct: read row by row where a glance is not enough
TYPES: dict[str, type[pl.DataType]] = {
    "flag": pl.Boolean, "number": pl.Float64, "years": pl.Float64, "reading": pl.Float64,
    "whole": pl.Int64, "count": pl.Int64, "year": pl.Int32,
}  # fmt: skip


def read(raw: pl.DataFrame, context: Context) -> pl.DataFrame:
    """All declared columns of a batch.

    Returns
    -------
    DataFrame
        For each declared column `c`: `c` (value), and where there are any `c!` (fault) and `c~` (rule); companion columns of the
        types (`birth_year`, `n_hidden`, `id_number?birth` …). Columns that the file lacks come empty.
    """
    made: list[pl.Series] = []
    for column in context.table.columns.values():
        if column.name in raw.columns:
            made += _column(raw[column.name], column, context)
        else:
            made += _empty(column, raw.height)
    taken = {series.name for series in made}
    years = [c.year for c in context.table.columns.values() if c.year and c.year not in taken]
    made += [pl.Series(name, [None], dtype=pl.Int32).new_from_index(0, raw.height) for name in dict.fromkeys(years)]
    unique: dict[str, pl.Series] = {}
    for series in made:  # a given year stands; the year of a date fills it (rows.years)
        unique.setdefault(series.name, series)
    return pl.DataFrame(list(unique.values()))


def kind_of(column: Column) -> type[pl.DataType]:
    """Type of the values of a column."""
    return TYPES.get(column.type, pl.String)


def _empty(column: Column, height: int) -> list[pl.Series]:
    value = False if column.blank == "no" else None
    names = {column.name: (kind_of(column), value)}
    if column.type == "count":
        names |= {f"{column.name}_hidden": (pl.Boolean, False), f"{column.name}_high": (pl.Int64, None)}
    if column.type == "reading":
        names |= {f"{column.name}_lod": (pl.Float64, None), f"{column.name}_censored": (pl.Boolean, None)}
    return [pl.Series(name, [told], dtype=kind).new_from_index(0, height) for name, (kind, told) in names.items()]


def _column(raw: pl.Series, column: Column, context: Context) -> list[pl.Series]:
    if column.type == "id":
        return _named(identity.parse(raw), column, {"birth": "?birth", "male": "?male", "other": "?other"})
    if column.type in _TEXTS:
        return _texts(raw, column)
    found = _known(raw.unique().to_frame("raw"), column, context)
    extras = {
        "date": {"year": "?year", "day": "?day"},
        "uscc": {"wrong": "?wrong"},
        "reading": {"lod": "_lod", "censored": "_censored"},
        "count": {"hidden": "_hidden", "high": "_high"},
        "division": {"until": "?until"},
        "disease": {"glued": "?glued"},
    }.get(column.type, {})
    wanted = ["value", *extras, *(name for name in ("rule", "fault") if found[name].null_count() < found.height)]
    joined = raw.to_frame("raw").join(found.select("raw", *wanted), on="raw", how="left", maintain_order="left")
    made = _named(joined, column, extras)
    if column.blank == "no":
        made[0] = made[0].fill_null(False)
    return made


def _known(cells: pl.DataFrame, column: Column, context: Context) -> pl.DataFrame:
    """What distinct texts mean; those of earlier batches are not read again."""
    key = (column.name, context.since_1904)
    before = context.memory.get(key)
    if before is None or before.height > _MOST_TEXTS:
        context.memory[key] = _parsed(cells, column, context)
    else:
        new = cells.join(before, on="raw", how="anti")
        if new.height:
            context.memory[key] = pl.concat([before, _parsed(new, column, context)])
    return context.memory[key]


def _parsed(cells: pl.DataFrame, column: Column, context: Context) -> pl.DataFrame:
    own = context.own
    kind = column.type
    if kind == "date":
        return dates.parse(cells, column, today=context.today, since_1904=context.since_1904)
    if kind == "year":
        return dates.parse_year(cells, column, today=context.today)
    if kind == "period":
        return dates.parse_period(cells)
    if kind in ("number", "whole"):
        return numbers.parse(cells, column)
    if kind == "years":
        return numbers.parse_years(cells, column)
    if kind == "reading":
        return numbers.parse_reading(cells, column)
    if kind == "count":
        return numbers.parse_count(cells)
    if kind == "firm":
        return text.parse(cells, kind)
    if kind == "uscc":
        return identity.parse_uscc(cells)
    if kind == "division":
        return lookups.parse_division(cells, own, context.own_places)
    if kind == "disease":
        return lookups.parse_disease(cells, own)
    if kind == "industry":
        return lookups.parse_industry(cells, own)
    if kind == "category":
        return lookups.parse_category(cells, context.folder)
    if kind == "code":
        return lookups.parse_code(cells, column, own)
    if kind == "codes":
        return lookups.parse_codes(cells, column, own)
    return lookups.parse_choice(cells, column) if kind == "choice" else lookups.parse_flag(cells)


def _texts(raw: pl.Series, column: Column) -> list[pl.Series]:
    """Texts: what certainly needs no rule stays as it is, the others are read once each."""
    kind = "card" if column.card else "text" if column.type == "address" else column.type
    cells = raw.to_frame("raw")
    blank_is_missing = pl.when(pl.col("raw") != "").then("raw").alias(column.name)
    doubtful = cells.filter((pl.col("raw") != "") & ~text.plain(kind)).unique()
    if not doubtful.height:
        return [cells.select(blank_is_missing)[column.name]]
    found = text.parse(doubtful, kind)
    wanted = [name for name in ("rule", "fault") if found[name].null_count() < found.height]
    extras = {"damaged": "?damaged"} if kind == "name" and found["damaged"].any() else {}
    found = found.select("raw", "value", *wanted, *extras).with_columns(pl.lit(True).alias("seen"))
    joined = cells.join(found, on="raw", how="left", maintain_order="left")
    value = pl.when(pl.col("seen")).then("value").when(pl.col("raw") != "").then("raw")
    return _named(joined.with_columns(value.alias("value")), column, extras)


def _named(frame: pl.DataFrame, column: Column, extras: dict[str, str]) -> list[pl.Series]:
    """Series under the names of `read`."""
    made = [frame["value"].cast(kind_of(column)).alias(column.name)]
    for part, mark in (("rule", "~"), ("fault", "!")):
        if part in frame.columns and frame[part].null_count() < frame.height:
            made.append(frame[part].alias(f"{column.name}{mark}"))
    return made + [frame[part].alias(column.name + name) for part, name in extras.items()]
