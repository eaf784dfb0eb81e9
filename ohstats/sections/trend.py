"""Sections of the trend report of new cases."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .. import figures, occurrence, periods, reference, wording
from ..display import Table
from ..language import _
from ..result import Result
from . import pooled
from .common import detail, section

if TYPE_CHECKING:
    from ..data import Data


def _figure_of(data: Data, text: str) -> dict[str, Any]:
    """The count of exactly one period, as the headline needs it."""
    rows = occurrence.total(data)
    row = rows[rows["period"] == text]
    if row.empty:
        return {
            "n": float("nan"),
            "note": "",
            "hidden": False,
            "provisional": False,
            "lower": float("nan"),
            "upper": float("nan"),
        }
    found = row.iloc[0]
    limits = occurrence.exact_limits(found["numerator"])
    return {
        "n": found["numerator"],
        "note": found["note"],
        "hidden": bool(found["hidden"]),
        "provisional": bool(found["provisional"]),
        "lower": limits[0],
        "upper": limits[1],
    }


@section
def trend_headline(data: Data) -> Result:
    """Cases in the period, against the year before, and the verdict of the latest unbroken window."""
    if occurrence.is_summary(data):
        return pooled.headline(data)
    before = periods.year_before(data.period)
    earlier = _figure_of(data, before.text) if before else None
    said = wording.new_cases(
        data.period, _figure_of(data, data.period.text), earlier, wording.period(before) if before else wording.DASH
    )
    series = occurrence.yearly(data)
    found = occurrence.trends(data, series)
    if len(found):
        latest = found.iloc[-1].to_dict()
        said += wording.headline_trend(latest, *pooled.effort_beside(data, latest))
    estimates = pd.concat([series[series["year"] == data.period.last_year], found.tail(1)], ignore_index=True)
    return Result(id="headline", language=data.language, title=_("In short"), lead=True, sentences=said, estimates=estimates)


def _break_rows(data: Data) -> pd.DataFrame:
    """Breaks and notes as the figure and the table name them."""
    rows = data.breaks
    return pd.DataFrame(
        {
            "year": rows["first_period_after"].astype(int),
            "last": rows["last_period"].where(rows["last_period"] != "", rows["first_period_after"]).astype(int),
            "kind": rows["kind"],
            "label": [
                _("break {year}", year=row["first_period_after"])
                if row["kind"] == "break"
                else wording.years(int(row["first_period_after"]), int(row["last_period"] or row["first_period_after"]))
                for row in rows.to_dict("records")
            ],
        }
    )


@detail
def case_figure(data: Data) -> Result:
    """Cases by year with the fitted line of each window, breaks, gaps and provisional years marked."""
    series = occurrence.yearly(data)
    if series.empty:
        return Result(id="case-figure", language=data.language, sentences=[_("The report holds no whole year: nothing to draw.")])
    found = occurrence.trends(data, series)
    found = found[found["value"].notna() & (found["n_points"] >= occurrence.MIN_POINTS)] if len(found) else found
    fits = pd.DataFrame(
        [_fit(series, row) for row in found.to_dict("records")], columns=["first_year", "last_year", "slope", "level", "label"]
    )
    title, alt = _told(data, series, found)
    figure = figures.cases(series, fits, _break_rows(data), name="cases", title=title, alt=alt)
    return Result(id="case-figure", language=data.language, figure=figure, estimates=series.drop(columns="source"))


def _fit(series: pd.DataFrame, row: dict[str, Any]) -> dict[str, Any]:
    """Fitted line of a window: with the log link the fitted cases add up to the observed ones."""
    inside = series[series["year"].between(row["first_year"], row["last_year"]) & series["state"].isin(["shown", "recalled"])]
    steps = np.exp(row["slope"] * (inside["year"] - row["first_year"]))
    label = _("{value}% per year", value=wording.decimal(row["value"]))
    return {**row, "level": inside["value"].sum() / steps.sum(), "label": label}


def _told(data: Data, series: pd.DataFrame, found: pd.DataFrame) -> tuple[str, str]:
    known = series[series["value"].notna()]
    if known.empty:
        return (_("{place}: no count can be shown", place=data.name),) * 2
    first, last = known.iloc[0], known.iloc[-1]
    ends = _(
        "New cases by year in {place}: {n_first} in {first}, {n_last} in {last}.",
        place=data.name,
        n_first=wording.count(first["value"]),
        first=first["year"],
        n_last=wording.count(last["value"]),
        last=last["year"],
    )
    parts = [
        _(
            "{window}: {value}% per year ({limits}), {verdict}.",
            window=wording.years(row["first_year"], row["last_year"]),
            value=wording.decimal(row["value"]),
            limits=wording.interval(row["lower"], row["upper"]),
            verdict=wording.verdict(row["verdict"]),
        )
        for row in found.to_dict("records")
    ]
    if not parts:
        return _("{place}: new cases by year", place=data.name), ends + " " + _("No trend line is drawn.")
    latest = found.iloc[-1]
    title = _(
        "{place}, {window}: {verdict}",
        place=data.name,
        window=wording.years(latest["first_year"], latest["last_year"]),
        verdict=wording.verdict(latest["verdict"]),
    )
    return title, " ".join([ends, *parts])


@detail
def case_table(data: Data) -> Result:
    """Cases by year with exact limits, what each figure is, and where it comes from."""
    series = occurrence.yearly(data)
    if series.empty and len(occurrence.blocks(data)):
        return Result(id="cases", language=data.language)
    states = {
        "shown": "",
        "recalled": _("recalled: not read again"),
        "provisional": _("provisional"),
        "gap": _("no figure"),
        "hidden": _("hidden (small numbers)"),
    }
    rows = [
        [
            str(row["year"]),
            "*" if row["state"] == "hidden" else wording.count(row["value"]),
            "*" if row["state"] == "hidden" else wording.interval(row["lower"], row["upper"], 0 if row["value"] >= 100 else 1),
            states[row["state"]],
            row["source"] if isinstance(row["source"], str) and not data.dataset.synthetic else "",
        ]
        for row in series.to_dict("records")
    ]
    header = [_("Year"), _("New cases"), _("Limits (95%)"), _("Kind of figure"), _("Source")]
    if data.dataset.synthetic:
        header, rows = header[:-1], [row[:-1] for row in rows]
    basis = occurrence.total(data)["year_basis"]
    by = _("diagnosis year") if (basis == "diagnosis").any() else _("report year")
    table = Table(_("New cases by {basis}", basis=by), header, rows, _variation(data, series), numeric=(1, 2))
    said = [
        _(
            "In the figure: filled points are figures read at the source, hollow points recalled ones, diamonds provisional "
            "ones; bars are limits (95%); a dashed upright line is a break that no trend crosses; a shaded stretch is a "
            "noted event."
        )
    ]
    title = _("Reported cases")
    if series.empty:
        return Result(id="cases", language=data.language, title=title, sentences=[_("The report holds no whole year.")])
    return Result(id="cases", language=data.language, title=title, sentences=said, table=table, estimates=series)


def _variation(data: Data, series: pd.DataFrame) -> str:
    known = series[series["value"] > 0]
    if known.empty:
        return _("Limits: exact Poisson (95%).")
    found = occurrence.trends(data, series)
    dispersion = found["dispersion"].iloc[-1] if len(found) else float("nan")
    return wording.counting_variation(known.iloc[-1].to_dict(), float(dispersion))


def _trend_table(caption: str, rows: pd.DataFrame, first: list[str] | None = None, note: str = "") -> Table:
    header = [_("Years"), _("Points"), _("Change per year, %"), _("Interval (95%)"), _("Verdict")]
    cells = []
    for number, row in enumerate(rows.to_dict("records")):
        shown = not pd.isna(row["value"])
        word = wording.verdict(row["verdict"])
        if not shown and row["note"] != occurrence.NOT_SHOWN:
            word = wording.explained(word, wording.reason(row["note"]))
        head = first[number] if first else wording.years(row["first_year"], row["last_year"])
        cells.append(
            [
                head,
                wording.count(row["n_points"]),
                wording.decimal(row["value"]),
                wording.interval(row["lower"], row["upper"]),
                word,
            ]
        )
    return Table(caption, header, cells, note, numeric=(1, 2, 3))


@detail
def trends(data: Data) -> Result:
    """Annual percent change of each unbroken window with its verdict; breaks explained."""
    series = occurrence.yearly(data)
    found = occurrence.trends(data, series)
    known = series[series["value"].notna()]
    said = []
    if len(found) > 1 and len(known):
        said += wording.breaks_crossed(series, len(found) - 1)
    if len(found) and not pd.isna(found.iloc[-1]["value"]):
        said.append(wording.detectable(found.iloc[-1].to_dict()))
    shown = data.breaks[data.breaks["first_period_after"].astype(int).between(data.first_year, data.period.last_year)]
    lines = [
        f"{row['first_period_after']}: {reference.name_of(row, data.language, 'text')} ({row['source']})"
        for row in shown.to_dict("records")
    ]
    note = _(
        "Quasi-Poisson regression of the yearly counts, limits from the t distribution with n{minus}2 degrees of freedom; "
        "falling or rising only when the interval lies wholly on one side of 0; roughly level when it lies within ±5% "
        "per year; provisional years are drawn, not fitted; a missing year is a gap, not 0.",
        minus=wording.MINUS,
    )
    table = _trend_table(_("Annual percent change in each unbroken window"), found, note=note) if len(found) else None
    return Result(
        id="trends",
        language=data.language,
        title=_("Trend"),
        sentences=said or [_("No figure, no trend.")],
        table=table,
        bullets=lines,
        estimates=found,
    )


@detail
def sensitivity(data: Data) -> Result:
    """The latest window fitted otherwise: from noted events on, and without recalled figures."""
    series = occurrence.yearly(data)
    found = occurrence.sensitivity(data, series)
    if found.empty:
        said = [_("Nothing to vary: no noted event and no recalled figure lies inside the latest window.")]
        return Result(id="sensitivity", language=data.language, title=_("How firm is the trend?"), level=3, sentences=said)
    first = [
        _("without recalled figures") if row["without"] else _("from {year}", year=int(row["start"]))
        for row in found.to_dict("records")
    ]
    table = _trend_table(_("The latest window, fitted otherwise"), found, first)
    return Result(
        id="sensitivity", language=data.language, title=_("How firm is the trend?"), level=3, table=table, estimates=found
    )


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
    found = occurrence.trends(data, occurrence.yearly(data))
    if found.empty:
        return []
    latest = found.iloc[-1].to_dict()
    window = occurrence.Window(int(latest["first_year"]), int(latest["last_year"]))
    changes = occurrence.effort_change(known, window)
    unknown = occurrence.unknown_years(known, window)
    said = [
        _(
            "{name}: {first} in {first_year}, {last} in {last_year} ({change}%).",
            name=names[row["indicator_id"]],
            first=wording.count(row["first"]),
            last=wording.count(row["last"]),
            first_year=window.first,
            last_year=window.last,
            change=wording.decimal(row["change"]),
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


@detail
def trend_limits(data: Data) -> Result:
    """What the report cannot say."""
    lines = [
        _("Cases are those diagnosed and reported; today's cases come from exposure years or decades ago."),
        _("A trend of reported cases is not a trend of disease: it also follows examinations, diagnoses and reporting."),
        _("A verdict describes the window named and says nothing about causes."),
    ]
    series = occurrence.yearly(data)
    if (series["state"] == "recalled").any():
        lines.append(_("Recalled figures were not read again at their source; the trend without them stands in its own row."))
    if (series["state"] == "gap").any():
        lines.append(_("Years without a figure are gaps: they are neither 0 nor filled in."))
    if (series["state"] == "hidden").any():
        lines.append(_("Counts of 1 to 4 are hidden (*); no trend is fitted to a window with a hidden year."))
    return Result(id="limits", language=data.language, title=_("Limits"), bullets=lines)
