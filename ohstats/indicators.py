"""Declared indicators to Estimates: numerator and denominator of one place and period, with Wilson limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from . import estimates, rates
from .counts import CIRCULAR, NEW_CASES
from .data import once

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from .data import Data

PROTECTED = "protected"
NO_DATA = "no data"
CLUSTERED = "clustered"  # method of a share whose limits allow for clustering in employers
NEAR = 1.0
"""Points by which a share given as a figure may differ from that of the records for their limits to hold."""
NO_DENOMINATOR = "denominator is 0"
_KEPT = "ohstats.indicators"  # where the indicators of a report are kept


def values(data: Data, ids: list[str], period: str) -> pd.DataFrame:
    """One Estimate row for each indicator asked for, of the place of a report.

    Parameters
    ----------
    data : Data
        Counts of a place.
    ids : list of str
        Indicators.
    period : str
        Exactly as in the data.

    Returns
    -------
    DataFrame
        `measure`, then the columns of `table`; an indicator without a row is there with the note "no data".
    """
    wanted, made = pd.Index(ids, dtype="str", name="measure"), _of(data, period)
    rows = (made.reindex(wanted) if made.index.is_unique else pd.DataFrame(index=wanted).join(made)).reset_index()
    absent = rows["period"].isna()
    if absent.any():
        rows["note"] = rows["note"].mask(absent, NO_DATA).astype("str")
        for column, told in _kinds(data).reindex(ids).items():
            told = told.set_axis(rows.index)
            rows[str(column)] = rows[column].mask(absent, told) if column in rows else told
    return rows


@once
def _of(data: Data, period: str) -> pd.DataFrame:
    """Indicators of one period by name."""
    made = _reckoned(data)
    return made[made["period"] == period].set_index("measure")


@once
def _kinds(data: Data) -> pd.DataFrame:
    """What is declared of the kind of figure of each indicator."""
    named = data.indicators.drop_duplicates("indicator_id", keep="last").set_index("indicator_id")
    return pd.DataFrame(_declared(named.index.to_series(), named))


def _reckoned(data: Data) -> pd.DataFrame:
    """All indicators of a report's place in all periods, once for all its sections."""
    if _KEPT not in data.kept:
        reckon([data])
    return data.kept[_KEPT]


def reckon(places: Sequence[Data]) -> None:
    """Reckon all indicators of several places in one pass and keep them: much quicker than each for itself."""
    places = [each for each in places if _KEPT not in each.kept]
    if not places:
        return
    counts = pd.concat([each.counts for each in places], ignore_index=True)
    measures = {*places[0].indicators["indicator_id"], *counts["measure"]} - {NEW_CASES}
    statistics = pd.concat([each.statistics for each in places], ignore_index=True)
    rows = _clustered(table(counts, places[0].indicators, ids=measures), statistics)
    for each in places:
        each.kept[_KEPT] = rows[rows["place"] == each.place["code"]].reset_index(drop=True)


def _clustered(rows: pd.DataFrame, statistics: pd.DataFrame) -> pd.DataFrame:
    """Limits that allow for clustering in employers where a statistic of the same records has them; none where it has none."""
    told = statistics[(statistics["group"] == "") & (statistics["unit"] == "percent") & ~statistics["hidden"]]
    keys, limits = ["measure", "place", "period"], ["value", "lower", "upper"]
    own = rows[keys].merge(told.drop_duplicates(keys)[[*keys, *limits]], on=keys, how="left").set_index(rows.index)
    near = (rows["value"].astype("float64") - pd.to_numeric(own["value"], errors="coerce")).abs() <= NEAR
    for limit in ("lower", "upper"):
        rows[limit] = rows[limit].mask(near, pd.to_numeric(own[limit], errors="coerce"))
    rows["method"] = rows["method"].mask(near, CLUSTERED)
    return rows


def table(counts: pd.DataFrame, declared: pd.DataFrame, *, ids: Collection[str] | None = None, period: str = "") -> pd.DataFrame:
    """Estimates of declared indicators for all places and periods of a frame of Counts, in one pass.

    Parameters
    ----------
    counts : DataFrame
        Counts, protected or exact; not modified.
    declared : DataFrame
        Indicators as `reference.table("indicators")` gives them.
    ids : collection of str, optional
        Indicators wanted; all that are declared when left out.
    period : str
        The only period wanted, exactly as in the data; all when left out.

    Returns
    -------
    DataFrame
        `measure`, `place`, `period`, the Estimate columns (percent for shares, the figure itself for counts, the ratio times
        `per` for ratios, which have no limits), `basis`, `source`. What cannot be computed is missing and `note` says why: no
        data, protected, denominator is 0, numerator above denominator, register made from the numerator.
    """
    named = declared.drop_duplicates("indicator_id", keep="last").set_index("indicator_id")
    wanted = set(named.index) if ids is None else set(ids)
    mine = counts["measure"].isin(wanted) & (counts["group"] == "")
    rows = counts[mine & (counts["period"] == period) if period else mine]
    rows = pd.concat(
        [rows, *_borrowed(counts, {name: key for name, key in named["cases_of"].items() if key and name in wanted}, period)]
    )
    made = rows[["measure", "place", "period", "numerator", "denominator", "hidden", "source", "note"]].reset_index(drop=True)
    made = made.assign(**_declared(made["measure"], named))
    made["note"] = _reasons(made)
    return shares(made).drop(columns=["is_ratio", "per"])


def _borrowed(counts: pd.DataFrame, declared: dict[str, str], period: str) -> Iterator[pd.DataFrame]:
    """Figures that are those of another measure: a category of new cases, or a group ("measure dimension=code") of a count.

    A group without a row is 0 where the whole is there: groups of a dimension add up to it.
    """
    inside = counts["period"].eq(period) | (not period)
    for name, source in declared.items():
        measure, _space, group = source.rpartition(" ")
        if not measure:
            found = counts[(counts["measure"] == NEW_CASES) & (counts["key"] == source) & (counts["group"] == "") & inside]
            found = found[found["numerator"].notna() | found["hidden"]].sort_values("year_basis", kind="stable")
            yield found.drop_duplicates(["place", "period"]).assign(measure=name)
            continue
        mine = counts[(counts["measure"] == measure) & inside]
        keys, part = ["place", "period"], mine[mine["group"] == group]
        whole = mine[(mine["group"] == "") & ~pd.MultiIndex.from_frame(mine[keys]).isin(pd.MultiIndex.from_frame(part[keys]))]
        split = mine[mine["group"].str.startswith(group.partition("=")[0] + "=")][keys].drop_duplicates()
        yield pd.concat([part, whole.merge(split, on=keys).assign(numerator=0.0, hidden=False)]).assign(measure=name)


def _declared(measures: pd.Series[str], named: pd.DataFrame) -> dict[str, pd.Series[Any]]:
    """What the declaration of each row's indicator says of its kind of figure."""
    kind = measures.map(named["measure"])
    per = pd.to_numeric(measures.map(named["per"]) if "per" in named else float("nan"), errors="coerce")
    basis = measures.map(named["basis"].replace("", "census"))
    return {"basis": basis, "is_share": kind.isin(["proportion", "trend_share"]), "is_ratio": kind == "ratio", "per": per}


def shares(rows: pd.DataFrame) -> pd.DataFrame:
    """Estimate columns of counted rows: a share with Wilson limits where it can be computed, the count where it is one.

    Parameters
    ----------
    rows : DataFrame
        `numerator`, `denominator`, `note` (empty where the figure can be used), `is_share`; not modified.
    """
    can = (rows["note"] == "") & rows["is_share"]
    limits = rates.proportion(
        rows.loc[can, ["numerator", "denominator"]].assign(one=range(int(can.sum()))),
        numerator="numerator",
        denominator="denominator",
        by=["one"],
    )
    made = rows.assign(value=np.nan, lower=np.nan, upper=np.nan, level=0.95, unit="percent", method="wilson")
    for column in ("value", "lower", "upper"):
        made.loc[can, column] = limits[column].to_numpy()
    counted = (rows["note"] == "") & ~rows["is_share"]
    made.loc[counted, "value"] = rows.loc[counted, "numerator"]
    made.loc[~rows["is_share"], ["unit", "method"]] = ["count", "count"]
    if "is_ratio" in rows and (ratios := rows["is_ratio"]).any():
        per = rows.loc[ratios, "per"].fillna(100)
        made.loc[ratios, "value"] = (per * rows["numerator"] / rows["denominator"])[ratios].where(rows["note"] == "")
        made.loc[ratios, "unit"] = per.map({each: "percent" if each == 100 else estimates.per(each) for each in per.unique()})
        made.loc[ratios, "method"] = "ratio"
    return made.drop(columns="is_share")


def _reasons(rows: pd.DataFrame) -> np.ndarray:
    ratio = rows.get("is_ratio", False)
    absent = rows["numerator"].isna() | (rows["denominator"].isna() & (rows["is_share"] | ratio))
    return np.select(
        [
            rows["hidden"].eq(True),
            absent,
            (rows["is_share"] | ratio) & (rows["denominator"] == 0),
            rows["is_share"] & (rows["numerator"] > rows["denominator"]),
            rows["note"].eq(CIRCULAR) if "note" in rows else False,
        ],
        [PROTECTED, NO_DATA, NO_DENOMINATOR, "numerator above denominator", CIRCULAR],
        "",
    )


def context(data: Data) -> pd.DataFrame:
    """Published figures of any place as Estimates, newest first: `name_place`, `name`, the Estimate columns, `source`."""
    rows = data.context.merge(data.indicators, left_on="measure", right_on="indicator_id", suffixes=("", "_declared"))
    rows = rows.merge(data.dataset.places, left_on="place", right_on="code", suffixes=("", "_place"))
    rows["is_share"] = rows["denominator"].notna()
    rows["note_printed"], rows["note"] = rows["note"], _reasons(rows)
    return shares(rows).sort_values(["place", "period", "measure"], ignore_index=True)
