"""Sections of the overview: the places right below a place beside one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from .. import breakdowns, districts, evaluation, figures_places, wording
from ..display import Table
from ..indicators import PROTECTED
from ..language import _, ngettext
from ..result import Result
from .common import head_of, section

if TYPE_CHECKING:
    from ..data import Data

MOST = 12  # rows of changes on the page
SPREAD = 5.0  # from so much variance of the districts over that of chance, single ones are not named


def name_of(data: Data, measure: str) -> str:
    """Name of a measure in the language of the report."""
    if measure == "new_cases":
        return _("New cases")
    return breakdowns.name_of_measure(data, measure)


def listed(names: list[str]) -> str:
    """Names in a row."""
    return _(", ").join(names)


def empty(data: Data, name: str, title: str, why: str) -> Result:
    """A section that says what is missing."""
    return Result(id=name, language=data.language, title=title, sentences=[why])


@section
def head_overview(data: Data) -> Result:
    """Title of the overview and what must be known before reading it."""
    title = _(
        "{place}: its {n} districts side by side, {period}",
        place=data.name,
        n=len(data.below),
        period=wording.period(data.period),
    )
    return head_of(data, _("Overview of the districts"), title)


@section
def overview_headline(data: Data) -> Result:
    """How many districts meet each target, who stands out beyond chance, and what moved."""
    rows = districts.statuses(data)
    said = [
        ngettext(
            "{n} district; {judged} indicators with a target in force can be judged in at least one of them.",
            "{n} districts; {judged} indicators with a target in force can be judged in at least one of them.",
            len(data.below),
            judged=rows["indicator_id"].nunique(),
        )
    ]
    missed = rows[rows["status"] == evaluation.NOT_MET].groupby("indicator_id", sort=False)["place"].nunique()
    judged = rows[rows["status"] != evaluation.CANNOT].groupby("indicator_id")["place"].nunique()
    lines = [
        _(
            "{name}: not met in {n} of the {all} districts that can be judged.",
            name=name_of(data, str(measure)),
            n=n,
            all=judged[measure],
        )
        for measure, n in missed.sort_values(ascending=False, kind="stable").head(3).items()
    ]
    beyond = _beyond(data, "low")
    if beyond:
        lines.append(_("Below the control limits (99.8%): {names}.", names=_("; ").join(beyond)))
    moved = districts.movers(data)
    if len(moved):
        notable = moved.loc[moved["notable"], "value"]
        lines.append(
            _(
                "Of {all} shares of districts {up} rose and {down} fell by more than chance since the year before (false "
                "discovery rate {rate}).",
                all=len(moved), up=int((notable > 0).sum()), down=int((notable < 0).sum()), rate="5%",
            )
        )  # fmt: skip
    return Result(id="headline", language=data.language, title=_("In short"), lead=True, sentences=said, bullets=lines)


def _beyond(data: Data, position: str) -> list[str]:
    rows = districts.funnels(data)
    if rows.empty:
        return []
    one_by_one = (rows["phi"] < SPREAD) & ~rows["measure"].isin(evaluation.purposive(data))  # see the note of the table
    rows = rows[(rows["position"] == position) & one_by_one]
    return [
        _("{name}: {places}", name=name_of(data, str(measure)), places=listed(part["place_name"].tolist()))
        for measure, part in rows.groupby("measure", sort=False)
    ]


@section
def status_matrix(data: Data) -> Result:
    """Districts by indicators: status by symbol and word with the value, exactly as each district's own report says."""
    rows = districts.statuses(data)
    title = _("Status of every district")
    if rows.empty:
        return empty(data, "status-matrix", title, _("No target in force can be judged in any district."))
    measures = rows["indicator_id"].drop_duplicates().tolist()
    by = {(row["place"], row["indicator_id"]): row for row in rows.to_dict("records")}
    cells = [[each.name, *(_status(by.get((each.place["code"], measure))) for measure in measures)] for each in data.below]
    table = Table(
        _("District by indicator, {period}", period=wording.period(data.period)),
        [_("District"), *(name_of(data, measure) for measure in measures)],
        cells,
        _(
            "Of several targets the strictest decides. Each cell is what the "
            "district's own report says. Rows stand in the order of the codes: this is no ranking; met targets are not "
            "added up. A dash: no such target."
        ),
    )
    told = ["place", "indicator_id", "target_value", "comparator", "status", "value", "lower", "upper", "level", "unit", "method"]
    kept = rows[[*told, "numerator", "denominator", "note"]]
    return Result(id="status-matrix", language=data.language, title=title, table=table, estimates=kept)


def _status(row: dict[str, Any] | None) -> str:
    if row is None:
        return wording.DASH
    if row["note"] == PROTECTED:
        return _("not shown (small numbers)")
    if row["status"] == evaluation.CANNOT:
        return wording.explained(wording.status(row["status"]), wording.reason(row["note"]))
    value = wording.percent(row["value"]) if row["unit"] == "percent" else wording.count(row["value"])
    return f"{wording.status(row['status'])} {value}"


@section
def movers(data: Data) -> Result:
    """Shares that moved since the same period a year before by more than chance."""
    title = _("What moved since the year before")
    rows = districts.movers(data)
    if rows.empty:
        return empty(data, "movers", title, _("No share has a figure for the same period a year before."))
    told = rows[rows["notable"]]
    said = [
        _(
            "{n} of {all} shares moved (false discovery rate {rate}); the others may have stayed as they were.",
            n=len(told),
            all=len(rows),
            rate="5%",
        )
    ]
    if len(told) > MOST:
        said.append(_("The {n} largest changes are listed; all stand in the download.", n=MOST))
    cells = [
        [
            row["place_name"],
            name_of(data, row["measure"]),
            wording.share_of(row["reference_numerator"], row["reference_denominator"]),
            wording.share_of(row["numerator"], row["denominator"]),
            ("\u25b2 " if row["value"] > 0 else "\u25bc ") + wording.decimal(row["value"]),
            wording.interval(row["lower"], row["upper"]),
        ]
        for row in told.head(MOST).to_dict("records")
    ]
    table = Table(
        _("Notable changes, the largest first"),
        [_("District"), _("Indicator"), _("Before (n / d)"), _("Now (n / d)"), _("Percentage points"), _("Limits (95%)")],
        cells,
        _("A change says that the figures differ, not why: registers, samples and definitions change too."),
        numeric=(2, 3, 4, 5),
    )
    kept = rows.drop(columns="place_name")
    return Result(
        id="movers", language=data.language, title=title, sentences=said, table=table if cells else None, estimates=kept
    )


@section
def sums(data: Data) -> Result:
    """Figures of the districts added up, and whether they agree with what the place itself reports."""
    rows = districts.sums(data)
    title = _("Do the sums agree?")
    if rows.empty:
        return empty(data, "sums", title, _("no figure"))
    judged = rows[rows["agrees"].notna()]
    said = [
        _(
            "{n} of {all} figures can be compared; {agree} agree.",
            n=len(judged),
            all=len(rows),
            agree=int(judged["agrees"].eq(True).sum()),
        )
        if len(judged)
        else _("{place} itself reports no figure that could be compared with the sums of its districts.", place=data.name)
    ]
    words = {True: _("agrees"), False: _("differs")}
    cells = [
        [
            name_of(data, row["measure"]),
            _counted(row["numerator"], row["denominator"]),
            _("{n} of {all}", n=row["places"], all=len(data.below)),
            str(row["hidden"]),
            _counted(row["own_numerator"], row["own_denominator"]),
            words.get(row["agrees"], wording.DASH),
        ]
        for row in rows.to_dict("records")
    ]
    table = Table(
        _("Sums over the districts with a figure, {period}", period=wording.period(data.period)),
        [_("Indicator"), _("Sum of the districts"), _("Districts with a figure"), _("Not shown"), data.name, _("Comparison")],
        cells,
        _("The figures added up are those of the district reports. Compared only where every district has one."),
        numeric=(1, 2, 3, 4),
    )
    return Result(id="sums", language=data.language, title=title, sentences=said, table=table, estimates=rows)


def _counted(n: float, d: float) -> str:
    return wording.count(n) if pd.isna(d) else wording.share_of(n, d)


@section
def overview_map(data: Data) -> Result:
    """A map where the data set brings outlines; nothing else."""
    rows = districts.shares(data)
    there = [
        measure
        for measure in districts.declared()["map"]
        if rows.loc[rows["measure"] == measure, "value"].notna().sum() >= districts.FEW
    ]
    if not data.outlines or not there:
        return Result(id="overview-map", language=data.language)
    names = pd.DataFrame([{"place": each.place["code"], "place_name": each.name} for each in data.below])
    drawn = names.merge(rows.loc[rows["measure"] == there[0], ["place", "value", "note"]], on="place", how="left")
    drawn["label"] = [
        row["place_name"] + "\n" + (wording.percent(row["value"]) if not pd.isna(row["value"]) else wording.DASH)
        for row in drawn.to_dict("records")
    ]
    title = _("{name}: {low} to {high}", name=name_of(data, there[0]), low=wording.percent(drawn["value"].min()),
              high=wording.percent(drawn["value"].max()))  # fmt: skip
    alt = wording.alternative(title, (_("{label}.", label=label.replace("\n", " ")) for label in drawn["label"]))
    figure = figures_places.outline_map(data.outlines, drawn, name="map", title=title, alt=alt)
    return Result(id="overview-map", language=data.language, figure=figure)


@section
def overview_methods(data: Data) -> Result:
    """What the comparison of districts says and what it does not."""
    lines = [
        _("Every figure is the one that the district's own report shows; what is hidden there is left out here."),
        _("Limits show random variation only: differences of registers, industries and effort are not taken out."),
        _("No composite score and no order of merit is formed."),
    ]
    return Result(id="methods", language=data.language, title=_("How the districts are compared"), bullets=lines)
