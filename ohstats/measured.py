"""Statistics of records that no count tells: medians and quartiles, and shares whose points cluster in employers.

They are made in the protect step, from the rows of each place: the median of a city is not made of those of its districts.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from . import counts, dimensions, files, rates, records, reference
from .paths import REFERENCE
from .records import conditions, derived, tallies

if TYPE_CHECKING:
    from .clean import Cleaned
    from .dataset import Dataset

KEYS = ["measure", "place", "period", "key", "group"]
NUMBERS = ["value", "lower", "upper", "q1", "q3", "level", "numerator", "denominator", "n_people", "n_employers", "largest_share"]
COLUMNS = [*KEYS, *NUMBERS, "unit", "method", "note", "of", "hidden"]
BLOCK, FIRST_BLOCK = 5, 2001
FOLLOWED = 365
"""Days for which every suspected case has to be followed before the time to its diagnosis is told."""


@lru_cache(maxsize=1)
def declared() -> dict[str, dict[str, Any]]:
    """Declarations of statistics by name."""
    told: dict[str, dict[str, Any]] = files.read_yaml(REFERENCE / "statistics.yml")
    return told


def make(cleaned: Cleaned, dataset: Dataset) -> pd.DataFrame:
    """Statistics of all places of a data set, exact.

    Parameters
    ----------
    cleaned : Cleaned
        Clean tables; not modified.
    dataset : Dataset
        Its coverage: places and years outside it have no statistic.

    Returns
    -------
    DataFrame
        A row for each measure, place, period (a year, or the covered years of a calendar block of 5), category and group:
        `KEYS`, value (the median, or the share in percent), lower, upper, q1, q3 (quartiles), level, unit, method, numerator,
        denominator (records), n_people (records), n_employers, largest_share (of one employer), note, of, hidden.

    References
    ----------
    Quantiles: Hyndman RJ, Fan Y. Am Stat 1996; 50: 361-365, type 7. Limits of the median: order statistics, binomial.
    """
    tables = derived.make(cleaned.tables, dataset.folder, dataset.data_date)
    if "suspected_cards" in tables:
        tables["suspected_flow"] = flow(tables, dataset.data_date)
    parts = []
    for name, told in declared().items():
        rows = tables.get(told["table"])
        if rows is None or rows.empty:
            continue
        long = _long(rows, told, dataset)
        if long.empty or (told["kind"] == "standardised_change" and long["year"].nunique() < 2):
            continue
        found = {"quantiles": _quantiles, "signed_rank": _signed_rank, "standardised_change": _standardised}.get(
            told["kind"], _clustered
        )(long)
        parts.append(found.assign(measure=name, unit=told["unit"], of=told.get("of", ""), hidden=False))
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=_type(name)) for name in COLUMNS})
    made = pd.concat(parts, ignore_index=True).reindex(columns=COLUMNS)
    return made.astype({name: _type(name) for name in COLUMNS}).sort_values(KEYS, kind="stable", ignore_index=True)


def flow(tables: dict[str, pd.DataFrame], data_date: str) -> pd.DataFrame:
    """Suspected cases found at least `FOLLOWED` days before the data date, with days to application and to diagnosis.

    Returns
    -------
    DataFrame
        The suspected cards with `days_to_applied`, `days_to_confirmed`, `days_applied_to_confirmed`: missing where that has
        not happened within `FOLLOWED` days, or where the case has no key to find it by.
    """
    rows = tables["suspected_cards"]
    found = pd.to_datetime(rows["found_date"], errors="coerce")
    last = pd.to_datetime(data_date) if data_date else found.max()
    rows, found = rows[found <= last - pd.Timedelta(days=FOLLOWED)], found[found <= last - pd.Timedelta(days=FOLLOWED)]
    applied = (pd.to_datetime(rows["applied_date"], errors="coerce") - found).dt.days
    confirmed = pd.Series(np.nan, index=rows.index)
    if "disease_cards" in tables:
        cards = tables["disease_cards"]
        cards = cards.loc[cards["person_key"].notna(), ["person_key", "diagnosis_date"]]
        pairs = rows[["person_key"]].assign(found=found).dropna().rename_axis("row").reset_index().merge(cards, on="person_key")
        days = (pd.to_datetime(pairs["diagnosis_date"], errors="coerce") - pairs["found"]).dt.days
        confirmed = days[days >= 0].groupby(pairs["row"]).min().reindex(rows.index).astype("float64")
    applied = applied.where(applied.between(0, FOLLOWED)).astype("float64")
    confirmed = confirmed.where(confirmed <= FOLLOWED)
    between = (confirmed - applied).where(confirmed >= applied)
    return rows.assign(days_to_applied=applied, days_to_confirmed=confirmed, days_applied_to_confirmed=between)


def _long(rows: pd.DataFrame, told: dict[str, Any], dataset: Dataset) -> pd.DataFrame:
    """One row for each record, place above it, period, category and group."""
    source = "suspected_cards" if told["table"] == "suspected_flow" else told["table"]
    place, year = tallies.place_and_year(source)
    own = dataset.folder
    rows = rows[conditions.fits(rows, told.get("where", {}), own) & rows[place].notna() & rows[year].notna()]
    if "column" in told:
        value = rows[told["column"]].astype("float64")
        if told["column"] == "ratio":  # a result below its detection limit lies below all others
            low = rows[[name for name in rows if name.endswith("_censored")]].eq(True).any(axis=1)
            value = value.mask(value.isna() & low, 0.0)
    else:
        value = conditions.fits(rows, told["numerator"], own).astype("float64")
    base = pd.DataFrame({
        "place": rows[place].astype("str"), "year": rows[year].astype("int64"), "value": value,
        "employer": pd.factorize(rows["employer_key"])[0] if "employer_key" in rows else -1,
    })  # fmt: skip
    strata = [dimensions.groups(rows, each, source, own=own) for each in told.get("strata", [])]
    if strata:
        base["stratum"] = pd.concat([each for each in strata if each is not None], axis=1).agg(";".join, axis=1)
    parts = [base.assign(key=_keys(rows, told, own), group="").explode("key")]
    for dimension in told.get("by", []):
        groups = dimensions.groups(rows, dimension, source, own=own)
        if groups is not None:
            parts.append(base.assign(key="", group=groups))
    whole = pd.concat(parts, ignore_index=True).dropna(subset=["value"])
    table = derived.source(source)
    return _periods(counts.lifted(whole.assign(table=table, year_basis=""), dataset).drop(columns=["table", "year_basis"]))


def _keys(rows: pd.DataFrame, told: dict[str, Any], own: Any) -> Any:
    """The categories that each record counts in; the total alone, or none, where the statistic has no categories."""
    if not told.get("categories"):
        return "total" if told.get("of") == counts.NEW_CASES else ""
    parents = reference.table("categories", own, key="key").set_index("key")["parent"].to_dict()
    return rows["category"].map({name: records.chain(name, parents) for name in rows["category"].unique()})


def _periods(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows by year, and once more by the covered years of the calendar block that they lie in, where these are two or more."""
    first = rows["year"] - (rows["year"] - FIRST_BLOCK) % BLOCK
    span = rows.groupby([rows["place"], first])["year"].agg(["min", "max"])
    span = span[span["min"] < span["max"]]
    text = (
        (span["min"].astype("str") + ".." + span["max"].astype("str"))
        .rename("period")
        .reset_index()
        .rename(columns={"year": "block"})
    )
    blocks = rows.assign(block=first).merge(text, on=["place", "block"]).drop(columns="block")
    return pd.concat([rows.assign(period=rows["year"].astype("str")), blocks], ignore_index=True)


def _quantiles(rows: pd.DataFrame) -> pd.DataFrame:
    by = rows.groupby(KEYS[1:])
    code = by.ngroup().to_numpy()
    made = _employers(rows)
    order = np.lexsort((rows["value"].to_numpy(), code))
    value, n = rows["value"].to_numpy()[order], np.bincount(code)
    start = np.r_[0, np.cumsum(n)[:-1]]

    def at(share: float) -> np.ndarray:
        place = (n - 1) * share
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, n - 1)
        a, b = value[start + low], value[start + high]
        found: np.ndarray = a + (place - low) * (b - a)
        return found

    rank = _rank(n)
    limits = [np.where(rank >= 1, value[start + np.clip(each, 0, n - 1)], np.nan) for each in (rank - 1, n - rank)]
    made = made.assign(value=at(0.5), q1=at(0.25), q3=at(0.75), lower=limits[0], upper=limits[1], denominator=n, n_people=n)
    return made.assign(level=0.95, method="quantiles (type 7), limits by order statistics", note="")


def _rank(n: np.ndarray) -> np.ndarray:
    """Rank of the lower limit (95 %) of a median among `n` values, from 1; 0 where there are too few."""
    rank: np.ndarray = stats.binom.ppf(0.025, n, 0.5).astype(int)
    return rank


def limits_of_median(values: np.ndarray) -> tuple[float, float]:
    """Limits (95 %) of the median of sorted values, from order statistics; missing below 6 values."""
    rank = int(_rank(np.array([len(values)]))[0])
    return (float(values[rank - 1]), float(values[-rank])) if rank else (float("nan"), float("nan"))


def _signed_rank(rows: pd.DataFrame) -> pd.DataFrame:
    """P value of Wilcoxon's signed-rank test that differences lie around 0 (zeros by Pratt); missing without a difference."""
    by = rows.groupby(KEYS[1:])["value"]
    p = by.agg(lambda each: stats.wilcoxon(each, zero_method="pratt").pvalue if (each != 0).any() else np.nan)
    n = by.size().to_numpy().astype(float)
    return _employers(rows).assign(value=p.to_numpy(), denominator=n, n_people=n, method="Wilcoxon signed-rank", note="")


def _clustered(rows: pd.DataFrame) -> pd.DataFrame:
    made = _employers(rows)
    counted = rows.assign(n=1.0, cluster=_clusters(rows))
    found = rates.clustered_proportion(
        counted.rename(columns={"value": "x"}), numerator="x", denominator="n", cluster="cluster", by=KEYS[1:]
    )
    names = [*KEYS[1:], "value", "lower", "upper", "level", "method", "numerator", "denominator", "note"]
    return made.merge(found[names], on=KEYS[1:]).assign(n_people=lambda frame: frame["denominator"])


def _standardised(rows: pd.DataFrame) -> pd.DataFrame:
    """Change from the year before, both standardised; `q1` and `q3` hold the standardised shares before and now."""
    single = rows[rows["period"] == rows["year"].astype("str")]
    pairs = pd.concat([single.assign(late=late, year=single["year"] + (not late)) for late in (False, True)], ignore_index=True)
    pairs = pairs[pairs.groupby(["place", "year"])["late"].transform("nunique") == 2]
    pairs = pairs.assign(period=pairs["year"].astype("str"), n=1.0, cluster=_clusters(pairs))
    found = rates.standardised_change(
        pairs.rename(columns={"value": "x"}),
        numerator="x", denominator="n", cluster="cluster", stratum="stratum", later="late", by=KEYS[1:],
    )  # fmt: skip
    made = _employers(pairs[pairs["late"]]).merge(found.rename(columns={"before": "q1", "now": "q3"}), on=KEYS[1:])
    return made.assign(n_people=made["denominator"])


def _clusters(rows: pd.DataFrame) -> np.ndarray:
    """Employers as clusters; a record without one is a cluster of its own."""
    return np.where(rows["employer"] < 0, -1 - np.arange(len(rows)), rows["employer"])


def _employers(rows: pd.DataFrame) -> pd.DataFrame:
    """How many employers the rows of each figure come from, and the share of the largest; unknown where none is known."""
    each = rows.groupby([*KEYS[1:], "employer"]).size().rename("n").reset_index()
    known = each[each["employer"] >= 0].groupby(KEYS[1:])["n"].agg(["size", "max"])
    total = each.groupby(KEYS[1:])["n"].sum()
    made = total.to_frame().join(known).reset_index()
    return made[KEYS[1:]].assign(n_employers=made["size"].astype(float), largest_share=made["max"] / made["n"])


def _type(name: str) -> str:
    return "bool" if name == "hidden" else "float64" if name in NUMBERS else "str"
