"""Sections that every report has: its head with what must be known before reading, and where its numbers come from."""

from __future__ import annotations

from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Protocol, TypeVar

from .. import evaluation, language, occurrence, wording
from ..disclosure.policy import HIDDEN
from ..language import _, ngettext
from ..notes import COVER, ROLES
from ..result import Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..data import Data
    from ..notes import Note


class Opened(Protocol):
    """What a report opened."""

    @property
    def language(self) -> str:
        """Language of the report."""


Of = TypeVar("Of", bound=Opened)


def section(make: Callable[[Of], Result]) -> Callable[[Of], Result]:
    """Write the section in the language of the report."""

    @wraps(make)
    def made(data: Of) -> Result:
        with language.use(data.language):
            result = make(data)
            note_methods(result, getattr(data, "used", {}))
            return _noted(result, getattr(data, "note", None))

    return made


def _noted(result: Result, note: Note | None) -> Result:
    """The section with what a person wrote beside it, and whether its numbers changed since."""
    remark = note.remarks.get(result.id) if note else None
    if note is None or remark is None or result.empty or result.figure:
        return result
    outdated = note.outdated(result.id, result.made_from())
    flag = _("The numbers of this section changed after this was written.") if outdated else ""
    by = _("{author}, {date}", author=remark.author, date=remark.date)
    return replace(result, note={**remark._asdict(), "by": by, "flag": flag})


def note_methods(result: Result, used: dict[str, list[str]]) -> None:
    """Note by which methods the Estimates of a section were made: what the section on methods is written from."""
    rows = result.estimates
    found = rows["method"].dropna().unique().tolist() if "method" in rows else []
    found += ["Benjamini-Hochberg"] if "q" in rows and rows["q"].notna().any() else []
    for method in filter(None, found):
        titles = used.setdefault(str(method), [])
        if result.title and result.title not in titles:
            titles.append(result.title)


def detail(make: Callable[[Data], Result]) -> Callable[[Data], Result]:
    """A section that the one-page report of a small place leaves out."""

    @wraps(make)
    def made(data: Data) -> Result:
        empty = Result(id=make.__name__.replace("_", "-"), language=data.language)
        return empty if occurrence.is_summary(data) else section(make)(data)

    return made


def head_of(data: Data, report: str, title: str) -> Result:
    """Title of a report with its marks, place and period."""
    said = []
    if data.edition == "internal":
        said.append(_("Internal material: exact counts, not for publication."))
    if data.dataset.synthetic:
        said.append(_("Synthetic data: an invented place. No figure on this page is real."))
    return Result(
        id="head",
        language=data.language,
        title=title,
        level=1,
        lead=True,
        sentences=said,
        facts=[
            (_("Place"), f"{data.name} ({data.place['code']})"),
            (_("Period"), wording.period(data.period)),
            (_("Report"), report),
            (_("Data date"), data.dataset.data_date or wording.DASH),
        ],
    )


@section
def head_trend(data: Data) -> Result:
    """Title of the trend report and what must be known before reading it."""
    title = _("{place}: new cases of occupational disease, {period}", place=data.name, period=wording.period(data.period))
    return head_of(data, _("Trend of new cases"), title)


@section
def head_evaluation(data: Data) -> Result:
    """Title of the evaluation and what must be known before reading it."""
    title = _(
        "{place}: surveillance of occupational disease against its targets, {period}",
        place=data.name,
        period=wording.period(data.period),
    )
    plan = evaluation.plan(data)
    if plan.final:
        years = wording.years(plan.first, plan.last)
        title = _("{place}: final assessment of the plan {years}", place=data.name, years=years)
    return head_of(data, _("Evaluation of the surveillance projects"), title)


@section
def cover(data: Data) -> Result:
    """Who prepared, reviewed and approved the report; a draft until all three signed for the data that it is made from."""
    signed, basis = data.note.signatures, data.facts["digest"]
    result = Result(id=COVER, language=data.language, basis=basis)
    names = {"prepared": _("Prepared"), "reviewed": _("Reviewed"), "approved": _("Approved")}
    told = {
        role: _("{author}, {date}", author=signed[role][0], date=signed[role][1]) if role in signed else wording.DASH
        for role in ROLES
    }
    said = [_("Draft: not yet approved.")] if set(ROLES) - set(signed) else []
    if signed and data.note.outdated(COVER, result.made_from()):
        said = [_("Draft: the data changed after it was signed.")]
    return replace(result, sentences=said, facts=[(names[role], told[role]) for role in ROLES])


@section
def provenance(data: Data) -> Result:
    """Where the numbers come from and by which rules they were made."""
    chosen = data.dataset
    given = {"district": data.place["code"], "period": data.period, "first_year": data.first_year}
    given |= {"language": data.language, "edition": data.edition, "assessment": data.assessment}
    facts = [
        (_("Data set"), chosen.titles[data.language]),
        (_("Publisher"), chosen.publishers[data.language] or wording.DASH),
        (_("Data date"), chosen.data_date or wording.DASH),
        (_("Edition"), _("public") if data.edition == "public" else _("internal")),
        (_("Protection"), _protection(data)),
        (_("Digest of the data"), data.facts["digest"][:16]),
        (_("Software"), f"ohstats {data.facts['package']}"),
        (_("Parameters"), ", ".join(f"{name} {value}" for name, value in given.items())),
    ]
    return Result(id="provenance", language=data.language, title=_("Where the numbers come from"), facts=facts)


def _protection(data: Data) -> str:
    if data.edition == "internal":
        return _("exact counts (internal edition)")
    if data.dataset.exempt:
        return _("none: already published ({title}; {publisher}, {date})", **(data.dataset.published or {}))
    hidden = int(data.counts["hidden"].sum())
    said = ngettext(
        "rules version {version}; {n} figure of this place hidden",
        "rules version {version}; {n} figures of this place hidden",
        hidden,
        version=data.facts["rules"],
    )
    held = data.counts.loc[data.counts["measure"] == HIDDEN, "numerator"]
    if len(held):
        said += _("; hidden counts of new cases hold {n} cases together", n=wording.count(held.iloc[-1]))
    if data.declared is None:
        return said
    told = _(
        "yearly totals of all diseases are shown from 1 case on: declared public by {authority} ({source}, {date})",
        **data.declared,
    )
    return f"{said}; {told}"
