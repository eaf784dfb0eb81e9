"""Sections of the data check about the quality of records: completeness, validity, consistency, timeliness, heaping, outliers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from .. import wording
from ..display import Table
from ..language import _
from .check import cells, result_of, share, taken
from .common import section

if TYPE_CHECKING:
    from ..check import Check
    from ..result import Result


def field_of(opened: Check, row: dict[str, Any], whole: str) -> str:
    """Name of the field of a row, or of the whole."""
    return opened.column_name(row["table"], row["column"]) if row["column"] else whole


@section
def check_completeness(opened: Check) -> Result:
    """Q1: completeness of fields and records."""
    frame, said = taken(opened, "completeness")
    shown = frame[((frame["numerator"] < frame["denominator"]) | (frame["column"] == "")) & (frame["denominator"] > 0)]
    header = [_("Table"), _("Field"), _("Filled / expected"), _("Share"), _("Interval (95%)")]
    rows = cells(shown, lambda row: [opened.table_name(row["table"]), field_of(opened, row, _("whole record")), *share(row)])
    note = _("Fields that are filled everywhere are not listed. Interval: Wilson, as if the records were a sample.")
    return result_of(
        opened,
        "completeness",
        _("Completeness (Q1)"),
        said,
        frame,
        Table(_("Completeness"), header, rows, note, numeric=(2, 3, 4)),
    )


@section
def check_validity(opened: Check) -> Result:
    """Q2: validity of the values that are filled in."""
    frame, said = taken(opened, "validity")
    header = [_("Table"), _("Field"), _("Valid / filled"), _("Share"), _("Interval (95%)")]
    rows = cells(frame, lambda row: [opened.table_name(row["table"]), field_of(opened, row, _("all fields")), *share(row)])
    note = _("Fields without an invalid value are not listed. Invalid values were made missing; the audit has their rows.")
    return result_of(
        opened, "validity", _("Validity (Q2)"), said, frame, Table(_("Validity"), header, rows, note, numeric=(2, 3, 4))
    )


@section
def check_consistency(opened: Check) -> Result:
    """Q3: records without a contradiction, and the contradictions by kind."""
    frame, said = taken(opened, "consistency")
    header = [_("Table"), _("Finding"), _("Records"), _("Share"), _("Interval (95%)"), _("Row numbers")]
    rows = cells(
        frame,
        lambda row: [opened.table_name(row["table"]), row["name"] or _("without any contradiction"), *share(row), row["rows"]],
    )
    return result_of(
        opened, "consistency", _("Consistency (Q3)"), said, frame, Table(_("Consistency"), header, rows, numeric=(2, 3, 4))
    )


@section
def check_uniqueness(opened: Check) -> Result:
    """Q4: records that are no certain duplicate; possible ones by their rows."""
    frame, said = taken(opened, "uniqueness")
    header = [_("Table"), _("Unique / all"), _("Share"), _("Interval (95%)"), _("Possible duplicates"), _("Row numbers")]
    rows = cells(frame, lambda row: [opened.table_name(row["table"]), *share(row), wording.count(row["possible"]), row["rows"]])
    note = _("Certain duplicates were left out; possible ones are counted and only you can tell.")
    return result_of(
        opened, "uniqueness", _("Uniqueness (Q4)"), said, frame, Table(_("Uniqueness"), header, rows, note, numeric=(1, 2, 3, 4))
    )


@section
def check_timeliness(opened: Check) -> Result:
    """Q5: days between two dates of a record, and the share within the limit."""
    frame, said = taken(opened, "timeliness")
    header = [
        *(_("Event"), _("Limit, days"), _("Within / known"), _("Share"), _("Interval (95%)")),
        *(_("Median, days"), _("P90, days"), _("Date missing"), _("Wrong order")),
    ]
    rows = cells(frame, _timely)
    note = _(
        "Late supplements: reported more than 90 days after the diagnosis, in a later year. Limits and "
        "sources: reference/timeliness.csv."
    )
    return result_of(
        opened,
        "timeliness",
        _("Timeliness (Q5)"),
        said,
        frame,
        Table(_("Timeliness"), header, rows, note, numeric=tuple(range(1, 9))),
    )


def _timely(row: dict[str, Any]) -> list[str]:
    name = _("{name}, without late supplements", name=row["name"]) if row["supplements"] == "without" else row["name"]
    limited = [wording.DASH] * 3 if pd.isna(row["limit"]) else share(row)
    days = [wording.decimal(row["median"], 0), wording.decimal(row["p90"], 0)]
    return [
        name,
        wording.decimal(row["limit"], 0),
        *limited,
        *days,
        wording.count(row["missing"]),
        wording.count(row["out_of_order"]),
    ]


@section
def check_heaping(opened: Check) -> Result:
    """Q12: preferred terminal digits."""
    frame, said = taken(opened, "digits")
    words = {
        "no preference seen": _("no preference seen"), "cannot tell": _("cannot tell"),
        "digits 0 and 5 preferred": _("digits 0 and 5 preferred"),
    }  # fmt: skip
    header = [_("Table"), _("Field"), _("Ending 0 or 5 / all"), _("Whipple"), _("Interval (95%)"), _("Myers"), _("Verdict")]
    rows = cells(
        frame,
        lambda row: [
            opened.table_name(row["table"]), opened.column_name(row["table"], row["column"]),
            wording.share_of(row["numerator"], row["denominator"]),
            wording.decimal(row["value"], 0), wording.interval(row["lower"], row["upper"], 0),
            wording.decimal(row["myers"]), words[row["verdict"]],
        ],
    )  # fmt: skip
    told = opened.told["heaping"]
    note = _(
        "Whipple: 100 = no preference for 0 and 5, 500 = these alone; preferred when the whole interval lies "
        "above {limit}; cannot tell "
        "below {fewest} values. Myers: 0 = none, 90 = one digit alone; chance alone gives about {chance} with {fewest} values.",
        limit=told["classes"][0], fewest=told["fewest"], chance="12",
    )  # fmt: skip
    return result_of(
        opened,
        "heaping",
        _("Heaping of digits (Q12)"),
        said,
        frame,
        Table(_("Terminal digits"), header, rows, note, numeric=(2, 3, 4, 5)),
    )


@section
def check_limits(opened: Check) -> Result:
    """Q12: results that crowd just below their limits."""
    frame, said = taken(opened, "below_limit")
    header = [
        _("Table"),
        _("Field"),
        _("Just below / near the limit"),
        _("Share"),
        _("Interval (95%)"),
        _("Further below"),
        _("Just above"),
    ]
    rows = cells(
        frame,
        lambda row: [
            opened.table_name(row["table"]), opened.column_name(row["table"], row["column"]), *share(row),
            wording.count(row["outer"]),
            wording.count(row["above"]),
        ],
    )  # fmt: skip
    note = _(
        "Three bands of one width, two below the limit and one above; without preference the middle one holds about a third."
    )
    return result_of(
        opened,
        "limits",
        _("Results just below limits (Q12)"),
        said,
        frame,
        Table(_("Results near limits"), header, rows, note, numeric=(2, 3, 4, 5, 6)),
    )


@section
def check_outliers(opened: Check) -> Result:
    """Values far from the others."""
    frame, said = taken(opened, "outliers")
    header = [_("Table"), _("Field"), _("By"), _("Far / judged"), _("Groups too small"), _("Row numbers")]
    rows = cells(
        frame,
        lambda row: [
            opened.table_name(row["table"]), opened.column_name(row["table"], row["column"]),
            opened.column_name(row["table"], row["by"]) or wording.DASH, wording.share_of(row["n"], row["judged"]),
            wording.count(row["too_few"]), row["rows"],
        ],
    )  # fmt: skip
    note = _(
        "Modified z above {cutoff} (Iglewicz and Hoaglin 1993); an outlier is a question to the source, never a "
        "reason to delete.",
        cutoff=opened.told["outliers"]["cutoff"],
    )
    return result_of(
        opened, "outliers", _("Outliers"), said, frame, Table(_("Values far from the others"), header, rows, note, numeric=(3, 4))
    )
