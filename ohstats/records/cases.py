"""New cases from cards of confirmed diseases, by place, year and category."""

from __future__ import annotations

import pandas as pd

from .. import reference
from .flags import yes

BASES = {"diagnosis": ("diagnosis_year",), "report": ("final_review_year", "report_year")}
"""Year of each basis: the first of these columns that is known. Bulletins count by the year of the final review."""


def new_cases(cards: pd.DataFrame, parents: dict[str, str]) -> pd.DataFrame:
    """New confirmed cases by place, year, year basis and category, with the categories that they lie in and the total.

    Cards that are no new case (stage progression, not finally reviewed, later pneumoconiosis of the same person) are left
    out, as are cards whose place or year is not known. Nothing is added up to higher places.

    Parameters
    ----------
    cards : DataFrame
        Clean table `disease_cards`; not modified.
    parents : dict
        Category above each category.

    Returns
    -------
    DataFrame
        `place`, `year`, `year_basis`, `key`, `n` (cases); only figures above 0.
    """
    rows = cards[yes(cards["new_case"]) & cards["employer_division"].notna()]
    parts = []
    for basis, columns in BASES.items():
        year = pd.concat([rows[name].astype("Int64") for name in columns if name in rows], axis=1).bfill(axis=1).iloc[:, 0]
        known = rows[["employer_division", "category"]].assign(year=year, year_basis=basis).dropna(subset=["year"])
        counted = (
            known.groupby(["employer_division", "year", "year_basis", "category"], dropna=False).size().rename("n").reset_index()
        )
        above = counted["category"].map(lambda key: _chain(key, parents)).rename("key")
        parts.append(counted.assign(key=above).explode("key"))
    whole = pd.concat(parts, ignore_index=True).rename(columns={"employer_division": "place"})
    made = whole.groupby(["place", "year", "year_basis", "key"], as_index=False)["n"].sum()
    return made.astype({"year": "int64", "n": "float64"})


def _chain(key: object, parents: dict[str, str]) -> list[str]:
    """A category, all that it lies in, and the total; a case without a known category is in the total only."""
    chain = reference.above(str(key), parents) if isinstance(key, str) and key in parents else []
    return list(dict.fromkeys([*chain, "total"]))
