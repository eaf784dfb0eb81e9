"""What the yearly series of a place further says: facts of the target "falling", why cases changed, before and after, outlook."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from . import files, joinpoint, occurrence, rates, surveillance, trend
from .data import once
from .paths import REFERENCE

if TYPE_CHECKING:
    from .data import Data
    from .occurrence import Window

TOO_FEW = "too few years"
CANNOT = "the trend cannot be told"
BREAK_AHEAD = "a break lies ahead"
GAPS, FEW_CASES = "years are missing", "too few cases a year"
NO_POLICY = "no year on both sides"
NO_EFFORT = "no measure known in two years"


class Settled(NamedTuple):
    """Counts of the latest unbroken window that a model may use, and why there are none."""

    table: pd.DataFrame  # year, value
    window: Window | None
    reason: str


@lru_cache(maxsize=1)
def settings() -> dict[str, Any]:
    """Parameters of the trend report (`reference/course.yml`)."""
    return dict(files.read_yaml(REFERENCE / "course.yml"))


def settled(data: Data, window: Window | None = None) -> Settled:
    """Years of a window (the latest where none is given) that are neither gaps nor provisional; none where one is hidden."""
    series = occurrence.yearly(data)
    found = occurrence.windows(series, data.breaks)
    chosen = window or (found[-1] if found else None)
    rows = series[series["year"].between(*chosen) & ~series["state"].isin(["gap", "provisional"])] if chosen else series.head(0)
    reason = "no figure" if rows.empty else ""
    if (rows["state"] == "hidden").any():
        reason = occurrence.NOT_SHOWN
    elif data.unsettled and not reason:
        reason = occurrence.UNSETTLED
    return Settled(rows[["year", "value"]].head(0 if reason else len(rows)).reset_index(drop=True), chosen, reason)


def crossed(data: Data, first: int, last: int) -> list[int]:
    """First years after the declared breaks that lie between two years."""
    cuts = data.breaks.loc[data.breaks["kind"] == "break", "first_period_after"].astype(int)
    return sorted(set(cuts[(cuts > first) & (cuts <= last)]))


def fall(data: Data) -> pd.DataFrame:
    """The facts that answer the official target "falling": two differences, the ratio of two periods, the trend.

    Returns
    -------
    DataFrame
        `fact` ("base", "before", "periods", "trend"), `first_year`, `last_year`, the Estimate columns (difference in cases;
        ratio of cases per year of observation with conditional exact limits; percent per year), `verdict`; the periods have
        `first_before` and `last_before`. A fact without its numbers says why in `note`.
    """
    series = occurrence.yearly(data).set_index("year", drop=False)
    if series.empty:
        return pd.DataFrame()
    last = int(series.index[-1])
    parts = [_difference(series, base, last, fact) for fact, base in (("base", settings()["base_year"]), ("before", last - 1))]
    found = occurrence.trends(data)
    parts += [_periods(series, last), found.tail(1).assign(fact="trend") if len(found) else pd.DataFrame()]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def _difference(series: pd.DataFrame, base: int, last: int, fact: str) -> pd.DataFrame:
    if base >= last:
        return pd.DataFrame()
    ends = series.reindex([base, last])
    hidden, provisional = ((ends["state"] == state).any() for state in ("hidden", "provisional"))
    before, now = ends["value"]
    note = occurrence.NOT_SHOWN if hidden else "no figure" if np.isnan(now - before) else "provisional" if provisional else ""
    told = {
        "fact": fact,
        "first_year": base,
        "last_year": last,
        "value": now - before,
        "unit": "difference in cases",
        "method": "descriptive",
    }
    return pd.DataFrame([told | {"numerator": now, "denominator": before, "note": note}])


def _periods(series: pd.DataFrame, last: int) -> pd.DataFrame:
    """Ratio of the cases per year of observation of two periods; the years named are those with a settled figure."""
    spans = [settings()[name] for name in ("earlier", "later")]
    if last < spans[1][0] or series.index[0] > spans[0][1]:
        return pd.DataFrame()
    sides = [series[series["year"].between(*span) & ~series["state"].isin(["gap", "provisional"])] for span in spans]
    ends = [
        end for span, side in zip(spans, sides, strict=True) for end in (side["year"].agg(["min", "max"]) if len(side) else span)
    ]
    told = {"fact": "periods"} | dict(
        zip(("first_before", "last_before", "first_year", "last_year"), map(int, ends), strict=True)
    )
    hidden = any((side["state"] == "hidden").any() for side in sides)
    if hidden or not all(map(len, sides)):
        note = occurrence.NOT_SHOWN if hidden else "no figure"
        return pd.DataFrame([told | {"value": np.nan, "lower": np.nan, "upper": np.nan, "unit": "ratio", "note": note}])
    (before, years_before), (now, years) = ((side["value"].sum(), len(side)) for side in sides)
    row = pd.DataFrame([{"n": now, "t": years, "n0": before, "t0": years_before}])
    made = rates.ratio_of_rates(row, events="n", population="t", reference_events="n0", reference_population="t0")
    return made.assign(**told)


@once
def decomposed(data: Data) -> pd.DataFrame:
    """Change in cases over the latest window, split into examinations, suspicion and confirmation as far as they are known.

    Of the chains that are known in two years of the window the one that reaches furthest is taken, then the longest.

    Returns
    -------
    DataFrame
        The rows of `trend.decomposition` with `step` ("change", then the chain), `start` and `end` (years); where nothing can be
        split one row without a value whose `note` says why.
    """
    table, _window, reason = settled(data)
    if reason:
        return pd.DataFrame([{"value": np.nan, "note": reason}])
    known = occurrence.effort(data)
    known = known[known["numerator"].notna()]
    told = {name: dict(zip(part["year"], part["numerator"], strict=True)) for name, part in known.groupby("indicator_id")}
    told["cases"] = dict(zip(table["year"], table["value"], strict=True))
    first, *others = settings()["chain"]
    best: tuple[int, int, list[str], int, int] = (0, 0, [], 0, 0)
    for taken in product((False, True), repeat=len(others)):
        steps = [first, *(step for step, take in zip(others, taken, strict=True) if take), "cases"]
        years = set.intersection(*(set(told.get(step, ())) for step in steps))
        if len(years) > 1:
            best = max(best, (max(years) - min(years), len(steps), steps, min(years), max(years)))
    _reach, _steps, chain, start, end = best
    if not chain:
        return pd.DataFrame([{"value": np.nan, "note": NO_EFFORT}])
    rows = pd.DataFrame([{"year": year, **{step: told[step][year] for step in chain}} for year in (start, end)])
    parts = trend.decomposition(rows, chain=chain, period="year", start=start, end=end, draws=2000)
    return parts.assign(step=["change", *chain], start=start, end=end)


class Policy(NamedTuple):
    """A policy with the years before and after, the terms of a segmented trend, and why these are missing."""

    row: dict[str, Any]
    sides: pd.DataFrame
    terms: pd.DataFrame
    reason: str


def policies(data: Data) -> list[Policy]:
    """Each declared policy (rows "policy" of the breaks) inside an unbroken window, described; modelled where years suffice."""
    told = []
    spans = occurrence.windows(occurrence.yearly(data), data.breaks)
    for row in data.breaks[data.breaks["series"] == occurrence.POLICY].to_dict("records"):
        first = int(row["first_period_after"])
        window = next((span for span in spans if span.first < first <= span.last), None)
        table, _window, reason = settled(data, window) if window else Settled(pd.DataFrame(), None, NO_POLICY)
        if not reason and not (table["year"].lt(first).any() and table["year"].ge(first).any()):
            reason = NO_POLICY
        if reason:
            told.append(Policy(row, pd.DataFrame(), pd.DataFrame(), reason))
            continue
        sides = trend.before_after(table, count="value", year="year", first_after=first)
        terms = trend.segmented(table, count="value", year="year", first_after=first)
        told.append(Policy(row, sides, terms, str(terms["note"].iloc[0])))
    return told


class Outlook(NamedTuple):
    """Forecast, chance that a target is met (empty: none to judge), and why there is no forecast."""

    years: pd.DataFrame
    target: pd.DataFrame
    reason: str


def outlook(data: Data) -> Outlook:
    """Cases to expect if the trend of the latest window goes on, up to the next break; the chance to meet an open deadline."""
    table, window, reason = settled(data)
    verdicts = occurrence.trends(data)
    if not reason and len(table) < occurrence.MIN_POINTS:
        reason = TOO_FEW
    elif not reason and verdicts["verdict"].iloc[-1] == trend.UNKNOWN:
        reason = CANNOT
    if reason or window is None:
        return Outlook(pd.DataFrame(), pd.DataFrame(), reason)
    last = int(table["year"].iloc[-1])
    until = data.period.last_year + settings()["horizon"]
    until = min([until, *(year - 1 for year in crossed(data, last, until))])
    if until <= last:
        return Outlook(pd.DataFrame(), pd.DataFrame(), BREAK_AHEAD)
    years = surveillance.forecast(table, count="value", year="year", horizon=until - last)
    rows = data.targets[(data.targets["indicator_id"] == "new_cases_trend") & (data.targets["comparator"] == "trend_falling")]
    deadlines = pd.to_numeric(rows["deadline_year"], errors="coerce")
    open_until = deadlines[(deadlines > data.period.last_year) & (deadlines <= until)]
    base = table.loc[table["year"] == settings()["base_year"], "value"]
    if open_until.empty or base.empty or base.iloc[0] < 1:
        return Outlook(years, pd.DataFrame(), "")
    aim, deadline = float(base.iloc[0]) - 1, int(open_until.min())
    chance = surveillance.target_probability(table, count="value", year="year", target=aim, deadline=deadline)
    return Outlook(years, chance, "")


def bends(data: Data) -> tuple[joinpoint.Fit | None, str]:
    """Joinpoint regression of the latest window where its conditions hold, else why not; exploratory."""
    table, _window, reason = settled(data)
    told = settings()
    if not reason and len(table) < told["joinpoint_points"]:
        reason = TOO_FEW
    elif not reason and table["year"].diff().max() > 1:
        reason = GAPS
    elif not reason and table["value"].median() < told["joinpoint_median"]:
        reason = FEW_CASES
    return (None, reason) if reason else (joinpoint.fit(table["year"], table["value"], weights="poisson", permutations=999), "")


def without_model(data: Data) -> pd.DataFrame:
    """Mann-Kendall test of the latest window as one Estimate row; empty where it may not be shown."""
    table, _window, reason = settled(data)
    if reason:
        return pd.DataFrame()
    found = trend.mann_kendall(table["value"]).dropna(subset=["value"])
    return found.assign(first_year=int(table["year"].min()), last_year=int(table["year"].max()))
