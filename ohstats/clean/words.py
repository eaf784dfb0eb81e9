"""Words and patterns by which cells are read; they stand in `reference/words.yml`."""

from __future__ import annotations

from typing import Any

import polars as pl
import yaml

from ..paths import REFERENCE

# In Rust as in Python, \\d would match the digits of every script; those of ours are 0 to 9.
_TEXT = (REFERENCE / "words.yml").read_text(encoding="utf-8").replace(r"\d", "[0-9]").replace(r"\D", "[^0-9]")
WORDS: dict[str, Any] = yaml.safe_load(_TEXT)
INVISIBLE = "[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"
NOTHING: list[str] = WORDS["nothing"]

# Rules that change only the notation: one line of the audit per file, column and rule. All others: one line per cell.
NOTATION = frozenset(
    {"blanks", "invisible", "width", "unwrapped", "line_break", "dot", "check_letter", "case", "coded", "code_suffix"}
    | {"date_notation", "date_time", "date_serial", "separators", "number_notation", "period_notation", "months_added"}
)
# Codes of the quarantine; a column without one of its own gives `<column>_missing` and `<column>_unknown`.
FAMILY = {"division": "district", "disease": "disease", "date": "date", "year": "date", "period": "date"}


def tidy(text: pl.Expr) -> pl.Expr:
    """One width, nothing invisible, no outer blanks, free of the tricks that keep spreadsheets from making a number of it."""
    bare = text.str.normalize("NFKC").str.replace_all(INVISIBLE, "").str.strip_chars()
    return bare.str.replace(r'^="(.*)"$', "$1").str.strip_chars_start("'`\u2019\u2018").str.strip_chars()


def tidied(raw: pl.Expr, tidy_text: pl.Expr) -> pl.Expr:
    """Which rule of notation made `tidy_text` of `raw`; none where nothing changed."""
    stripped = raw.str.strip_chars()
    seen = stripped.str.replace_all(INVISIBLE, "").str.strip_chars()
    return (
        pl.when(raw == tidy_text)
        .then(None)
        .when(stripped == tidy_text)
        .then(pl.lit("blanks"))
        .when(seen == tidy_text)
        .then(pl.lit("invisible"))
        .when(seen.str.normalize("NFKC").str.strip_chars() == tidy_text)
        .then(pl.lit("width"))
        .otherwise(pl.lit("unwrapped"))
    )


def says_nothing(tidy_text: pl.Expr) -> pl.Expr:
    """Whether a cell holds one of the many ways to say nothing."""
    return tidy_text.str.to_lowercase().is_in(NOTHING)


def is_error(tidy_text: pl.Expr) -> pl.Expr:
    """Whether a cell holds an error value of a spreadsheet."""
    return tidy_text.str.to_uppercase().str.contains(WORDS["errors"])
