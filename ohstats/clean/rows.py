"""Rules across the columns of a row, and whether the row can be counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from ..schema import heading
from .words import FAMILY, WORDS, tidy

if TYPE_CHECKING:
    from ..schema import Column
    from .context import Context

LATE_DAYS = 90
"""A report more than so many days after the diagnosis, in a later year, is a late supplement."""
YOUNGEST = 14
"""Age before which no exposure at work is counted."""


@dataclass
class Rows:
    """A batch on its way: parsed columns, flags of rows, and why rows cannot be counted (`reason`, "" where they can)."""

    context: Context
    frame: pl.DataFrame
    flags: list[tuple[str, str, pl.Series]] = field(default_factory=list)  # rule, column, where
    reason: pl.Series = field(default_factory=lambda: pl.Series([], dtype=pl.String))

    def has(self, *names: str) -> bool:
        """Whether all these columns hold anything."""
        return all(name in self.frame.columns and self.frame[name].null_count() < self.frame.height for name in names)

    def where(self, condition: pl.Expr) -> pl.Series:
        """Rows where a condition certainly holds."""
        return self.frame.select(condition.fill_null(False).alias("where"))["where"]

    def flag(self, rule: str, column: str, where: pl.Series) -> None:
        """Note something about rows; no cell changes."""
        if where.any():
            self.flags.append((rule, column, where))

    def put(self, column: str, where: pl.Series, value: pl.Expr, rule: str) -> None:
        """Change cells by a rule, which takes the place of an earlier rule of theirs."""
        if not where.any():
            return
        mark = f"{column}~"
        before = pl.col(mark) if mark in self.frame.columns else pl.lit(None, pl.String)
        kind = self.frame.schema[column]
        self.frame = self.frame.with_columns(where.alias("?where")).with_columns(
            pl.when("?where").then(value.cast(kind)).otherwise(column).alias(column),
            pl.when("?where").then(pl.lit(rule)).otherwise(before).alias(mark),
        )
        self.frame = self.frame.drop("?where")


def judge(parsed: pl.DataFrame, raw: pl.DataFrame, context: Context, headings: dict[str, str]) -> Rows:
    """All rules of rows, in the order in which they need each other."""
    rows = Rows(context, parsed)
    _assumed(rows)
    _persons(rows)
    _years(rows)
    _diseases(rows)
    _orders(rows)
    _exposure(rows)
    _checks(rows)
    rows.reason = _reasons(rows, raw, headings)
    return rows


def _assumed(rows: Rows) -> None:
    """What a file without the column is taken for (one line of the audit is written by the reader)."""
    for column in rows.context.table.columns.values():
        if column.assume and column.name not in rows.context.given:
            rows.frame = rows.frame.with_columns(pl.lit(column.assume).alias(column.name))


def _persons(rows: Rows) -> None:
    columns = rows.context.table.columns
    for column in columns.values():
        if f"{column.name}?damaged" in rows.frame.columns:
            rows.flag("name_damaged", column.name, rows.where(pl.col(f"{column.name}?damaged")))
        if f"{column.name}?wrong" in rows.frame.columns:
            rows.flag("uscc_check", column.name, rows.frame[f"{column.name}?wrong"])
    if "id_number" not in columns:
        return
    if "id_number?birth" not in rows.frame.columns:
        return
    blank = pl.col("id_number").is_null()
    if "id_number~" in rows.frame.columns:
        blank &= pl.col("id_number~").is_null() | (pl.col("id_number~") != "no_person_key")
    rows.flag("no_person_key", "id_number", rows.where(blank))
    other = rows.where(pl.col("id_number?other"))
    rows.flag("other_document", "id_number", other)
    if other.any():
        rows.put(
            "id_type", rows.where(pl.col("id_number?other") & pl.col("id_type").fill_null("01").eq("01")), pl.lit("99"), "coded"
        )
    if rows.has("birth_date~"):  # some people were born on the day that spreadsheets write for nothing
        sentinel = (pl.col("birth_date~") == "date_sentinel") & (pl.col("id_number?birth") == pl.date(1970, 1, 1))
        rows.put("birth_date", rows.where(sentinel), pl.lit("1970-01-01"), "birth_confirmed")
    if rows.has("birth_date?day", "id_number?birth"):
        rows.flag("birth_mismatch", "birth_date", rows.where(pl.col("birth_date?day") != pl.col("id_number?birth")))
    if rows.has("sex", "id_number?male"):
        rows.flag("sex_mismatch", "sex", rows.where((pl.col("sex") == "1") != pl.col("id_number?male")))


def _years(rows: Rows) -> None:
    """Years of dates; a year of its own column fills a date that is not known, and may not contradict it."""
    for column in rows.context.table.columns.values():
        if column.type != "date" or not column.year:
            continue
        dated = f"{column.name}?year"
        if dated not in rows.frame.columns:
            rows.frame = rows.frame.with_columns(pl.lit(None, pl.Int32).alias(dated))
        if column.year in rows.context.given:
            differ = rows.where(pl.col(dated) != pl.col(column.year))
            rows.put(column.name, differ, pl.lit(None), "date_ambiguous")
            rows.frame = rows.frame.with_columns(
                pl.when(pl.Series("differ", differ)).then(None).otherwise(pl.coalesce(dated, column.year)).alias(column.year)
            )
            if differ.any():
                fault = pl.when(pl.Series("differ", differ)).then(pl.lit("date_ambiguous"))
                rest = pl.col(f"{column.name}!") if f"{column.name}!" in rows.frame.columns else pl.lit(None, pl.String)
                rows.frame = rows.frame.with_columns(fault.otherwise(rest).alias(f"{column.name}!"))
            untold = pl.col(column.name).is_null() & pl.col(column.year).is_not_null() & pl.col(dated).is_null()
            rows.flag("date_partial", column.name, rows.where(untold))
        else:
            rows.frame = rows.frame.with_columns(pl.col(dated).alias(column.year))
    if "birth_year" in rows.frame.columns and "id_number?birth" in rows.frame.columns:
        numbered = pl.col("id_number?birth").dt.year()
        rows.frame = rows.frame.with_columns(pl.coalesce("birth_year", numbered).alias("birth_year"))


def _diseases(rows: Rows) -> None:
    """A stage that came with the name of the disease."""
    if not rows.has("disease_id?glued") or "stage" not in rows.frame.columns:
        return
    glued = pl.col("disease_id?glued")
    conflict = rows.where(glued.is_not_null() & pl.col("stage").is_not_null() & (glued != pl.col("stage")))
    rows.put("stage", rows.where(glued.is_not_null() & pl.col("stage").is_null()), glued, "stage_from_name")
    rows.put("stage", conflict, pl.lit(None), "stage_conflict")


def _orders(rows: Rows) -> None:
    """Report after diagnosis; exposure before it."""
    date = rows.context.table.date
    if date not in rows.context.table.columns or not rows.has(date):
        return
    if rows.has("report_date"):
        before = rows.where(pl.col("report_date?day") < pl.col(f"{date}?day"))
        rows.put("report_date", before, pl.lit(None), "date_order")
        if before.any():
            year = pl.when(pl.Series("before", before)).then(None).otherwise("report_year")
            rows.frame = rows.frame.with_columns(year.alias("report_year"))
        if date in ("diagnosis_date", "found_date"):
            reported, known = pl.col("report_date?day"), pl.col(f"{date}?day")
            late = (reported - known > pl.duration(days=LATE_DAYS)) & (reported.dt.year() > known.dt.year())
            rows.flag("late_report", "report_date", rows.where(late & pl.col("report_date").is_not_null()))
    if rows.has("exposure_start"):
        rows.put("exposure_start", rows.where(pl.col("exposure_start") > pl.col(date)), pl.lit(None), "date_order")
    if rows.has("death_date", "diagnosis_date"):
        rows.flag("death_before_diagnosis", "death_date", rows.where(pl.col("death_date") < pl.col("diagnosis_date")))


def _exposure(rows: Rows) -> None:
    """Months of service go into the years; nobody was exposed before the age of 14."""
    if "exposure_years" not in rows.frame.columns:
        return
    if rows.has("exposure_months"):
        told = pl.col("exposure_years").is_not_null()  # years that cannot be read are unknown, not 0; a blank cell is 0
        told |= pl.col("exposure_years~").is_null() if "exposure_years~" in rows.frame.columns else pl.lit(True)
        added = rows.where((pl.col("exposure_months") > 0) & (pl.col("exposure_months") < 12) & told)
        total = pl.col("exposure_years").fill_null(0) + pl.col("exposure_months") / 12
        rows.put("exposure_years", added, total, "months_added")
        rows.put("exposure_months", added, pl.lit(None), "months_added")
    year = (
        rows.context.table.columns[rows.context.table.date].year if rows.context.table.date in rows.context.table.columns else ""
    )
    if year and rows.has("exposure_years", "birth_year", year):
        longer = pl.col("exposure_years") > pl.col(year) - pl.col("birth_year") - YOUNGEST
        rows.put("exposure_years", rows.where(longer), pl.lit(None), "range")


def _checks(rows: Rows) -> None:
    """Declared checks across columns: a flag, nothing changes."""
    for check in rows.context.table.checks:
        first, *others = check["columns"]
        if not rows.has(first, others[0]):
            continue
        if check["rule"] == "between_largest_and_sum":
            parts = [pl.col(name).fill_null(0) for name in others]
            wrong = (pl.col(first) < pl.max_horizontal(parts)) | (pl.col(first) > pl.sum_horizontal(parts))
            rows.flag("parts_do_not_fit", first, rows.where(wrong))
        elif check["rule"] == "at_most":
            rows.flag("above_its_whole", first, rows.where(pl.col(first) > pl.col(others[0])))
        else:
            rows.flag("date_order", others[0], rows.where(pl.col(others[0]) < pl.col(first)))


def _reasons(rows: Rows, raw: pl.DataFrame, headings: dict[str, str]) -> pl.Series:
    """Reasons of the quarantine, joined by ";"; "" for rows that count."""
    parts = [part for column in rows.context.table.columns.values() for part in _faults(rows, column)]
    parts += [pl.when(raw[name].str.strip_chars() != "").then(pl.lit("fields")) for name in raw.columns if name.startswith("=#")]
    if not parts:
        return pl.Series("reason", [""]).new_from_index(0, rows.frame.height)
    told = rows.frame.select(pl.concat_str(parts, separator=";", ignore_nulls=True).alias("reason"))["reason"]
    bad = told != ""
    if not bad.any():
        return told
    cells = raw.filter(bad).select(list(headings))
    sums = [each.name for each in rows.context.table.columns.values() if each.type == "category" and each.name in headings]
    known = rows.frame.filter(bad)  # "total" is a category of its own where a table has categories
    cells = cells.with_columns(
        pl.when(known[name].is_null()).then(pl.col(name)).otherwise(pl.lit("")).alias(name) for name in sums
    )
    lines = told.filter(bad)
    once = lines.str.split(";").list.unique(maintain_order=True).list.join(";")
    once = pl.select(pl.when(lines.str.contains("test_record")).then(pl.lit("test_record")).otherwise(once).alias("reason"))[
        "reason"
    ]
    no_record = cells.select(_not_a_record(headings).alias("no"))["no"]
    once = pl.select(pl.when(no_record).then(pl.lit("not_a_record")).otherwise(once).alias("reason"))["reason"]
    marked = pl.DataFrame({"row": bad.arg_true(), "reason": once})
    return pl.Series("reason", told).scatter(marked["row"].to_list(), marked["reason"].to_list())


def _faults(rows: Rows, column: Column) -> list[pl.Expr]:
    """Why a column takes rows out of the counts."""
    name, mark = column.name, f"{column.name}!"
    has_fault = mark in rows.frame.columns
    found: list[pl.Expr] = []
    if has_fault and column.type in ("name", "firm", "text"):
        found.append(pl.when(pl.col(mark) == "test_record").then(pl.lit("test_record")))
    if not column.counting:
        return found
    family = FAMILY.get(column.type, name)
    unknown = column.year if column.type == "date" and column.year else name
    if has_fault:
        own = pl.when(pl.col(mark).is_in(["unknown", "not_a_number"])).then(pl.lit(f"{family}_unknown")).otherwise(mark)
        found.append(pl.when(pl.col(unknown).is_null() & pl.col(mark).is_not_null()).then(own))
    if column.type == "division" and name == rows.context.table.place and rows.has(f"{name}?until"):
        date = rows.context.table.columns.get(rows.context.table.date)
        year = date.year if date and date.type == "date" else rows.context.table.date
        abolished = (pl.col(f"{name}?until") < pl.col(year)) & ~pl.col(name).is_in(list(rows.context.own_places.values()))
        found.append(pl.when(abolished).then(pl.lit("district_unknown")))
    if (column.required or column.assume) and column.type != "count":
        missing = pl.col(unknown).is_null()
        if has_fault:
            missing &= pl.col(mark).is_null()
        found.append(pl.when(missing).then(pl.lit(f"{family}_missing")))
    return found


def _not_a_record(headings: dict[str, str]) -> pl.Expr:
    """Totals, and headings that stand again among the rows."""
    bare = {name: tidy(pl.col(name)).str.replace_all(r"[\s*]+", "") for name in headings}
    totals = pl.any_horizontal(text.str.to_lowercase().str.contains(WORDS["totals"]) for text in bare.values())
    wanted = {name: heading(text) for name, text in headings.items()}
    again = pl.sum_horizontal((text.str.to_lowercase() == wanted[name]).cast(pl.Int32) for name, text in bare.items())
    return totals | (again >= max(2, len(headings) // 2))
