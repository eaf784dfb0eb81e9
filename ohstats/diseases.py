"""New cases of a place by category: the period against the year before, series, trends and exceedances with multiplicity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from . import breakdowns, codes, courses, dimensions, occurrence, periods, rates, reference, surveillance, trend
from .counts import NEW_CASES
from .data import once
from .disclosure import NOISE

if TYPE_CHECKING:
    from .data import Data

TOTAL = "total"
EDITIONS = ("2013", "2025")  # of the catalogue of occupational diseases
SINGLE = 5  # periods in the table of single diseases


def names(data: Data) -> dict[str, str]:
    """Name of each category in the report's language, the data set's own over the packaged ones."""
    rows = reference.table("categories", data.dataset.folder, key="key")
    return {row["key"]: reference.name_of(row, data.language) for row in rows.to_dict("records")}


@once
def latest(data: Data) -> pd.DataFrame:
    """Cases of the period by category and in the same period a year before, in the year basis of the headline.

    Returns
    -------
    DataFrame
        `key`, `above` (the category that it is part of; "total" at the top), `n`, `before` (NaN: no figure), `hidden`,
        `hidden_before`, the Estimate columns of the share of all cases (percent, Wilson), `difference`; categories by number of
        cases, parts after what they are part of. Empty where the period holds no category.
    """
    rows = data.of(NEW_CASES)
    basis = occurrence.in_period(data, data.period.text)["basis"]
    rows = rows[(rows["year_basis"] == basis) & (rows["numerator"].notna() | rows["hidden"])].set_index("key")
    now = rows[rows["period"] == data.period.text]
    earlier = periods.year_before(data.period)
    before = rows[rows["period"] == (earlier.text if earlier else "")]
    keys = [key for key in now.index if key != TOTAL]
    if not keys:
        return pd.DataFrame()
    made = pd.DataFrame({"key": keys, "above": _above(data, keys)})
    made["n"], made["hidden"] = now.loc[keys, "numerator"].to_numpy(), now.loc[keys, "hidden"].to_numpy()
    made["before"] = before["numerator"].reindex(keys).to_numpy()
    made["hidden_before"] = before["hidden"].reindex(keys).eq(True).to_numpy()
    made["difference"] = made["n"] - made["before"]
    whole = now["numerator"].get(TOTAL, np.nan)
    known = made[made["n"].notna() & (whole > 0) & (made["n"] <= whole)]
    shares = rates.proportion(known.assign(total=whole), numerator="n", denominator="total", by="key")
    made = made.merge(shares, on="key", how="left")
    return _ordered(made)


def withheld(data: Data) -> bool:
    """Whether the data hold counts by category for the period that the edition does not show."""
    rows = data.counts[(data.counts["measure"] == NEW_CASES) & (data.counts["group"] == "") & (data.counts["key"] != TOTAL)]
    return bool(((rows["period"] == data.period.text) & rows["numerator"].isna() & (rows["note"] != "")).any())


def distinct(data: Data, keys: list[str]) -> list[str]:
    """Categories of which none is part of another: of a category and its part the one with the longer series, else the whole."""
    years = yearly(data).groupby("key")["year"].nunique()
    above = dict(zip(keys, _above(data, keys), strict=True))
    part_of = [(key, whole) for key, whole in above.items() if whole != TOTAL]
    longer = {whole for key, whole in part_of if years[key] > years[whole]}
    away = longer | {key for key, whole in part_of if whole not in longer}
    return [key for key in keys if key not in away]


def _above(data: Data, keys: list[str]) -> list[str]:
    rows = reference.table("categories", data.dataset.folder, key="key")
    parents = dict(zip(rows["key"], rows["parent"], strict=True))
    return [next((each for each in reference.above(key, parents)[1:] if each in keys), TOTAL) for key in keys]


def _ordered(made: pd.DataFrame) -> pd.DataFrame:
    made = made.sort_values(["n", "key"], ascending=[False, True], na_position="last")
    tops = made.loc[made["above"] == TOTAL, "key"].tolist()
    order: list[str] = []
    while tops:
        order.append(tops.pop(0))
        tops = made.loc[made["above"] == order[-1], "key"].tolist() + tops
    return made.set_index("key").loc[order].reset_index()


@once
def yearly(data: Data) -> pd.DataFrame:
    """Counts by category and year, with the total, in the year basis of the trend.

    Returns
    -------
    DataFrame
        `key`, `year`, the Estimate columns (cases with exact Poisson limits), `state` (shown, provisional or hidden); a year
        without a figure has no row.
    """
    rows = occurrence.cases(data)
    rows = rows[rows["period"].str.fullmatch(r"\d{4}") & (rows["numerator"].notna() | rows["hidden"])]
    rows = rows.assign(year=rows["period"].astype(int))
    rows = rows[rows["year"].between(data.first_year, data.period.last_whole_year)]
    state = np.select([rows["hidden"], rows["provisional"]], ["hidden", "provisional"], "shown")
    limits = rates.rate(rows[rows["numerator"].notna()], events="numerator", by=["key", "year"], method="exact")
    made = rows[["key", "year"]].assign(state=state).merge(limits, on=["key", "year"], how="left")
    return made.sort_values(["key", "year"], ignore_index=True).assign(unit="cases")


@once
def trends(data: Data) -> pd.DataFrame:
    """Annual percent change of each category over the latest unbroken window, with control of false discoveries.

    Returns
    -------
    DataFrame
        `key`, the columns of `trend.verdict`, `q`: "falling" and "rising" only where the p value adjusted over all categories
        (Benjamini and Hochberg) is at most the accepted share. A category with a hidden year in the window has no trend and the
        note says so; one with fewer than five years, or without a figure in the last one, has no row.
    """
    series, window = yearly(data), courses.settled(data).window
    if window is None or data.unsettled:
        return pd.DataFrame()
    used = series[series["year"].between(*window) & (series["state"] != "provisional") & (series["key"] != TOTAL)]
    by_key = used.groupby("key")["year"]
    enough = (by_key.transform("size") >= occurrence.MIN_POINTS) & (by_key.transform("max") == used["year"].max())
    used = used[enough]
    hidden = used[used["key"].isin(used.loc[used["state"] == "hidden", "key"])]
    shown = used.drop(hidden.index)
    parts = []
    if len(shown):
        found = trend.verdict(trend.percent_change(shown, count="value", year="year", by="key"), min_points=occurrence.MIN_POINTS)
        found["q"] = surveillance.adjusted(found["p"].to_numpy())
        doubtful = found["verdict"].isin([trend.FALLING, trend.RISING]) & ~(found["q"] <= courses.settings()["fdr"])
        parts.append(found.assign(verdict=found["verdict"].mask(doubtful, trend.UNKNOWN)))
    if len(hidden):
        ends = hidden.groupby("key")["year"].agg(first_year="min", last_year="max", n_points="size").reset_index()
        parts.append(
            ends.assign(verdict="", note=occurrence.NOT_SHOWN, value=np.nan, lower=np.nan, upper=np.nan, slope=np.nan, q=np.nan)
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


@once
def exceedances(data: Data) -> pd.DataFrame:
    """Cases of the reported year against the mean of the years before it, by category and in total, with multiplicity.

    Returns
    -------
    DataFrame
        `key`, the columns of `surveillance.exceedance` (p adjusted over all categories of the place), `first_year`, `last_year`
        (of the baseline: up to five years of the same unbroken window, none hidden), `most` (the highest of them). `notable`
        asks for more than that too, since counts vary more than Poisson counts do. Empty for a part of a year.
    """
    year = data.period.last_year
    span = next(
        (each for each in occurrence.windows(occurrence.yearly(data), data.breaks) if each.first <= year <= each.last), None
    )
    if not data.period.is_year or span is None:
        return pd.DataFrame()
    told = courses.settings()
    rows = yearly(data)
    rows = rows[rows["year"].between(max(span.first, year - told["baseline"]), year)]
    hidden = rows.groupby("key")["state"].transform(lambda states: (states == "hidden").any())
    rows = rows[~hidden]
    past, now = rows[rows["year"] < year], rows[rows["year"] == year].set_index("key")["value"]
    sums = past.groupby("key").agg(
        before=("value", "sum"),
        years=("year", "size"),
        most=("value", "max"),
        first_year=("year", "min"),
        last_year=("year", "max"),
    )
    table = sums.join(now.rename("n"), how="inner")
    table = table[table["years"] >= told["baseline_least"]].reset_index()
    if table.empty:
        return pd.DataFrame()
    found = surveillance.exceedance(table, observed="n", baseline="before", baseline_years="years", by="key", fdr=told["fdr"])
    found = found.merge(table[["key", "first_year", "last_year", "most"]], on="key")
    return found.assign(notable=found["notable"] & (found["numerator"] > found["most"]))


@once
def noise(data: Data) -> pd.DataFrame:
    """Share of noise deafness (or of the category that holds it) in all new cases, percent by year, with Wilson limits.

    Returns
    -------
    DataFrame
        `key`, `year`, the Estimate columns; the years of the latest unbroken window with both figures.
    """
    rows, window = yearly(data), courses.settled(data).window
    shown = rows[rows["value"].notna() & rows["year"].between(*(window or (0, 0)))]
    last = shown.loc[shown["year"] == shown["year"].max(), "key"].tolist()
    key = next((name for name in NOISE if name in last), "")
    whole = shown[shown["key"] == TOTAL].set_index("year")["value"]
    mine = shown[shown["key"] == key].assign(total=shown["year"].map(whole))
    mine = mine[mine["total"] >= mine["value"].clip(lower=1)][["key", "year", "value", "total"]]
    return rates.proportion(mine, numerator="value", denominator="total", by=["key", "year"]) if len(mine) else pd.DataFrame()


@once
def single(data: Data) -> pd.DataFrame:
    """New cases of single diseases by period, as the edition shows them, with their share of the category that they lie in.

    Categories that hold one disease alone (noise deafness) are left out: their figure stands among the categories; so are
    diseases of which no figure above 0 may be shown.

    Returns
    -------
    DataFrame
        `key` (category), `code` (disease), `name`, `period`, `hidden`, the Estimate columns of the share of the category
        (percent, Wilson); the latest five periods that are published within the report's. Empty where nothing is.
    """
    rows = codes.table("diseases", data.dataset.folder)
    several = rows.groupby("category_key")["disease_id"].nunique()
    there = data.counts[(data.counts["measure"] == NEW_CASES) & data.counts["group"].str.startswith("disease=")]
    parts = [
        breakdowns.groups(data, NEW_CASES, "disease", key=key, period=text).assign(key=key)
        for key in there["key"].unique()
        if several.get(key, 0) > 1
        for text in breakdowns.rows(data, NEW_CASES, "disease", key=key)["period"].unique()
        if data.first_year <= periods.parse(text).first_year and periods.parse(text).last_year <= data.period.last_whole_year
    ]
    made = pd.concat([part for part in parts if len(part)], ignore_index=True) if any(map(len, parts)) else pd.DataFrame()
    if made.empty:
        return made
    made = made[made["code"] != dimensions.UNKNOWN]
    made = made[made.groupby(["key", "code"])["numerator"].transform("max").gt(0)]
    if made.empty:
        return pd.DataFrame()
    ends = {text: (periods.parse(text).last_year, -periods.parse(text).first_year) for text in made["period"].unique()}
    return made[made["period"].isin(sorted(ends, key=lambda text: ends[text])[-SINGLE:])].reset_index(drop=True)


def bridge(data: Data) -> pd.DataFrame:
    """Diseases that the catalogue of 2025 added or put into another category than that of 2013.

    Returns
    -------
    DataFrame
        `name`, `old`, `new` (code), `old_key`, `new_key` (category); blank on the side where the disease is not listed.
    """
    rows = codes.table("diseases", data.dataset.folder)
    old_rows, new_rows = (
        {row["code"]: row for row in rows[rows["edition"] == edition].to_dict("records")} for edition in EDITIONS
    )
    by_id = {row["disease_id"]: code for code, row in new_rows.items()}
    told, followed = [], set()
    for row in old_rows.values():
        codes_now = [code for code in row["successor"].split("|") if code] or [by_id.get(row["disease_id"], "")]
        for code in codes_now:
            if code in new_rows:
                followed.add(code)
                now = new_rows[code]
                if now["category_key"] != row["category_key"]:
                    old = {"old": row["code"], "old_key": row["category_key"]}
                    told.append(
                        {"name": reference.name_of(now, data.language), **old, "new": code, "new_key": now["category_key"]}
                    )
    for row in (row for code, row in new_rows.items() if code not in followed):
        new = {"new": row["code"], "new_key": row["category_key"]}
        told.append({"name": reference.name_of(row, data.language), "old": "", "old_key": "", **new})
    return pd.DataFrame(told, columns=["name", "old", "old_key", "new", "new_key"])
