"""Design before stars: fixed blocks of years and merged categories for small places, at most two dimensions below city level.

A figure that the design leaves out is not published at all: no number, no star, and its note says where its cases stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .. import counts as counting
from .. import dimensions
from . import policy as rules
from . import primary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..dataset import Dataset
    from .policy import Policy

POOLED = "shown in blocks of years"
JOINED = "shown with other categories"
CROSSED = "too many dimensions for a place of this size"
BY_REPORT_YEAR, BY_DIAGNOSIS_YEAR = "shown by report year", "shown by diagnosis year"
SMALL = "not shown (small numbers)"
_SERIES = ["place", "year_basis", "key", "group"]
_ROW = ["place", "year_basis", "period"]


@dataclass(frozen=True)
class Size:
    """What a place publishes by year; the rest stands in blocks of `block` years."""

    block: int = 5
    total_by_year: bool = True
    three_by_year: bool = True
    every_by_year: bool = True
    merged: bool = False  # only dust, noise and all others together
    summary: bool = False  # below 50 cases in five years: a report of one page


def sizes(cases: pd.DataFrame, policy: Policy) -> dict[str, Size]:
    """The design of each place, by its cases in the last five years with a figure (five times their mean where there are fewer).

    Parameters
    ----------
    cases : DataFrame
        New cases, with `year` where the period is one; not modified.
    """
    total = cases[_plain_total(cases) & cases["year"].notna() & cases["numerator"].notna()]
    last = total.sort_values("year").groupby(["place", "year_basis"]).tail(5)
    mean = last.groupby(["place", "year_basis"])["numerator"].mean().groupby("place").max()
    return {str(place): _size(5 * float(value), policy.block_years) for place, value in mean.items()}


def _size(cases: float, length: int) -> Size:
    return Size(
        block=length or (3 if rules.MEDIUM <= cases < rules.FINE else 5),
        total_by_year=cases >= rules.SUMMARY,
        three_by_year=cases >= rules.FINE,
        every_by_year=cases >= rules.DETAIL,
        merged=cases < rules.FINE,
        summary=cases < rules.SUMMARY,
    )


def design(
    figures: pd.DataFrame, dataset: Dataset, policy: Policy, before: pd.MultiIndex
) -> tuple[pd.DataFrame, dict[str, Size]]:
    """All figures with the pooled ones added, and which of them are published.

    Parameters
    ----------
    figures : DataFrame
        Exact Counts with `threshold` and `people`; not modified.
    before : MultiIndex
        Keys of what earlier releases published: it stays published.

    Returns
    -------
    DataFrame
        The same rows in the same order, then merged categories and blocks; `year`, `published`, `note` says why not. Groups
        counted from records that the design leaves out are no rows: what they add to a sum is protected as its rest.
    dict
        The design of each place.
    """
    year = pd.to_numeric(figures["period"].where(figures["period"].str.fullmatch(r"\d{4}"), np.nan))
    of_records = (figures["group"] != "") & (figures["provenance"] == "records")
    figures = figures.assign(year=year.astype(float), of_records=of_records)
    cases = figures[figures["measure"] == counting.NEW_CASES]
    chosen = sizes(cases, policy)
    yearly = cases[cases["year"].notna()]
    merged, joins = _merged(yearly, policy)
    series = pd.concat([yearly, merged], ignore_index=True) if len(merged) else yearly
    blocks = [_blocks(series, length, policy) for length in sorted({size.block for size in chosen.values()})]
    blocks = [part for part in blocks if len(part)]
    pairs, choice = _pairs(blocks, policy)
    whole = pd.concat([figures, *(part for part in (merged, *blocks, *pairs) if len(part))], ignore_index=True)
    keys = pd.MultiIndex.from_frame(whole[counting.KEYS])
    made = np.arange(len(whole)) >= len(figures)
    whole = whole.assign(published=True, before=keys.isin(before), made=made)[~(made & keys.duplicated())]
    whole = whole.reset_index(drop=True)
    figure = whole["numerator"].notna() | whole["hidden"]
    declared = primary.declared(whole, policy, dataset)
    row = pd.MultiIndex.from_frame(whole[["measure", *_ROW]])
    small = whole["numerator"].between(1, policy.higher_threshold - 1) & bool(policy.yearly_total)
    told = small & (whole["measure"] == counting.NEW_CASES) & _plain_total(whole)  # zeros beside it would tell its category
    reasons = [*_left_out(whole, dataset, policy, chosen, joins, choice), (JOINED, row.isin(row[told]))]
    for note, away in reasons:
        now = away & figure & whole["published"] & ~whole["before"] & ~declared
        whole.loc[now, "published"] = False
        whole.loc[now, "note"] = note
    whole.loc[_starry(whole) & ~whole["before"], "published"] = False
    return whole[whole["published"] | ~whole["of_records"]].reset_index(drop=True), chosen


def _plain_total(cases: pd.DataFrame) -> pd.Series[bool]:
    return (cases["key"] == rules.TOTAL) & (cases["group"] == "")


def _merged(yearly: pd.DataFrame, policy: Policy) -> tuple[pd.DataFrame, set[tuple[str, str]]]:
    """Total less dust less noise; and the places (with year basis) that do not report just that as one category of its own."""
    plain = yearly[(yearly["group"] == "") & yearly["numerator"].notna()]
    wide = plain.pivot_table(index=_ROW, columns="key", values="numerator", aggfunc="first")
    others = [key for key in wide.columns if key not in {rules.TOTAL, *rules.DUST, *rules.NOISE, *rules.MADE}]
    if rules.TOTAL not in wide.columns or len(wide.columns) < 2:
        return yearly.head(0), set()
    balanced = _balanced(wide, policy)
    dust, noise = (_first(wide, names) for names in (rules.DUST, rules.NOISE))
    value = wide[rules.TOTAL] - sum(part.where(part.notna() | ~balanced, 0.0) for part in (dust, noise))
    value = value[value.ge(0) & (dust.notna() | noise.notna())]
    risky = wide[[key for key in others if key in policy.higher]].gt(0).any(axis=1) | ~balanced
    strict = np.where(risky, policy.higher_threshold, policy.threshold)
    made = pd.DataFrame({"numerator": value, "threshold": pd.Series(strict, wide.index).reindex(value.index)}).reset_index()
    totals = yearly[_plain_total(yearly)].drop(columns=["numerator", "threshold"])
    made = made.merge(totals, on=_ROW).assign(key=rules.MERGED, provenance="derived", note="")
    several = wide[others].notna().groupby(["place", "year_basis"]).any().sum(axis=1) != 1
    return made[yearly.columns], set(several.index[several]) & set(zip(made["place"], made["year_basis"], strict=True))


def _pairs(blocks: list[pd.DataFrame], policy: Policy) -> tuple[list[pd.DataFrame], dict[tuple[str, str, str], str]]:
    """Blocks of two categories where three would leave a small one: dust and the rest, else noise and the rest, else none.

    Returns
    -------
    list of DataFrame
        The rests.
    dict
        What each place, year basis and block shows: three, dust, noise or none.
    """
    made: list[pd.DataFrame] = []
    choice: dict[tuple[str, str, str], str] = {}
    for block in blocks:
        plain = block[block["group"] == ""]
        wide = plain.pivot_table(index=_ROW, columns="key", values="numerator", aggfunc="first")
        if rules.MERGED not in wide.columns:
            continue
        wide = wide[wide[rules.MERGED].notna()]
        top = plain[plain["key"] == rules.MERGED].set_index(_ROW)["threshold"].reindex(wide.index)
        dust, noise, rest = _first(wide, rules.DUST).fillna(0), _first(wide, rules.NOISE).fillna(0), wide[rules.MERGED]
        can = [_showable(dust, policy.threshold), _showable(noise, policy.threshold), _showable(rest, top)]
        pair = {rules.BUT_DUST: can[0] & _showable(noise + rest, top), rules.BUT_NOISE: can[1] & _showable(dust + rest, top)}
        words = np.select([can[0] & can[1] & can[2], *pair.values()], ["three", *pair], "none")
        choice |= dict(zip(wide.index, words.tolist(), strict=True))
        totals = plain[plain["key"] == rules.TOTAL].set_index(_ROW)
        for key, value in ((rules.BUT_DUST, noise + rest), (rules.BUT_NOISE, dust + rest)):
            rows = wide.index[words == key]
            made.append(totals.loc[rows].assign(numerator=value[rows], threshold=top[rows], key=key).reset_index()[block.columns])
    return made, choice


def _showable(value: pd.Series[float], threshold: pd.Series[int] | int) -> pd.Series[bool]:
    return (value == 0) | (value >= threshold)


def _first(wide: pd.DataFrame, names: tuple[str, ...]) -> pd.Series[float]:
    """Counts of the first of some categories that a place reports, place by place."""
    made = pd.Series(np.nan, wide.index)
    for name in reversed([name for name in names if name in wide.columns]):
        made = wide[name].where(wide[name].notna().groupby("place").transform("any"), made)
    return made


def _balanced(wide: pd.DataFrame, policy: Policy) -> pd.Series[bool]:
    """Whether the categories of a place and year add up to its total: what has no row is then 0."""
    made = pd.Series(False, wide.index)
    for there, rows in wide.notna().groupby(list(wide.columns), sort=False):
        present = {key for key, known in zip(wide.columns, there, strict=True) if known}
        tops = [key for key in present if key != rules.TOTAL and above(key, present, policy) in (rules.TOTAL, "")]
        made[rows.index] = wide.loc[rows.index, tops].sum(axis=1) == wide.loc[rows.index, rules.TOTAL]
    return made


def above(key: str, present: set[str], policy: Policy) -> str:
    """The nearest category above `key` that is among `present`, or empty."""
    found = policy.parents.get(key, "")
    while found and found not in present:
        found = policy.parents.get(found, "")
    return found


def _blocks(yearly: pd.DataFrame, length: int, policy: Policy) -> pd.DataFrame:
    """Sums over whole calendar blocks in which no year is missing or hidden."""
    known = yearly[yearly["numerator"].notna()]
    first = known["year"] - (known["year"] - policy.first_block_year) % length
    grouped = known.assign(first=first.astype(int)).groupby([*_SERIES, "first"], sort=True)
    made = grouped.agg(
        numerator=("numerator", "sum"),
        n=("year", "nunique"),
        threshold=("threshold", "max"),
        provisional=("provisional", "any"),
        source=("source", "first"),
        sources=("source", "nunique"),
        of_records=("of_records", "all"),
    ).reset_index()
    made["source"] = made["source"].where(made["sources"] == 1, "")
    made = made[made["n"] == length]
    text = made["first"].astype(str) + ".." + (made["first"] + length - 1).astype(str)
    same = {name: yearly[name].iloc[0] for name in ("measure", "counts", "basis", "people")} if len(yearly) else {}
    made = made.assign(period=text, hidden=False, provenance="derived", note="", **same)
    return made.reindex(columns=yearly.columns).astype(yearly.dtypes) if len(made) else yearly.head(0)


def _left_out(
    whole: pd.DataFrame,
    dataset: Dataset,
    policy: Policy,
    chosen: dict[str, Size],
    joins: set[tuple[str, str]],
    choice: dict[tuple[str, str, str], str],
) -> Iterator[tuple[str, pd.Series[bool]]]:
    """Figures that a place of its size does not publish, with the note that says where their cases stand."""
    cases = whole["measure"] == counting.NEW_CASES
    county = set(dataset.places.loc[dataset.places["level"].isin(rules.BELOW_CITY), "code"])
    low = cases & whole["place"].isin(county)
    crossed = (whole["group"] != "") & (whole["key"] != rules.TOTAL) & ~_own_of_dust(whole)
    yield CROSSED, low & (whole["group"].str.contains(";") | crossed)
    size = [chosen.get(place, Size()) for place in whole["place"]]
    merged = pd.Series([each.merged for each in size], whole.index)
    joined = pd.Series([pair in joins for pair in zip(whole["place"], whole["year_basis"], strict=True)], whole.index)
    main = _three(whole, cases)
    three = cases & (main | whole["key"].isin([rules.TOTAL, *rules.MADE]) | ~joined)
    yield JOINED, cases & merged & ~three
    yield JOINED, cases & (whole["key"] == rules.MERGED) & ~(merged & joined)
    yield SMALL, whole["made"] & whole["numerator"].between(1, whole["threshold"] - 1)
    span = whole["period"].str.extract(r"^(\d{4})(?:.*\.\.(\d{4}))?$|^(\d{4})")
    first = span[0].fillna(span[2]).astype(float)
    last = span[1].astype(float).fillna(first)
    own = pd.Series([each.block for each in size], whole.index)
    block = cases & whole["made"] & (last > first)
    yield POOLED, block & (last - first + 1 != own)
    by_year = np.select(
        [_plain_total(whole), three],
        [[each.total_by_year for each in size], [each.three_by_year for each in size]],
        [each.every_by_year for each in size],
    )
    shows = pd.Series([choice.get(row, "three") for row in whole[_ROW].itertuples(index=False, name=None)], whole.index)
    by_pair = pd.Series([not each.three_by_year for each in size], whole.index)
    other = ~whole["key"].isin([rules.TOTAL, *rules.MADE[1:], *rules.DUST, *rules.NOISE])
    hide = (
        other
        | (whole["key"].isin(rules.DUST) & (shows != rules.BUT_DUST))
        | (whole["key"].isin(rules.NOISE) & (shows != rules.BUT_NOISE))
    )
    yield JOINED, block & by_pair & (whole["group"] == "") & (shows != "three") & hide
    yield JOINED, block & ~by_pair & whole["key"].isin(rules.MADE[1:])
    yield POOLED, cases & ~block & _inside(whole, first, last, own, pd.Series(by_year.astype(bool), whole.index), policy)
    here = pd.MultiIndex.from_frame(whole[["measure", *_ROW]])
    yield SMALL, here.isin(here[whole["before"]]) & whole["people"] & whole["numerator"].between(1, whole["threshold"] - 1)
    one = low | (cases & by_pair)  # the late cards of a year would be few
    twice, report = one & ~block & _twice(whole), _by_report(whole)
    grouped = cases & whole["of_records"]
    yield SMALL, grouped & pd.Series([each.summary for each in size], whole.index)
    yield BY_REPORT_YEAR, grouped & report & (whole["year_basis"] == "diagnosis")
    yield BY_DIAGNOSIS_YEAR, grouped & ~report & (whole["year_basis"] == "report")
    yield BY_REPORT_YEAR, twice & report & (whole["year_basis"] == "diagnosis")
    yield BY_DIAGNOSIS_YEAR, twice & ~report & (whole["year_basis"] == "report")


def _starry(whole: pd.DataFrame) -> pd.Series[bool]:
    """Groups of records of a dimension that would be little but stars: fewer than two of a place and period could be shown.

    Nor are results by group published where the cases of all groups together, or the others, are too few or none: their groups
    would be told by them.
    """
    hide = primary.small(whole) | primary.of_one_employer(whole) | primary.of_everyone(whole)
    mine = whole["of_records"] & whole["published"]
    keys = ["measure", "place", "period", "year_basis", "key"]
    dimension = whole["group"].str.split("=").str[0]
    by = [whole[name] for name in keys]
    some = (hide & mine).groupby([*by, dimension]).transform("any")
    good = (mine & ~hide & (whole["numerator"] > 0)).groupby([*by, dimension]).transform("sum")
    rest = whole["denominator"] - whole["numerator"]
    few = (whole["numerator"] < whole["threshold"]) | (rest < whole["threshold"])
    few = (few & whole["denominator"].notna() & (whole["group"] == "")).groupby(by).transform("any")
    return mine & some & ((good < 2) | few)


def _own_of_dust(whole: pd.DataFrame) -> pd.Series[bool]:
    """Groups of pneumoconiosis by what has no meaning elsewhere, such as its stage: they cross nothing."""
    own = {name for name, told in dimensions.declared().items() if told.get("applies") in rules.DUST}
    return whole["key"].isin(rules.DUST) & whole["group"].str.split("=").str[0].isin(own)


def _three(whole: pd.DataFrame, cases: pd.Series[bool]) -> pd.Series[bool]:
    """Rows of the categories that stand for dust and noise, place by place."""
    there = set(zip(whole.loc[cases, "place"], whole.loc[cases, "key"], strict=True))
    chosen = {
        (place, next(name for name in names if (place, name) in there))
        for place in set(whole.loc[cases, "place"])
        for names in (rules.DUST, rules.NOISE)
        if any((place, name) in there for name in names)
    }
    return pd.Series([pair in chosen for pair in zip(whole["place"], whole["key"], strict=True)], whole.index)


def _inside(
    whole: pd.DataFrame,
    first: pd.Series[float],
    last: pd.Series[float],
    own: pd.Series[int],
    by_year: pd.Series[bool],
    policy: Policy,
) -> pd.Series[bool]:
    """Figures inside a block that is published instead: one with a total that can be shown, or one of an earlier release.

    Groups by year stand in blocks always, those of a block that is not complete yet are left out.
    """
    totals = whole[(whole["measure"] == counting.NEW_CASES) & _plain_total(whole) & (whole["numerator"] >= whole["threshold"])]
    showable = set(totals[_ROW].itertuples(index=False, name=None))
    series = list(zip(whole["place"], whole["year_basis"], whole["key"], whole["group"], strict=True))
    before = {(*each, period) for each, period, old in zip(series, whole["period"], whole["before"], strict=True) if old}
    found = []
    for each, start, end, length, yearly in zip(series, first, last, own, by_year, strict=True):
        hit = False
        for years in (3, 5):
            low, high = policy.block(int(start), years)
            name = f"{low}..{high}"
            if end > high or end - start + 1 >= years:
                continue
            kept = (*each, name) in before and not any((*each, str(year)) in before for year in range(low, high + 1))
            hit |= kept or (years == length and not yearly and (each[3] != "" or (*each[:2], name) in showable))
        found.append(hit)
    return pd.Series(found, whole.index)


def _twice(whole: pd.DataFrame) -> pd.Series[bool]:
    """Figures that stand in both year bases: publishing both would tell how many cards are late."""
    keys = ["measure", "place", "period", "key", "group"]
    named = pd.MultiIndex.from_frame(whole[keys])
    report, diagnosis = (named[whole["year_basis"] == basis] for basis in ("report", "diagnosis"))
    return pd.Series(named.isin(report) & named.isin(diagnosis), whole.index)


def _by_report(whole: pd.DataFrame) -> pd.Series[bool]:
    """Rows of places whose headline is by report year: all but those whose totals by diagnosis year span more years."""
    totals = whole[_plain_total(whole) & (whole["period"].str.len() == 4) & (whole["numerator"].notna() | whole["hidden"])]
    years = pd.crosstab(totals["place"], totals["year_basis"]).reindex(columns=["report", "diagnosis"], fill_value=0)
    longer = set(years.index[years["diagnosis"] > years["report"]])
    return ~whole["place"].isin(longer)
