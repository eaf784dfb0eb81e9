"""What the protect step says of a place beside its counts: the trend that borrows strength from its region, official figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from . import reference, surveillance, trend
from .counts import KNOWN, NEW_CASES
from .disclosure import BELOW_CITY, BY_REPORT_YEAR, POOLED

if TYPE_CHECKING:
    from .dataset import Dataset

FEWEST_PLACES, FEWEST_YEARS = 3, 5  # with fewer places of so many years there is nothing to borrow from
_CHANGES = ("value", "lower", "upper", "region_value", "region_lower", "region_upper")


def beside(protected: pd.DataFrame, exact: pd.DataFrame, dataset: Dataset, edition: str) -> dict[str, dict[str, Any]]:
    """What reports read of their place beside its counts, by code.

    Parameters
    ----------
    protected : DataFrame
        Counts of all places as the edition may see them: all that is estimated here comes from them.
    exact : DataFrame
        Counts before protection: only the figures that others published are taken.
    dataset : Dataset
        Places and breaks.
    edition : str
        "public": official figures at city level and above only.

    Returns
    -------
    dict
        By code: `borrowed` (see `borrowed_trends`) and `known`, a list of (period, year basis, cases, source).
    """
    told: dict[str, dict[str, Any]] = {}
    for place, trend_row in borrowed_trends(protected, dataset).items():
        told.setdefault(place, {})["borrowed"] = trend_row
    levels = dict(zip(dataset.places["code"], dataset.places["level"], strict=True))
    rows = exact[
        (exact["counts"] == KNOWN) & (exact["measure"] == NEW_CASES) & (exact["key"] == "total") & (exact["group"] == "")
    ]
    for row in rows.itertuples(index=False):
        if edition == "internal" or levels.get(row.place) not in BELOW_CITY:
            figure = [row.period, row.year_basis, float(row.numerator), row.source]
            told.setdefault(row.place, {}).setdefault("known", []).append(figure)
    return told


def year_basis(rows: pd.DataFrame) -> str:
    """The one year basis in which reports show the new cases of a place: diagnosis year where its totals by year are there."""
    there = (
        (rows["key"] == "total") & (rows["numerator"].notna() | rows["hidden"]) & (rows["period"].str.len() < len("2001..2005"))
    )
    known = set(rows.loc[there, "year_basis"]) or set(rows["year_basis"])
    if (rows["note"] == BY_REPORT_YEAR).any():
        known -= {"diagnosis"}
    return "diagnosis" if "diagnosis" in known else "report"


def borrowed_trends(counts: pd.DataFrame, dataset: Dataset) -> dict[str, dict[str, Any]]:
    """Annual percent change of each place, drawn towards that of its region: the places of its level with the same one above.

    Not for a place with a hidden year, or years in blocks, in its latest unbroken window; nor with fewer than three places of
    five years.

    Returns
    -------
    dict
        By code: value, lower, upper, region_value, region_lower, region_upper (percent per year, one decimal, so that a change
        elsewhere that no reader sees changes no report), own_share (percent of the trend that is its own data), first_year,
        last_year, places (how many), method.

    References
    ----------
    `surveillance.shrunken_trend`; held against the own trend of each place in years left out: docs/statistics.md.
    """
    rows = counts[(counts["measure"] == NEW_CASES) & (counts["key"] == "total") & (counts["group"] == "")]
    about = dataset.places.set_index("code")[["parent", "level"]]
    settled = _windows(rows, dataset).join(about[about["parent"] != ""], on="place", how="inner")
    told = {}
    for _region, table in settled.groupby(["parent", "level"]):
        if (table["place"].value_counts() >= FEWEST_YEARS).sum() < FEWEST_PLACES:
            continue
        found = surveillance.shrunken_trend(table, count="numerator", year="year", place="place")
        for row in found[found["value"].notna()].to_dict("records"):
            years = table.loc[table["place"] == row["place"], "year"]
            told[str(row["place"])] = {
                **{name: round(float(row[name]), 1) for name in _CHANGES},
                "own_share": round(100 * float(row["own_share"])),
                "first_year": int(years.min()),
                "last_year": int(years.max()),
                "places": len(found),
                "method": row["method"],
            }
    return told


def _windows(rows: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """`place`, `year`, `numerator`: settled years of the latest unbroken window of each place in which none is hidden."""
    breaks = reference.table("breaks", dataset.folder)
    breaks = breaks[breaks["kind"] == "break"]
    parts = []
    for place, mine in rows.groupby("place"):
        series = mine[(mine["year_basis"] == year_basis(mine)) & (mine["period"].str.len() == len("2024"))]
        series = series[~series["provisional"] & (series["numerator"].notna() | series["hidden"])]
        above = dataset.ancestors(str(place))
        cuts = breaks[(breaks["place"] == place) | (breaks["place"].isin(above) & (breaks["scope"] == "below"))]
        years = series["period"].astype(int)
        found = trend.windows(years.tolist(), cuts["first_period_after"].astype(int).tolist())
        inside = series[years.between(*found[-1])] if found else series.head(0)
        if not inside["hidden"].any() and not (mine["note"] == POOLED).any():
            parts.append(inside[["place", "numerator"]].assign(year=years[inside.index]))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["place", "numerator", "year"])
