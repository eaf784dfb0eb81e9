"""Columns made of cleaned ones: keys, ages, exposure, delays, the category in force, whether a card is a new case."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import polars as pl

from .. import codes
from . import identity

if TYPE_CHECKING:
    from pathlib import Path

    from .rows import Rows

SHORT_YEARS = 5
"""Exposure below so many years is short (evaluation indicator O4)."""
_YEAR = 365.25
_SOLE_TRADER = "^92"  # credit codes of sole traders: a person's identifier
_MAY_RECUR = ("acute", "heat_illness", "dermatitis")


def keys(rows: Rows, given: pl.Series | None) -> None:
    """Keys of persons and employers: keyed hashes, so that numbers and names can be left behind."""
    frame = rows.frame
    if given is not None:
        rows.frame = frame = frame.with_columns(pl.when(given != "").then(given).alias("person_key"))
    elif "id_number" in frame.columns:
        number, other = frame["id_number"], frame["id_number?other"] if "id_number?other" in frame.columns else None
        if number.null_count() < frame.height:
            if other is not None and other.any():
                number = frame.select(
                    pl.when(other).then("other:" + pl.col("id_number")).otherwise("id_number").alias("id_number")
                )["id_number"]
            made = identity.keys(number, rows.context.secret, "person")
        else:
            made = pl.Series([None], dtype=pl.String).new_from_index(0, frame.height)
        rows.frame = frame = frame.with_columns(made.alias("person_key"))
    for code, name, key in (("employer_uscc", "employer_name", "employer_key"), ("uscc", "institution", "institution_key")):
        if code in frame.columns:
            rows.frame = frame = frame.with_columns(_employer(rows, code, name).alias(key))


def _employer(rows: Rows, code: str, name: str) -> pl.Series:
    """By credit code, else by name and place."""
    named = pl.col(name) + "|" + pl.col(rows.context.table.place).fill_null("")
    text = rows.frame.select(pl.coalesce(code, named).alias("text"))["text"]
    few = text.unique()
    if few.null_count() == len(few):
        return text
    made = pl.DataFrame({"text": few, "key": identity.keys(few, rows.context.secret, "employer")})
    return text.to_frame().join(made, on="text", how="left", maintain_order="left")["key"]


def columns(rows: Rows) -> dict[str, pl.Expr]:
    """Derived columns of the table, by name."""
    table, frame = rows.context.table, rows.frame
    date = table.date if table.date in table.columns and table.columns[table.date].type == "date" else ""
    made: dict[str, pl.Expr] = {}
    if not date:
        return made
    day = _day(frame, date)
    numbered = pl.col("id_number?birth") if "id_number?birth" in frame.columns else pl.lit(None, pl.Date)
    if "birth_date" in frame.columns:
        born = pl.coalesce(_day(frame, "birth_date"), numbered)
        made["age"] = _whole_years(born, day)
        if "exposure_start" in frame.columns:
            made["age_at_exposure"] = _whole_years(born, _day(frame, "exposure_start"))
    if "exposure_start" in frame.columns:
        made["latency_years"] = ((day - _day(frame, "exposure_start")).dt.total_days() / _YEAR).round(2)
    if "report_date" in frame.columns:
        made["report_delay_days"] = (_day(frame, "report_date") - day).dt.total_days()
    if table.name in ("disease_cards", "suspected_cards"):
        category, pneumoconiosis = _catalogue(rows.context.own)
        year = table.columns[date].year
        bridge = codes.BRIDGE
        late = pl.coalesce(pl.col(date) >= bridge, pl.when(pl.col(year) != int(bridge[:4])).then(pl.col(year) > int(bridge[:4])))
        before = pl.col("disease_id").replace_strict(category["2013"], default=None, return_dtype=pl.String)
        after = pl.col("disease_id").replace_strict(category["2025"], default=None, return_dtype=pl.String)
        chosen = pl.when(late).then(after).when(~late).then(before).when(before == after).then(before)
        made["category"] = pl.coalesce(chosen, pl.when(late.is_not_null()).then(pl.coalesce(before, after)))
        made["pneumoconiosis"] = pl.col("disease_id").is_in(pneumoconiosis)
        made["short_exposure"] = pl.when(pl.col("disease_id").is_in(pneumoconiosis)).then(pl.col("exposure_years") < SHORT_YEARS)
    if table.name == "disease_cards":
        made["new_case"] = (
            pl.col("report_type").is_in(_listed("report_types", "counts_as_new", rows.context.own))
            & pl.col("review_status").is_in(_listed("review_statuses", "final", rows.context.own))
            & ~pl.col("later_pneumoconiosis")
        )
    return made


def again(rows: Rows) -> None:
    """The same person later: with pneumoconiosis it is a progression and no new case; other diseases are flagged."""
    if rows.context.table.name != "disease_cards":
        return
    _category, pneumoconiosis = _catalogue(rows.context.own)
    frame = rows.frame.with_row_index("?index").filter(
        (rows.reason == "") & pl.col("person_key").is_not_null() & (pl.col("report_type").is_in(["new", "correction"]))
    )
    dust = pl.col("disease_id").is_in(pneumoconiosis)
    when = pl.coalesce("diagnosis_date", pl.col("diagnosis_year").cast(pl.String))
    frame = frame.with_columns(dust.alias("?dust"), when.alias("?when")).sort("?when", "?index")
    first = pl.col("?index") == pl.col("?index").first().over("person_key", "?what")
    later = frame.with_columns(pl.when("?dust").then(pl.lit("?dust")).otherwise("disease_id").alias("?what")).filter(~first)
    recurs = pl.any_horizontal(pl.col("disease_id").str.contains(word) for word in _MAY_RECUR)
    for rule, chosen in (
        ("later_pneumoconiosis", later.filter("?dust")), ("same_disease_again", later.filter(~pl.col("?dust") & ~recurs)),
    ):  # fmt: skip
        where = pl.Series("where", [False]).new_from_index(0, rows.frame.height).scatter(chosen["?index"].to_list(), True)
        rows.flag(rule, "disease_id", where)
        if rule == "later_pneumoconiosis":
            rows.frame = rows.frame.with_columns(where.alias("later_pneumoconiosis"))


def without_sole_traders(frame: pl.DataFrame) -> pl.DataFrame:
    """Names, codes and addresses of sole traders are those of a person."""
    for code, others in (
        ("employer_uscc", ("employer_name", "employer_address", "site")), ("uscc", ("institution",)),
        ("using_employer_uscc", ("using_employer_name",)),
    ):  # fmt: skip
        if code in frame.columns and frame[code].null_count() < frame.height:
            sole = pl.col(code).str.contains(_SOLE_TRADER).fill_null(False)
            blank = [pl.when(~sole).then(name).alias(name) for name in (*others, code) if name in frame.columns]
            frame = frame.with_columns(blank)
    return frame


def _day(frame: pl.DataFrame, column: str) -> pl.Expr:
    """Day of a date that no rule of rows took away."""
    if f"{column}?day" not in frame.columns:
        return pl.lit(None, pl.Date)
    return pl.when(pl.col(column).is_not_null()).then(f"{column}?day")


def _whole_years(first: pl.Expr, last: pl.Expr) -> pl.Expr:
    this_year = [each.dt.month().cast(pl.Int32) * 100 + each.dt.day() for each in (last, first)]
    before_birthday = this_year[0] < this_year[1]
    years = last.dt.year() - first.dt.year() - before_birthday.cast(pl.Int32)
    return pl.when(years >= 0).then(years).cast(pl.Int32)


@lru_cache(maxsize=4)
def _catalogue(own: Path | None) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Category of each disease by edition, and the pneumoconioses."""
    frame = codes.table("diseases", own)
    categories = {
        edition: dict(zip(rows["disease_id"], rows["category_key"], strict=True))
        for edition in ("2013", "2025")
        for rows in [frame[[edition in text.split("|") or not text for text in frame["edition"]]]]
    }
    return categories, sorted(set(frame.loc[frame["category_key"] == "pneumoconiosis", "disease_id"]))


@lru_cache(maxsize=8)
def _listed(name: str, column: str, own: Path | None) -> list[str]:
    frame = codes.table(name, own)
    return list(frame.loc[frame[column] == "yes", "code"])
