"""Sections about people: short exposure, who fell ill, where, acute events, from suspected to confirmed, patients."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from .. import breakdowns, dimensions, indicators, measured, panels, people, reference, wording, wording_people
from ..counts import NEW_CASES
from ..display import Table
from ..language import _
from ..result import Result
from .common import detail

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..data import Data

WHO, WHERE = ("sex", "age", "stage", "exposure"), ("industry", "size", "economic", "township", "park")
MEDIANS = ("age_at_diagnosis", "exposure_years", "latency_years")
MOST, CLEAR = 10, 10  # groups in a figure; cases from which the largest group is named
KEYS = ("total", "pneumoconiosis", "noise_deafness")


def _star(row: dict[str, Any], text: str) -> str:
    return "*" if row["hidden"] else text


@detail
def short_exposure(data: Data) -> Result:
    """Pneumoconiosis after less than 5 years of dust exposure: share with both denominators, and whether it changed."""
    rows = people.short(data)
    result = Result(id="short-exposure", language=data.language, title=_("Pneumoconiosis after short exposure"))
    if rows.empty:
        text = _(
            "Nothing is known of short exposure; supply disease_cards with years of exposure, or "
            "short_exposure_pneumoconiosis_share as indicator values."
        )
        return replace(result, sentences=[text])
    change, last = people.short_change(rows), rows.iloc[-1].to_dict()
    said = wording_people.short(last)
    counted = people.pneumoconiosis(data, str(last["period"]))  # by year of diagnosis, of report, or both
    doubted = last["entered"] and not last["hidden"] and len(counted) > 0 and last["denominator"] not in counted
    other = pd.DataFrame([{"key": "pneumoconiosis", "n": counted[0]}] if doubted else [])
    if doubted:
        said.append(wording_people.other_cases(last["denominator"], counted[0]))
    if len(change):
        said.append(wording_people.short_change(change.iloc[0].to_dict()))
    elif rows["hidden"].any() and len(rows) > 1:
        said.append(_("Whether the share changed is not shown (small numbers)."))
    told = [
        _("{name} {value}", name=row["name"], value=wording.percent(row["value"]))
        for row in people.short_elsewhere(data.language).to_dict("records")
    ]
    if told:
        said.append(_("Published elsewhere, of other years and populations: {told}.", told=_("; ").join(told)))
    said.append(
        _(
            "Total service is taken for dust exposure in about a third of first reports, so short exposure is under-counted; a "
            "change of that habit looks like a change of exposure."
        )
    )
    cells = [
        [
            wording.years(row["first_year"], row["last_year"]), _star(row, wording.count(row["numerator"])),
            _star(row, wording.count(row["denominator"])), _star(row, wording.decimal(row["value"])),
            _star(row, wording.interval(row["lower"], row["upper"])),
            wording.percent(100 * row["known"] / row["denominator"]),
        ]
        for row in rows.to_dict("records")
    ]  # fmt: skip
    header = [_("Year"), _("Under 5 years"), _("All new pneumoconiosis"), _("Share, %"), _("Limits (95%)"), _("Exposure known")]
    note = _(
        "Share of all new pneumoconiosis, as the official target counts it, with Wilson limits; * is hidden (small numbers)."
    )
    table = Table(_("New pneumoconiosis with less than 5 years of dust exposure"), header, cells, note, numeric=(1, 2, 3, 4, 5))
    estimates = pd.concat([rows, *(each for each in (change, other) if len(each))], ignore_index=True)
    return replace(result, sentences=said, table=table, estimates=estimates)


def _groups(data: Data, names: Iterable[str]) -> pd.DataFrame:
    """All shown groups of new cases by some dimensions, one below the other."""
    parts = [breakdowns.groups(data, NEW_CASES, name).assign(dimension=name) for name in names]
    parts = [part for part in parts if len(part) and not part["hidden"].all() and set(part["code"]) != {dimensions.UNKNOWN}]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _dated(rows: pd.DataFrame, caption: str, header: list[str], cells: list[list[str]], note: str) -> Table:
    """A table with the period in its caption where all rows have the same, else as its third column."""
    spans = rows["period"].map(wording.period_of).tolist()
    if len(set(spans)) == 1:
        caption = _("{caption}, {period}", caption=caption, period=spans[0])
    else:
        header = [*header[:2], _("Period"), *header[2:]]
        cells = [[*cell[:2], span, *cell[2:]] for cell, span in zip(cells, spans, strict=True)]
    return Table(caption, header, cells, note, numeric=tuple(range(len(header) - 3, len(header))))


def _group_table(data: Data, rows: pd.DataFrame, caption: str) -> Table:
    cells = [
        [
            row["name"], breakdowns.title(row["dimension"], data.language), _star(row, wording.count(row["numerator"])),
            _star(row, wording.decimal(row["value"])), _star(row, wording.interval(row["lower"], row["upper"])),
        ]
        for row in rows.to_dict("records")
    ]  # fmt: skip
    header = [_("Group"), _("Classified by"), _("New cases"), _("Share, %"), _("Limits (95%)")]
    note = _(
        "Share of the new cases of the period (stage and exposure: of new pneumoconiosis) with Wilson limits, by year of "
        "diagnosis; * is hidden (small numbers)."
    )
    return _dated(rows, caption, header, cells, note)


def _plain(rows: pd.DataFrame) -> pd.DataFrame:
    """Estimates without words of one language: codes say which group it is."""
    return rows.drop(columns=["name", "among"], errors="ignore")


@detail
def who(data: Data) -> Result:
    """Age, exposure and latency of new cases (medians and quartiles), sex and stage."""
    result = Result(id="who", language=data.language, title=_("Who fell ill"))
    rows, names = _groups(data, WHO), reference.category_names(data.language)
    found = [
        breakdowns.statistics(data, name, key=key).assign(among=names[key]) for key in KEYS for name in MEDIANS
    ]  # fmt: skip
    medians = pd.concat(found, ignore_index=True)
    shown = medians[~medians["hidden"].astype(bool)] if len(medians) else medians
    if rows.empty and shown.empty:
        text = _("Nothing can be shown of age, sex, exposure or stage: disease_cards are missing, or the numbers are too small.")
        return replace(result, sentences=[text])
    said = [
        wording_people.median(row, _statistic(row["measure"], data.language), row["among"])
        for row in shown.to_dict("records")
        if row["key"] != "total" or row["measure"] == "age_at_diagnosis"
    ]
    for name in ("sex", "stage"):
        part = people.largest(rows[rows["dimension"] == name]) if len(rows) else rows
        if len(part):
            said.append(wording_people.groups(breakdowns.title(name, data.language), part.to_dict("records")))
    if len(shown) and data.edition == "public":
        said.append(_("Medians of fewer than ten people are not published."))
    table = _group_table(data, rows, _("New cases by sex, age, stage and exposure")) if len(rows) else _median_table(data, shown)
    return replace(result, sentences=said, table=table, estimates=_plain(pd.concat([shown, rows], ignore_index=True)))


def _statistic(measure: str, language: str) -> str:
    return str(measured.declared()[measure][f"name_{language}"])


def _median_table(data: Data, rows: pd.DataFrame) -> Table:
    cells = [
        [
            row["among"], _statistic(row["measure"], data.language), _star(row, wording.decimal(row["value"])),
            _star(row, wording.interval(row["lower"], row["upper"])), _star(row, wording.interval(row["q1"], row["q3"])),
        ]
        for row in rows.to_dict("records")
    ]  # fmt: skip
    header = [_("Disease"), _("Measure"), _("Median"), _("Limits (95%)"), _("Quartiles")]
    note = _("Limits of the median from order statistics; quartiles of type 7; * is hidden (small numbers).")
    return _dated(rows, _("Age, exposure and latency of new cases, in years"), header, cells, note)


@detail
def where_figure(data: Data) -> Result:
    """Share of the largest industries, or of townships where no industry is known."""
    for name in ("industry", "township", "economic"):
        rows = people.largest(_groups(data, [name]))[:MOST] if len(_groups(data, [name])) else pd.DataFrame()
        rows = rows[rows["value"].notna()] if len(rows) else rows
        if len(rows) > 1:
            break
    else:
        return Result(id="where-figure", language=data.language)
    top = rows.iloc[0]
    clear = top["numerator"] >= CLEAR and top["numerator"] > rows.iloc[1]["numerator"]
    title = (
        _("{place}: {name} has the most new cases", place=data.name, name=top["name"])
        if clear
        else _("{place}: new cases by {dimension}", place=data.name, dimension=breakdowns.title(name, data.language))
    )
    told = [_("{name} {value}", name=row["name"], value=wording.percent(row["value"])) for row in rows.to_dict("records")]
    alt = _("{title}. Share of the new cases of {period}: {told}.",
            title=title, period=wording.period_of(top["period"]), told=_("; ").join(told))  # fmt: skip
    label = _("percent of new cases, {period}; bar: limits (95%)", period=wording.period_of(top["period"]))
    figure = panels.dots(rows.rename(columns={"name": "label"}), label, name="where", title=title, alt=alt)
    return Result(id="where-figure", language=data.language, figure=figure, estimates=_plain(rows))


@detail
def where(data: Data) -> Result:
    """Industry, size, economic type, township and park of new cases; cases per declared exposed workers."""
    result = Result(id="where", language=data.language, title=_("Where they worked"))
    rows, rate = _groups(data, WHERE), people.per_exposed(data)
    if rows.empty and rate.empty:
        text = _("Nothing can be shown of industry, size or township: disease_cards are missing, or the numbers are too small.")
        return replace(result, sentences=[text])
    said = []
    for name in ("industry", "township"):
        part = people.largest(rows[rows["dimension"] == name])[:3] if len(rows) else rows
        if len(part):
            said.append(wording_people.groups(breakdowns.title(name, data.language), part.to_dict("records")))
    shown = rate[rate["value"].notna()]
    if len(shown):
        said.append(wording_people.per_exposed(shown.iloc[-1].to_dict()))
        if rate["jump"].any():
            year = rate.loc[rate["jump"], "year"].iloc[-1]
            said.append(
                _("No trend of this figure: the declared workers changed by more than {most} in {year}.", most="20%", year=year)
            )
    table = _group_table(data, rows, _("New cases by where they worked")) if len(rows) else None
    return replace(result, sentences=said, table=table, estimates=_plain(pd.concat([rows, rate], ignore_index=True)))


def _indicator_rows(data: Data, ids: list[str]) -> pd.DataFrame:
    """Indicators of the report's period, or the last year before it that has them."""
    told = data.counts[data.counts["measure"].isin(ids) & (data.counts["group"] == "")]
    spans = sorted({text for text in told["period"] if len(text) == 4 and int(text) <= data.period.last_whole_year})
    found = [indicators.values(data, ids, text) for text in spans[-3:]]
    made = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["measure", "note"])
    return made[made["note"] != indicators.NO_DATA].reset_index(drop=True)


def _indicator_table(data: Data, rows: pd.DataFrame, caption: str) -> Table:
    cells = [
        [
            breakdowns.name_of_measure(data, row["measure"]), str(row["period"]),
            "*" if row["note"] == indicators.PROTECTED else wording.count(row["numerator"]),
            wording.count(row["denominator"]), wording.decimal(row["value"]) if row["denominator"] > 0 else wording.DASH,
            wording.interval(row["lower"], row["upper"]),
        ]
        for row in rows.sort_values(["measure", "period"], kind="stable").to_dict("records")
    ]  # fmt: skip
    header = [_("Indicator"), _("Year"), _("Number"), _("Of"), _("Percent"), _("Limits (95%)")]
    return Table(caption, header, cells, _("Wilson limits; * is hidden (small numbers)."), numeric=(2, 3, 4, 5))


def _last(rows: pd.DataFrame, measure: str) -> dict[str, Any]:
    mine = rows[(rows["measure"] == measure) & rows["numerator"].notna()]
    return dict(mine.iloc[-1].to_dict()) if len(mine) else {}


@detail
def acute_events(data: Data) -> Result:
    """Acute events: how many, with how many cases and deaths."""
    rows = _indicator_rows(data, ["acute_events", "acute_event_deaths"])
    result = Result(id="acute-events", language=data.language, title=_("Acute events"), level=3)
    if rows.empty:
        return replace(result, sentences=[_("Acute events are not known; supply disease_cards with event codes.")])
    events, deaths = _last(rows, "acute_events"), _last(rows, "acute_event_deaths")
    if not events:
        return replace(result, sentences=[_("The number of acute events is hidden (small numbers).")])
    none = {"period": events["period"], "denominator": float("nan")}
    same = deaths if deaths.get("period") == events["period"] else none
    if events["numerator"] == 0:
        said = [_("{year}: no acute event was reported.", year=events["period"])]
    else:
        said = [wording_people.acute(same, events["numerator"])]
    return replace(result, sentences=said, estimates=rows)


@detail
def suspected_to_confirmed(data: Data) -> Result:
    """What became of suspected cases: application and diagnosis, of those followed for the whole time."""
    ids = ["suspected_found", "suspected_application_rate", "suspected_confirmation_rate"]
    rows = _indicator_rows(data, ids)
    result = Result(id="suspected", language=data.language, title=_("From suspected to confirmed"))
    if rows.empty:
        return replace(result, sentences=[_("Suspected cases are not known; supply suspected_cards.")])
    said = [
        wording_people.share(row, breakdowns.name_of_measure(data, name))
        for name in ids[1:]
        if (row := _last(rows, name)) and row["denominator"] > 0
    ]
    sources = breakdowns.groups(data, "suspected_found", "source")
    if len(part := people.largest(sources)):
        said.append(wording_people.groups(breakdowns.title("source", data.language), part[:3].to_dict("records")))
    days = [breakdowns.statistics(data, name) for name in ("days_found_to_applied", "days_found_to_diagnosis")]
    found = pd.concat(days, ignore_index=True)
    found = found[~found["hidden"].astype(bool)]
    said += [
        wording_people.median(row, _statistic(row["measure"], data.language), wording.period_of(row["period"]))
        for row in found.to_dict("records")
    ]
    if said:
        said.append(
            _("Only cases that were followed for the whole time count: later ones had less time to be applied for or confirmed.")
        )
    else:
        said.append(_("What became of suspected cases is not known or not shown; it needs suspected_cards of two years."))
    table = _indicator_table(data, rows, _("Suspected cases and what became of them"))
    return replace(result, sentences=said, table=table, estimates=pd.concat([rows, sources, found], ignore_index=True))


@detail
def living_patients(data: Data) -> Result:
    """Living patients, deaths, follow-up and aid."""
    ids = ["patient_follow_up_rate", "eligible_patient_assistance_rate", "patient_deaths"]
    rows = _indicator_rows(data, ids)
    result = Result(id="living-patients", language=data.language, title=_("Patients"))
    if rows.empty:
        return replace(result, sentences=[_("Patients are not known; supply follow_up.")])
    said = [
        wording_people.share(row, breakdowns.name_of_measure(data, name))
        for name in ids[:2]
        if (row := _last(rows, name)) and row["denominator"] > 0
    ]
    if row := _last(rows, "patient_deaths"):
        said.append(_("{year}: {n} patients on the register died.", year=row["period"], n=wording.count(row["numerator"])))
    said.append(_("Patients who are not on the register are in none of these figures."))
    return replace(result, sentences=said, table=_indicator_table(data, rows, _("Patients on the register")), estimates=rows)
