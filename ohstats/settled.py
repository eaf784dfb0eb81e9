"""Whether rows in quarantine that may be cases could change the verdict on a place's new cases."""

from __future__ import annotations

import json
import re
from itertools import product
from typing import TYPE_CHECKING

import pandas as pd

from . import periods, trend
from .counts import NEW_CASES

if TYPE_CHECKING:
    from .clean import Cleaned
    from .dataset import Dataset

NO_CASE = ("duplicate", "superseded", "not_a_record", "test_record")
"""Reasons of the quarantine under which a row is certainly no further case."""
MIN_POINTS = 5
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d")


def unsettled(cleaned: Cleaned, counts: pd.DataFrame, dataset: Dataset) -> list[str]:
    """Codes of the places whose verdict could change if rows in quarantine were cases of theirs.

    A row whose place cannot be read counts for every declared place, one whose year cannot be read for the worst year: the
    verdict of the latest unbroken window is computed again with all, none, only the earlier and only the later of the rows
    added, and with those of unknown year in the first and in the last year. Uses exact counts, so it runs in the protect
    step; only yes or no for a place leaves it.

    Parameters
    ----------
    cleaned : Cleaned
        Quarantined rows, with their original text.
    counts : DataFrame
        Exact Counts of all places (`counts.make`).
    dataset : Dataset
        Places and breaks.

    Returns
    -------
    list of str
        In the order of the codes.
    """
    rows = _possible(cleaned.quarantine, dataset)
    if rows.empty:
        return []
    series = counts[(counts["measure"] == NEW_CASES) & (counts["key"] == "total") & (counts["group"] == "")]
    series = series[series["period"].str.fullmatch(r"\d{4}")]
    found, variants = set(), []
    for place, all_of_it in series.groupby("place"):
        diagnosis = all_of_it["year_basis"] == "diagnosis"
        mine = all_of_it[diagnosis if diagnosis.any() else ~diagnosis]
        table = "disease_cards" if (mine["provenance"] == "records").any() else "case_counts"
        inside = [place in (dataset.ancestors(code) if code else (place,)) for code in rows["place"]]
        added = rows[pd.Series(inside, index=rows.index) & (rows["table"] == table)]
        window = _latest(mine, dataset.breaks(str(place)))
        added = added[(added["year"] == 0) | added["year"].isin(window.index)]
        if added.empty or window.empty:
            continue
        if added["n"].isna().any():
            found.add(str(place))
        variants.append(_variants(window, added).assign(place=place))
    if variants:
        whole = pd.concat(variants, ignore_index=True)
        fitted = trend.percent_change(whole, count="n", year="year", by=["place", "variant"])
        words = trend.verdict(fitted, min_points=MIN_POINTS).groupby("place")["verdict"].nunique()
        found |= set(words.index[words > 1].astype(str))
    return sorted(found)


def _possible(quarantine: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """Quarantined rows that may be cases: table, place ("" unknown), year (0 unknown), n (cases; NaN unknown)."""
    known = set(dataset.places["code"])
    told = []
    for table, reason, original in zip(quarantine["table"], quarantine["reason"], quarantine["original"], strict=True):
        if table not in ("case_counts", "disease_cards") or set(reason.split(";")) & set(NO_CASE):
            continue
        cells = json.loads(original)
        cards = table == "disease_cards"
        if not cards and cells.get("key", "").strip() not in ("", "total"):
            continue
        place = cells.get("employer_division" if cards else "place", "").strip()
        years = [int(year) for year in _YEAR.findall(cells.get("diagnosis_date" if cards else "period", ""))]
        n = 1.0 if cards else pd.to_numeric(cells.get("n", ""), errors="coerce")
        year = years[0] if len(set(years)) == 1 and "date" not in reason else 0
        told.append((table, place if place in known else "", year, n))
    return pd.DataFrame(told, columns=["table", "place", "year", "n"])


def _latest(series: pd.DataFrame, breaks: pd.DataFrame) -> pd.Series[float]:
    """Counts of the latest unbroken window by year: settled years with a figure."""
    known = series[series["numerator"].notna() & ~series["provisional"]]
    counts = pd.Series(known["numerator"].to_numpy(), index=known["period"].astype(int)).sort_index()
    cuts = breaks.loc[breaks["kind"] == "break", "first_period_after"].map(lambda text: periods.parse(text).first_year)
    spans = trend.windows(counts.index.tolist(), cuts.tolist()) if len(counts) else []
    return counts.loc[int(spans[-1][0]) : int(spans[-1][1])] if spans else counts.head(0)


def _variants(window: pd.Series[float], added: pd.DataFrame) -> pd.DataFrame:
    """The window as it stands and with rows added in every way that can tilt it."""
    years = window.index
    middle = (years[0] + years[-1]) / 2
    dated = added[added["year"] > 0].groupby("year")["n"].sum().reindex(years, fill_value=0.0)
    undated = float(added.loc[added["year"] == 0, "n"].sum())
    parts = {"none": 0.0, "all": 1.0, "early": (years <= middle).astype(float), "late": (years >= middle).astype(float)}
    made = []
    for (name, share), end in product(parts.items(), (None, years[0], years[-1])):
        counts = window + dated * share
        if end is not None:
            counts.loc[end] += undated
        made.append(pd.DataFrame({"variant": f"{name}:{end}", "year": years, "n": counts.to_numpy()}))
    return pd.concat(made, ignore_index=True)
