"""Numbers, counts, years of service and measurements: a unit may stand beside them, a guess may not stand for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from .words import WORDS, is_error, says_nothing, tidied, tidy

if TYPE_CHECKING:
    from ..schema import Column

_NUMBER = r"^-?[0-9]{1,15}(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?$"
_Y = WORDS["years"]


def _figures(cells: pl.DataFrame) -> pl.DataFrame:
    """Cells with their tidy `text` and `t`: no thousand commas, a full stop for the decimal point."""
    made = cells.with_columns(tidy(pl.col("raw")).alias("text"))
    t = pl.col("text").str.replace_all(r"\s+", "").str.replace_all(r"([0-9])[\u3002\u00b7\uff61]([0-9])", "$1.$2")
    thousands = t.str.contains(r"^-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?$")
    return made.with_columns(pl.when(thousands).then(t.str.replace_all(",", "")).otherwise(t).alias("t"))


def parse(cells: pl.DataFrame, column: Column) -> pl.DataFrame:
    """Numbers (`number`, `whole`) within the declared range, as floating or whole numbers."""
    made = _figures(cells)
    bare = pl.col("t").str.replace(WORDS["units"], "")
    number = pl.when(bare.str.contains(_NUMBER)).then(bare.cast(pl.Float64, strict=False))
    return _judged(made.with_columns(number.alias("number"), (bare != pl.col("t")).alias("unit")), column)


def parse_years(cells: pl.DataFrame, column: Column) -> pl.DataFrame:
    """Years of service as decimal years: "5 years 6 months" is 5.5."""
    made = _figures(cells)
    low = pl.col("t").str.to_lowercase()
    both, half = low.str.extract_groups(_Y["both"]), low.str.extract(_Y["half"])
    months = both.struct[1].cast(pl.Float64)
    years = pl.coalesce(
        pl.when(months < 12).then(both.struct[0].cast(pl.Float64) + months / 12),
        low.str.extract(_Y["only"]).cast(pl.Float64, strict=False),
        low.str.extract(_Y["months"]).cast(pl.Float64, strict=False) / 12,
        half.cast(pl.Float64) + 0.5,
    )
    plain = pl.col("t").str.contains(_NUMBER)
    years = pl.when(plain).then(pl.col("t").cast(pl.Float64, strict=False)).otherwise(years)
    return _judged(made.with_columns(years.alias("number"), (~plain).alias("unit")), column)


def _judged(made: pl.DataFrame, column: Column) -> pl.DataFrame:
    raw, text, number = pl.col("raw"), pl.col("text"), pl.col("number")
    whole = column.type == "whole"
    if whole:
        made = made.with_columns(pl.when(number == number.round()).then(number).alias("number"))
    outside = pl.lit(False)
    if column.min is not None:
        outside |= number < column.min
    if column.max is not None:
        outside |= number > column.max
    value = pl.when(~outside.fill_null(False)).then(number)
    nothing, error = says_nothing(text), is_error(text)
    rule = (
        pl.when(error)
        .then(pl.lit("excel_error"))
        .when(text == "")
        .then(None)
        .when(number.is_null() & nothing)
        .then(pl.lit("nothing_said"))
        .when(number.is_null())
        .then(pl.lit("not_a_number"))
        .when(outside)
        .then(pl.lit("range"))
        .when(raw == text)
        .then(pl.when(pl.col("unit")).then(pl.lit("unit")).when(pl.col("t") != text).then(pl.lit("number_notation")))
        .when(pl.col("unit"))
        .then(pl.lit("unit"))
        .when(pl.col("t") != text)
        .then(pl.lit("number_notation"))
        .otherwise(tidied(raw, text))
    )
    fault = (
        pl.when(error).then(pl.lit("excel_error")).when(number.is_null() & (text != "") & ~nothing).then(pl.lit("not_a_number"))
    )
    kind = pl.Int64 if whole else pl.Float64
    return made.select("raw", value.cast(kind).alias("value"), rule.alias("rule"), fault.otherwise(None).alias("fault"))


def parse_reading(cells: pl.DataFrame, column: Column) -> pl.DataFrame:
    """Measurements: `value`, or `censored` below `lod` (missing where the limit of detection is not given)."""
    made = _figures(cells)
    low = pl.col("t").str.to_lowercase().str.replace_all("\u2264|\u2a7d|<=", "<")
    decimal = low.str.replace(r"^(<?[0-9]+),([0-9]{1,2}|[0-9]{4,})", "$1.$2")
    bare = decimal.str.replace(WORDS["units"], "")
    lod = bare.str.extract(r"^<([0-9]{1,9}(?:\.[0-9]+)?)$").cast(pl.Float64)
    censored = lod.is_not_null() | low.is_in(WORDS["not_detected"])
    number = pl.when(bare.str.contains(_NUMBER)).then(bare.cast(pl.Float64, strict=False))
    made = made.with_columns(number.alias("number"), (bare != low).alias("unit"), censored.alias("censored"), lod.alias("lod"))
    judged = _judged(made, column).with_columns(made["censored"], made["lod"])
    below = pl.col("censored")
    return judged.with_columns(
        pl.when(below).then(pl.lit("censored")).otherwise("rule").alias("rule"), pl.when(~below).then("fault").alias("fault")
    )


def parse_count(cells: pl.DataFrame) -> pl.DataFrame:
    """Whole counts; those that arrive hidden (* or <5) stay hidden, with the highest number that they can be."""
    made = cells.with_columns(tidy(pl.col("raw")).alias("text"))
    text = pl.col("text")
    grouped = pl.when(text.str.contains(r"^[0-9]{1,3}(,[0-9]{3})+$")).then(text.str.replace_all(",", "")).otherwise(text)
    number = grouped.str.extract(r"^([0-9]{1,15})(?:\.0+)?$").cast(pl.Int64)
    below = text.str.extract(r"^<\s*([0-9]{1,6})$").cast(pl.Int64)
    hidden = (text == "*") | below.is_not_null()
    made = made.with_columns(number.alias("value"), hidden.alias("hidden"), (below - 1).alias("high"))
    bad = (text != "") & pl.col("value").is_null() & ~pl.col("hidden")
    fault = pl.when(is_error(text)).then(pl.lit("excel_error")).when(bad & ~says_nothing(text)).then(pl.lit("not_a_number"))
    rule = (
        pl.when(bad & says_nothing(text))
        .then(pl.lit("nothing_said"))
        .when(pl.col("value").is_not_null() & (pl.col("value").cast(pl.String) != pl.col("raw")))
        .then(pl.lit("number_notation"))
    )
    return made.select("raw", "value", "hidden", "high", fault.otherwise(None).alias("fault"), rule.otherwise(None).alias("rule"))
