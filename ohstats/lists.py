"""Lists of what is due: internal edition only. No person stands in them by name or number: the row of the raw file does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from .clean import Cleaned
    from .dataset import Dataset

COLUMNS = ["place", "township", "report_unit", "employer_name", "employer_uscc", "due", "since", "file", "row"]
"""Who has to act, what is due and since when, and where the record stands in the raw export."""


def suspected_without_application(cleaned: Cleaned, _dataset: Dataset) -> pd.DataFrame:
    """Suspected cases without an application for diagnosis."""
    rows = cleaned.tables["suspected_cards"]
    rows = rows[~rows["diagnosis_applied"].eq(True).fillna(False).astype(bool) & rows["applied_date"].isna()]
    return rows.assign(place=rows["employer_division"], since=rows["found_date"], due="diagnosis_application")


LISTS: dict[str, tuple[str, Callable[[Cleaned, Dataset], pd.DataFrame]]] = {
    "suspected_without_application": ("suspected_cards", suspected_without_application)
}
"""Each list by name: the table that it needs, and what makes it."""


def make(cleaned: Cleaned, dataset: Dataset, edition: str) -> dict[str, pd.DataFrame]:
    """All lists of all places of a data set; none in the public edition.

    Returns
    -------
    dict of DataFrame
        By name: columns `COLUMNS`, all as text, oldest first.
    """
    if edition != "internal":
        return {}
    made = {name: form(cleaned, dataset) for name, (table, form) in LISTS.items() if table in cleaned.tables}
    return {
        name: rows.reindex(columns=COLUMNS)
        .astype("str")
        .fillna("")
        .sort_values(["place", "since", "file", "row"], ignore_index=True)
        for name, rows in made.items()
    }
