"""Clean tables to Counts: one long frame of numerators and denominators by place, period and key.

A figure is a number, hidden (it exists and may not be shown) or missing (no figure; `note` says why). It is never a guess.
"""

from __future__ import annotations

import json
from itertools import product
from typing import TYPE_CHECKING

import pandas as pd

from . import dimensions, periods, records, reference

if TYPE_CHECKING:
    from .clean import Cleaned
    from .dataset import Dataset

KEYS = ["measure", "place", "period", "year_basis", "key", "group"]
COLUMNS = [*KEYS, "numerator", "denominator", "hidden", "counts", "basis", "provisional", "provenance", "source", "note"]
EMPLOYERS = ["n_employers", "largest_share"]  # of figures that rest on employers: how many, and the share of the largest
NEW_CASES = "new_cases"
KNOWN = "known"  # kind of figures that others published: protection reckons with them, no report shows them
CIRCULAR = "register made from the numerator"
SETTLED = "-06-30"
"""Day of the next year until which cases of a year of diagnosis still come in: the year is provisional before."""


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
        Columns `COLUMNS`; numerator and denominator as float with NaN for hidden and missing. Besides `high`, the largest value
        that a numerator which arrived hidden can have, and `EMPLOYERS` (NaN: not known).
    """
    return both(cleaned, dataset, indicators)[0]


def both(cleaned: Cleaned, dataset: Dataset, indicators: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Counts of all places (`make`), and what they hold twice and differently (`disagreements`), in one pass."""
    parts = []
    if "case_counts" in cleaned.tables:
        parts += [_case_counts(cleaned.tables["case_counts"]), _covered(cleaned, dataset)]
    if "indicator_values" in cleaned.tables:
        parts.append(_indicator_values(cleaned.tables["indicator_values"], indicators))
    if "denominators" in cleaned.tables:
        parts.append(_denominators(cleaned.tables["denominators"]))
    if "known_figures" in cleaned.tables:
        parts.append(_known_figures(cleaned.tables["known_figures"]))
    parts = [part for part in parts if len(part)] or [_typed(pd.DataFrame(columns=COLUMNS))]
    told = pd.concat(parts, ignore_index=True)
    counted = from_records(cleaned, dataset, indicators)
    new = ~pd.MultiIndex.from_frame(counted[KEYS]).isin(pd.MultiIndex.from_frame(told[KEYS]))
    whole = pd.concat([told, counted[new]], ignore_index=True) if new.any() else told
    return whole.sort_values(KEYS, kind="stable", ignore_index=True), _differing(told, counted)


def from_records(cleaned: Cleaned, dataset: Dataset, indicators: pd.DataFrame) -> pd.DataFrame:
    """Counts made from record tables, for the places and years that the data set says they cover.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`, provenance "records": new cases by category, and the indicators that `tallies.yml` declares. A
        covered year without a record is 0; a share of nothing is left out. Places above are added up where they are covered.
    """
    parts = []
    if "disease_cards" in cleaned.tables:
        parents = reference.table("categories", dataset.folder, key="key").set_index("key")["parent"].to_dict()
        by = [name for name, told in dimensions.declared().items() if told.get("cases")]
        cases = records.new_cases(cleaned.tables["disease_cards"], parents, by=by, own=dataset.folder)
        cases = cases.rename(columns={"n": "numerator"}).assign(
            measure=NEW_CASES, table="disease_cards", denominator=float("nan"), circular=float("nan")
        )
        parts.append(cases)
    tallied = records.tally(cleaned.tables, own=dataset.folder, data_date=dataset.data_date)
    parts.append(tallied.rename(columns={"indicator_id": "measure"}).assign(year_basis="", key=""))
    counted = pd.concat([part for part in parts if len(part)] or parts[-1:], ignore_index=True)
    if counted.empty:
        return _typed(pd.DataFrame(columns=COLUMNS))
    always = pd.DataFrame(records.plain(cleaned.tables, dataset.folder), columns=["measure", "table"]).assign(
        year_basis="", key=""
    )
    counted = _summed(counted, dataset, always)
    declared = indicators.drop_duplicates("indicator_id", keep="last").set_index("indicator_id")[["counts", "basis"]]
    made = counted.join(declared, on="measure")
    made["counts"] = made["counts"].fillna("case")
    made["basis"] = made["basis"].replace("", None).fillna("census")
    months_known = pd.to_datetime(dataset.data_date or None) if dataset.data_date else pd.Timestamp.max
    settled = pd.to_datetime((made["year"] + 1).astype("str") + SETTLED)
    made["provisional"] = (made["year_basis"] == "diagnosis") & (settled > months_known)
    made["period"] = made["year"].astype("str")
    circular = (made["circular"] > 0) & (made["circular"] == made["denominator"])
    made["note"] = circular.map({True: CIRCULAR, False: ""})
    return _typed(made.assign(hidden=False, provenance="records", source=""))


def disagreements(cleaned: Cleaned, dataset: Dataset, indicators: pd.DataFrame) -> pd.DataFrame:
    """Figures that a data set holds twice and differently: in an aggregated table and counted from its records.

    The aggregated figure is the one that reports use: it is the official one.

    Returns
    -------
    DataFrame
        `KEYS`, `numerator`, `denominator` (aggregated), `numerator_records`, `denominator_records`.
    """
    return both(cleaned, dataset, indicators)[1]


def _differing(told: pd.DataFrame, counted: pd.DataFrame) -> pd.DataFrame:
    told = told[(told["counts"] != KNOWN) & ~told["hidden"] & told["numerator"].notna()]
    values = ["numerator", "denominator"]
    twice = told[[*KEYS, *values]].merge(counted[[*KEYS, *values]], on=KEYS, suffixes=("", "_records"))
    differ = twice["numerator"] != twice["numerator_records"]
    differ |= twice["denominator"].fillna(-1) != twice["denominator_records"].fillna(-1)
    return twice[differ].reset_index(drop=True)


def covered(dataset: Dataset) -> pd.DataFrame:
    """What record tables cover: `table`, `place`, `year`, `only` (the year basis, or "" for all)."""
    rows = {
        (cover.table, place, int(year)): cover.year_basis
        for cover in dataset.covers
        for place in cover.places
        for year in cover.span.whole_years
    }
    told = [(*key, basis) for key, basis in sorted(rows.items())]
    return pd.DataFrame(told, columns=["table", "place", "year", "only"]).astype({"year": "int64"})


def lifted(rows: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """Rows with `table`, `place`, `year`, `year_basis` and `group`, once for each covered place that they lie in.

    Groups of a local dimension stay where they are: two places may use one name for two things.
    """
    chains = {place: dataset.ancestors(place) for place in rows["place"].unique()}
    own = [f"{name}=" for name, told in dimensions.declared().items() if told.get("local")]
    place = rows["place"].astype("object").where(rows["group"].str.startswith(tuple(own)), rows["place"].map(chains))
    made = rows.assign(place=place).explode("place").merge(covered(dataset), on=["table", "place", "year"])
    return made[(made["only"] == "") | (made["only"] == made["year_basis"])].drop(columns="only")


def _summed(counted: pd.DataFrame, dataset: Dataset, always: pd.DataFrame) -> pd.DataFrame:
    """Added up to all covered places; covered years without a record as 0, of the series `always` too.

    A group is 0 in the covered years of the places that have it in another year.
    """
    keys = ["measure", "table", "place", "year", "year_basis", "key", "group"]
    given = counted[counted["table"].isin(records.AGGREGATED)]
    by = lifted(counted.drop(given.index), dataset).groupby(keys)
    summed = by[["numerator", "denominator", "circular", "n_employers"]].sum(min_count=1)
    summed = summed.assign(largest=by["largest"].max()).reset_index()
    plain, there = summed[summed["denominator"].isna()], covered(dataset)
    named = ["measure", "table", "year_basis", "key"]
    series = pd.concat([plain.loc[plain["group"] == "", named], always]).drop_duplicates().assign(group="")
    groups = plain.loc[plain["group"] != "", [*named, "group", "place"]].drop_duplicates()
    zeros = pd.concat([series.merge(there, on="table"), groups.merge(there, on=["table", "place"])], ignore_index=True)
    zeros = zeros[(zeros["only"] == "") | (zeros["only"] == zeros["year_basis"])]
    made = pd.concat([given, summed, zeros[keys].assign(numerator=0.0)], ignore_index=True).drop_duplicates(
        keys, ignore_index=True
    )
    return made.assign(largest_share=made["largest"] / made["denominator"])


def _case_counts(table: pd.DataFrame) -> pd.DataFrame:
    made = table.rename(columns={"n": "numerator"}).assign(
        measure=NEW_CASES, denominator=float("nan"), hidden=table["n_hidden"], high=table["n_high"], counts="case", basis="census"
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
            high=table["numerator_high"],
            provisional=False,
            provenance="",
        )
    )
    made["counts"] = made["counts"].fillna("case")  # an undeclared indicator gets the strictest rules
    made["basis"] = made["basis"].replace("", None).fillna("census")
    return _typed(made)


def _denominators(table: pd.DataFrame) -> pd.DataFrame:
    """People, exposed workers and the like: nothing about anyone's health."""
    made = table.rename(columns={"value": "numerator"}).assign(
        measure="denominator_" + table["quantity"].astype("str"),
        year_basis="",
        key="",
        denominator=float("nan"),
        hidden=False,
        counts="coverage",
        basis="census",
        provisional=False,
        provenance="",
    )
    return _typed(made[made["numerator"].notna()])


def _known_figures(table: pd.DataFrame) -> pd.DataFrame:
    """Figures published by others, in bulletins or yearbooks."""
    made = table.rename(columns={"n": "numerator"}).assign(
        denominator=float("nan"), hidden=False, counts=KNOWN, basis="census", provisional=False, provenance=""
    )
    made["measure"] = made["measure"].mask(made["measure"] == "", NEW_CASES)
    return _typed(made[made["numerator"].notna()])


def _covered(cleaned: Cleaned, dataset: Dataset) -> pd.DataFrame:
    """Zeros of covered periods without a row; missing where a row in quarantine, or a part of the figure, may belong there."""
    there = cleaned.tables["case_counts"]
    has = set(zip(there["place"], there["period"], there["key"], there["year_basis"], strict=True))
    suspect, partly = _quarantined(cleaned.quarantine, dataset), _partly(there, dataset)
    rows = []
    for cover in dataset.covers:
        if cover.table != "case_counts":
            continue
        years = cover.span.whole_years
        for place, when, key in product(cover.places, [periods.parse(year) for year in years] or [cover.span], cover.keys):
            named = (place, str(when), key, cover.year_basis)
            if named in has:
                continue
            has.add(named)  # covers may overlap
            year = when.first_year
            note = "covered, no row"
            if suspect & {(place, year), ("", year), (place, 0), ("", 0)}:
                note = "rows in quarantine"
            elif (place, year, key, cover.year_basis) in partly:
                note = "only parts known"
            rows.append(_filled(named, note))
    return _typed(pd.DataFrame(rows, columns=COLUMNS))


def _filled(named: tuple[str, str, str, str], note: str) -> dict[str, object]:
    place, period, key, year_basis = named
    return dict.fromkeys(COLUMNS, "") | {
        "measure": NEW_CASES,
        "place": place,
        "period": period,
        "year_basis": year_basis,
        "key": key,
        "numerator": 0.0 if note == "covered, no row" else float("nan"),
        "denominator": float("nan"),
        "hidden": False,
        "counts": "case",
        "basis": "census",
        "provisional": False,
        "note": note,
    }


def _quarantined(quarantine: pd.DataFrame, dataset: Dataset) -> set[tuple[str, int]]:
    """(place, year) of quarantined rows; an unreadable part is empty or 0 and matches all."""
    known = set(dataset.places["code"])
    pairs = set()
    for original in quarantine.loc[quarantine["table"] == "case_counts", "original"]:
        cells = json.loads(original)
        place, period = cells.get("place", "").strip(), cells.get("period", "").strip()
        when = periods.parse(period) if periods.is_period(period) else None
        years = range(when.first_year, when.last_year + 1) if when else [0]
        pairs |= {(place if place in known else "", year) for year in years}
    return pairs


def _partly(there: pd.DataFrame, dataset: Dataset) -> set[tuple[str, int, str, str]]:
    """(place, year, key, basis) that cannot be 0 without a row: another period, a category or a place below is not 0."""
    parents = reference.table("categories", dataset.folder, key="key").set_index("key")["parent"].to_dict()
    chains = {place: dataset.ancestors(place) for place in there["place"].unique()}
    some = there["n"].ne(0)  # hidden and missing ones too
    found = set()
    for place, text, key, basis, cases in zip(
        there["place"], there["period"], there["key"], there["year_basis"], some, strict=True
    ):
        when = periods.parse(text)
        places, keys = (chains[place], reference.above(key, parents)) if cases else ([place], [key])
        if cases or not when.is_year:
            years = range(when.first_year, when.last_year + 1)
            found |= {(each, year, above, basis) for each in places for year in years for above in keys}
    return found


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    numbers = dict.fromkeys(EMPLOYERS, "float64") | {
        "numerator": "float64",
        "denominator": "float64",
        "high": "float64",
        "hidden": "bool",
        "provisional": "bool",
    }
    columns = [*COLUMNS, "high", *EMPLOYERS]
    made = frame.reindex(columns=columns).astype({name: numbers.get(name, "str") for name in columns})
    made.loc[made["hidden"], ["numerator", "denominator"]] = float("nan")
    return made
