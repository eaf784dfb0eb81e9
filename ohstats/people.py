"""Who fell ill, where, and after how much exposure: short exposure and its change, cases per declared exposed workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from . import breakdowns, periods, rates, reference, trend
from .counts import NEW_CASES
from .data import once

if TYPE_CHECKING:
    from .data import Data

SHORT = "short_exposure_pneumoconiosis_share"
WORKERS = "exposed_workers"
FEWEST = 10
"""Fewest short-exposure cases for a trend; below it two halves of the window are compared and nothing is concluded."""
JUMP = 0.2
"""Change of the declared exposed workers in a year from which a rate against them has no trend."""
_YEAR = r"\d{4}"


@once
def short(data: Data) -> pd.DataFrame:
    """Pneumoconiosis with less than 5 years of dust exposure, by year where these are shown, else by block, oldest first.

    Returns
    -------
    DataFrame
        `period`, `first_year`, `last_year`, `hidden`, `entered` (given as a figure, not counted from cards), `known` (cases whose
        exposure is known; missing where not told), then the Estimate columns of the share among all new pneumoconiosis (percent,
        Wilson): the denominator of the official target.
    """
    told = data.of(SHORT)
    told = told[(told["numerator"].notna() & (told["denominator"] > 0)) | told["hidden"]]
    bands = breakdowns.rows(data, NEW_CASES, "exposure", key="pneumoconiosis")
    unknown = bands["code"] == "unknown"
    by = bands[~unknown].groupby("period")
    known = by["numerator"].sum().where(~by["hidden"].any())
    alone = bands[bands["code"] == "<5"].set_index("period")
    whole = known + bands[unknown].set_index("period")["numerator"].reindex(known.index).fillna(0)
    whole = whole.where(~bands[unknown].set_index("period")["hidden"].reindex(known.index).eq(True))
    extra = pd.DataFrame({"numerator": alone["numerator"], "denominator": whole.reindex(alone.index), "hidden": alone["hidden"]})
    extra = extra[~extra.index.isin(told["period"]) & (extra["hidden"] | (extra["denominator"] > 0))].reset_index()
    told = told.assign(entered=told["provenance"] != "records")[["period", "numerator", "denominator", "hidden", "entered"]]
    made = pd.concat([told, extra.assign(entered=False)], ignore_index=True)
    spans = [periods.parse(text) for text in made["period"]]
    made = made.assign(
        first_year=[each.first_year for each in spans], last_year=[each.last_year for each in spans],
        whole=[each.end[1] == 12 and each.start[1] == 1 for each in spans],
    ).astype({"first_year": "int64", "last_year": "int64", "hidden": "bool", "entered": "bool"})  # fmt: skip
    made = made[
        made["whole"].astype(bool) & (made["first_year"] >= data.first_year) & (made["last_year"] <= data.period.last_whole_year)
    ]
    yearly = made["period"].str.fullmatch(_YEAR)
    made = made[yearly if (yearly & ~made["hidden"]).any() or yearly.all() else ~yearly]
    shares = rates.proportion(made[~made["hidden"]], numerator="numerator", denominator="denominator", by=["period"])
    made = made[["period", "first_year", "last_year", "hidden", "entered"]].merge(shares, on="period", how="left")
    same = made["period"].map(whole) == made["denominator"]  # else the two do not speak of the same cases
    return made.assign(known=made["period"].map(known).where(same)).sort_values("first_year", ignore_index=True)


def pneumoconiosis(data: Data, period: str) -> list[float]:
    """New cases of pneumoconiosis of a period as far as shown: by each way of telling the year, by report year first."""
    rows = data.of(NEW_CASES)
    rows = rows[(rows["key"] == "pneumoconiosis") & (rows["group"] == "") & (rows["period"] == period) & ~rows["hidden"]]
    found: list[float] = rows.sort_values("year_basis", ascending=False)["numerator"].dropna().tolist()
    return found


def short_change(rows: pd.DataFrame) -> pd.DataFrame:
    """How the share of short exposure changed, as one Estimate row; empty where a period is hidden or only one is there.

    From `FEWEST` such cases on the (exact) trend test, below it Fisher's mid-p of the later against the earlier half of the
    window: then the verdict is always "cannot tell".

    Returns
    -------
    DataFrame
        The Estimate columns, `p`, `verdict`, `first_year`, `last_year`, `halves` (whether two halves are compared), and for
        halves `middle` (last year of the earlier one), `reference_numerator`, `reference_denominator`.
    """
    if len(rows) < 2 or rows["hidden"].any():
        return pd.DataFrame()
    ends = {"first_year": int(rows["first_year"].min()), "last_year": int(rows["last_year"].max())}
    n, d = (rows[name].to_numpy(dtype=float) for name in ("numerator", "denominator"))
    if n.sum() < FEWEST:
        early = ((rows["first_year"] + rows["last_year"]) / 2 < (ends["first_year"] + ends["last_year"]) / 2).to_numpy()
        pair = {"n": n[~early].sum(), "d": d[~early].sum(), "n0": n[early].sum(), "d0": d[early].sum()}
        made = rates.fisher_midp(
            pd.DataFrame([pair]), numerator="n", denominator="d", reference_numerator="n0", reference_denominator="d0"
        )
        return made.assign(**ends, verdict=trend.UNKNOWN, halves=True, middle=int(rows.loc[early, "last_year"].max()))
    made = trend.cochran_armitage(n, d, rows["first_year"].to_numpy(dtype=float))
    p, slope = float(made["p"].iloc[0]), float(made["value"].iloc[0])
    word = "falling" if p < 0.05 and slope < 0 else "rising" if p < 0.05 and slope > 0 else trend.UNKNOWN
    return made.assign(**ends, verdict=word, halves=False)


def short_elsewhere(language: str) -> pd.DataFrame:
    """What other places published of the share of short exposure: `name`, `value` (percent), `note`."""
    rows = reference.table("targets")
    rows = rows[(rows["indicator_id"] == SHORT) & (rows["comparator"] == "reference")]
    names = [reference.name_of(row, language, "jurisdiction") for row in rows.to_dict("records")]
    return rows.assign(name=names, value=rows["target_value"].astype(float))[["name", "value", "note"]]


@once
def per_exposed(data: Data) -> pd.DataFrame:
    """Reported cases per 100,000 currently declared exposed workers, by year: no incidence, cases come from exposure long ago.

    Returns
    -------
    DataFrame
        `year`, `hidden`, `jump` (the workers changed by more than `JUMP` against the year before), the Estimate columns (exact
        Poisson). Years without a declared number of workers are left out.
    """
    workers = data.of(WORKERS)
    workers = workers[(workers["numerator"] > 0) & workers["period"].str.fullmatch(_YEAR)].drop_duplicates("period")
    cases = data.of(NEW_CASES)
    cases = cases[cases["key"] == "total"]
    basis = "report" if "report" in set(cases["year_basis"]) else "diagnosis"
    cases = cases[(cases["year_basis"] == basis) & (cases["numerator"].notna() | cases["hidden"])]
    made = workers[["period", "numerator"]].rename(columns={"numerator": "workers"})
    made = made.merge(cases[["period", "numerator", "hidden"]].rename(columns={"numerator": "n"}), on="period")
    made = made[made["period"].astype(int).between(data.first_year, data.period.last_whole_year)].sort_values("period")
    found = rates.rate(made[~made["hidden"]], events="n", population="workers", by=["period"], multiplier=100_000, method="exact")
    change = (made["workers"] / made["workers"].shift() - 1).abs()
    made = made.assign(year=made["period"].astype(int), jump=change > JUMP)[["year", "period", "hidden", "jump"]]
    return made.merge(found, on="period", how="left").drop(columns="period").reset_index(drop=True)


def largest(rows: pd.DataFrame) -> pd.DataFrame:
    """The largest known groups first, as far as shown."""
    known = rows[(rows["code"] != "unknown") & rows["numerator"].gt(0) & ~rows["hidden"]]
    return known.assign(order=-known["numerator"]).sort_values("order", kind="stable").drop(columns="order")
