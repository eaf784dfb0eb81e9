"""Raw text tables to clean ones: declared types and codes, every change in the audit, every refused row in the quarantine.

Rows in = rows clean + rows quarantined. Polars works inside, pandas is what goes in and comes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
import polars as pl

from . import corrections, files, periods, reference, schema
from .errors import Fault, FileRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .dataset import Dataset
    from .paths import Workspace

_ZERO_WIDTH = "[\u200b\u200c\u200d\u2060\ufeff]"
_TRUE, _FALSE = (
    ("yes", "y", "true", "1", "\u662f"),
    ("no", "n", "false", "0", "\u5426", ""),
)  # the words yes and no of the forms
_QUARANTINE = ["table", "file", "row", "reason", "original"]
_AUDIT = ["table", "file", "row", "column", "rule", "old", "new"]


@dataclass(frozen=True)
class Cleaned:
    """One or several tables after cleaning."""

    tables: dict[str, pd.DataFrame]
    quarantine: pd.DataFrame
    audit: pd.DataFrame
    rows: dict[str, dict[str, int]]  # file -> rows in, clean, quarantined


def clean_table(raw: pd.DataFrame, table: schema.Table, *, file: str, places: set[str], categories: Mapping[str, str]) -> Cleaned:
    """One raw table, cleaned by its declaration.

    Parameters
    ----------
    raw : DataFrame
        Cells as text under the file's headers, with the row number of the file in `row`; not modified.
    table : schema.Table
        What the columns are and what may stand in them.
    file : str
        Name of the file, for the quarantine and the audit.
    places : set of str
        Codes that the data set declares.
    categories : mapping of str
        Key of each category of diseases by its key and its names, in small letters.

    Raises
    ------
    FileRefused
        A required column is missing, or two headers mean the same column.
    """
    frame = _headed(raw, table, file)
    normal = frame.with_columns(_normalised(column) for column in table.columns.values())
    parsed = normal.with_columns(part for column in table.columns.values() for part in _parse(column, normal, places, categories))
    parsed = parsed.with_columns(_reason(table).alias("reason"))
    parsed = _duplicates(parsed, table)
    bad = parsed["reason"] != ""
    clean = parsed.filter(~bad).select(_kept(table))
    quarantine = frame.filter(bad).select(
        pl.lit(table.name).alias("table"),
        pl.lit(file).alias("file"),
        "row",
        parsed.filter(bad)["reason"].alias("reason"),
        pl.struct(list(table.columns)).struct.json_encode().alias("original"),
    )
    audit = pl.concat([_changes(frame, normal, table, "normalised"), _blanked(normal, parsed, table)])
    audit = audit.select(pl.lit(table.name).alias("table"), pl.lit(file).alias("file"), *_AUDIT[2:])
    return Cleaned(
        {table.name: clean.to_pandas()},
        quarantine.to_pandas(),
        audit.to_pandas(),
        {file: {"in": frame.height, "clean": clean.height, "quarantined": quarantine.height}},
    )


def clean_dataset(dataset: Dataset) -> Cleaned:
    """All declared tables of a data set, corrected, cleaned and held against its coverage.

    Raises
    ------
    FileRefused
        A file cannot be read, a correction does not fit, or rows lie outside what the data set says it covers.
    """
    tables = {name: path for name in schema.tables() if (path := dataset.folder / f"{name}.csv").is_file()}
    if missing := sorted({cover.table for cover in dataset.covers} - set(tables)):
        files.read_bytes(dataset.folder / f"{missing[0]}.csv")  # refused: covered, and not there
    entries = corrections.read(dataset.folder / "corrections.yml", tables)
    categories = reference.category_keys(dataset.folder)
    parts = []
    for name, path in tables.items():
        table = schema.table(name)
        raw, _encoding = files.read_text_table(path)
        raw, corrected = corrections.apply(raw, entries[name], file="corrections.yml")
        part = clean_table(raw, table, file=path.name, places=set(dataset.places["code"]), categories=categories)
        made = corrected.assign(table=table.name, file=path.name)[_AUDIT] if len(corrected) else part.audit.head(0)
        parts.append(Cleaned(part.tables, part.quarantine, pd.concat([made, part.audit]) if len(made) else part.audit, part.rows))
    whole = Cleaned(
        {name: frame for part in parts for name, frame in part.tables.items()},
        pd.concat([part.quarantine for part in parts], ignore_index=True),
        pd.concat([part.audit for part in parts], ignore_index=True),
        {file: numbers for part in parts for file, numbers in part.rows.items()},
    )
    _check_coverage(whole.tables, dataset)
    return whole


def save(cleaned: Cleaned, dataset: Dataset, workspace: Workspace) -> None:
    """Write clean tables, quarantine and audit into the workspace, in a folder that only its owner can open."""
    files.private(workspace.work)
    folder = files.private(workspace.clean(dataset.id))
    for name, frame in {**cleaned.tables, "quarantine": cleaned.quarantine, "audit": cleaned.audit}.items():
        files.write_parquet(frame, folder / f"{name}.parquet")
    files.write_json({"hash": dataset.hash, "rows": cleaned.rows, "tables": sorted(cleaned.tables)}, folder / "clean.json")


def _headed(raw: pd.DataFrame, table: schema.Table, file: str) -> pl.DataFrame:
    """The declared columns under their canonical names; those that are absent and not required come empty."""
    found = {header: table.canonical(str(header)) for header in raw.columns if header != "row"}
    names = [name for name in found.values() if name]
    lacking = [column.name for column in table.columns.values() if column.required and column.name not in names]
    twice = sorted({name for name in names if names.count(name) > 1})
    if lacking or twice:
        faults = [
            Fault(
                "column {column} is missing; headers understood: {headers}",
                column=name,
                headers=", ".join([name, *table.columns[name].headers]),
            )
            for name in lacking
        ] + [Fault("two headers mean the column {column}", column=name) for name in twice]
        raise FileRefused("{file}: the header does not fit the table {table}.", file=file, table=table.name, faults=faults)
    known = {header: name for header, name in found.items() if name}
    frame = pl.from_pandas(raw[["row", *known]].rename(columns=known))
    absent = [pl.lit("").alias(name) for name in table.columns if name not in names]
    return frame.with_columns(absent).with_columns(pl.col(name).fill_null("") for name in table.columns)


def _normalised(column: schema.Column) -> pl.Expr:
    """One width for codes and figures; prose keeps its own punctuation."""
    text = pl.col(column.name)
    wide = text if column.type == "prose" else text.str.normalize("NFKC")
    return wide.str.replace_all(_ZERO_WIDTH, "").str.strip_chars()


def _parse(column: schema.Column, frame: pl.DataFrame, places: set[str], categories: Mapping[str, str]) -> list[pl.Expr]:
    """The parsed value, and in `<name>!` whether the text is not what was declared."""
    text, name = pl.col(column.name), column.name
    filled = text != ""
    if column.type == "code":
        return [text.alias(name), (filled & ~text.is_in(list(places))).alias(f"{name}!")]
    if column.type == "period":
        known = {value: str(periods.parse(value)) for value in frame[name].unique() if periods.is_period(value)}
        return [text.replace(known).alias(name), (filled & ~text.is_in(list(known))).alias(f"{name}!")]
    if column.type == "count":
        grouped = pl.when(text.str.contains(r"^[0-9]{1,3}(,[0-9]{3})+$")).then(text.str.replace_all(",", "")).otherwise(text)
        number = grouped.str.extract(r"^([0-9]{1,15})(?:\.0+)?$").cast(pl.Int64)
        below = text.str.extract(r"^<\s*([0-9]{1,6})$").cast(pl.Int64)
        hidden = (text == "*") | below.is_not_null()
        high = pl.when(text == "*").then(None).otherwise(below - 1)
        return [
            number.alias(name),
            hidden.alias(f"{name}_hidden"),
            high.alias(f"{name}_high"),
            (filled & number.is_null() & ~hidden).alias(f"{name}!"),
        ]
    if column.type in ("choice", "category"):
        chosen = {alias.lower(): key for key, aliases in column.choices.items() for alias in [key, *aliases]}
        to = chosen if column.type == "choice" else dict(categories)
        value = text.str.to_lowercase().replace_strict(to, default=None, return_dtype=pl.String)
        return [value.fill_null("").alias(name), (filled & value.is_null()).alias(f"{name}!")]
    if column.type == "flag":
        low = text.str.to_lowercase()
        return [low.is_in(list(_TRUE)).alias(name), (~low.is_in([*_TRUE, *_FALSE])).alias(f"{name}!")]
    if column.type == "date":
        day = text.str.to_date("%Y-%m-%d", strict=False)
        return [day.dt.to_string("%Y-%m-%d").fill_null("").alias(name), (filled & day.is_null()).alias(f"{name}!")]
    return [text.alias(name), pl.lit(False).alias(f"{name}!")]


def _reason(table: schema.Table) -> pl.Expr:
    """Why a row cannot be counted: faults of counting columns only."""
    parts = []
    for column in table.columns.values():
        if not column.counting:
            continue
        parts.append(pl.when(pl.col(f"{column.name}!")).then(pl.lit(f"invalid:{column.name}")))
        if column.required and column.type != "count":
            parts.append(pl.when((pl.col(column.name) == "") & ~pl.col(f"{column.name}!")).then(pl.lit(f"missing:{column.name}")))
    return pl.concat_str(parts, separator=";", ignore_nulls=True)


def _duplicates(frame: pl.DataFrame, table: schema.Table) -> pl.DataFrame:
    """Same key: an equal row again is quarantined as a duplicate, different figures all as a conflict."""
    counts = [column.name for column in table.columns.values() if column.type == "count"]
    good = frame.filter(pl.col("reason") == "")
    figures = pl.struct(*counts, *[f"{name}_hidden" for name in counts])
    marked = good.select(
        "row",
        pl.when(figures.n_unique().over(table.key) > 1)
        .then(pl.lit("conflict:" + "+".join(table.key)))
        .when(pl.col("row") != pl.col("row").min().over(table.key))
        .then(pl.lit("duplicate:" + "+".join(table.key)))
        .otherwise(pl.lit(""))
        .alias("twice"),
    )
    joined = frame.join(marked, on="row", how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce(pl.col("twice"), "reason").alias("reason"))


def _kept(table: schema.Table) -> list[str]:
    extra = [
        f"{column.name}_{part}" for column in table.columns.values() if column.type == "count" for part in ("hidden", "high")
    ]
    return ["row", *table.columns, *extra]


def _changes(before: pl.DataFrame, after: pl.DataFrame, table: schema.Table, rule: str) -> pl.DataFrame:
    parts = [
        pl.DataFrame({"row": before["row"], "old": before[name], "new": after[name]})
        .filter(pl.col("old") != pl.col("new"))
        .select("row", pl.lit(name).alias("column"), pl.lit(rule).alias("rule"), "old", "new")
        for name in table.columns
    ]
    return pl.concat(parts)


def _blanked(normal: pl.DataFrame, parsed: pl.DataFrame, table: schema.Table) -> pl.DataFrame:
    """Values of other columns that are not what was declared: blanked, the row stays."""
    parts = [
        normal.filter(parsed[f"{column.name}!"]).select(
            "row",
            pl.lit(column.name).alias("column"),
            pl.lit(f"invalid:{column.type}").alias("rule"),
            pl.col(column.name).alias("old"),
            pl.lit("").alias("new"),
        )
        for column in table.columns.values()
        if not column.counting
    ]
    return pl.concat(parts)


def _check_coverage(tables: Mapping[str, pd.DataFrame], dataset: Dataset) -> None:
    """Refuse counts that the data set does not say it covers: a period without rows could not be told from 0."""
    frame = tables.get("case_counts")
    if frame is None:
        return
    covered = {
        (code, month)
        for cover in dataset.covers
        if cover.table == "case_counts"
        for code in cover.places
        for month in cover.span.months
    }
    outside: dict[tuple[str, str], set[int]] = {}
    for code, text, basis in sorted(set(zip(frame["place"], frame["period"], frame["year_basis"], strict=True))):
        years = {year for year, month in periods.parse(text).months if (code, (year, month)) not in covered}
        if years:
            outside.setdefault((code, basis), set()).update(years)
    faults = [
        Fault(
            'add to covers: {{table: case_counts, places: ["{code}"], periods: {years}, year_basis: {basis}, keys: [total]}}',
            code=code,
            years=first if first == last else f"{first}..{last}",
            basis=basis,
        )
        for (code, basis), years in sorted(outside.items())
        for first, last in periods.runs(years)
    ]
    if faults:
        raise FileRefused(
            "{file}: case_counts.csv has rows that it does not cover.", file=f"{dataset.folder.name}/dataset.yml", faults=faults
        )
