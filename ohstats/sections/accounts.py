"""Sections of the internal edition about its own sources: accounting of files, corrections, late cards, double figures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from .. import evaluation, rates, schema, wording
from ..check.opened import explain
from ..display import Table
from ..language import _, ngettext
from ..result import Result
from .common import section

if TYPE_CHECKING:
    from ..data import Data

_TWICE = ["numerator", "denominator", "numerator_records", "denominator_records"]


@section
def late_cards(data: Data) -> Result:
    """Cross table of report year and diagnosis year of new cases: which cards came late. Nothing in the public edition."""
    result = Result(id="late-cards", language=data.language, level=3)
    rows = data.lists.get("late_cards", pd.DataFrame())
    rows = rows[rows["report_year"].between(data.first_year, data.period.last_whole_year)] if len(rows) else rows
    if rows.empty:
        return result
    wide = rows.pivot_table(index="report_year", columns="diagnosis_year", values="n", aggfunc="sum", fill_value=0)
    late = rows[rows["diagnosis_year"] < rows["report_year"]].groupby("report_year")["n"].sum()
    totals = wide.sum(axis=1)
    shares = pd.DataFrame({"year": totals.index, "n": late.reindex(totals.index).fillna(0).to_numpy(), "d": totals.to_numpy()})
    found = rates.proportion(shares, numerator="n", denominator="d", by=["year"])
    last = found.iloc[-1].to_dict()
    said = _(
        "Of {d} new cases reported in {year}, {n} were diagnosed in an earlier year: {value} ({limits}).",
        d=wording.count(last["denominator"]), year=last["year"], n=wording.count(last["numerator"]),
        value=wording.percent(last["value"]), limits=wording.interval(last["lower"], last["upper"]),
    )  # fmt: skip
    cells = [
        [str(year), *(wording.count(n) for n in wide.loc[year]), wording.count(totals[year]), wording.percent(row["value"])]
        for year, row in zip(wide.index, found.to_dict("records"), strict=True)
    ]
    header = [_("Report year"), *map(str, wide.columns), _("All"), _("Diagnosed earlier")]
    note = _(
        "Report year: of the final review, else of the report. Columns: years of diagnosis. Counted from the cards, which tell "
        "nothing of years before them."
    )
    table = Table(_("New cases by report year and year of diagnosis"), header, cells, note, numeric=tuple(range(1, len(header))))
    return replace(result, title=_("Late cards"), sentences=[said], table=table, internal=True, estimates=found)


@section
def disagreements(data: Data) -> Result:
    """Figures of the period that records and indicator_values tell differently: how many; which ones in the internal edition."""
    period = evaluation.period_of(data)
    result = Result(id="disagreements", language=data.language, level=3)
    n = int(data.beside.get("disagreements", {}).get(period, 0))
    if not n:
        return result
    said = ngettext(
        "{n} indicator of {period} has another value in indicator_values than the records give; the value entered is used.",
        "{n} indicators of {period} have other values in indicator_values than the records give; the values entered are used.",
        n, period=wording.period_of(period),
    )  # fmt: skip
    rows = data.lists.get("disagreements", pd.DataFrame())
    rows = rows[rows["period"] == period] if len(rows) else rows
    cells = [
        [data.names[row["measure"]], _figure(row, ""), _figure(row, "_records")] for row in rows.to_dict("records")
    ]  # fmt: skip
    header = [_("Indicator"), _("Entered"), _("From the records")]
    note = _("n / d. Find out which is right: an entered figure may be older than the records, or count more than they do.")
    table = Table(_("Figures that differ"), header, cells, note, numeric=(1, 2)) if cells else None
    title = _("Entered figures and records")
    kept = rows[["measure", *_TWICE]] if len(rows) else rows
    return replace(result, title=title, sentences=[said], table=table, internal=bool(cells), estimates=kept)


def _figure(row: dict[str, Any], which: str) -> str:
    n, d = row[f"numerator{which}"], row[f"denominator{which}"]
    return wording.count(n) if pd.isna(d) else wording.share_of(n, d)


@section
def accounting(data: Data) -> Result:
    """Rows in = clean + in quarantine of each file with records of the place, by reason, and the corrections made in it."""
    result = Result(id="accounting", language=data.language)
    rows = data.lists.get("accounting", pd.DataFrame())
    if rows.empty:
        return result
    cells = [
        [row["file"], *(wording.count(row[name]) for name in ("in", "clean", "quarantined")),
         _reasons(row["reasons"], data.language) or wording.DASH, wording.count(row["here"])]
        for row in rows.to_dict("records")
    ]  # fmt: skip
    header = [_("File"), _("Rows in"), _("Clean"), _("In quarantine"), _("Reasons"), _("Clean rows of this place")]
    note = _(
        "Rows in = clean + in quarantine, of the whole file; a row can have several reasons. Their rows stand in the data check."
    )
    table = Table(_("Accounting of files"), header, cells, note, numeric=(1, 2, 3, 5))
    n_in, out = int(rows["in"].sum()), int(rows["quarantined"].sum())
    said = [
        ngettext(
            "{files} file holds records of this place: {rows} rows, {out} of them in quarantine and not counted.",
            "{files} files hold records of this place: {rows} rows, {out} of them in quarantine and not counted.",
            len(rows),
            files=len(rows), rows=wording.count(n_in), out=wording.count(out),
        ),
    ]  # fmt: skip
    made = data.lists.get("corrections", pd.DataFrame())
    lines = [
        ngettext(
            "{file}, {column}: {n} cell corrected. {reason}",
            "{file}, {column}: {n} cells corrected. {reason}",
            int(row["n"]),
            file=row["file"], column=_heading(row, data.language), reason=row["reason"],
        )
        for row in made.to_dict("records")
    ]  # fmt: skip
    said.append(_("Corrections of known errors that were applied:") if lines else _("No correction was applied."))
    title = _("What became of the rows")
    kept = rows.drop(columns=["place", "reasons"])
    return replace(result, title=title, sentences=said, bullets=lines, table=table, internal=True, estimates=kept)


def _reasons(text: str, language: str) -> str:
    parts = [each.rpartition(" ") for each in text.split("; ") if each]
    named = [_("{reason} ({n})", reason=explain(code, "quarantine", language)[0], n=n) for code, _space, n in parts]
    return _("; ").join(named)


def _heading(row: dict[str, Any], language: str) -> str:
    """Heading of a column in Chinese, its name in English."""
    declared = schema.table(row["table"]).columns.get(row["column"])
    return declared.title if declared is not None and language == "zh" else str(row["column"])
