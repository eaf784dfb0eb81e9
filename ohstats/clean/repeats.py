"""Rows that say the same again: duplicates, cards that a later one corrects, people who may be the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from .rows import Rows

_KEYS = ("person_key", "employer_key", "institution_key")
_CORRECTION = "correction"


class Seen:
    """Keys of all earlier rows of a table, as two hashes of 64 bits each."""

    def __init__(self) -> None:
        self._first, self._second = np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.uint64)

    def again(self, keys: pl.DataFrame) -> np.ndarray:
        """Whether the key of each row stood in an earlier row; then these are earlier rows too."""
        first, second = _hashed(keys, 1), _hashed(keys, 2)
        again = ~pl.Series(first).is_first_distinct().to_numpy()
        if len(self._first):
            place = np.minimum(np.searchsorted(self._first, first), len(self._first) - 1)
            again |= (self._first[place] == first) & (self._second[place] == second)
        new = ~again
        both = np.concatenate((self._first, first[new])), np.concatenate((self._second, second[new]))
        order = np.argsort(both[0], kind="stable")
        self._first, self._second = both[0][order], both[1][order]
        return again


def _hashed(keys: pl.DataFrame, seed: int) -> np.ndarray:
    """One hash of 64 bits of each row."""
    total = np.zeros(keys.height, dtype=np.uint64)
    for number, column in enumerate(keys.iter_columns()):
        total = total * np.uint64(0x9E3779B97F4A7C15) + column.hash(seed + 10 * number).to_numpy()
    return total


def aggregates(rows: Rows) -> None:
    """The same key: an equal row again is a duplicate, different figures are all in conflict."""
    table = rows.context.table
    good = rows.frame.with_row_index("?index").filter(rows.reason == "")
    values = [
        name
        for c in table.columns.values()
        if c.type in ("count", "number")
        for name in (c.name, f"{c.name}_hidden")
        if name in good.columns
    ]
    key = [pl.col(each) for each in table.key]
    marked = good.select(
        "?index",
        pl.when(pl.struct(values).n_unique().over(key) > 1)
        .then(pl.lit("conflict"))
        .when(pl.col("?index") != pl.col("?index").min().over(key))
        .then(pl.lit("duplicate"))
        .alias("twice"),
    ).drop_nulls()
    _put(rows, marked["?index"], marked["twice"])


def records(rows: Rows, seen: Seen, cards: Seen) -> None:
    """Duplicates of records; `seen` and `cards` hold the keys of earlier batches."""
    table = rows.context.table
    if table.card:
        _cards(rows, cards)
    same = [name for name in table.same if name in rows.frame.columns]
    if not same or same[0] not in _KEYS or table.date not in rows.frame.columns:
        return
    wanted = (rows.reason == "") & rows.frame[same[0]].is_not_null() & rows.frame[table.date].is_not_null()
    index = wanted.arg_true()
    again = seen.again(rows.frame.select(same).filter(wanted))
    _put(rows, index.filter(pl.Series(again)), "duplicate")
    if table.possible:
        _possible(rows)


def _put(rows: Rows, index: pl.Series, reason: str | pl.Series) -> None:
    if len(index):
        told = [reason] * len(index) if isinstance(reason, str) else reason.to_list()
        rows.reason = rows.reason.clone().scatter(index.to_list(), told)


def _cards(rows: Rows, cards: Seen) -> None:
    """Exact repeats of a card, then cards that a later one of the same number corrects; blank numbers are left alone."""
    table = rows.context.table
    number = rows.frame[table.card]
    wanted = (rows.reason == "") & number.is_not_null()
    columns = [name for name in rows.frame.columns if "~" not in name and "!" not in name and "?" not in name]
    index = wanted.arg_true()
    again = cards.again(rows.frame.select(columns).filter(wanted))
    _put(rows, index.filter(pl.Series(again)), "duplicate")
    _corrected(rows)


def _corrected(rows: Rows) -> None:
    table = rows.context.table
    stamps = [name for name in ("report_date", "fill_date") if name in rows.frame.columns]
    stamp = pl.coalesce(*stamps) if stamps else pl.lit(None, pl.String)
    frame = rows.frame.with_row_index("?index").filter((rows.reason == "") & rows.frame[table.card].is_not_null())
    frame = frame.filter(pl.len().over(table.card) > 1)
    if not frame.height:
        return
    person = "person_key" if "person_key" in frame.columns else None
    name = "name" if "name" in frame.columns else None
    one = pl.lit(True)
    if person:
        one &= pl.col(person).drop_nulls().n_unique().over(table.card) <= 1
    if name:
        unnamed = pl.col(person).drop_nulls().n_unique().over(table.card) == 1 if person else pl.lit(False)
        one &= unnamed | (pl.col(name).drop_nulls().n_unique().over(table.card) <= 1)
    frame = frame.with_columns(one.alias("?one"), stamp.alias("?stamp"))
    dated = pl.when(pl.col("?stamp").null_count().over(table.card) == 0).then("?stamp").otherwise(pl.lit(""))
    frame = frame.with_columns(dated.alias("?stamp")).sort(table.card, "?stamp", "?index")
    last = pl.col("?index") == pl.col("?index").last().over(table.card)
    reused = frame.filter(~pl.col("?one"))["?index"]
    where = pl.Series("where", np.zeros(rows.frame.height, dtype=bool)).scatter(reused.to_list(), True)
    rows.flag("card_number_reused", table.card, where)
    if "report_type" in frame.columns:
        _type_of_corrected(rows, frame.filter("?one"), table.card)
    _put(rows, frame.filter(pl.col("?one") & ~last)["?index"], "superseded")


def _type_of_corrected(rows: Rows, frame: pl.DataFrame, card: str) -> None:
    """A correction is of the type of the card that it corrects."""
    kind = pl.when(pl.col("report_type") != _CORRECTION).then("report_type")
    known = frame.with_columns(kind.drop_nulls().last().over(card).alias("?kind"))
    known = known.filter((pl.col("report_type") == _CORRECTION) & pl.col("?kind").is_not_null())
    if known.height:
        index = known["?index"].to_list()
        where = pl.Series("where", np.zeros(rows.frame.height, dtype=bool)).scatter(index, True)
        kinds = (
            pl.Series("kinds", [None], dtype=pl.String)
            .new_from_index(0, rows.frame.height)
            .scatter(index, known["?kind"].to_list())
        )
        rows.put("report_type", where, pl.lit(kinds), "type_of_corrected_card")


def _possible(rows: Rows) -> None:
    """People without a key who may stand twice: the same name, birth date, employer and disease. Flagged, never deleted."""
    table = rows.context.table
    names = [name for name in table.possible if name in rows.frame.columns]
    needed = [name for name in names if name != "employer_name"]
    frame = rows.frame.with_row_index("?index").filter((rows.reason == "") & ~pl.any_horizontal(pl.col(needed).is_null()))
    key = pl.col("person_key").is_null() if "person_key" in frame.columns else pl.lit(True)
    found = frame.filter((pl.len().over(names) > 1) & key.any().over(names))["?index"]
    where = pl.Series("where", np.zeros(rows.frame.height, dtype=bool)).scatter(found.to_list(), True)
    rows.flag("possible_duplicate", table.date, where)
