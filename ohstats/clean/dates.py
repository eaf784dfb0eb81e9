"""Dates, years and periods in every notation that leaves one answer; a year that is certain is kept where the day is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from .. import periods
from .words import WORDS, is_error, says_nothing, tidied, tidy

if TYPE_CHECKING:
    import datetime as dt

    from ..schema import Column

_D = WORDS["date"]
SENTINELS = ["1900-01-01", "1899-12-30", "1899-12-31", "1900-01-02", "1970-01-01", "9999-12-31", "9999-01-01"]
_ZEROES = r"^0+(?:\.0+)?$"
_AHEAD = 30  # years that a licence may run


def parse(cells: pl.DataFrame, column: Column, *, today: dt.date, since_1904: bool = False) -> pl.DataFrame:
    """Dates as ISO text with their `year`; where only the year is certain `value` is missing and `year` is not.

    The rule is date_notation, date_time, date_serial (repairs), date_partial, or a fault: date_ambiguous, date_invalid,
    date_sentinel, date_future, excel_error.
    """
    day = pl.col("raw").str.to_date("%Y-%m-%d", strict=False)
    cells = cells.select("raw", day.alias("day"))
    iso = (pl.col("day").dt.to_string("%Y-%m-%d") == pl.col("raw")) & ~pl.col("raw").is_in(SENTINELS)
    known_day = iso & (pl.col("day").dt.year() >= column.first) & (pl.lit(column.future) | (pl.col("day") <= today))
    easy = cells.select(((pl.col("raw") == "") | known_day).fill_null(False).alias("easy"))["easy"]
    none = pl.lit(None, pl.String)
    known = cells.filter(easy).select(
        "raw", pl.when(pl.col("day").is_not_null()).then("raw").alias("value"), none.alias("rule"), none.alias("fault"),
        pl.col("day").dt.year().alias("year"), "day",
    )  # fmt: skip
    if easy.all():
        return known
    return pl.concat([known, _read(cells.filter(~easy).select("raw"), column, today, since_1904)])


def _read(cells: pl.DataFrame, column: Column, today: dt.date, since_1904: bool) -> pl.DataFrame:
    """Dates that are not plainly ISO."""
    end = _D["time"] + "$"
    made = cells.with_columns(tidy(pl.col("raw")).alias("text"))
    made = made.with_columns(
        pl.col("text").str.replace_all(r"\s*([-/.,\u5e74\u6708\u65e5])\s*", "$1").str.replace(r"\s+", " ").alias("t")
    )
    t = pl.col("t")
    compact = t.str.extract_groups(r"^([0-9]{4})([0-9]{2})([0-9]{2})(?:[0-9]{6}|\.0+)?$")
    forward, backward = t.str.extract_groups(_D["full"] + end), t.str.extract_groups(_D["reversed"] + end)
    serial = t.str.extract(WORDS["serial"]).cast(pl.Int32)
    made = made.with_columns(
        pl.coalesce(forward.struct[0], compact.struct[0]).cast(pl.Int32).alias("y"),
        pl.coalesce(forward.struct[1], compact.struct[1]).cast(pl.Int32).alias("m"),
        pl.coalesce(forward.struct[2], compact.struct[2]).cast(pl.Int32).alias("d"),
        *(backward.struct[index].cast(pl.Int32).alias(f"b{index}") for index in range(3)),
        (pl.lit("1904-01-01" if since_1904 else "1899-12-30").str.to_date() + pl.duration(days=serial)).alias("serial"),
    )
    # Day before month or month before day: certain only where one of the two cannot be a month, or both agree.
    first, second = pl.col("b0"), pl.col("b1")
    certain = (first > 12) != (second > 12)
    day = pl.when(certain & (first > 12)).then(first).when(certain | (first == second)).then(second)
    month = pl.when(certain & (first > 12)).then(second).when(certain | (first == second)).then(first)
    made = made.with_columns(
        pl.coalesce("y", "b2").alias("y"),
        pl.when(pl.col("b2").is_not_null()).then(month).otherwise("m").alias("m"),
        pl.when(pl.col("b2").is_not_null()).then(day).otherwise("d").alias("d"),
    )
    written = pl.format(
        "{}-{}-{}", *(pl.col(part).cast(pl.String).str.zfill(size) for part, size in (("y", 4), ("m", 2), ("d", 2)))
    )
    plausible = pl.col("serial").dt.year().is_between(column.first, today.year + _AHEAD * column.future)
    made = made.with_columns(
        pl.coalesce(written.str.to_date("%Y-%m-%d", strict=False), pl.when(plausible).then(pl.col("serial"))).alias("date")
    )
    return _judged(made, column, today)


def _judged(made: pl.DataFrame, column: Column, today: dt.date) -> pl.DataFrame:
    """Dates and years with rule and fault."""
    raw, text, t, date = pl.col("raw"), pl.col("text"), pl.col("t"), pl.col("date")
    nothing = says_nothing(text)
    years = t.str.extract_all(r"[0-9]+").list.eval(pl.element().filter(pl.element().str.contains(_D["any_year"])))
    one_year = pl.when(years.list.n_unique() == 1).then(years.list.first().cast(pl.Int32))
    six, as_short = t.str.contains(r"^[0-9]{6}$"), t.str.to_date("%y%m%d", strict=False).is_not_null()
    six_year = pl.when(t.str.to_date("%Y%m", strict=False).is_not_null() & ~as_short).then(
        t.str.slice(0, 4).cast(pl.Int32, strict=False)
    )
    short = t.str.contains(_D["short_year"] + _D["time"] + "$") & ~t.str.contains(_D["full"])
    year = pl.coalesce(date.dt.year(), pl.when(short).then(None).when(six).then(six_year).otherwise(pl.coalesce("y", one_year)))
    iso = date.dt.to_string("%Y-%m-%d")
    known = year.is_not_null() & (year >= column.first)
    late = (date > today).fill_null(year > today.year) if not column.future else pl.lit(False)
    sentinel = iso.is_in(SENTINELS) | t.str.contains(_ZEROES) | ((pl.col("y") >= 9000) & date.is_not_null())
    fault = (
        pl.when(is_error(text))
        .then(pl.lit("excel_error"))
        .when(nothing | (text == ""))
        .then(None)
        .when(sentinel)
        .then(pl.lit("date_sentinel"))
        .when(known & late)
        .then(pl.lit("date_future"))
        .when(known)
        .then(None)
        .when(short | (six & as_short) | (years.list.n_unique() > 1))
        .then(pl.lit("date_ambiguous"))
        .otherwise(pl.lit("date_invalid"))
    )
    made = made.with_columns(year.alias("year"), iso.alias("iso"), fault.fill_null("").alias("fault"), nothing.alias("nothing"))
    good = (pl.col("fault") == "") & ~pl.col("nothing") & (text != "")
    clock = text.str.contains("[0-9]:[0-9]|[\u65f6\u70b9]|[0-9]{14}")
    rule = (
        pl.when(pl.col("nothing"))
        .then(pl.lit("nothing_said"))
        .when(pl.col("fault") != "")
        .then(pl.col("fault"))
        .when(~good | (pl.col("iso") == raw))
        .then(None)
        .when(pl.col("iso").is_null())
        .then(pl.lit("date_partial"))
        .when(pl.col("iso") == text)
        .then(tidied(raw, text))
        .when(clock)
        .then(pl.lit("date_time"))
        .when(t.str.contains(WORDS["serial"]))
        .then(pl.lit("date_serial"))
        .otherwise(pl.lit("date_notation"))
    )
    return made.select(
        "raw",
        pl.when(good).then(pl.col("iso")).alias("value"),
        rule.alias("rule"),
        pl.when(pl.col("fault") != "").then(pl.col("fault")).alias("fault"),
        pl.when(good).then(pl.col("year")).alias("year"),
        pl.when(good).then(pl.col("date")).alias("day"),
    )


def parse_year(cells: pl.DataFrame, column: Column, *, today: dt.date) -> pl.DataFrame:
    """Years as whole numbers; a full date gives its year."""
    dated = parse(cells, column, today=today)  # in an order of its own
    alone = tidy(pl.col("raw")).str.extract(WORDS["year"]).cast(pl.Int32)
    made = dated.with_columns(alone.alias("alone"))
    year = pl.coalesce("alone", "year")
    fault = (
        pl.when(pl.col("alone").is_null())
        .then(pl.col("fault"))
        .when(pl.col("alone") > today.year)
        .then(pl.lit("date_future"))
        .when(pl.col("alone") < column.first)
        .then(pl.lit("date_invalid"))
    )
    made = made.with_columns(fault.otherwise(None).alias("fault"))
    changed = pl.when(pl.col("raw") != year.cast(pl.String)).then(pl.lit("date_notation"))
    rule = (
        pl.when(pl.col("fault").is_not_null()).then(pl.col("fault")).when(year.is_null()).then(pl.col("rule")).otherwise(changed)
    )
    return made.select("raw", pl.when(pl.col("fault").is_null()).then(year).alias("value"), rule.alias("rule"), "fault")


def parse_period(cells: pl.DataFrame) -> pl.DataFrame:
    """Periods as `periods` writes them."""
    made = cells.with_columns(tidy(pl.col("raw")).alias("text"))
    made = made.with_columns(pl.col("text").str.replace(WORDS["period_tail"], "").alias("value"))
    known = {value: str(periods.parse(value)) for value in made["value"].unique().to_list() if value and periods.is_period(value)}
    made = made.with_columns(pl.col("value").replace(known))
    known = dict.fromkeys(known.values(), "")
    nothing, error = says_nothing(pl.col("text")), is_error(pl.col("text"))
    fault = (
        pl.when(error)
        .then(pl.lit("excel_error"))
        .when((pl.col("text") != "") & ~nothing & ~pl.col("value").is_in(list(known)))
        .then(pl.lit("date_invalid"))
    )
    made = made.with_columns(
        fault.otherwise(None).alias("fault"), pl.when(pl.col("value").is_in(list(known))).then(pl.col("value")).alias("value")
    )
    rule = (
        pl.when(pl.col("fault").is_not_null())
        .then(pl.col("fault"))
        .when(nothing)
        .then(pl.lit("nothing_said"))
        .when(pl.col("value").is_null() | (pl.col("value") == pl.col("raw")))
        .then(None)
        .otherwise(pl.lit("period_notation"))
    )
    return made.with_columns(rule.alias("rule")).drop("text")
