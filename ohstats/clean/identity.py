"""Identity numbers and keys of persons and employers: what is certain is kept, everything else is blanked and the row stays."""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl

from .words import is_error, says_nothing, tidied, tidy

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643-1999
_CHECKS = "10X98765432"
_RESIDENT = r"^[1-9][0-9]{16}[0-9X]$"
_OTHER = r"^[A-Z]{1,3}[0-9]{6,10}$|^[A-Z][0-9]{6}\([0-9A]\)$|^[0-9]{8}$|^[A-Z]{3}[0-9]{12}$"
_LIKE_X = "[\u00d7\u2715\u2716\u0425\u0445\u03a7\u03c7x]$"
_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # GB 32100-2015
_USCC = f"^[{_USCC_ALPHABET}]{{18}}$"


def _check_digit(text: pl.Expr) -> pl.Expr:
    """Check digit of the first 17 digits."""
    number = text.str.slice(0, 17).cast(pl.Int64, strict=False)
    total = pl.sum_horizontal((number // 10 ** (16 - place)) % 10 * weight for place, weight in enumerate(_WEIGHTS))
    return pl.lit(_CHECKS).str.slice((total % 11).cast(pl.Int64), 1)


def _holds(numbers: pl.Series) -> pl.Series:
    """Whether the check digit of numbers of 18 characters holds; missing numbers stay missing."""
    there = numbers.drop_nulls().to_arrow(compat_level=pl.CompatLevel.oldest())
    start = int(np.frombuffer(there.buffers()[1], dtype=np.int64)[there.offset]) if len(there) else 0
    letters = np.frombuffer(there.buffers()[2] or b"", dtype=np.uint8)[start : start + 18 * len(there)].reshape(-1, 18)
    total = (letters[:, :17].astype(np.int32) - ord("0")) @ np.array(_WEIGHTS, dtype=np.int32) % 11
    holds = np.frombuffer(_CHECKS.encode(), dtype=np.uint8)[total] == letters[:, 17]
    if len(there) == len(numbers):
        return pl.Series("holds", holds)
    made = pl.Series("holds", [None], dtype=pl.Boolean).new_from_index(0, len(numbers))
    return made.scatter(numbers.is_not_null().arg_true(), pl.Series(holds))


def parse(raw: pl.Series) -> pl.DataFrame:
    """Identity numbers, row by row: `value`, `rule`, `fault`, `birth`, `male`, `other` (another document).

    A resident's number counts only when its check digit and its date hold and it does not end in 000 (a spreadsheet cut it).
    """
    cells = raw.to_frame("raw")
    simple = pl.col("raw").str.contains(_RESIDENT)
    made = cells.select(
        "raw", pl.when(simple).then("raw").alias("text"), (~simple & (pl.col("raw") != "")).alias("doubtful"),
        pl.lit(None, pl.String).alias("how"), pl.lit(False).alias("other"), pl.lit(False).alias("error"),
    )  # fmt: skip
    place = made["doubtful"].arg_true()
    if len(place):
        repaired = _repaired(cells[place])
        columns = {name: made[name].scatter(place, repaired[name]) for name in ("text", "how", "other", "error")}
        made = made.with_columns(**columns)
    text = pl.col("text")
    number = pl.when(text.str.contains(_RESIDENT)).then(text)
    born = number.str.slice(6, 8).str.to_date("%Y%m%d", strict=False)
    made = made.with_columns(number.alias("number"), born.alias("born"))
    made = made.with_columns(_holds(made["number"]))
    good = (pl.col("born").dt.year() >= 1900) & pl.col("holds") & ~pl.col("number").str.ends_with("000")
    made = made.with_columns(good.fill_null(False).alias("good"), pl.col("other").fill_null(False))
    value = pl.when(pl.col("good") | pl.col("other")).then(text)
    damaged = (pl.col("raw") != "") & ~pl.col("good") & ~pl.col("other")
    rule = pl.when(damaged).then(pl.lit("no_person_key")).otherwise("how")
    return made.select(
        value.alias("value"),
        rule.alias("rule"),
        pl.when(pl.col("error")).then(pl.lit("excel_error")).alias("fault"),
        pl.when("good").then("born").alias("birth"),
        pl.when("good").then(pl.col("number").str.slice(16, 1).cast(pl.Int8, strict=False) % 2 == 1).alias("male"),
        pl.col("other") & ~pl.col("good"),
    )


def _repaired(doubtful: pl.DataFrame) -> pl.DataFrame:
    """What a doubtful cell can only mean, and how it was read."""
    made = doubtful.with_columns(tidy(pl.col("raw")).alias("seen"))
    close = pl.col("seen").str.replace_all(r"[\s-]+", "")
    lettered = close.str.replace(_LIKE_X, "X").str.to_uppercase()
    made = made.with_columns(close.alias("close"), lettered.alias("text"))
    old = pl.col("text").str.contains(r"^[1-9][0-9]{14}$")
    longer = pl.col("text").str.slice(0, 6) + "19" + pl.col("text").str.slice(6)
    made = made.with_columns(old.alias("old"), pl.when(old).then(longer + _check_digit(longer)).otherwise("text").alias("text"))
    error, nothing = is_error(pl.col("seen")), says_nothing(pl.col("seen"))
    other = pl.col("text").str.contains(_OTHER) & ~error
    letter = ~pl.col("old") & (pl.col("text") != pl.col("close")) & pl.col("text").str.ends_with("X")
    how = (
        pl.when(pl.col("old"))
        .then(pl.lit("id_15_digits"))
        .when(letter)
        .then(pl.lit("check_letter"))
        .when(pl.col("text") == pl.col("seen"))
        .then(tidied(pl.col("raw"), pl.col("seen")))
        .otherwise(pl.lit("blanks"))
    )
    text = pl.when(~error & ~nothing).then("text")
    return made.select(text.alias("text"), how.alias("how"), other.alias("other"), error.alias("error"))


def keys(texts: pl.Series, secret: bytes, kind: str) -> pl.Series:
    """Keyed hash (HMAC-SHA-256, first 128 bits) of each text, missing where the text is; the `kind` keeps kinds apart."""
    block = secret.ljust(64, b"\0")
    inner, outer = (hashlib.sha256(bytes(byte ^ pad for byte in block)) for pad in (0x36, 0x5C))
    inner.update(kind.encode() + b"\0")
    begin, end = inner.copy, outer.copy
    made: list[str | None] = []
    for text in texts.to_list():
        if text is None:
            made.append(None)
            continue
        first, second = begin(), end()
        first.update(text.encode())
        second.update(first.digest())
        made.append(second.hexdigest()[:32])
    return pl.Series(texts.name, made, dtype=pl.String)


def parse_uscc(cells: pl.DataFrame) -> pl.DataFrame:
    """Unified social credit codes (GB 32100) and the older organisation codes; the letters that the code lacks become digits."""
    made = cells.with_columns(tidy(pl.col("raw")).str.to_uppercase().str.replace_all(r"[\s-]+", "").alias("text"))
    swapped = pl.when(pl.col("text").str.len_chars() == 18).then(pl.col("text").str.replace_many(["O", "I"], ["0", "1"]))
    made = made.with_columns(swapped.fill_null(pl.col("text")).alias("code"))
    nothing, error = says_nothing(tidy(pl.col("raw"))), is_error(pl.col("text"))
    fits = pl.col("code").str.contains(_USCC) | pl.col("code").str.contains(r"^[0-9A-Z]{8}[0-9X]$")
    value = pl.when(fits & ~nothing).then("code")
    rule = (
        pl.when(error)
        .then(pl.lit("excel_error"))
        .when(nothing)
        .then(pl.lit("nothing_said"))
        .when((pl.col("text") != "") & ~fits)
        .then(pl.lit("not_a_code"))
        .when(pl.col("code") == pl.col("raw"))
        .then(None)
        .when(pl.col("code") != pl.col("text"))
        .then(pl.lit("uscc_letters"))
        .when(pl.col("raw").str.to_uppercase() == pl.col("code"))
        .then(pl.lit("case"))
        .otherwise(pl.coalesce(tidied(pl.col("raw"), pl.col("code")), pl.lit("width")))
    )
    made = made.with_columns(value.alias("value"), rule.alias("rule"), pl.when(error).then(pl.lit("excel_error")).alias("fault"))
    return made.select("raw", "value", "rule", "fault", _fails(pl.col("value")).alias("wrong"))


def _fails(code: pl.Expr) -> pl.Expr:
    """Whether the check character of a full credit code does not hold."""
    letters = list(_USCC_ALPHABET)
    values = [
        code.str.slice(place, 1).replace_strict(letters, list(range(31)), default=None).cast(pl.Int32) for place in range(18)
    ]
    total = pl.sum_horizontal(value * (3**place % 31) for place, value in enumerate(values[:17]))
    return ((code.str.len_chars() == 18) & ((31 - total % 31) % 31 != values[17])).fill_null(False)
