"""The places right below a place beside one another: status, funnels, smoothed rates with ranks, movers, sums.

Everything is computed from what each place's own report may see; a hidden figure takes part in nothing.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from . import evaluation, files, indicators, limits, occurrence, periods, rates, surveillance
from .counts import NEW_CASES
from .data import once
from .paths import REFERENCE

if TYPE_CHECKING:
    from .data import Data

FEW = 5
"""Fewer places with a figure are not compared."""
ENOUGH = 10
"""With fewer the variance between places is poorly known: the report says so."""
SEED, DRAWS = 2025, 10_000
FDR = 0.05


@lru_cache(maxsize=1)
def declared() -> dict[str, Any]:
    """What is compared (`reference/overview.yml`)."""
    told: dict[str, Any] = files.read_yaml(REFERENCE / "overview.yml")
    return told


def _named(each: Data) -> dict[str, str]:
    return {"place": each.place["code"], "place_name": each.name}


@once
def statuses(data: Data) -> pd.DataFrame:
    """Status of every place against each indicator with a target in force there, exactly as its own report says.

    Returns
    -------
    DataFrame
        One row a place and indicator: `place`, `place_name`, the columns of `evaluation.against_targets`. Of several targets
        the strictest decides: not met before met before cannot judge. Indicators that are judged nowhere are left out.
    """
    order = {evaluation.NOT_MET: 0, evaluation.MET: 1, evaluation.CANNOT: 2}
    indicators.reckon(data.below)
    parts = [evaluation.against_targets(each).assign(**_named(each)) for each in data.below]
    rows = pd.concat(parts, ignore_index=True)
    rows = rows.sort_values("status", key=lambda words: words.map(order), kind="stable")
    rows = rows.drop_duplicates(["place", "indicator_id"]).sort_index()
    judged = set(rows.loc[rows["status"] != evaluation.CANNOT, "indicator_id"])
    return rows[rows["indicator_id"].isin(judged)].reset_index(drop=True)


@once
def shares(data: Data) -> pd.DataFrame:
    """Every declared share with a better and a worse side, of every place: `place`, `place_name`, `measure`, Estimate columns."""
    told = (data.indicators["measure"] == "proportion") & data.indicators["direction"].isin(["up", "down"])
    known = data.indicators.loc[told, "indicator_id"].drop_duplicates().tolist()
    indicators.reckon(data.below)
    parts = [indicators.values(each, known, str(data.period)).assign(**_named(each)) for each in data.below]
    rows = pd.concat(parts, ignore_index=True)
    there = rows.groupby("measure")["value"].transform("count") > 0
    return rows[there].reset_index(drop=True)


@once
def funnels(data: Data) -> pd.DataFrame:
    """Each share of each place beside the control limits around that of all places (`surveillance.funnel`).

    Returns
    -------
    DataFrame
        `measure`, `place`, `place_name`, the columns of `surveillance.funnel`. Measures with fewer than 5 figures are left out.
    """
    parts, names = [], {each.place["code"]: each.name for each in data.below}
    for measure, rows in shares(data).groupby("measure", sort=False):
        known = rows[rows["value"].notna()]
        if len(known) >= FEW:
            made = surveillance.funnel(known, numerator="numerator", denominator="denominator", by="place")
            made.insert(1, "place_name", made["place"].map(names))
            parts.append(made.assign(measure=measure))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["measure"])


def control(average: float, sizes: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Control limits of a share in percent over a range of sizes, as `surveillance.funnel` has them at each place's size."""
    share = average / 100
    reach = limits.normal_quantile(level) * np.sqrt(share * (1 - share) / sizes)
    return 100 * np.maximum(share - reach, 0.0), 100 * np.minimum(share + reach, 1.0)


@once
def cases(data: Data) -> pd.DataFrame:
    """New cases of each place in one window that ends with the report's year: the one that most places show, else the longest.

    Returns
    -------
    DataFrame
        `place`, `place_name`, `first_year`, `last_year`, `numerator` (NaN without a figure), `hidden`.
    """
    found = [_cases(data, length) for length in declared()["leagues"]["cases"]["windows"]]
    return max(found, key=lambda rows: rows["numerator"].notna().sum())  # the first of equals


def _cases(data: Data, length: int) -> pd.DataFrame:
    last = data.period.last_whole_year
    first = last - length + 1
    told = []
    for each in data.below:
        rows = occurrence.total(each).set_index("period")
        years = [str(year) for year in range(first, last + 1)]
        known = rows.reindex(years)
        n, hidden = known["numerator"].sum(skipna=False), known["hidden"].eq(True).any()
        block = f"{first}..{last}"
        if np.isnan(n) and block in rows.index:
            n, hidden = rows.loc[block, "numerator"], bool(rows.loc[block, "hidden"])
        told.append({**_named(each), "first_year": first, "last_year": last, "numerator": n, "hidden": bool(hidden)})
    return pd.DataFrame(told)


def at_risk(data: Data) -> tuple[str, pd.Series[float]]:
    """What the rates refer to (exposed workers, else people) and how many there are in each place in its latest year."""
    found = _sizes(data)
    name = str(found.notna().sum().idxmax())  # the first of equals
    return name, found[name]


@once
def _sizes(data: Data) -> pd.DataFrame:
    """Workers and people of each place in its latest year."""
    measures = declared()["leagues"]["cases"]["per"]
    codes = [each.place["code"] for each in data.below]
    return pd.DataFrame({name: [_latest(each, name) for each in data.below] for name in measures}, index=codes, dtype=float)


def _latest(each: Data, measure: str) -> float:
    rows = each.of(measure)
    rows = rows[rows["period"].map(lambda text: periods.parse(text).last_year <= each.period.last_whole_year).astype(bool)]
    known = rows[rows["numerator"].notna()].sort_values("period")
    return float(known["numerator"].iloc[-1]) if len(known) else np.nan


@once
def league(data: Data, name: str) -> pd.DataFrame:
    """Relative risks of the places drawn towards their mean, and the rank of each with the limits that chance leaves it.

    Parameters
    ----------
    data : Data
        A place with places below.
    name : str
        "cases" (new cases per worker at risk) or "points" (share that does not fulfil a declared indicator).

    Returns
    -------
    DataFrame
        `place`, `place_name`, the columns of `surveillance.poisson_gamma`, then `rank`, `rank_lower`, `rank_upper` (of
        `surveillance.ranks`: 1 is the highest risk) and `hidden`; places without a figure last. Empty below 5 figures.
    """
    if name == "cases":
        rows = cases(data)
        rows["population"] = rows["place"].map(at_risk(data)[1])
    else:
        rows = shares(data)
        rows = rows[rows["measure"] == declared()["leagues"][name]["measure"]].rename(columns={"denominator": "population"})
        rows["numerator"], rows["hidden"] = rows["population"] - rows["numerator"], rows["note"] == indicators.PROTECTED
    by = ["place", "place_name"]
    known = rows[rows["numerator"].notna() & (rows["population"] > 0)]
    if len(known) < FEW:
        return pd.DataFrame(columns=by)
    given: dict[str, Any] = {"events": "numerator", "population": "population", "by": by}
    ranked = surveillance.ranks(known, **given, seed=SEED, draws=DRAWS)
    ranked = ranked.rename(columns={"value": "rank", "lower": "rank_lower", "upper": "rank_upper"})
    made = surveillance.poisson_gamma(known, **given).merge(ranked[[*by, "rank", "rank_lower", "rank_upper"]], on=by)
    made = made.merge(rows[[*by, "hidden", "population"]], on=by, how="outer")
    return made.sort_values(["value", "place"], ascending=[False, True], kind="stable", ignore_index=True)


@once
def movers(data: Data) -> pd.DataFrame:
    """Shares of the places that moved since the same period a year before, after control of false discoveries.

    Returns
    -------
    DataFrame
        `place`, `place_name`, `measure`, the columns of `rates.difference` (percentage points), `p` (two-sided, pooled score),
        `q` (over all places and shares), `notable` (q at most 0.05); the largest change first. Empty for a span of years.
    """
    before = periods.year_before(data.period)
    if before is None:
        return pd.DataFrame(columns=["place", "measure", "notable"])
    now = shares(data)
    now = now[~now["measure"].isin(evaluation.purposive(data))]
    known = now["measure"].unique().tolist()
    then = pd.concat([indicators.values(each, known, str(before)).assign(**_named(each)) for each in data.below])
    names = ["place", "measure", "numerator", "denominator"]
    both = now[now["value"].notna()].merge(
        then.loc[then["value"].notna(), names], on=names[:2], suffixes=("", "_before"), validate="one_to_one"
    )
    by = ["place", "place_name", "measure"]
    moved = rates.difference(
        both, numerator="numerator", denominator="denominator",
        reference_numerator="numerator_before", reference_denominator="denominator_before", by=by,
    )  # fmt: skip
    n, m = moved["denominator"], moved["reference_denominator"]
    pooled = (moved["numerator"] + moved["reference_numerator"]) / (n + m)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m)).to_numpy(dtype=float)
    score = np.divide(moved["value"].to_numpy(dtype=float) / 100, error, out=np.zeros(len(moved)), where=error > 0)
    moved["p"] = 2 * special.ndtr(-np.abs(score))
    moved["q"] = surveillance.adjusted(moved["p"].to_numpy())
    moved["notable"] = moved["q"] <= FDR
    return moved.sort_values("value", key=lambda change: -change.abs(), kind="stable", ignore_index=True)


@once
def sums(data: Data) -> pd.DataFrame:
    """Figures of the places added up, beside the figure that the place itself reports.

    Returns
    -------
    DataFrame
        `measure`, `numerator`, `denominator` (sums over the places with a figure), `places` (how many have one), `hidden` (how
        many are not shown), `own_numerator`, `own_denominator`, and `agrees` (missing where it cannot be said).
    """
    told = data.indicators["measure"].isin(["proportion", "count"])
    known = data.indicators.loc[told, "indicator_id"].drop_duplicates().tolist()
    period, counted = str(data.period), ["numerator", "denominator"]
    rows = pd.concat([indicators.values(each, known, period) for each in data.below], ignore_index=True)
    rows["hidden"] = rows["note"] == indicators.PROTECTED
    rows[counted] = rows[counted].where(rows["note"] == "")
    every = pd.concat([_cases(data, 1).assign(measure=NEW_CASES), rows], ignore_index=True)
    by = every.groupby("measure", sort=False)
    made = by[counted].sum(min_count=1)
    made["places"], made["hidden"] = by["numerator"].count(), by["hidden"].sum().astype(int)
    own = indicators.values(data, known, period).set_index("measure")[counted]
    own.loc[NEW_CASES] = [occurrence.total(data).set_index("period")["numerator"].get(period, np.nan), np.nan]
    made[["own_numerator", "own_denominator"]] = own.reindex(made.index)
    whole = (made["places"] == by.size()) & made["own_numerator"].notna()
    same = made["numerator"] == made["own_numerator"]
    same &= made["own_denominator"].isna() | (made["denominator"] == made["own_denominator"])
    made["agrees"] = same.astype(object).where(whole, None)
    return made[made["places"] > 0].reset_index()
