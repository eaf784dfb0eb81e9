"""New cases of one place: the yearly series, its unbroken windows, their trends, and detection effort beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from . import periods, rates, regions, trend
from .counts import NEW_CASES
from .data import once
from .disclosure import POOLED
from .language import _

if TYPE_CHECKING:
    from .data import Data

MIN_POINTS = 5  # fewer points since a break: cannot tell
EFFORT_CHANGE = 10.0  # percent: a smaller change of detection effort does not qualify a verdict
NOT_SHOWN = "not shown (small numbers)"
PROVISIONAL = "provisional years only"
POLICY, SCREENING = "policy", "screening"  # series of rows of breaks.csv: a policy to look before and after of; a campaign
UNSETTLED = "rows in quarantine could change the verdict"


class Window(NamedTuple):
    """First and last year between two breaks."""

    first: int
    last: int


def total(data: Data) -> pd.DataFrame:
    """Counts of all new cases together, in the one year basis that the report uses."""
    return cases(data, keys=("total",))


@once
def cases(data: Data, *, keys: tuple[str, ...] = ()) -> pd.DataFrame:
    """Counts of new cases in the one year basis that the report uses: diagnosis year where its totals by year are there."""
    rows = data.of(NEW_CASES)
    basis = regions.year_basis(rows)
    return rows[(rows["year_basis"] == basis) & (rows["key"].isin(keys) | (not keys))]


def in_period(data: Data, period: str, *, basis: str = "") -> dict[str, Any]:
    """The count of exactly one period as bulletins give it: by report year where that is there, else as the series has it.

    Parameters
    ----------
    data : Data
        Counts of a place.
    period : str
        As in the data.
    basis : str
        Only this year basis, so that two periods can be compared.

    Returns
    -------
    dict
        `n` (NaN without a figure), `lower`, `upper` (exact Poisson, 95 %), `hidden`, `provisional`, `note`, `basis`.
    """
    rows = data.of(NEW_CASES)
    rows = rows[(rows["key"] == "total") & (rows["period"] == period) & (rows["year_basis"].eq(basis) | (not basis))]
    there = rows[rows["numerator"].notna() | rows["hidden"]]
    rows = rows if there.empty else there
    if rows.empty:
        nothing = {"n": np.nan, "lower": np.nan, "upper": np.nan, "note": "", "basis": basis}
        return nothing | {"hidden": False, "provisional": False}
    row = rows.sort_values("year_basis", ascending=False).iloc[0]  # report before diagnosis
    limits = exact_limits(row["numerator"])
    told = {"n": row["numerator"], "lower": limits[0], "upper": limits[1], "note": row["note"], "basis": row["year_basis"]}
    return told | {"hidden": bool(row["hidden"]), "provisional": bool(row["provisional"])}


def cards_begin(data: Data, period: str) -> bool:
    """Whether its count by report year is the first that is made of cards: late reports of earlier diagnoses can be missing."""
    rows = data.of(NEW_CASES)
    rows = rows[(rows["key"] == "total") & (rows["year_basis"] == "report") & rows["numerator"].notna()]
    return bool(len(rows)) and rows["period"].min() == period and (rows["provenance"] == "records").all()


def is_summary(data: Data) -> bool:
    """Whether the public report of the place is one page, for want of cases."""
    return bool(data.design.get("summary", False))


def is_pooled(data: Data) -> bool:
    """Whether years of the total are published in blocks only."""
    return bool((total(data)["note"] == POOLED).any())


def blocks(data: Data) -> pd.DataFrame:
    """One Estimate row for each published block of years, oldest first: cases with exact Poisson limits.

    Returns
    -------
    DataFrame
        `period`, `first_year`, `last_year`, `hidden`, the Estimate columns.
    """
    rows = total(data)
    rows = rows[rows["period"].str.fullmatch(r"\d{4}\.\.\d{4}") & (rows["numerator"].notna() | rows["hidden"])]
    spans = [periods.parse(text) for text in rows["period"]]
    made = rows[["period", "numerator", "hidden"]].assign(
        first_year=[span.first_year for span in spans], last_year=[span.last_year for span in spans]
    )
    inside = (made["first_year"] >= data.first_year) & (made["last_year"] <= data.period.last_whole_year)
    made = made[inside].sort_values("first_year")
    known = made[made["numerator"].notna()]
    limits = rates.rate(known[["period", "numerator"]], events="numerator", by=["period"], method="exact").assign(unit="cases")
    return made.drop(columns="numerator").merge(limits, on="period", how="left").reset_index(drop=True)


def block_ratio(data: Data, found: pd.DataFrame) -> pd.DataFrame:
    """Ratio of the cases a year of the last block to the one before, as one Estimate row; none across a break."""
    if len(found) < 2 or found["hidden"].tail(2).any():
        return pd.DataFrame()
    earlier, later = found.iloc[-2], found.iloc[-1]
    cuts = data.breaks.loc[data.breaks["kind"] == "break", "first_period_after"].astype(int)
    if cuts.between(earlier["first_year"] + 1, later["last_year"]).any():
        return pd.DataFrame()
    pair = {"n": later["numerator"], "years": later["last_year"] - later["first_year"] + 1, "before": earlier["numerator"]}
    pair["years_before"] = earlier["last_year"] - earlier["first_year"] + 1
    made = rates.ratio_of_rates(
        pd.DataFrame([pair]), events="n", population="years", reference_events="before", reference_population="years_before"
    )
    spans = {"first_year": later["first_year"], "last_year": later["last_year"]}
    return made.assign(**spans, first_before=earlier["first_year"], last_before=earlier["last_year"])


def largest_group(data: Data, found: pd.DataFrame) -> pd.DataFrame:
    """The category with most cases among those shown for the last block, as one Estimate row: its share of all cases.

    Parameters
    ----------
    found : DataFrame
        From `blocks`.

    Returns
    -------
    DataFrame
        `period`, `key`, `first_year`, `last_year` and the Estimate columns; empty where no category or no total is shown.
    """
    last = found.tail(1)
    if last.empty or not last["value"].iloc[0] > 0:
        return pd.DataFrame()
    rows = cases(data)
    rows = rows[(rows["period"] == last["period"].iloc[0]) & (rows["key"] != "total") & (rows["numerator"] > 0)]
    rows = rows.sort_values(["numerator", "key"], ascending=[False, True], kind="stable").head(1)
    if rows.empty:
        return pd.DataFrame()
    whole = rows[["period", "key", "numerator"]].assign(denominator=last["value"].iloc[0])
    made = rates.proportion(whole, numerator="numerator", denominator="denominator", by=["period", "key"])
    return made.assign(first_year=last["first_year"].iloc[0], last_year=last["last_year"].iloc[0])


def by_category(data: Data) -> pd.DataFrame:
    """Counts of new cases by category where the data hold any: years and blocks, oldest first; `numerator`, `hidden`."""
    rows = cases(data)
    rows = rows[rows["numerator"].notna() | rows["hidden"]]
    spans = {text: periods.parse(text) for text in rows["period"].unique()}
    whole = rows["period"].map({text: text == f"{span.first_year}" or ".." in text for text, span in spans.items()})
    first = rows["period"].map({text: span.first_year for text, span in spans.items()})
    last = rows["period"].map({text: span.last_year for text, span in spans.items()})
    inside = whole.astype(bool) & (first >= data.first_year) & (last <= data.period.last_whole_year)
    rows = rows.assign(first=first, last=last)[inside]
    with_keys = set(rows.loc[rows["key"] != "total", "period"])
    rows = rows[rows["period"].isin(with_keys)].sort_values(["first", "last", "key"])
    return rows[["period", "key", "numerator", "hidden"]].reset_index(drop=True)


@once
def yearly(data: Data) -> pd.DataFrame:
    """One Estimate row a year from the first year of the report to its period: cases with exact Poisson limits.

    Returns
    -------
    DataFrame
        `year`, `state` (shown, recalled, provisional, gap or hidden), the Estimate columns, `source`. A year without a
        figure is a gap, never 0; a year that is published in a block only has no row.
    """
    rows = total(data)
    pooled = rows.loc[rows["note"] == POOLED, "period"]
    years = pd.DataFrame({"period": [str(year) for year in range(data.first_year, data.period.last_whole_year + 1)]})
    found = years[~years["period"].isin(pooled)].merge(rows, on="period", how="left")
    known = found["numerator"].notna()
    found["hidden"] = found["hidden"].eq(True)
    state = np.select(
        [found["hidden"], ~known, found["provisional"].eq(True), found["provenance"] == "recalled"],
        ["hidden", "gap", "provisional", "recalled"],
        "shown",
    )
    limits = rates.rate(found.loc[known, ["period", "numerator"]], events="numerator", by=["period"], method="exact")
    made = found[["period", "source", "note"]].rename(columns={"note": "told"}).merge(limits, on="period", how="left")
    made.insert(0, "year", made.pop("period").astype(int))
    made.insert(1, "state", state)
    made["unit"], made["note"] = "cases", made.pop("told").fillna("no figure")
    return made


def exact_limits(cases: float) -> tuple[float, float]:
    """Exact 95 % Poisson limits of one count; missing for a missing count."""
    if np.isnan(cases):
        return np.nan, np.nan
    row = rates.rate(pd.DataFrame({"n": [cases]}), events="n", method="exact").iloc[0]
    return float(row["lower"]), float(row["upper"])


def windows(series: pd.DataFrame, breaks: pd.DataFrame) -> list[Window]:
    """Stretches between declared breaks that hold a figure; only rows of kind "break" cut."""
    cuts = breaks.loc[breaks["kind"] == "break", "first_period_after"].astype(int)
    years = series.loc[series["state"] != "gap", "year"]
    return [Window(int(first), int(last)) for first, last in trend.windows(years.tolist(), cuts.tolist())] if len(years) else []


def change(series: pd.DataFrame, window: Window, *, without: tuple[str, ...] = ()) -> pd.DataFrame:
    """Annual percent change of one window with its verdict, as one Estimate row.

    Parameters
    ----------
    series : DataFrame
        From `yearly`.
    window : Window
        Years to fit; provisional years and gaps inside it are left out.
    without : tuple of str
        Further states to leave out, for sensitivity ("recalled").

    Returns
    -------
    DataFrame
        The columns of `trend.verdict`, with `first_year`, `last_year` and `n_points`. Where a year of the window is hidden
        nothing is fitted: the verdict is empty and the note says "not shown (small numbers)". Without a year to fit the
        verdict is "cannot tell".
    """
    inside = series[series["year"].between(*window)]
    left_out = ("gap", "provisional", *without)
    used = inside[~inside["state"].isin(left_out)]
    hidden = bool((used["state"] == "hidden").any())
    points = used[used["value"].notna()] if not hidden else used.head(0)
    if points.empty:
        points = pd.DataFrame({"year": [window.first, window.last], "value": [0.0, 0.0]}).drop_duplicates("year")
    fitted = trend.verdict(trend.percent_change(points, count="value", year="year"), min_points=MIN_POINTS)
    if hidden or used.empty:
        fitted[["value", "lower", "upper", "slope", "numerator"]] = np.nan
        why = PROVISIONAL if (inside["state"] == "provisional").any() else "no figure"
        fitted["verdict"], fitted["note"] = ("", NOT_SHOWN) if hidden else (trend.UNKNOWN, why)
        fitted["n_points"] = len(used)
    fitted["first_year"], fitted["last_year"] = window if used.empty else (used["year"].min(), used["year"].max())
    return fitted


@once
def trends(data: Data) -> pd.DataFrame:
    """Annual percent change of each unbroken window, oldest first; none of the latest where the quarantine could change it."""
    series = yearly(data)
    parts = [change(series, window) for window in windows(series, data.breaks)]
    if parts and data.unsettled and parts[-1]["verdict"].iloc[0]:
        parts[-1][["value", "lower", "upper", "slope"]] = np.nan
        parts[-1]["verdict"], parts[-1]["note"] = trend.UNKNOWN, UNSETTLED
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def sensitivity(data: Data, series: pd.DataFrame) -> pd.DataFrame:
    """The latest window fitted otherwise: from each noted event on, and without figures that were not read again.

    Returns
    -------
    DataFrame
        Rows as `change` gives them, with `start` (first year taken) and `without` (a state left out, or empty).
    """
    found = windows(series, data.breaks)
    if not found:
        return pd.DataFrame()
    latest = found[-1]
    notes = data.breaks.loc[(data.breaks["kind"] == "note") & (data.breaks["series"] != POLICY), "first_period_after"].astype(int)
    parts = [
        change(series, Window(start, latest.last)).assign(start=start, without="")
        for start in sorted(set(notes))
        if latest.first < start < latest.last
    ]
    recalled = series.loc[series["year"].between(*latest), "state"] == "recalled"
    if recalled.any():
        parts.append(change(series, latest, without=("recalled",)).assign(start=latest.first, without="recalled"))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


@once
def effort(data: Data) -> pd.DataFrame:
    """Detection effort by year: persons examined, suspected cases, diagnoses, reporting units, as far as known.

    Returns
    -------
    DataFrame
        `indicator_id`, `year`, `numerator`, `hidden`, `judged` (whether a change of it qualifies a verdict).
    """
    declared = data.indicators.set_index("indicator_id")["kind"]
    kinds = data.counts["measure"].map(declared)
    rows = data.counts[
        kinds.isin(["effort", "effort_shown"]) & (data.counts["group"] == "") & data.counts["period"].str.fullmatch(r"\d{4}")
    ]
    made = rows.assign(year=rows["period"].astype(int), judged=kinds[rows.index] == "effort", indicator_id=rows["measure"])
    made = made[made["year"].between(data.first_year, data.period.last_whole_year)]
    return made[["indicator_id", "year", "numerator", "hidden", "judged"]].reset_index(drop=True)


def effort_change(rows: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Change in percent from the first to the last year of a window, of the measures known in both.

    Returns
    -------
    DataFrame
        `indicator_id`, `first`, `last` (counts), `change` (percent), `judged`.
    """
    known = rows[rows["numerator"] > 0]
    ends = [known[known["year"] == year].set_index("indicator_id")["numerator"] for year in window]
    both = pd.DataFrame({"first": ends[0], "last": ends[1]}).dropna().rename_axis("indicator_id").reset_index()
    judged = dict(zip(rows["indicator_id"], rows["judged"], strict=True))
    return both.assign(change=100 * (both["last"] / both["first"] - 1), judged=both["indicator_id"].map(judged))


def campaigns(data: Data, window: Window) -> pd.DataFrame:
    """Rows of the breaks that are screening campaigns inside a window, with `first` and `last` year."""
    rows = data.breaks[data.breaks["series"] == SCREENING]
    first = rows["first_period_after"].astype(int)
    rows = rows.assign(
        first=first, last=rows["last_period"].where(rows["last_period"] != "", rows["first_period_after"]).astype(int)
    )
    return rows[(rows["first"] <= window.last) & (rows["last"] >= window.first)]


def qualified(verdict: str, changes: pd.DataFrame, *, campaign: bool = False) -> str:
    """How detection effort qualifies a verdict: "effort fell", "effort rose", "campaign", "unknown" or "".

    Rules of the evaluation indicators, 1e: only measures known at both ends of the window are judged.
    """
    if verdict not in ("falling", "rising"):
        return ""
    judged = changes[changes["judged"].astype(bool)] if len(changes) else changes
    if verdict == "rising" and campaign:
        return "campaign"
    if judged.empty:
        return "unknown"
    if verdict == "falling" and (judged["change"] < -EFFORT_CHANGE).any():
        return "effort fell"
    if verdict == "rising" and (judged["change"] > EFFORT_CHANGE).any():
        return "effort rose"
    return ""


def unknown_years(rows: pd.DataFrame, window: Window) -> str:
    """Years of a window without any judged measure of effort, as "2014-2021, 2023"."""
    known = set(rows.loc[rows["judged"] & rows["numerator"].notna(), "year"])
    missing = [year for year in range(window.first, window.last + 1) if year not in known]
    return _(", ").join(str(first) if first == last else f"{first}\u2013{last}" for first, last in periods.runs(missing))
