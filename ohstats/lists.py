"""Lists of what is due (`reference/lists.yml`), internal edition only: no person is named, the raw row is looked up."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from . import files, schema
from .paths import REFERENCE
from .records import cases, conditions, derived, tallies
from .records.flags import yes

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
    return made | accounts(cleaned, dataset)


def accounts(cleaned: Cleaned, dataset: Dataset) -> dict[str, pd.DataFrame]:
    """What became of the files that hold records of each place, what was corrected in them, and which cards came late.

    Returns
    -------
    dict of DataFrame
        `accounting`: `place`, `file`, `here` (clean rows of the place and of those below it), then of the whole file `in`,
        `clean`, `quarantined` and `reasons` ("reason n; reason n", by their codes). `corrections`: `place`, `file`, `table`,
        `rule` ("correction 1"), `column`, `n` (cells), `reason` (as the data set gives it). `late_cards`: `place`,
        `report_year`, `diagnosis_year`, `n` (new cases).
    """
    there = []
    for name, rows in cleaned.tables.items():
        column = schema.table(name).place or "place"
        if column in rows and "file" in rows:
            there.append(rows.groupby([column, "file"]).size().rename_axis(["place", "file"]).reset_index(name="here"))
    here = _above(pd.concat(there, ignore_index=True), ["file"], "here", dataset) if there else pd.DataFrame()
    if here.empty:
        return {}
    reasons = cleaned.quarantine.assign(reason=cleaned.quarantine["reason"].str.split(";")).explode("reason")
    counted = reasons.groupby(["file", "reason"]).size()
    told = {file: "; ".join(f"{reason} {n}" for (_f, reason), n in part.items()) for file, part in counted.groupby(level=0)}
    for name in ("in", "clean", "quarantined"):
        here[name] = here["file"].map(lambda file, name=name: int(cleaned.rows.get(file, {}).get(name, 0)))
    here["reasons"] = [told.get(file, "") for file in here["file"]]
    lines = cleaned.audit[cleaned.audit["rule"].str.startswith("correction ")]
    lines = lines.groupby(["file", "table", "rule", "column"], as_index=False)["count"].sum().rename(columns={"count": "n"})
    path = dataset.folder / "corrections.yml"
    entries = (files.read_yaml(path) or []) if path.is_file() else []
    why = {f"correction {number}": str(entry.get("reason", "")) for number, entry in enumerate(entries, start=1)}
    made = {
        "accounting": here,
        "corrections": here[["place", "file"]].merge(
            lines.assign(reason=[why.get(rule, "") for rule in lines["rule"]]), on="file"
        ),
    }
    if "disease_cards" in cleaned.tables:
        cards = cleaned.tables["disease_cards"]
        cards = cards[yes(cards["new_case"]) & cards["employer_division"].notna()]
        years = {f"{basis}_year": cases.year(cards, basis) for basis in cases.BASES}
        pairs = cards[["employer_division"]].assign(**years).dropna().astype(dict.fromkeys(years, "int64"))
        found = pairs.groupby(["employer_division", *years]).size().rename_axis(["place", *years]).reset_index(name="n")
        made["late_cards"] = _above(found, list(years), "n", dataset)
    return made


def _above(rows: pd.DataFrame, by: list[str], counted: str, dataset: Dataset) -> pd.DataFrame:
    """Rows counted for their place and added up to those above it."""
    known = set(dataset.opened)
    chains = {place: [each for each in dataset.ancestors(place) if each in known] for place in rows["place"].dropna().unique()}
    lifted = rows.assign(place=rows["place"].map(chains)).explode("place").dropna(subset=["place"])
    return lifted.groupby(["place", *by], as_index=False)[counted].sum()


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
