"""Cells that hold a code, a name or a choice from a list: distinct texts are few, so each is looked up once."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import polars as pl

from .. import codes, reference
from .words import WORDS, tidy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..schema import Column

Found = tuple[object, str | None, str | None]  # value, rule, fault
_ERROR = re.compile(WORDS["errors"].replace("(?i)", ""), re.I)
_NOTHING = frozenset(WORDS["nothing"])
_STAGE = re.compile(WORDS["stage"])
_STAGE_FIRST = re.compile(WORDS["stage_first"])
_SPLIT = re.compile(r"[\u3001,;/|\uff0c\uff1b\uff0f\s]+")


def each(cells: pl.DataFrame, find: Callable[[str], Found], kind: pl.DataType | type[pl.DataType] = pl.String) -> pl.DataFrame:
    """`value`, `rule` and `fault` of each distinct text (`raw`) by a function of the tidy text."""
    seen = cells.with_columns(tidy(pl.col("raw")).alias("tidy"))
    rows: list[tuple[str, object, str | None, str | None]] = []
    for raw, text in seen.iter_rows():
        if not text:
            rows.append((raw, None, None, None))
        elif _ERROR.fullmatch(text):
            rows.append((raw, None, "excel_error", "excel_error"))
        else:
            value, rule, fault = find(text)
            if value is None and rule != "unknown_value" and text.lower() in _NOTHING:
                rule, fault = "nothing_said", None
            same = raw.lower() == str(value).lower() if isinstance(value, bool) else raw == value
            rows.append((raw, value, None if same else rule, fault))
    return pl.DataFrame(rows, schema={"raw": pl.String, "value": kind, "rule": pl.String, "fault": pl.String}, orient="row")


@lru_cache(maxsize=64)
def _known(name: str, to: str, own: Path | None) -> tuple[dict[str, str], frozenset[str]]:
    """Code by text, and the texts that are official: codes and first names."""
    frame = codes.table(name, own)
    official = {codes.normal(text) for column in ("code", "name_zh", to) for text in frame[column]}
    known = codes.lookup(name, to=to, own=own)
    if to == "category_id":  # numbers that editions give to several categories: as since 2013
        old, new = (codes.lookup(name, edition, to=to, own=own) for edition in ("2013", "2025"))
        known |= {text: key for text, key in (new | old).items() if new.get(text, key) == key}
    return known, frozenset(official)


def parse_code(cells: pl.DataFrame, column: Column, own: Path | None) -> pl.DataFrame:
    """Codes of the declared list; official names are `coded`, aliases too (stages: `stage`, one line per card)."""
    known, official = _known(column.list, column.to, own)
    alias_rule = "stage" if column.list == "stages" else "coded"

    def find(text: str) -> Found:
        wanted = codes.normal(text.removesuffix(".0") if text.endswith(".0") else text)
        code = known.get(wanted)
        if code is None:
            return None, "not_in_list", "unknown"
        if code in column.missing:
            return None, "unknown_value", None
        return code, "coded" if wanted in official else alias_rule, None

    return each(cells, find)


def parse_codes(cells: pl.DataFrame, column: Column, own: Path | None) -> pl.DataFrame:
    """Several codes in one cell, joined by |; what is not in the list is left out with a line of the audit."""
    known, _official = _known(column.list, "code", own)

    def find(text: str) -> Found:
        whole = known.get(codes.normal(text))
        parts = [text] if whole else [part for part in _SPLIT.split(text) if part]
        found = [known.get(codes.normal(part)) for part in parts]
        good = list(dict.fromkeys(code for code in found if code))
        if not good:
            return None, "not_in_list", "unknown"
        return "|".join(good), "coded" if all(found) else "partly_in_list", None

    return each(cells, find)


def parse_category(cells: pl.DataFrame, folder: Path | None) -> pl.DataFrame:
    """Categories of diseases by their key or name; a data set may add its own."""
    known = reference.category_keys(folder)

    def find(text: str) -> Found:
        key = known.get(text.lower())
        return (key, "coded", None) if key else (None, "not_in_list", "unknown")

    return each(cells, find)


def parse_choice(cells: pl.DataFrame, column: Column) -> pl.DataFrame:
    """Choices declared with the column."""
    known = {codes.normal(text): key for key, texts in column.choices.items() for text in (key, *texts)}

    def find(text: str) -> Found:
        key = known.get(codes.normal(text))
        return (key, "coded", None) if key else (None, "not_in_list", "unknown")

    return each(cells, find)


def parse_flag(cells: pl.DataFrame) -> pl.DataFrame:
    """Yes and no."""
    yes, no = frozenset(WORDS["affirmed"]), frozenset(WORDS["denied"])

    def find(text: str) -> Found:
        low = text.lower()
        if low in yes or (low not in no and re.fullmatch(WORDS["affirmed_like"], low)):
            return True, "coded", None
        if low in no or re.fullmatch(WORDS["denied_like"], low):
            return False, "coded", None
        return None, "not_yes_or_no", "unknown"

    return each(cells, find, pl.Boolean)


def parse_division(cells: pl.DataFrame, own: Path | None, places: dict[str, str]) -> pl.DataFrame:
    """Six-digit codes of GB/T 2260 or of the user's own list, from longer codes and from names that only one place has.

    `places` holds the user's own codes and names. `until` is the last year of a code that was abolished.
    """
    own_codes = frozenset(places.values())

    def find(text: str) -> Found:
        bare = text.removesuffix(".0") if re.fullmatch(r"[0-9]+\.0", text) else re.sub(r"\.0+$", "", text)
        bare = re.sub(r"\s+", "", bare)
        if re.fullmatch(r"[0-9]+", bare):
            code = bare[:6] if len(bare) in (6, 9, 12) else ""
            if code in own_codes or code in _last_years(own):
                return code, "code_suffix", None
            return None, "district_unknown", "district_unknown"
        wanted = codes.normal(bare)
        known = {} if wanted in places else _known("divisions", "code", own)[0]
        named = places.get(wanted) or known.get(wanted)
        if named:
            return named, "coded", None
        if wanted in _ambiguous(own):
            return None, "district_ambiguous", "district_ambiguous"
        named = _by_address(wanted, known)
        return (named, "coded", None) if named else (None, "district_unknown", "district_unknown")

    made = each(cells, find)
    foreign = set(made["value"].drop_nulls()) - own_codes
    closed = {code: year for code, year in _last_years(own).items() if year and code in foreign} if foreign else {}
    return made.with_columns(
        pl.col("value").replace_strict(closed or {"": 0}, default=None, return_dtype=pl.Int32).alias("until")
    )


def _by_address(text: str, known: dict[str, str]) -> str | None:
    """The county with whose full name (province, city, county) an address starts."""
    for end in range(min(len(text) - 1, 30), 5, -1):
        code = known.get(text[:end])
        if code and not code.endswith("00"):
            return code
    return None


@lru_cache(maxsize=4)
def _ambiguous(own: Path | None) -> frozenset[str]:
    return frozenset(codes.ambiguous("divisions", own=own))


@lru_cache(maxsize=4)
def _last_years(own: Path | None) -> dict[str, int]:
    """Last year of each code of a division; 0 where it is in force."""
    frame = codes.table("divisions", own)
    years: dict[str, int] = {}
    for code, until in zip(frame["code"], frame["valid_to"], strict=True):
        years[code] = 0 if not until or years.get(code) == 0 else int(until[:4])
    return years


def own_places(places: pl.DataFrame | None) -> dict[str, str]:
    """Codes and unique names of the user's own list of places."""
    if places is None:
        return {}
    found: dict[str, set[str]] = {}
    for code, *names in places.select("code", "name_zh", "name_en").iter_rows():
        for text in (code, *names):
            found.setdefault(codes.normal(text), set()).add(code)
    return {text: next(iter(those)) for text, those in found.items() if text and len(those) == 1}


def parse_disease(cells: pl.DataFrame, own: Path | None) -> pl.DataFrame:
    """Diseases of the catalogue as `disease_id`; a stage glued to the name goes to `glued`."""
    known, official = _known("diseases", "disease_id", own)
    stages, _names = _known("stages", "code", own)
    glued: dict[str, str] = {}

    def find(text: str) -> Found:
        for name in (text, re.sub(WORDS["disease_head"], "", text)):
            wanted = codes.normal(name)
            if wanted in known:
                return known[wanted], "coded" if wanted in official and name == text else "synonym", None
            match = _STAGE.match(name)
            if match:
                head, stage = (match[1], match[2]) if match[1] else (match[3], match[4])
                wanted = codes.normal(re.sub(WORDS["disease_head"], "", head))
                if wanted in known:
                    glued[text] = stages.get(codes.normal(stage), "")
                    return known[wanted], "synonym", None
        if first := _STAGE_FIRST.match(text):
            value, rule, fault = find(first[2])
            if fault is None and text not in glued:
                glued[text] = stages.get(codes.normal(first[1]), "")
            return value, rule if fault else "synonym", fault
        if (bare := re.sub(WORDS["severity"], "", text)) != text:
            value, rule, fault = find(bare)
            return value, rule if fault else "synonym", fault
        return None, "disease_unknown", "disease_unknown"

    made = each(cells, find).with_columns(tidy(pl.col("raw")).alias("tidy"))
    stage = pl.col("tidy").replace_strict(glued, default=None, return_dtype=pl.String) if glued else pl.lit(None, pl.String)
    return made.with_columns(stage.alias("glued")).drop("tidy")


def parse_industry(cells: pl.DataFrame, own: Path | None) -> pl.DataFrame:
    """Codes of GB/T 4754, letter and digits as given; names by the list."""
    known, _official = _known("industries", "code", own)
    listed = set(codes.table("industries", own)["code"])

    def find(text: str) -> Found:
        bare = re.sub(r"\s+", "", text).upper()
        match = re.fullmatch(r"([A-T])?([0-9]{2,4})?(?:\.0)?", bare)
        if match and bare:
            letter, digits = match[1] or "", match[2] or ""
            if {digits, letter + digits, digits.lstrip("0")} & listed or (letter and not digits):
                return letter + digits, "case", None
            return None, "not_in_list", "unknown"
        code = known.get(codes.normal(bare))
        return (code, "coded", None) if code else (None, "not_in_list", "unknown")

    return each(cells, find)
