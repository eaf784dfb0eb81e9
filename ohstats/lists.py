"""Lists of what is due (`reference/lists.yml`), internal edition only: no person is named, the raw row is looked up."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from . import files
from .paths import REFERENCE
from .records import conditions, derived, tallies

if TYPE_CHECKING:
    from .clean import Cleaned
    from .dataset import Dataset

COLUMNS = ["place", "township", "report_unit", "employer_name", "employer_uscc", "due", "since", "file", "row"]
"""Who has to act, what is due and since when, and where the record stands in the raw export."""
_ROW = ["file", "row", "township", "employer_name", "employer_uscc"]


@lru_cache(maxsize=1)
def declared() -> dict[str, dict[str, Any]]:
    """Declarations by list, in the order of the workbook."""
    told: dict[str, dict[str, Any]] = files.read_yaml(REFERENCE / "lists.yml")
    return told


def make(cleaned: Cleaned, dataset: Dataset, edition: str) -> dict[str, pd.DataFrame]:
    """All lists of all places of a data set; none in the public edition.

    Returns
    -------
    dict of DataFrame
        By name: columns `COLUMNS`, all as text, oldest first. Rows about persons, and those about sole traders, hold no name
        and no number of theirs: the file and its row tell where to look them up.
    """
    if edition != "internal":
        return {}
    tables = derived.make(cleaned.tables, dataset.folder, dataset.data_date)
    made = {}
    for name, told in declared().items():
        if told["table"] in tables and told.get("find", told)["table"] in tables:
            rows = _due(tables, told, dataset).assign(due=name)
            rows["row"] = rows["row"].map(lambda number: "" if pd.isna(number) else str(int(number)))
            rows = rows.reindex(columns=COLUMNS).astype("object").fillna("").astype("str")
            made[name] = rows.sort_values(["place", "since", "file", "row"], kind="stable", ignore_index=True)
    return made


def _due(tables: dict[str, pd.DataFrame], told: dict[str, Any], dataset: Dataset) -> pd.DataFrame:
    """Rows of one list, with where they stand in the raw file."""
    place, year = tallies.place_and_year(told["table"])
    rows = tables[told["table"]]
    if told.get("latest"):
        rows = rows[rows[year] == rows[year].max()]
    rows = rows[conditions.fits(rows, told["where"], dataset.folder) & rows[place].notna()].reset_index(drop=True)
    if "find" in told:
        rows = _found(rows, tables, told, dataset)
    if "sample" in told:
        rows = _sampled(rows, told)
    made = rows.reindex(columns=list(dict.fromkeys([*_ROW, "employer_key"]))).assign(
        place=rows[place], since=rows[told["since"]], report_unit=rows[told["unit"]] if "unit" in told else ""
    )
    if "employers" in tables:
        known = tables["employers"].dropna(subset=["employer_key", "township"]).groupby("employer_key")["township"].last()
        made["township"] = made["township"].fillna(made["employer_key"].map(known))
    if told.get("person"):
        made[["employer_name", "employer_uscc"]] = ""
    return made.drop(columns="employer_key")


def _found(rows: pd.DataFrame, tables: dict[str, pd.DataFrame], told: dict[str, Any], dataset: Dataset) -> pd.DataFrame:
    """Rows of a derived table with the columns of the record that stands behind each."""
    find = told["find"]
    source = tables[find["table"]]
    source = source[conditions.fits(source, find.get("where", {}), dataset.folder) & source[find["by"]].notna()]
    if "last" in find:
        source = source.sort_values(find["last"], kind="stable", na_position="first").iloc[::-1]
    key, named = find["by"], dict.fromkeys([*_ROW, told["since"], told.get("unit", ""), "employer_key"])
    extra = [name for name in named if name in source.columns and name != key]
    made = rows.merge(source.drop_duplicates(key)[[key, *extra]], on=key, how="left", suffixes=("", "?"))
    for name in extra:
        if f"{name}?" in made:
            made[name] = made[name].fillna(made[f"{name}?"])
    return made


def _sampled(rows: pd.DataFrame, told: dict[str, Any]) -> pd.DataFrame:
    """A share of the records of each unit, at least so many, spread over the strata in proportion; the seed is declared."""
    plan, parts = told["sample"], []
    draw = np.random.default_rng(plan["seed"])
    for _unit, mine in rows.sort_values(["file", "row"], kind="stable").groupby(told["unit"], sort=True):
        size = min(len(mine), max(plan["least"], math.ceil(plan["share"] * len(mine))))
        order = draw.permutation(len(mine))
        mixed = mine.iloc[order]
        within = mixed.groupby(plan["stratum"]).cumcount() + 0.5
        share = within / mixed[plan["stratum"]].map(mixed[plan["stratum"]].value_counts())
        parts.append(mixed.iloc[np.argsort(share.to_numpy(), kind="stable")].head(size))
    return pd.concat(parts, ignore_index=True) if parts else rows.head(0)
