"""Sections of the data check: what cleaning found and how good the records are; for the internal edition alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import __version__, check, codes, reference, wording
from ..display import Table
from ..language import _
from ..result import Result
from .common import section

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from ..check import Check, Finding

_SILENT = ("silent_institutions", "silent_units", "silent_places")
MEASURES = (
    *("files", "quarantine", "audit", "completeness", "validity", "consistency", "uniqueness", "timeliness", *_SILENT),
    *("digits", "below_limit", "outliers", "cases", "examinations", "freshness"),
)


def taken(opened: Check, name: str) -> tuple[pd.DataFrame, list[Finding]]:
    """A measure, taken once for all sections."""
    if name not in opened.memory:
        opened.memory[name] = getattr(check, name)(opened)
    found: tuple[pd.DataFrame, list[Finding]] = opened.memory[name]
    return found


def result_of(opened: Check, name: str, title: str, said: list[Finding], frame: pd.DataFrame, table: Table) -> Result:
    """A section: its findings, then the table behind them."""
    return Result(
        id=f"check-{name}",
        language=opened.language,
        title=title,
        sentences=list(dict.fromkeys(each.text for each in said)),
        table=table if table.rows else None,
        estimates=frame,
        internal=True,
    )


def cells(frame: pd.DataFrame, row: Callable[[dict[str, Any]], list[str]]) -> list[list[str]]:
    """Rows of a table as finished text."""
    return [row(each) for each in frame.to_dict("records")]


def share(row: dict[str, Any]) -> list[str]:
    """Numerator and denominator, percent, and limits."""
    limits = wording.interval(row["lower"], row["upper"])
    return [wording.share_of(row["numerator"], row["denominator"]), wording.percent(row["value"]), limits]


@section
def head_check(opened: Check) -> Result:
    """Title of the data check and what must be known before reading it."""
    chosen = opened.dataset
    name = opened.place_name(opened.place) if opened.place else chosen.titles[opened.language] if chosen else _("single files")
    said = [_("Internal material about exact records, not for publication.")]
    if chosen and chosen.synthetic:
        said.append(_("Synthetic data: an invented place. No figure on this page is real."))
    if opened.place or opened.years != (0, 9999):
        said.append(_("The accounting, the audit and the quarantine are of whole files; all else is of the records chosen."))
    facts = [(_("Data date"), str(opened.day)), (_("Files"), str(len(opened.rows))), (_("Software"), f"ohstats {__version__}")]
    if chosen:
        facts.append((_("Digest of the data"), chosen.hash[:16]))
    title = _("Data check: {name}", name=name)
    return Result(
        id="head", language=opened.language, title=title, level=1, lead=True, sentences=said, facts=facts, internal=True
    )


@section
def check_summary(opened: Check) -> Result:
    """What must be put right, and how many other things are worth a look."""
    said = [each for name in MEASURES for each in taken(opened, name)[1]]
    serious = list(dict.fromkeys(each.text for each in said if each.serious))
    lead = [
        _("To put right first: {n} findings.",
        n=len(serious)) if serious else _("Nothing has to be put right before the figures are used."),
        _("All other findings stand below, each with what to do next."),
    ]  # fmt: skip
    return Result(
        id="check-summary",
        language=opened.language,
        title=_("In short"),
        lead=True,
        sentences=lead,
        bullets=serious,
        internal=True,
    )


@section
def check_files(opened: Check) -> Result:
    """Accounting of every file: rows in = clean + quarantined."""
    frame, said = taken(opened, "files")
    header = [_("File"), _("Rows in"), _("Clean"), _("In quarantine"), _("Blank rows"), _("Without person key")]
    rows = cells(frame, lambda row: [row["file"], *(wording.count(row[name]) for name in frame.columns[1:])])
    note = _("Rows in = clean + in quarantine. Records without a person key count, but cannot be linked or held against repeats.")
    table = Table(_("Accounting of files"), header, rows, note, numeric=(1, 2, 3, 4, 5))
    return result_of(opened, "files", _("What became of every row"), said, frame, table)


@section
def check_quarantine(opened: Check) -> Result:
    """Rows that are not counted, by reason, with their row numbers."""
    frame, _said = taken(opened, "quarantine")
    header = [_("Table"), _("Reason"), _("Rows"), _("Row numbers"), _("What to do")]
    rows = cells(
        frame, lambda row: [opened.table_name(row["table"]), row["name"], wording.count(row["n"]), row["rows"], row["what_to_do"]]
    )
    table = Table(_("Reasons of the quarantine"), header, rows, _("A row can have several reasons."), numeric=(2,))
    text = _("{n} reasons, the rows named in the table.", n=len(rows)) if rows else _("No row is in quarantine: nothing to do.")
    return result_of(opened, "quarantine", _("Rows that are not counted"), [check.Finding("", text)], frame, table)


@section
def check_audit(opened: Check) -> Result:
    """What cleaning changed or flagged, by rule."""
    frame, said = taken(opened, "audit")
    keys = ["table", "rule", "kind", "name", "what_to_do"]
    sums = (
        frame.groupby(keys, as_index=False)["count"].sum().sort_values(["table", "count"], ascending=[True, False], kind="stable")
    )
    header = [_("Table"), _("Rule"), _("Cells"), _("What to do")]
    rows = cells(sums, lambda row: [opened.table_name(row["table"]), row["name"], wording.count(row["count"]), row["what_to_do"]])
    return result_of(
        opened, "audit", _("What cleaning changed"), said, frame, Table(_("Audit by rule"), header, rows, numeric=(2,))
    )


@section
def check_silent(opened: Check) -> Result:
    """Q8: institutions, units and places that sent nothing."""
    parts = [taken(opened, name) for name in _SILENT]
    frame = parts[0][0]
    kinds = {row["code"]: reference.name_of(row, opened.language) for row in codes.table("institution_types").to_dict("records")}
    header = [
        _("Place"),
        _("Kind"),
        _("Year"),
        _("Reported"),
        _("Zero report"),
        _("Silent / all"),
        _("Share"),
        _("Interval (95%)"),
    ]
    rows = cells(
        frame,
        lambda row: [
            opened.place_name(row["division"]), kinds.get(row["institution_type"], row["institution_type"]), str(row["year"]),
            wording.count(row["reports"]), wording.count(row["zero"]), *share(row),
        ],
    )  # fmt: skip
    said = [each for _frame, found in parts for each in found]
    table = Table(_("Institutions and their reports"), header, rows, numeric=(3, 4, 5, 6, 7))
    return result_of(opened, "silent", _("Who sent nothing (Q8)"), said, frame, table)


@section
def check_agreement(opened: Check) -> Result:
    """Q9: cards against counted cases."""
    frame, said = taken(opened, "cases")
    header = [_("Place"), _("Year"), _("Category"), _("Cards"), _("Aggregate"), _("Difference"), _("Factor")]
    names = reference.category_names(opened.language)
    rows = cells(
        frame,
        lambda row: [
            opened.place_name(row["place"]), str(row["year"]), names[row["key"]], wording.count(row["cards"]),
            wording.count(row["counted"]),
            wording.count(row["difference"]), wording.decimal(row["factor"], 2),
        ],
    )  # fmt: skip
    table = Table(_("New cases on cards and in the aggregates"), header, rows, numeric=(3, 4, 5, 6))
    return result_of(opened, "agreement", _("Records against aggregates (Q9)"), said, frame, table)


@section
def check_examinations(opened: Check) -> Result:
    """Q9: individual examinations against summary rows."""
    frame, said = taken(opened, "examinations")
    header = [_("Place"), _("Year"), _("Individual records"), _("Summary rows"), _("Factor")]
    rows = cells(
        frame,
        lambda row: [
            opened.place_name(row["place"]), f"{row['year']:.0f}", wording.count(row["cards"]), wording.count(row["summary"]),
            wording.decimal(row["factor"], 2),
        ],
    )  # fmt: skip
    table = Table(
        _("Persons examined"),
        header,
        rows,
        _("Factor: individual records over summary rows; 0.9 to 1.1 is wanted."),
        numeric=(2, 3, 4),
    )
    return result_of(opened, "examinations", _("Examinations: records against summaries (Q9)"), said, frame, table)


@section
def check_freshness(opened: Check) -> Result:
    """How recent each table is."""
    frame, said = taken(opened, "freshness")
    header = [_("Table"), _("Records"), _("First"), _("Latest"), _("Days to the data date"), _("Called old after, days")]
    rows = cells(
        frame,
        lambda row: [
            opened.table_name(row["table"]), wording.count(row["rows"]), row["first"] or wording.DASH,
            row["last"] or wording.DASH,
            wording.count(row["days"]), wording.count(row["limit"]),
        ],
    )  # fmt: skip
    return result_of(
        opened,
        "freshness",
        _("How recent the tables are"),
        said,
        frame,
        Table(_("Latest records"), header, rows, numeric=(1, 4, 5)),
    )
