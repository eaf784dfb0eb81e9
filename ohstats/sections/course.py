"""Sections of the trend report of new cases."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .. import diseases, figures, occurrence, periods, reference, trend, wording, wording_course
from ..display import Table
from ..language import _
from ..result import Result
from . import pooled
from .common import detail, section

if TYPE_CHECKING:
    from ..data import Data

MOST_FINDINGS = 3


@section
def trend_headline(data: Data) -> Result:
    """Cases in the period, against the year before, the verdict of the latest unbroken window, and at most three findings."""
    if occurrence.is_summary(data):
        return pooled.headline(data)
    before = periods.year_before(data.period)
    now = occurrence.in_period(data, data.period.text)
    earlier = occurrence.in_period(data, before.text, basis=now["basis"]) if before else None
    said = wording.new_cases(data.period, now, earlier, wording.period(before) if before else wording.DASH)
    if now["basis"] == "report" and earlier and occurrence.cards_begin(data, str(before)):
        said.append(
            _("Cards begin with {period}: late reports of earlier diagnoses can be missing from its count.", period=str(before))
        )
    series, found = occurrence.yearly(data), occurrence.trends(data)
    if len(found):
        latest = found.iloc[-1].to_dict()
        said += wording.headline_trend(latest, *pooled.effort_beside(data, latest))
    if now["basis"] == "report" and (occurrence.total(data)["year_basis"] == "diagnosis").any():
        said.append(_("The period is counted by report year, as bulletins count; the trend by diagnosis year."))
    findings = _findings(data)
    estimates = pd.concat([series[series["year"] == data.period.last_year], found.tail(1)], ignore_index=True)
    return Result(
        id="headline",
        language=data.language,
        title=_("In short"),
        lead=True,
        sentences=said,
        bullets=findings,
        estimates=estimates,
    )


def _findings(data: Data) -> list[str]:
    """At most three: exceedances that stand after control of false discoveries, then such trends, then the largest category."""
    names = diseases.names(data)
    trends = diseases.trends(data)
    apart = diseases.distinct(data, trends["key"].tolist() if len(trends) else [])
    trends = trends[trends["key"].isin(apart)] if len(trends) else trends
    unusual = diseases.exceedances(data)
    unusual = unusual[unusual["notable"] & (unusual["key"] != diseases.TOTAL)] if len(unusual) else unusual
    shown = unusual.sort_values("value", ascending=False).to_dict("records") if len(unusual) else []
    told = [wording_course.exceedance(row, names[row["key"]], data.period.last_year) for row in shown]
    clear = wording_course.clear(trends).to_dict("records")
    told += [wording_course.disease_trend(row, names[row["key"]]) for row in clear]
    first = diseases.latest(data).head(1)
    told += [
        _("Largest category: {named}.", named=wording_course.category(row, names[row["key"]]))
        for row in first.to_dict("records")
        if row["n"] > 0
    ]
    return told[:MOST_FINDINGS]


def _break_rows(data: Data) -> pd.DataFrame:
    """Breaks and notes as the figure and the table name them."""
    rows = data.breaks[data.breaks["series"] != occurrence.POLICY]
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
    found = occurrence.trends(data)
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


@detail
def reconciliation(data: Data) -> Result:
    """Totals by report year, by diagnosis year and as officially published, side by side, with what they differ by."""
    rows = data.of("new_cases")
    rows = rows[rows["key"] == "total"]
    rows = rows[rows["period"].str.fullmatch(r"\d{4}") & (rows["numerator"].notna() | rows["hidden"])]
    figures = rows.assign(cell=rows["numerator"].map(wording.count).mask(rows["hidden"], "*"), kind=rows["year_basis"])
    official = pd.DataFrame(data.beside.get("known", []), columns=["period", "year_basis", "numerator", "source"])
    official = official.assign(cell=official["numerator"].map(wording.count), kind="official")
    both = pd.concat([figures, official], ignore_index=True)
    wide = both.pivot_table(index="period", columns="kind", values=["cell", "numerator"], aggfunc="first")
    kinds = [kind for kind in ("report", "diagnosis", "official") if kind in both["kind"].to_numpy()]
    result = Result(id="reconciliation", language=data.language, title=_("Which year, whose figure?"), level=3)
    wide = wide[wide["cell"].notna().sum(axis=1) > 1] if len(kinds) > 1 else wide.head(0)
    wide = wide[wide.index.astype(int) <= data.period.last_whole_year]
    if wide.empty:
        return replace(result, title="")
    heads = {"report": _("By report year"), "diagnosis": _("By diagnosis year"), "official": _("Officially published")}
    first, *others = kinds
    cells = []
    for period, row in wide.iterrows():
        told = [wording.DASH if pd.isna(cell) else str(cell) for cell in row["cell"].reindex(kinds)]
        figures = pd.to_numeric(row["numerator"].reindex(kinds))
        gaps = [wording.signed(figures[kind] - figures[first], 0) for kind in others]
        cells.append([str(period), *told, *gaps])
    header = [_("Year"), *(heads[kind] for kind in kinds), *(_("Difference: {name}", name=heads[kind]) for kind in others)]
    note = _("Differences are against the first column: cards come in after the year of diagnosis, or are corrected later.")
    table = Table(_("New cases as counted in different ways"), header, cells, note, numeric=tuple(range(1, len(header))))
    return replace(result, table=table)


def _variation(data: Data, series: pd.DataFrame) -> str:
    known = series[series["value"] > 0]
    if known.empty:
        return _("Limits: exact Poisson (95%).")
    found = occurrence.trends(data)
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
        elif shown and row["n_points"] < occurrence.MIN_POINTS:
            word = wording.explained(word, _("fewer than {n} years", n=occurrence.MIN_POINTS))
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
    found = occurrence.trends(data)
    known = series[series["value"].notna()]
    said = []
    if len(found) > 1 and len(known):
        said += wording.breaks_crossed(series, len(found) - 1)
    if len(found) and not pd.isna(found.iloc[-1]["value"]) and found.iloc[-1]["verdict"] not in (trend.FALLING, trend.RISING):
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
