"""Sections of what a small place publishes: cases by category and by blocks of years, and the page of one summary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from .. import breakdowns, dimensions, diseases, figures, occurrence, periods, rates, reference, wording
from .. import wording_summary as words
from ..counts import NEW_CASES
from ..display import Table
from ..language import _
from ..result import Result
from .common import section

if TYPE_CHECKING:
    from ..data import Data


def effort_beside(data: Data, row: dict[str, Any]) -> tuple[str, str]:
    """How detection effort qualifies a verdict (`verdict`, `first_year`, `last_year`), and the years in which it is unknown."""
    window = occurrence.Window(int(row["first_year"]), int(row["last_year"]))
    known = occurrence.effort(data)
    changes = occurrence.effort_change(known, window)
    campaign = len(occurrence.campaigns(data, window)) > 0
    return occurrence.qualified(str(row["verdict"]), changes, campaign=campaign), occurrence.unknown_years(known, window)


def headline(data: Data) -> Result:
    """Cases of the last block of years against the one before; without blocks, the years in which there was none."""
    found = occurrence.blocks(data)
    if found.empty:
        series = occurrence.yearly(data)
        zero = series.loc[series["value"] == 0, "year"].tolist()
        said = [words.single_years([wording.years(*run) for run in periods.runs(zero)], int((series["state"] == "hidden").sum()))]
        return Result(id="headline", language=data.language, title=_("In short"), lead=True, sentences=said, estimates=series)
    said = [*_since(data, found), words.block(found.iloc[-1].to_dict())]
    ratio = occurrence.block_ratio(data, found)
    for row in ratio.to_dict("records"):
        said.append(words.comparison(row))
        verdict = "rising" if row["lower"] > 1 else "falling" if row["upper"] < 1 else ""
        qualifier, unknown = effort_beside(data, {**row, "first_year": row["first_before"], "verdict": verdict})
        said += wording.qualification(qualifier, unknown)
    if ratio.empty and len(found) > 1 and not found["hidden"].tail(2).any():
        said.append(_("It is not compared with the block before: a break in the series lies between."))
    return Result(id="headline", language=data.language, title=_("In short"), lead=True, sentences=said, estimates=ratio)


def _since(data: Data, found: pd.DataFrame) -> list[str]:
    """What may be said of the years after the last block: those without a case, and when the others are told."""
    last, until = found.iloc[-1], data.period.last_whole_year
    if last["last_year"] >= until:
        return []
    years, length = range(int(last["last_year"]) + 1, until + 1), int(last["last_year"] - last["first_year"] + 1)
    series = occurrence.yearly(data).set_index("year").reindex(years)
    zero = [year for year in years if series.loc[year, "value"] == 0]
    unknown = [year for year in years if series.loc[year, "state"] == "gap" and series.loc[year, "note"] != occurrence.NOT_SHOWN]
    block = wording.years(years[0], years[0] + length - 1) if years[0] + length - 1 > until else ""
    return words.since(years, zero, unknown, block)


@section
def case_blocks_figure(data: Data) -> Result:
    """Cases in blocks of years with their limits; nothing where fewer than two blocks can be shown."""
    found = occurrence.blocks(data)
    if not occurrence.is_summary(data) or found["value"].notna().sum() < 2:
        return Result(id="blocks-figure", language=data.language)
    rows = found.assign(label=[wording.years(*span) for span in found[["first_year", "last_year"]].to_numpy()])
    told = [
        _("{span}: {n} ({limits})", span=row["label"], n=wording.count(row["value"]), limits=_limits_of(row))
        if not row["hidden"]
        else words.block(row)
        for row in rows.to_dict("records")
    ]
    known = rows[rows["value"].notna()]
    ends = [
        _("{n} in {year}", n=wording.count(row["value"]), year=row["label"]) for row in known.iloc[[-2, -1]].to_dict("records")
    ]
    title = _("{place}: new cases {first}, {last}", place=data.name, first=ends[0], last=ends[1])
    alt = _("New cases in {place} in blocks of years, with limits (95%). {blocks}.", place=data.name, blocks=_("; ").join(told))
    figure = figures.blocks(rows, name="blocks", title=title, alt=alt)
    return Result(id="blocks-figure", language=data.language, figure=figure, estimates=found.drop(columns="hidden"))


def _limits_of(row: dict[str, Any]) -> str:
    return wording.interval(row["lower"], row["upper"], 0 if row["value"] >= 100 else 1)


@section
def case_blocks(data: Data) -> Result:
    """Cases in fixed blocks of years with exact limits, and the ratio of the last two blocks."""
    found = occurrence.blocks(data)
    if found.empty or not (occurrence.is_pooled(data) or occurrence.is_summary(data)):
        return Result(id="blocks", language=data.language)
    rows = [
        [
            wording.years(row["first_year"], row["last_year"]),
            "*" if row["hidden"] else wording.count(row["value"]),
            "*" if row["hidden"] else _limits_of(row),
        ]
        for row in found.to_dict("records")
    ]
    ratio = occurrence.block_ratio(data, found)
    said = [
        _(
            "{later} against {earlier}: {value} times as many cases per year ({limits}).",
            later=wording.years(row["first_year"], row["last_year"]),
            earlier=wording.years(row["first_before"], row["last_before"]),
            value=wording.decimal(row["value"], 2),
            limits=wording.interval(row["lower"], row["upper"], 2),
        )
        for row in ratio.to_dict("records")
        if not pd.isna(row["value"]) and not occurrence.is_summary(data)
    ]
    note = _(
        "Fixed calendar years, so that no single year can be computed from two blocks. Limits: exact Poisson (95%), what chance "
        "alone does to a count."
    )
    note += _(" Ratios: conditional exact.") if said else ""
    table = Table(_("New cases in blocks of years"), [_("Years"), _("New cases"), _("Limits (95%)")], rows, note, numeric=(1, 2))
    estimates = pd.concat([found.drop(columns="hidden"), ratio], ignore_index=True)
    title = "" if occurrence.is_summary(data) else _("Blocks of years")
    return Result(id="blocks", language=data.language, title=title, level=3, sentences=said, table=table, estimates=estimates)


def _groups(data: Data, kind: str, period: str) -> pd.DataFrame:
    """Known groups of one kind with cases that may be shown."""
    found = breakdowns.groups(data, NEW_CASES, kind, key="total", period=period).assign(dimension=kind)
    return found[(found["numerator"] > 0) & found["value"].notna() & (found["code"] != dimensions.UNKNOWN)]


@section
def largest_group(data: Data) -> Result:
    """The largest category, and the largest group of any other kind, that may be shown for the last block of a small place."""
    last = occurrence.blocks(data).tail(1) if occurrence.is_summary(data) else pd.DataFrame()
    found = occurrence.largest_group(data, last) if len(last) else last
    names = reference.table("categories", data.dataset.folder, key="key").drop_duplicates("key", keep="last").set_index("key")
    said = [
        words.largest(row, reference.name_of(names.loc[row["key"]].to_dict(), data.language))
        for row in found.to_dict("records")
        if row["key"] in names.index
    ]
    kinds = [name for name, told in dimensions.declared().items() if told.get("cases")] if len(last) else []
    parts = [_groups(data, name, last["period"].iloc[0]) for name in kinds]
    other = pd.concat([pd.DataFrame(columns=["numerator"]), *(part for part in parts if len(part))], ignore_index=True)
    other = other.sort_values("numerator", kind="stable").tail(1)
    other = other.assign(**last[["first_year", "last_year"]].iloc[-1]) if len(other) else other
    said += [
        words.largest(row, _("{kind}: {group}", kind=breakdowns.title(row["dimension"], data.language), group=row["name"]))
        for row in other.to_dict("records")
    ]
    estimates = pd.concat([found, other.drop(columns=["hidden"])], ignore_index=True) if len(other) else found
    return Result(id="largest-group", language=data.language, sentences=said, estimates=estimates)


@section
def summary(data: Data) -> Result:
    """What the page of a small place can and cannot say, and what it would take to say more; nothing for a larger place."""
    if not occurrence.is_summary(data):
        return Result(id="summary", language=data.language)
    found = occurrence.blocks(data)
    last = found.iloc[-1].to_dict() if len(found) and found["value"].notna().iloc[-1] else None
    change = words.seen(last, *rates.detectable_ratio(last["value"])) if last and last["value"] > 0 else ""
    title = _("What these numbers can and cannot say")
    some = found.empty or not found["value"].eq(0).all()
    return Result(id="summary", language=data.language, title=title, bullets=words.bounds(last, change, some=some))


@section
def pointer(data: Data) -> Result:
    """Where more stands: the report of the place above. The site makes the sentence a link where it has that page."""
    places = data.dataset.places.set_index("code")
    above = data.place["parent"]
    if not occurrence.is_summary(data) or above not in places.index:
        return Result(id="pointer", language=data.language)
    name = reference.name_of(places.loc[above].to_dict(), data.language)
    said = _("More on the wider area: see the report of {place}, which {here} is part of.", place=name, here=data.name)
    return Result(id="pointer", language=data.language, sentences=[said])


@section
def case_categories(data: Data) -> Result:
    """Cases by category, in years or blocks of years as the place publishes them; * where a count is hidden."""
    rows = occurrence.by_category(data)
    if rows.empty or (occurrence.is_summary(data) and not (rows.loc[rows["key"] != "total", "numerator"] > 0).any()):
        return Result(id="categories", language=data.language)
    told = {str(data.period), str(periods.year_before(data.period))}
    if set(rows["period"]) <= told and len(diseases.latest(data)):
        return Result(id="categories", language=data.language)  # the table by category has both periods
    names = reference.table("categories", data.dataset.folder, key="key").drop_duplicates("key", keep="last").set_index("key")
    keys = sorted(rows["key"].unique(), key=lambda key: (key == "total", names.index.get_loc(key) if key in names.index else 999))
    cell = rows["numerator"].map(wording.count).mask(rows["hidden"], "*")
    wide = rows.assign(cell=cell).pivot_table(index="period", columns="key", values="cell", aggfunc="first", sort=False)
    heads = [reference.name_of(names.loc[key].to_dict(), data.language) if key in names.index else key for key in keys]
    lines = [[wording.period(periods.parse(period)), *wide.loc[period, keys].fillna(wording.DASH)] for period in wide.index]
    note = _("* is hidden: it is small itself, or a small count could be computed from it. A dash: not published in this period.")
    table = Table(_("New cases by category"), [_("Years"), *heads], lines, note, numeric=tuple(range(1, len(keys) + 1)))
    kept = rows[["period", "key", "numerator", "hidden"]].rename(columns={"numerator": "value"}).assign(unit="cases")
    return Result(id="categories", language=data.language, title=_("By category"), level=3, table=table, estimates=kept)
