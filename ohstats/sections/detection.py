"""Sections that ask whether a change of cases is one of health or of detection."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from .. import courses, occurrence, panels, reference, wording, wording_course
from ..display import Table
from ..language import _
from ..result import Result
from .common import detail

if TYPE_CHECKING:
    import pandas as pd

    from ..data import Data

LOW = 0.1  # ratios below are written per 1,000
COUNTS = 2  # rows of the split that are counts; the others are ratios


@detail
def effort(data: Data) -> Result:
    """Detection effort beside the cases: a fall of cases can be a fall of looking for them."""
    known = occurrence.effort(data)
    names = {row["indicator_id"]: reference.name_of(row, data.language) for row in data.indicators.to_dict("records")}
    result = Result(id="effort", language=data.language, title=_("Is it health or detection?"))
    if known.empty:
        text = _(
            "Detection effort is not known; supply persons_examined, diagnoses_completed or reporting_units as indicator values."
        )
        return replace(result, sentences=[text])
    cells = known["numerator"].map(wording.count).mask(known["hidden"], "*")
    wide = known.assign(cell=cells).pivot_table(index="year", columns="indicator_id", values="cell", aggfunc="first")
    rows = [[str(year), *wide.loc[year].fillna(wording.DASH)] for year in wide.index]
    table = Table(
        _("Detection effort by year"),
        [_("Year"), *(names[column] for column in wide.columns)],
        rows,
        _("Counts as reported; years without a row are not known; * is hidden (small numbers)."),
        numeric=tuple(range(1, len(wide.columns) + 1)),
    )
    return replace(result, sentences=_effort_sentences(data, known, names), table=table, estimates=known)


def _effort_sentences(data: Data, known: pd.DataFrame, names: dict[str, str]) -> list[str]:
    found = occurrence.trends(data)
    if found.empty:
        return []
    latest = found.iloc[-1].to_dict()
    window = occurrence.Window(int(latest["first_year"]), int(latest["last_year"]))
    changes = occurrence.effort_change(known, window)
    unknown = occurrence.unknown_years(known, window)
    said = [
        _(
            "{name}: {first} in {first_year}, {last} in {last_year} ({change}).",
            name=names[row["indicator_id"]],
            first=wording.count(row["first"]),
            last=wording.count(row["last"]),
            first_year=window.first,
            last_year=window.last,
            change=wording.signed(row["change"]) + "%",
        )
        for row in changes.to_dict("records")
    ]
    if changes.empty:
        said.append(
            _(
                "No measure is known in both {first} and {last}: detection effort is unknown for {unknown}.",
                first=window.first,
                last=window.last,
                unknown=unknown,
            )
        )
    return said


def _split(data: Data) -> tuple[pd.DataFrame, list[str]]:
    """The change taken apart and the names of its parts; none where it is not."""
    rows = courses.decomposed(data)
    if rows["value"].isna().all():
        return rows, []
    named = {row["indicator_id"]: reference.name_of(row, data.language) for row in data.indicators.to_dict("records")}
    named["cases"] = _("New cases")
    steps = [named[step] for step in rows["step"].tolist()[1:]]
    per = [
        _("{later} per {earlier}", later=later, earlier=earlier[:1].lower() + earlier[1:]) for earlier, later in pairwise(steps)
    ]
    return rows, [*steps[:1], *per]


@detail
def split_figure(data: Data) -> Result:
    """The change in cases as a chain of bars: examinations, suspicion, confirmation."""
    found, names = _split(data)
    if not names:
        return Result(id="split-figure", language=data.language)
    rows = found.iloc[1:].assign(label=names)
    start, end = int(found["start"].iloc[0]), int(found["end"].iloc[0])
    largest, change = _largest(rows), found.iloc[0]
    if change["lower"] <= 0 <= change["upper"]:
        title = _(
            "{place}, {start} to {end}: {change} new cases ({limits}): whether they changed cannot be told",
            place=data.name, start=start, end=end, change=wording.signed(change["value"], 0),
            limits=wording.interval(change["lower"], change["upper"], 0),
        )  # fmt: skip
    elif largest:
        title = _(
            "{place}, {start} to {end}: the largest part of the change came with {part}",
            place=data.name, start=start, end=end, part=largest[:1].lower() + largest[1:],
        )  # fmt: skip
    else:
        title = _("{place}, {start} to {end}: no single part of the change is clearly the largest",
                  place=data.name, start=start, end=end)  # fmt: skip
    told = [wording_course.part(row, row["label"]) for row in rows.to_dict("records")]
    ends = (_("New cases, {year}", year=start), _("New cases, {year}", year=end))
    told = [_("{name}: {n}", name=ends[0], n=wording.count(rows["denominator"].iloc[0])), *told]
    told.append(_("{name}: {n}", name=ends[1], n=wording.count(rows["numerator"].iloc[0])))
    figure = panels.split(rows, ends, name="split", title=title, alt=title + _(".") + " " + _("; ").join(told) + _("."))
    return Result(id="split-figure", language=data.language, figure=figure, estimates=found)


def _largest(rows: pd.DataFrame) -> str:
    """Label of the part that is the largest whichever value within their limits the parts have; empty: none."""
    limits = rows[["lower", "upper"]]
    if limits.isna().any(axis=None):
        return ""
    least = limits.abs().min(axis=1).where(np.sign(limits["lower"]) == np.sign(limits["upper"]), 0.0)
    most = limits.abs().max(axis=1)
    (at,) = np.flatnonzero(rows["value"].abs() == rows["value"].abs().max())[:1]
    alone = least.iloc[at] > most.drop(most.index[at]).max()
    return str(rows["label"].iloc[at]) if alone else ""


@detail
def split_table(data: Data) -> Result:
    """The numbers of the split, and what they do not prove."""
    found, names = _split(data)
    result = Result(id="split", language=data.language, title=_("What did the change in cases come with?"), level=3)
    if not names:
        return replace(
            result, sentences=[_("The change is not taken apart: {why}.", why=wording_course.reason(found["note"].iloc[0]))]
        )
    change, *rows = found.to_dict("records")
    cells = []
    for number, (name, row) in enumerate(zip([_("New cases"), *names], [change, *rows], strict=True)):
        ends = [wording.count(row[end]) if number < COUNTS else _factor(row[end]) for end in ("at_start", "at_end")]
        cells.append([name, *ends, wording.signed(row["value"], 0), wording.interval(row["lower"], row["upper"], 0)])
    header = [_("Step"), str(change["start"]), str(change["end"]), _("Cases that came with it"), _("Interval (95%)")]
    note = _(
        "Log-mean Divisia split of the difference in cases: before rounding the parts add up exactly. The first part is "
        "detection effort; the others mix health with the care of detection. Steps are counts of one year, so a ratio can exceed "
        "1. Intervals: chains drawn by chance in which each count varies; they are wider than those of the counts alone. The "
        "split describes; it proves no cause."
    )
    table = Table(
        _("Change in new cases from {start} to {end}", start=change["start"], end=change["end"]),
        header,
        cells,
        note,
        numeric=(1, 2, 3, 4),
    )
    return replace(result, table=table, estimates=found)


def _factor(value: float) -> str:
    return _("{n} per 1,000", n=wording.decimal(1000 * value, 2)) if value < LOW else wording.decimal(value, 2)
