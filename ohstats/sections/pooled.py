"""Sections of what a small place publishes: cases by category and by blocks of years, and the page of one summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from .. import occurrence, periods, reference, wording
from ..display import Table
from ..language import _
from ..result import Result
from .common import section

if TYPE_CHECKING:
    from ..data import Data


@section
def summary(data: Data) -> Result:
    """Why the report of a small place is one page, and where more stands; nothing for a larger place."""
    if not occurrence.is_summary(data):
        return Result(id="summary", language=data.language)
    said = [
        _(
            "{place} has fewer than 50 new cases in five years. This page is a summary: single years and small groups would "
            "show single people, and trends of so few cases tell nothing.",
            place=data.name,
        )
    ]
    places = data.dataset.places.set_index("code")
    above = [code for code in data.dataset.ancestors(data.place["code"])[1:] if code in places.index]
    if above:
        name = reference.name_of(places.loc[above[0]].to_dict(), data.language)
        said.append(_("More stands in the report of {place}, which {here} is part of.", place=name, here=data.name))
    return Result(id="summary", language=data.language, sentences=said)


@section
def case_blocks(data: Data) -> Result:
    """Cases in fixed blocks of years with exact limits, and the ratio of the last two blocks."""
    found = occurrence.blocks(data)
    if found.empty or not occurrence.is_pooled(data):
        return Result(id="blocks", language=data.language)
    rows = [
        [
            wording.years(row["first_year"], row["last_year"]),
            "*" if row["hidden"] else wording.count(row["value"]),
            "*" if row["hidden"] else wording.interval(row["lower"], row["upper"], 0 if row["value"] >= 100 else 1),
        ]
        for row in found.to_dict("records")
    ]
    note = _("Blocks are fixed calendar years, so that single years cannot be computed from them. Limits: exact Poisson (95%).")
    table = Table(_("New cases in blocks of years"), [_("Years"), _("New cases"), _("Limits (95%)")], rows, note, numeric=(1, 2))
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
        if not pd.isna(row["value"])
    ]
    estimates = pd.concat([found.drop(columns="hidden"), ratio], ignore_index=True)
    return Result(
        id="blocks", language=data.language, title=_("Blocks of years"), level=3, sentences=said, table=table, estimates=estimates
    )


@section
def case_categories(data: Data) -> Result:
    """Cases by category, in years or blocks of years as the place publishes them; * where a count is hidden."""
    rows = occurrence.by_category(data)
    if rows.empty:
        return Result(id="categories", language=data.language)
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
