"""Sections on the series as a whole: facts of the target, borrowed strength, bends, before and after a policy, outlook."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from .. import courses, occurrence, reference, wording, wording_course
from ..display import Table
from ..language import _
from ..result import Result
from .common import detail
from .pooled import effort_beside

if TYPE_CHECKING:
    from ..data import Data


@detail
def fall_facts(data: Data) -> Result:
    """The labelled facts that answer the official target "falling", and the breaks that each of them crosses."""
    rows = courses.fall(data)
    result = Result(id="fall", language=data.language, title=_("Did reported cases fall? Facts side by side"), level=3)
    if rows.empty:
        return replace(result, sentences=[_("No figure, no trend.")])
    lines = []
    for row in rows[rows["fact"] != "trend"].to_dict("records"):
        first = row["first_before"] if row["fact"] == "periods" else row["first_year"]
        lines.append(wording_course.fact(row, courses.crossed(data, int(first), int(row["last_year"]))))
    for row in rows[rows["fact"] == "trend"].to_dict("records"):
        told = wording.headline_trend(row, *effort_beside(data, row))
        lines.append(_("Statistical: {said}", said=wording.sentences(told)))
    spread = rows.get("dispersion", pd.Series(dtype=float)).max()
    said = [_target(data)]
    if spread > wording.OVERDISPERSED and (rows["fact"] == "periods").any():
        said.append(_("Yearly counts vary more than chance alone: the exact limits of the ratio are too narrow."))
    return replace(result, sentences=[text for text in said if text], bullets=lines, estimates=rows)


def _target(data: Data) -> str:
    rows = data.targets[(data.targets["indicator_id"] == "new_cases_trend") & (data.targets["comparator"] == "trend_falling")]
    for row in rows.to_dict("records"):
        place = reference.name_of(row, data.language, "jurisdiction")
        return _(
            "Target of {place}: falling by {year}. The facts answer it in different ways; none alone decides.",
            place=place,
            year=row["deadline_year"],
        )
    return ""


@detail
def borrowed_trend(data: Data) -> Result:
    """The trend of the place as the series of its region let it be seen; only where the window is the report's own."""
    row, found = data.beside.get("borrowed"), occurrence.trends(data)
    result = Result(id="borrowed", language=data.language, title=_("Seen with the places around it"), level=3)
    if found.empty or data.unsettled or row is None:
        return replace(result, title="")
    if int(row["last_year"]) != int(found["last_year"].iloc[-1]) or found["note"].iloc[-1] == occurrence.NOT_SHOWN:
        return replace(result, title="")
    names = data.dataset.places.set_index("code")
    above = data.place.get("parent", "")
    region = reference.name_of(names.loc[above].to_dict(), data.language) if above in names.index else _("the same region")
    estimates = pd.DataFrame([{**row, "level": 0.95, "unit": "percent per year"}])
    return replace(result, sentences=wording_course.borrowed(row, region), estimates=estimates)


@detail
def bends(data: Data) -> Result:
    """Joinpoint regression, exploratory, where its conditions hold; else why not."""
    fitted, why = courses.bends(data)
    result = Result(id="bends", language=data.language, title=_("Bends of the trend (exploratory)"), level=3)
    if fitted is None:
        told = courses.settings()
        text = _(
            "Joinpoint regression is not shown: {why}. It needs {n} unbroken years and a median of {median} cases a year.",
            why=wording_course.reason(why), n=told["joinpoint_points"], median=told["joinpoint_median"],
        )  # fmt: skip
        return replace(result, sentences=[text])
    years = _(", ").join(str(int(year)) for year in fitted.joinpoints)
    said = _("Bends at: {years}.", years=years) if years else _("No bend is found; one line fits the window.")
    cells = [
        [wording.years(row["start"], row["end"]), wording.decimal(row["value"]), wording.interval(row["lower"], row["upper"])]
        for row in fitted.segments.to_dict("records")
    ]
    note = _("Number of bends by permutation test; exploratory, never the verdict. Limits take the places of the bends as known.")
    header = [_("Years"), _("Change per year, %"), _("Interval (95%)")]
    table = Table(_("Segments of the joinpoint regression"), header, cells, note, numeric=(1, 2))
    return replace(result, sentences=[said], table=table, estimates=fitted.segments)


@detail
def before_after(data: Data) -> Result:
    """Cases a year before and after each declared policy: a description; a model only where its conditions hold."""
    found = courses.policies(data)
    result = Result(id="before-after", language=data.language, title=_("Before and after a policy"))
    if not found:
        text = _("No policy is declared; add a row with series 'policy' to breaks.csv (its first full year, and what it was).")
        return replace(result, sentences=[text])
    said, cells, parts = [], [], []
    for policy in found:
        name = reference.name_of(policy.row, data.language, "text")
        if policy.sides.empty:
            said.append(_("{policy}: not shown; {why}.", policy=name, why=wording_course.reason(policy.reason)))
            continue
        said.append(_("{policy}.", policy=name))
        parts += [policy.sides, policy.terms]
        cells += [
            [
                _("before") if row["side"] == "before" else _("after"), wording.years(row["first_year"], row["last_year"]),
                wording.count(row["n_points"]), wording.count(row["numerator"]), wording.decimal(row["value"]),
            ]
            for row in policy.sides.to_dict("records")
        ]  # fmt: skip
        said.append(_model(policy))
    if not cells:
        return replace(result, sentences=said)
    note = _(
        "Settled years of the same unbroken window. A description: it says nothing about the cause, and cases follow exposure "
        "of long ago."
    )
    header = [_("Side"), _("Years"), _("Points"), _("New cases"), _("Cases a year")]
    table = Table(_("Before and after"), header, cells, note, numeric=(2, 3, 4))
    return replace(result, sentences=said, table=table, estimates=pd.concat(parts, ignore_index=True))


def _model(policy: courses.Policy) -> str:
    if policy.terms["value"].isna().all():
        return _("No segmented trend is fitted: {why}.", why=wording_course.reason(policy.reason))
    rows = policy.terms.set_index("term")
    before, after = (
        _(
            "{value} ({limits})",
            value=wording.signed(rows.loc[term, "value"]) + "%",
            limits=wording.interval(*rows.loc[term, ["lower", "upper"]]),
        )
        for term in ("trend before", "trend after")
    )
    return _(
        "Segmented trend, change per year: before {before}, after {after}; no cause is shown by it.", before=before, after=after
    )


@detail
def outlook(data: Data) -> Result:
    """What to expect if the trend goes on; before a deadline the chance that its target is met, and the pace."""
    found = courses.outlook(data)
    result = Result(id="outlook", language=data.language, title=_("Outlook"))
    if found.years.empty:
        return replace(result, sentences=[_("No forecast: {why}.", why=wording_course.reason(found.reason))])
    latest = occurrence.trends(data).iloc[-1]
    window = wording.years(latest["first_year"], latest["last_year"])
    series = occurrence.yearly(data)
    known = series[series["state"] == "provisional"].dropna(subset="value").set_index("year")["value"].to_dict()
    told = wording.sentences(wording_course.forecast(row, known.get(row["year"])) for row in found.years.to_dict("records"))
    said = [_("If the trend of {window} goes on: {years}", window=window, years=told)]
    for row in found.target.to_dict("records"):
        said += wording_course.target(row, courses.settings()["base_year"])
    said.append(
        _("A forecast carries a trend on; it knows of no change of rules, effort or exposure, and ends at the next break.")
    )
    return replace(
        result, sentences=said, estimates=pd.concat([found.years.assign(unit="cases expected"), found.target], ignore_index=True)
    )
