"""New cases from cards of confirmed diseases, by place, year and category."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from .. import dimensions, reference
from .flags import yes

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

BASES = {"diagnosis": ("diagnosis_year",), "report": ("final_review_year", "report_year")}
"""Year of each basis: the first of these columns that is known. Bulletins count by the year of the final review."""

EACH = "each"
"""Groups of a dimension that lie in one category each, as diseases do: counted in the category of the record alone."""


def new_cases(cards: pd.DataFrame, parents: dict[str, str], *, by: Iterable[str] = (), own: Path | None = None) -> pd.DataFrame:
    """New confirmed cases by place, year, year basis and category, with the categories that they lie in and the total.

    Cards that are no new case (stage progression, not finally reviewed, later pneumoconiosis of the same person) are left
    out, as are cards whose place or year is not known. Nothing is added up to higher places.

    Parameters
    ----------
    cards : DataFrame
        Clean table `disease_cards`; not modified.
    parents : dict
        Category above each category.
    by : iterable of str
        Dimensions whose groups are counted too: of all cases, of the category that the dimension belongs to (stage), or of the
        record's own category (disease).
    own : Path, optional
        Folder of a data set with its own code lists.

    Returns
    -------
    DataFrame
        `place`, `year`, `year_basis`, `key`, `group` ("" or `dimension=code`), `n` (cases); only figures above 0.
    """
    rows = cards[yes(cards["new_case"]) & cards["employer_division"].notna()]
    keys = rows["category"].map({name: chain(name, parents) for name in rows["category"].unique()})
    told = [(pd.Series("", index=rows.index, dtype="str"), "")]
    for dimension in by:
        found = dimensions.groups(rows, dimension, "disease_cards", own=own)
        if found is not None:
            about = dimensions.declared()[dimension]
            told.append((found, EACH if about.get("each") else about.get("applies", "total")))
    parts = []
    for basis in BASES:
        when = year(rows, basis)
        known = (
            rows[["employer_division"]]
            .assign(year=when, year_basis=basis, key=keys, own=rows["category"])
            .dropna(subset=["year"])
        )
        for group, only in told:
            counted = known.assign(group=group).explode("key")
            counted = counted[(counted["key"] == (counted["own"] if only == EACH else only)) | (only == "")]
            names = ["employer_division", "year", "year_basis", "key", "group"]
            parts.append(counted.groupby(names).size().rename("n").reset_index())
    made = pd.concat(parts, ignore_index=True).rename(columns={"employer_division": "place"})
    return made.astype({"year": "int64", "n": "float64"})


def year(cards: pd.DataFrame, basis: str) -> pd.Series[int]:
    """Year of each card in a year basis; missing where none of its columns is known."""
    there = [cards[name].astype("Int64") for name in BASES[basis] if name in cards]
    return pd.concat(there, axis=1).bfill(axis=1).iloc[:, 0]


def chain(key: object, parents: dict[str, str]) -> list[str]:
    """A category, all that it lies in, and the total; a case without a known category is in the total only."""
    found = reference.above(str(key), parents) if isinstance(key, str) and key in parents else []
    return list(dict.fromkeys([*found, "total"]))
