"""Methods that a report used, and what it cannot say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import courses, occurrence, reference, wording, wording_course
from ..display import Table
from ..language import _
from ..result import Result
from .common import detail, section

if TYPE_CHECKING:
    from ..data import Data


@section
def trend_methods(data: Data) -> Result:
    """The methods behind the Estimates of this report so far, with their references, and a test without a model."""
    known = reference.table("methods").set_index("method").to_dict("index")
    rows = []
    for method, titles in data.used.items():
        told = known.get(method, {"name_zh": method, "name_en": method, "source": ""})
        rows.append(
            [reference.name_of(told, data.language), _("; ").join(titles) or wording.DASH, told["source"] or wording.DASH]
        )
    if occurrence.is_summary(data):
        title, facts = _("Methods") if rows else "", [(row[0], row[2]) for row in rows]
        return Result(id="methods", language=data.language, title=title, facts=facts)
    test = courses.without_model(data)
    said = [
        _(
            "Without a model (Mann\u2013Kendall, {window}): tau-b {tau}, p {p}.",
            window=wording.years(row["first_year"], row["last_year"]), tau=wording.decimal(row["value"], 2),
            p=wording_course.q_value(row["p"]),
        )
        for row in test.to_dict("records")
    ]  # fmt: skip
    table = Table(_("Methods of this report"), [_("Method"), _("Used in"), _("Reference")], rows) if rows else None
    return Result(id="methods", language=data.language, title=_("Methods"), sentences=said, table=table, estimates=test)


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
