"""Clean tables to Counts: one long frame of numerators and denominators by place, period and key.

A figure is a number, hidden (it exists and may not be shown) or missing (no figure; `note` says why). It is never a guess.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd

from . import periods

if TYPE_CHECKING:
    from .clean import Cleaned
    from .dataset import Cover, Dataset

KEYS = ["measure", "place", "period", "year_basis", "key", "group"]
COLUMNS = [*KEYS, "numerator", "denominator", "hidden", "counts", "basis", "provisional", "provenance", "source", "note"]
NEW_CASES = "new_cases"


def make(cleaned: Cleaned, dataset: Dataset, indicators: pd.DataFrame) -> pd.DataFrame:
    """Counts of all places of a data set.

    Parameters
    ----------
    cleaned : Cleaned
        Clean tables; their quarantine decides where "covered without rows" may not be read as 0.
    dataset : Dataset
        Its coverage.
    indicators : DataFrame
        Declared indicators: what each counts, census or sample.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`; numerator and denominator as float with NaN for hidden and missing.
    """
    parts = []
    if "case_counts" in cleaned.tables:
        parts += [_case_counts(cleaned.tables["case_counts"]), _covered(cleaned, dataset)]
    if "indicator_values" in cleaned.tables:
        parts.append(_indicator_values(cleaned.tables["indicator_values"], indicators))
    whole = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return whole.sort_values(KEYS, kind="stable", ignore_index=True)


def _case_counts(table: pd.DataFrame) -> pd.DataFrame:
    made = table.rename(columns={"n": "numerator"}).assign(
        measure=NEW_CASES, denominator=float("nan"), hidden=table["n_hidden"], counts="case", basis="census"
    )
    gap = made["numerator"].isna() & ~made["hidden"]
    made["note"] = made["note"].mask(gap & (made["note"] == ""), "declared gap")
    return _typed(made)


def _indicator_values(table: pd.DataFrame, indicators: pd.DataFrame) -> pd.DataFrame:
    declared = indicators.drop_duplicates("indicator_id", keep="last").set_index("indicator_id")[["counts", "basis"]]
    made = (
        table.rename(columns={"indicator_id": "measure"})
        .join(declared, on="measure")
        .assign(
            year_basis="",
            key="",
            hidden=table["numerator_hidden"] | table["denominator_hidden"],
            provisional=False,
            provenance="",
        )
    )
    made["counts"] = made["counts"].fillna("case")  # an undeclared indicator gets the strictest rules
    made["basis"] = made["basis"].replace("", None).fillna("census")
    return _typed(made)


def _covered(cleaned: Cleaned, dataset: Dataset) -> pd.DataFrame:
    """Zeros of covered periods without a row; missing where a quarantined row may belong there."""
    there = cleaned.tables["case_counts"]
    has = set(zip(there["place"], there["period"], there["key"], there["year_basis"], strict=True))
    suspect = _quarantined(cleaned.quarantine, dataset)
    rows = []
    for cover in dataset.covers:
        if cover.table != "case_counts":
            continue
        for place in cover.places:
            for year in range(cover.span.first_year, cover.span.last_year + 1):
                rows += [
                    _filled(place, str(year), key, cover, suspect)
                    for key in cover.keys
                    if (place, str(year), key, cover.year_basis) not in has
                ]
    return _typed(pd.DataFrame(rows, columns=COLUMNS))


def _filled(place: str, year: str, key: str, cover: Cover, suspect: set[tuple[str, str]]) -> dict[str, object]:
    open_row = any(pair in suspect for pair in ((place, year), ("", year), (place, ""), ("", "")))
    return dict.fromkeys(COLUMNS, "") | {
        "measure": NEW_CASES,
        "place": place,
        "period": year,
        "year_basis": cover.year_basis,
        "key": key,
        "numerator": float("nan") if open_row else 0.0,
        "denominator": float("nan"),
        "hidden": False,
        "counts": "case",
        "basis": "census",
        "provisional": False,
        "note": "rows in quarantine" if open_row else "covered, no row",
    }


def _quarantined(quarantine: pd.DataFrame, dataset: Dataset) -> set[tuple[str, str]]:
    """(place, period) of quarantined rows; an unreadable part is empty and matches all."""
    known = set(dataset.places["code"])
    pairs = set()
    for original in quarantine.loc[quarantine["table"] == "case_counts", "original"]:
        cells = json.loads(original)
        place, period = cells["place"].strip(), cells["period"].strip()
        pairs.add((place if place in known else "", period if periods.is_period(period) else ""))
    return pairs


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    numbers = {"numerator": "float64", "denominator": "float64", "hidden": "bool", "provisional": "bool"}
    made = frame[COLUMNS].astype({name: numbers.get(name, "str") for name in COLUMNS})
    made.loc[made["hidden"], ["numerator", "denominator"]] = float("nan")
    return made
