"""Names and texts: what a person wrote is kept; only blanks, invisible characters and the notation of names are put in order."""

from __future__ import annotations

import polars as pl

from .words import INVISIBLE, WORDS, is_error, says_nothing, tidied, tidy

_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
_BREAK = r"[ \t]*[\r\n]+[ \t]*"
_DOUBTFUL = r"^[\s#/\\\u2013\u2014\u2015\uff0d\-(<]|\s$|[\x00-\x1f\x7f]|" + INVISIBLE
_SHORT = 12  # no way to say nothing is longer, in bytes


def plain(kind: str) -> pl.Expr:
    """Whether a cell of a kind of text certainly needs no rule."""
    raw = pl.col("raw")
    if kind == "name":
        first = f"^[{_first_characters()}]"
        return raw.str.contains(r"^[\p{Han}\x{b7}]+$") & ~raw.str.contains(first + "|" + WORDS["tests"]["name"])
    doubtful = raw.str.contains(_DOUBTFUL)
    if kind != "prose":
        doubtful |= (raw.str.len_bytes() <= _SHORT) & says_nothing(raw)
    if kind == "card":
        doubtful |= raw.str.contains(r"[^\x21-\x7e]|^['`=]|" + WORDS["tests"]["card"])
    return ~doubtful


def _first_characters() -> str:
    return "".join(sorted({word[0] for word in WORDS["nothing"] if word[0] > "\u2e80"}))


def parse(cells: pl.DataFrame, kind: str) -> pl.DataFrame:
    """The texts of doubtful cells (`raw`) with the rule that changed them and the fault that they have.

    `kind` is text, prose, name, firm, address or card (a number of a card).
    """
    raw = pl.col("raw")
    seen = raw.str.replace_all(INVISIBLE + "|" + _CONTROL, "").str.strip_chars()
    text = seen.str.replace_all(_BREAK, " " if kind == "prose" else "")
    if kind == "name":
        text = _name(text)
    elif kind == "firm":
        for wide, narrow in WORDS["brackets"].items():
            text = text.str.replace_all(wide, narrow, literal=True)
    elif kind == "card":
        text = tidy(raw)
    made = cells.with_columns(seen.alias("seen"), text.alias("text"), tidy(raw).alias("tidy"))
    nothing = says_nothing(pl.col("tidy")) if kind != "prose" else pl.lit(False)
    error = is_error(pl.col("tidy"))
    value = pl.when(nothing | error | (pl.col("text") == "")).then(None).otherwise(pl.col("text"))
    rule = (
        pl.when(error)
        .then(pl.lit("excel_error"))
        .when(nothing)
        .then(pl.lit("nothing_said"))
        .when((pl.col("text") == raw) | (pl.col("text") == ""))
        .then(None)
        .when(pl.col("text") == raw.str.strip_chars())
        .then(pl.lit("blanks"))
        .when(pl.col("text") == pl.col("seen"))
        .then(pl.lit("invisible"))
        .when(raw.str.contains(r"[\r\n]"))
        .then(pl.lit("line_break"))
        .otherwise(_last_rule(kind))
    )
    test = pl.col("tidy").str.contains(WORDS["tests"][kind]) if kind in WORDS["tests"] else pl.lit(False)
    fault = pl.when(error).then(pl.lit("excel_error")).when(test).then(pl.lit("test_record")).otherwise(None)
    made = made.with_columns(value.alias("value"), rule.alias("rule"), fault.alias("fault"))
    if kind == "name":
        damaged = pl.col("value").str.contains("[?\uff1f\ufffd]")
        made = made.with_columns(damaged.fill_null(False).alias("damaged"))
    return made.drop("seen", "text", "tidy")


def _last_rule(kind: str) -> pl.Expr:
    if kind == "name":
        bare = pl.col("seen").str.replace_all(r"\s+", "")
        return pl.when(pl.col("text") == bare).then(pl.lit("blanks")).otherwise(pl.lit("dot"))
    if kind == "card":
        return tidied(pl.col("raw"), pl.col("text"))
    return pl.lit("brackets" if kind == "firm" else "line_break")


def _name(text: pl.Expr) -> pl.Expr:
    """No blanks inside a Chinese name, one kind of dot; names in Latin letters keep single blanks and their full stops."""
    chinese = text.str.contains(r"\p{Han}")
    dotted = text.str.replace_all(r"\s+", "").str.replace_all(WORDS["dots"], WORDS["dot"])
    return pl.when(chinese).then(dotted).otherwise(text.str.replace_all(r"\s+", " "))
