"""Sections of the evaluation by surveillance project: three clear numbers, indicators by aspect, problems and next steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from .. import evaluation, findings, indicators, language, occurrence, rates, reference, wording
from .. import wording_evaluation as words
from ..display import Table
from ..language import _, ngettext
from ..result import Result
from .common import section

if TYPE_CHECKING:
    from ..data import Data

_ASPECTS = ("coverage", "completion", "timeliness", "quality", "result", "context")
_MOST_SAID = 3
_MOST_NAMED = 8  # indicators without data; all stand in docs/indicators


def _titles() -> dict[str, str]:
    return {
        "A": _("A Key occupational diseases"),
        "B": _("B Occupational radiation diseases"),
        "C": _("C Hazard factors at workplaces"),
        "D": _("D Radiation hazards in medical institutions"),
        "management": _("Management and supervision"),
        "quality": _("Quality of monitoring and reporting"),
    }


def _aspects() -> dict[str, str]:
    return {
        "coverage": _("coverage"), "completion": _("completion"), "timeliness": _("timeliness"), "quality": _("quality"),
        "result": _("result"), "context": _("context"),
    }  # fmt: skip


def project(data: Data, code: str) -> Result:
    """Indicators of one project by declared aspect, what they mean, and what is missing.

    Parameters
    ----------
    data : Data
        What the report opened.
    code : str
        Project as the indicators declare it: "A", "B", "C", "D", "management" or "quality".
    """
    with language.use(data.language):
        return _project(data, code)


def _project(data: Data, code: str) -> Result:
    rows = _figures(data, code)
    name = _titles()[code]
    ident = f"project-{code.lower()}"
    there, gone = rows[rows["note"] != indicators.NO_DATA], rows[rows["note"] == indicators.NO_DATA]
    lacking = _lacking(gone, data)
    if there.empty:
        return Result(id=ident, language=data.language, title=name, sentences=lacking)
    problems = findings.found(data)
    problems = problems[problems["project"] == code].head(_MOST_SAID).to_dict("records")
    with_status = there["status"].value_counts()
    met, missed = (int(with_status.get(word, 0)) for word in (evaluation.MET, evaluation.NOT_MET))
    said = ngettext("{n} indicator has a figure or is protected", "{n} indicators have a figure or are protected", len(there))
    if met + missed:
        said += _("; against targets {met} met, {missed} not met", met=met, missed=missed)
    lines = [
        wording.sentences([words.problem(row, data.language, reference.name_of(row, data.language)), _told(row, "means", data)])
        for row in problems
    ]
    table = Table(
        caption=_("{project}, {period}", project=name, period=_period(data)),
        header=[_("Indicator"), _("Status"), _("Value"), _("n / d"), _("Limits (95%)"), _("Change"), _("Aspect")],
        rows=[_row(row, data) for row in there.to_dict("records")],
        note=_(
            "Change: against the same period a year before, in percentage points or units. Limits show random variation only."
        ),
        marks={number: word for number, word in enumerate(there["status"]) if word},
        numeric=(2, 3, 4, 5),
    )
    kept = [name for name in there.columns if name not in ("hidden", "aspect_order")]
    return Result(
        id=ident, language=data.language, title=name, sentences=[said + _("."), *lacking], bullets=lines, table=table,
        estimates=there[kept],
    )  # fmt: skip


def _figures(data: Data, code: str) -> pd.DataFrame:
    """Indicators of a project with their figures, status and change, by aspect."""
    declared = data.indicators.drop_duplicates("indicator_id", keep="last")
    declared = declared[(declared["project"] == code) & (declared["measure"] != "trend")]
    rows = indicators.values(data, declared["indicator_id"].tolist(), evaluation.period_of(data))
    rows = evaluation.compared(rows.assign(indicator_id=rows["measure"]), data)
    about = ["indicator_id", "name_zh", "name_en", "aspect", "code"]
    rows = rows.merge(declared[about], on="indicator_id")
    judged = evaluation.against_targets(data)
    judged = judged[judged["decides"]].drop_duplicates("indicator_id").set_index("indicator_id")["status"]
    rows["status"] = rows["indicator_id"].map(judged.to_dict()).astype("object").fillna("")
    order = {aspect: number for number, aspect in enumerate(_ASPECTS)}
    rows["aspect_order"] = rows["aspect"].map(order).fillna(len(order))
    return rows.sort_values("aspect_order", kind="stable", ignore_index=True)


def _row(row: dict[str, Any], data: Data) -> list[str]:
    usable = row["note"] == ""
    value = words.figure(row) if usable else "*" if row["note"] == indicators.PROTECTED else wording.DASH
    status = wording.status(row["status"]) if row["status"] else wording.DASH
    status = status if usable or row["note"] == indicators.PROTECTED else wording.explained(status, wording.reason(row["note"]))
    counted = words.counts(row) if usable else wording.DASH
    limits = wording.interval(row["lower"], row["upper"])
    aspect = _aspects().get(row["aspect"], row["aspect"])
    change = words.change(row) if usable else wording.DASH
    return [reference.name_of(row, data.language), status, value, counted, limits, change, aspect]


def _lacking(gone: pd.DataFrame, data: Data) -> list[str]:
    if gone.empty:
        return []
    names = _(", ").join(reference.name_of(row, data.language) for row in gone.head(_MOST_NAMED).to_dict("records"))
    if (more := len(gone) - _MOST_NAMED) > 0:
        names = ngettext("{names} and {n} other", "{names} and {n} others", more, names=names)
    return [_("No data: {names}. They come from the record tables or from indicator_values (docs/indicators).", names=names)]


def _told(row: dict[str, Any], part: str, data: Data) -> str:
    return str(row[f"{part}_{data.language}"])


def _period(data: Data) -> str:
    return wording.period_of(evaluation.period_of(data))


@section
def clear_numbers(data: Data) -> Result:
    """Employers with hazards, exposed workers, new cases; cases per 100,000 exposed workers; completeness of the base."""
    period = evaluation.period_of(data)
    names = ["employers_with_hazards", "exposed_workers", "register_completeness"]
    rows = indicators.values(data, names, period).set_index("measure")
    series = occurrence.total(data)
    now = series[series["period"] == period]
    cases = float(now["numerator"].iloc[0]) if len(now) else float("nan")
    hidden = bool(now["hidden"].iloc[0]) if len(now) else False
    exposed = float(rows.loc["exposed_workers", "value"])
    facts = [
        (_("Employers with hazards"), wording.count(rows.loc["employers_with_hazards", "value"])),
        (_("Exposed workers, as declared"), wording.count(exposed)),
        (_("New cases"), "*" if hidden else wording.count(cases)),
    ]
    estimates, said = rows.reset_index().drop(columns="hidden"), []
    if not pd.isna(cases) and exposed > 0:
        rate = rates.rate(
            pd.DataFrame({"n": [cases], "workers": [exposed]}),
            events="n",
            population="workers",
            multiplier=100_000,
            method="exact",
        )
        one = rate.iloc[0]
        facts.append(
            (
                _("New cases per 100,000 declared exposed workers"),
                f"{wording.decimal(one['value'])} ({wording.interval(one['lower'], one['upper'])})",
            )
        )
        said.append(_("Cases come from exposure long ago and exposed workers are those declared now: this is not incidence."))
        estimates = pd.concat([estimates, rate.assign(measure="cases_per_exposed")], ignore_index=True)
    whole = rows.loc["register_completeness"]
    if whole["note"] == "":
        facts.append(
            (_("Completeness of the register against other lists"), f"{wording.percent(whole['value'])} ({words.counts(whole)})")
        )
    else:
        said.append(
            _(
                "Completeness of the register is not known: give register_completeness in indicator_values (on the register / "
                "on the lists)."
            )
        )
    return Result(
        id="clear-numbers",
        language=data.language,
        title=_("Three clear numbers"),
        facts=facts,
        sentences=said,
        estimates=estimates,
    )


@section
def problems(data: Data) -> Result:
    """What is not as it should be, ordered by size and certainty, with who has to act and the next step."""
    rows = findings.found(data)
    title = _("Problems and next steps")
    if rows.empty:
        judged = evaluation.against_targets(data)["status"].isin([evaluation.MET, evaluation.NOT_MET]).any()
        said = [
            _("No target that can be judged is missed and no figure lies beyond the defaults. What is missing was not judged.")
            if judged
            else _("No target can be judged and no figure lies beyond the defaults: whether there are problems cannot be said.")
        ]
        return Result(id="problems", language=data.language, title=title, sentences=said)
    cells = [
        [
            words.problem(row, data.language, reference.name_of(row, data.language)),
            _section_of(row["project"]),
            _told(row, "owner", data) or wording.DASH,
            wording.sentences([_told(row, "means", data), _told(row, "next", data)]) or wording.DASH,
        ]
        for row in rows.to_dict("records")
    ]
    n = int(rows["is_target"].sum())
    said = [
        ngettext(
            "{n} target is not met; figures beyond the defaults of this package: {more}.",
            "{n} targets are not met; figures beyond the defaults of this package: {more}.",
            n,
            more=len(rows) - n,
        ),
        _("Targets come first, then the certain ones, then the largest shortfall. The rules stand in findings.yml."),
    ]
    table = Table(
        _("Problems and next steps"), [_("Problem"), _("Section"), _("Who acts"), _("What it means and what to do next")], cells
    )
    kept = [
        "indicator_id", "project", "value", "lower", "upper", "numerator", "denominator", "goal", "comparator", "is_target",
        "gap", "certain",
    ]  # fmt: skip
    return Result(id="problems", language=data.language, title=title, sentences=said, table=table, estimates=rows[kept])


def _section_of(code: str) -> str:
    return _titles().get(code, _("Targets"))
