"""Sections of the evaluation of the surveillance projects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from .. import evaluation, figures, indicators, occurrence, periods, reference, wording
from .. import wording_evaluation as words
from ..display import Table
from ..language import _, ngettext
from ..result import Result
from .common import section

if TYPE_CHECKING:
    from ..data import Data


def _jurisdiction(row: dict[str, str], data: Data) -> str:
    return reference.name_of(row, data.language, "jurisdiction")


@section
def evaluation_headline(data: Data) -> Result:
    """How many targets are met, not met, cannot be judged, and the largest gaps in units that people can act on."""
    rows = evaluation.against_targets(data)
    told = evaluation.plan(data)
    counted = rows.loc[rows["decides"], "status"].value_counts()
    n = {word: int(counted.get(word, 0)) for word in (evaluation.MET, evaluation.NOT_MET, evaluation.CANNOT)}
    said = [words.headline(n, data.name, wording.period(data.period), told, midterm=data.assessment == "midterm")]
    if len(rows) and not told.final and (more := int((~rows["decides"]).sum())):
        said.append(
            ngettext(
                "{n} further target for the same indicators is listed; the strictest decides.",
                "{n} further targets for the same indicators are listed; the strictest decides.",
                more,
            )
        )
    judged = rows[rows["decides"] & rows["status"].isin([evaluation.MET, evaluation.NOT_MET])]
    if recalled := int((judged["certainty"] == "recalled").sum()):
        said.append(
            ngettext(
                "{n} of the targets judged is quoted from memory; its value has to be confirmed.",
                "{n} of the targets judged are quoted from memory; their values have to be confirmed.",
                recalled,
            )
        )
    gaps = evaluation.largest_gaps(rows).to_dict("records")
    if gaps:
        said.append(_("Largest gaps:"))
    elif len(rows) and n["met"] + n["not_met"] == 0:
        said.append(
            _(
                "No figure for {period} fits a target in force: none can be judged.",
                period=wording.period_of(evaluation.period_of(data)),
            )
        )
    lines = [
        _("{name}: {gap}", name=reference.name_of(row, data.language), gap=words.gap_until(row, data.language)) for row in gaps
    ]
    return Result(
        id="headline",
        language=data.language,
        title=_("In short"),
        lead=True,
        sentences=said,
        bullets=lines,
        estimates=_kept(rows),
    )


def _kept(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[
        [
            "indicator_id", "jurisdiction_code", "comparator", "target_value", "deadline_year", "certainty", "value", "lower",
            "upper", "level", "unit", "method", "numerator", "denominator", "note", "status", "gap", "certainty_of_sample",
        ]
    ]  # fmt: skip


def _target(row: dict[str, str]) -> str:
    if row["comparator"] == "trend_falling":
        return _("falling")
    if row["comparator"] == "trend_rising":
        return _("rising")
    if row["comparator"] == ">=" and row["target_value"] == "100" and row["target_unit"] == "%":
        return "100%"
    sign = "≥" if row["comparator"] == ">=" else "≤"
    unit = "%" if row["target_unit"] == "%" else ""
    return f"{sign} {row['target_value']}{unit}"


@section
def target_table(data: Data) -> Result:
    """Every target in force with the figure, its counts and limits, status, gap, and how sure the target itself is."""
    rows = evaluation.against_targets(data)
    told = rows.to_dict("records")
    if not told:
        period = wording.period(data.period)
        said = [_("No target was found for {period}. Enter those of your plan in targets.csv of the data set.", period=period)]
        said += _other_scope(data)
        return Result(id="targets", language=data.language, title=_("Targets"), sentences=said)
    note = _(
        "Status is the exact comparison of the unrounded share with the target. For complete registers the limits show "
        "random variation only and never change the status; for samples the second word says how certain it is. Change: "
        "against the same period a year before, in percentage points or units."
    )
    header = [_("Indicator"), _("Status"), _("Value"), _("n / d"), _("Limits (95%)"), _("Change"), _("Gap"), _("Target")]
    table = Table(
        caption=_("Targets in force, {period}", period=wording.period(data.period)),
        header=header,
        rows=[_target_row(row, data) for row in told],
        note=note,
        marks={number: row["status"] for number, row in enumerate(told)},
        numeric=(2, 3, 4, 5),
    )
    facts = [*_progress(data, rows), *_trend_facts(data, rows), *_other_scope(data)]
    return Result(id="targets", language=data.language, title=_("Targets"), sentences=facts, table=table, estimates=_kept(rows))


def _target_row(row: dict[str, Any], data: Data) -> list[str]:
    known = row["note"] in ("", evaluation.TREND_TARGET) and not pd.isna(row["value"])
    status = wording.status(row["status"])
    why = wording.reason(row["note"]) if row["note"] else _sample(row["certainty_of_sample"])
    status = wording.explained(status, why) if why else status
    target = _(
        "{target} by {deadline}; {place}; {certainty}",
        target=_target(row),
        deadline=row["deadline_year"] or wording.DASH,
        place=_jurisdiction(row, data),
        certainty=wording.certainty(row["certainty"]),
    )
    return [
        reference.name_of(row, data.language),
        status,
        words.figure(row) if known else wording.DASH,
        words.counts(row) if known else wording.DASH,
        wording.interval(row["lower"], row["upper"]),
        words.change(row),
        words.gap_until(row, data.language),
        target if row["decides"] else _("{target} (a stricter or nearer one decides)", target=target),
    ]


def _progress(data: Data, rows: pd.DataFrame) -> list[str]:
    """Counts of part of a year against the target of the whole year."""
    months = len(data.period.months)
    if months >= 12 or evaluation.plan(data).final:
        return []
    counted = rows[(rows["method"] == "count") & (rows["note"] == "") & rows["decides"] & (rows["target_value"] != "")]
    return [
        _(
            "{name}: {n} of {goal} for the year ({done}) after {months} of 12 months ({time}).",
            name=reference.name_of(row, data.language),
            n=wording.count(row["value"]),
            goal=row["target_value"],
            done=wording.percent(100 * row["value"] / float(row["target_value"]), 0)
            if float(row["target_value"])
            else wording.DASH,
            months=months,
            time=wording.percent(100 * months / 12, 0),
        )
        for row in counted.to_dict("records")
    ]


def _sample(word: str) -> str:
    return {
        "clearly above": _("clearly above"),
        "clearly below": _("clearly below"),
        "compatible": _("compatible with the target"),
        "": "",
    }[word]


def _trend_facts(data: Data, rows: pd.DataFrame) -> list[str]:
    """The counts beside a target that only says falling; no status is drawn from them."""
    if not rows["indicator_id"].eq("new_cases_trend").any():
        return []
    series = occurrence.yearly(data)
    known = series[series["value"].notna()].set_index("year")["value"]
    year = data.period.last_year
    if year not in known.index:
        period = wording.period_of(evaluation.period_of(data))
        return [_("Target \u201cnew cases falling\u201d: no count of {period} can be shown.", period=period)]
    provisional = series.set_index("year")["state"] == "provisional"
    parts = [
        _("{n} in {year} (provisional)", n=wording.count(known[other]), year=other)
        if provisional[other]
        else _("{n} in {year}", n=wording.count(known[other]), year=other)
        for other in (2020, year - 1, year)
        if other in known.index
    ]
    return [
        _(
            "Target \u201cnew cases falling\u201d: {facts}. Counts alone give no status: see the trend report.",
            facts=_(", ").join(parts),
        )
    ]


def _other_scope(data: Data) -> list[str]:
    """Targets that are not compared, since the figures of their indicator have another scope."""
    rows = evaluation.of_other_scope(data).drop_duplicates("indicator_id").to_dict("records")
    if not rows:
        return []
    names = _("; ").join(reference.name_of(row, data.language) for row in rows)
    return [
        ngettext(
            "{n} target in force is set for another industry scope or denominator than the figures at hand and is not compared: "
            "{names}.",
            "{n} targets in force are set for another industry scope or denominator than the figures at hand and are not "
            "compared: {names}.",
            len(rows),
            names=names,
        )
    ]


@section
def target_figure(data: Data) -> Result:
    """Shares against their targets, each with its limits."""
    rows = evaluation.against_targets(data)
    rows = rows[rows["method"].isin(evaluation.SHARES) & rows["lower"].notna() & (rows["note"] == "") & rows["decides"]]
    if rows.empty:
        said = [_("No share can be drawn: no target in force has a figure.")]
        return Result(id="target-figure", language=data.language, sentences=said)
    drawn = pd.DataFrame(
        {
            "label": [reference.name_of(row, data.language) for row in rows.to_dict("records")],
            "target": rows["target_value"].astype(float),
            "goal": rows["target_value"] + "%",
            "value": rows["value"],
            "lower": rows["lower"],
            "upper": rows["upper"],
            "status": rows["status"],
            "start": _starts(data, rows),
        }
    )
    met = int((rows["status"] == evaluation.MET).sum())
    title = _("{place}: {met} of {n} shares with a figure reach their target", place=data.name, met=met, n=len(rows))
    told = [
        _("{name}: {value} against {target}.", name=row["label"], value=wording.percent(row["value"]), target=row["goal"])
        for row in drawn.to_dict("records")
    ]
    alt = wording.alternative(title, told)
    figure = figures.targets(drawn, name="targets", title=title, alt=alt)
    return Result(id="target-figure", language=data.language, figure=figure, estimates=_kept(rows))


def _starts(data: Data, rows: pd.DataFrame) -> pd.Series[float]:
    """Figures of the first year of the plan, in a midterm or final assessment."""
    course = evaluation.course(data)
    told = course[(course["note"] == "") & (data.assessment != "annual")].drop_duplicates("measure")
    return rows["indicator_id"].map(told.set_index("measure")["value"]).astype("float64")


@section
def plan_course(data: Data) -> Result:
    """Each target over the years of its plan: start, course, end, change and verdict; in midterm and final assessments."""
    if data.assessment == "annual":
        return Result(id="course", language=data.language)
    told, rows = evaluation.plan(data), evaluation.against_targets(data)
    rows = rows[rows["decides"]]
    years = range(told.first, told.last + 1)
    course = {(row["measure"], row["year"]): row for row in evaluation.course(data).to_dict("records")}
    cells, ups, known = [], 0, 0
    for row in rows.to_dict("records"):
        each = [course[row["indicator_id"], year] for year in years]
        there = [one for one in each if one["note"] == ""]
        ends = there if row["indicator_id"] not in evaluation.purposive(data) else []
        change = {"change": ends[-1]["value"] - ends[0]["value"], "before": ends[0]["value"]} if len(ends) > 1 else {}
        known, ups = known + bool(change), ups + (change.get("change", 0) > 0)
        shown = [words.figure(one) if one["note"] != "protected" else "*" for one in each]
        moved = words.change({**(there[-1] if there else row), "change": float("nan"), **change})
        cells.append([reference.name_of(row, data.language), *shown, moved, _target(row), wording.status(row["status"])])
    table = Table(
        _("Targets over the plan {years}", years=wording.years(told.first, told.last)),
        [_("Indicator"), *map(str, years), _("Change over the plan"), _("Target"), _("Verdict")],
        cells,
        _(
            "Change: from the first to the last year with a figure, in percentage points or units; results of points are not "
            "compared, since other points are monitored each year. The verdict is that of the last year."
        ),
        marks=dict(enumerate(rows["status"])),
        numeric=tuple(range(1, len(years) + 2)),
    )
    said = [
        _(
            "Of {n} indicators that can be compared, {ups} have a higher figure in the last year than in the first (not tested).",
            n=known,
            ups=ups,
        )
    ]
    return Result(
        id="course", language=data.language, title=_("The course of the plan"), sentences=said, table=table,
        estimates=evaluation.course(data).drop(columns=["hidden"], errors="ignore"),
    )  # fmt: skip


@section
def context(data: Data) -> Result:
    """Published figures of named places, for comparison; none of them is a target."""
    rows = indicators.context(data)
    if rows.empty:
        return Result(
            id="context",
            language=data.language,
            title=_("Published figures for comparison"),
            sentences=[_("The data set holds no published figures for comparison.")],
        )
    cells = []
    for row in rows.to_dict("records"):
        place = {"name_zh": row["name_zh_place"], "name_en": row["name_en_place"]}
        share = row["unit"] == "percent"
        counts = wording.share_of(row["numerator"], row["denominator"]) if share else wording.count(row["numerator"])
        note = _printed(row["note_printed"])
        cells.append(
            [
                reference.name_of(row, data.language),
                reference.name_of(place, data.language),
                wording.period(periods.parse(row["period"])),
                counts,
                wording.percent(row["value"]) if share else wording.DASH,
                wording.interval(row["lower"], row["upper"]),
                row["source"] + note,
            ]
        )
    header = [_("Figure"), _("Place"), _("Period"), _("n / d"), _("Share"), _("Limits (95%)"), _("Source")]
    table = Table(
        _("Published figures of named places"),
        header,
        cells,
        _(
            "Computed from the printed counts; limits show random variation only. Figures of other places are references, "
            "not targets."
        ),
        numeric=(3, 4, 5),
    )
    return Result(
        id="context",
        language=data.language,
        title=_("Published figures for comparison"),
        table=table,
        estimates=rows[
            [
                "measure", "place", "period", "value", "lower", "upper", "level", "unit", "method", "numerator",
                "denominator", "note", "source",
            ]
        ],
    )  # fmt: skip


def _printed(note: str) -> str:
    """Where the printed percentage is not what its own counts give."""
    return f" ({note})" if note.startswith("printed") else ""


@section
def evaluation_methods(data: Data) -> Result:
    """How status is decided and what it does not say."""
    lines = [
        _("Shares are pooled counts with Wilson score limits; a denominator of 0 gives no share."),
        _(
            "All targets in force for the place, its city, province and the nation are listed; expired ones in a final "
            "assessment only."
        ),
        _("A target is compared with figures of its own industry scope and denominator; of several the strictest decides."),
        _("A target marked \u201crecalled, to be confirmed\u201d was not read in its document; confirm it before official use."),
        _("A share of those registered, monitored or examined describes those only."),
        _(
            "Limits of workplace pass rates allow for clustering in employers; between years they are compared only with the mix "
            "of factor, industry and size held fixed."
        ),
        _("No composite score is formed."),
    ]
    return Result(id="methods", language=data.language, title=_("How it is judged"), bullets=lines)
