"""Sections of the internal edition about its own sources: accounting of files, corrections, late cards, double figures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from .. import rates, wording
from ..check.opened import explain
from ..display import Table
from ..language import _
from ..result import Result
from .common import section

if TYPE_CHECKING:
    from ..data import Data


@section
def late_cards(data: Data) -> Result:
    """Cross table of report year and diagnosis year of new cases: which cards came late. Nothing in the public edition."""
    result = Result(id="late-cards", language=data.language, level=3, internal=True)
    rows = data.lists.get("late_cards", pd.DataFrame())
    rows = rows[rows["report_year"].between(data.first_year, data.period.last_year)] if len(rows) else rows
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
    return replace(result, title=_("Late cards"), sentences=[said], table=table, estimates=found)


@section
def accounting(data: Data) -> Result:
    """Rows in = clean + in quarantine of each file with records of the place, by reason, and the corrections made in it."""
    result = Result(id="accounting", language=data.language, internal=True)
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
        _("{files} files hold records of this place: {n} rows, of which {out} are in quarantine and not counted.",
          files=len(rows), n=wording.count(n_in), out=wording.count(out)),
    ]  # fmt: skip
    made = data.lists.get("corrections", pd.DataFrame())
    lines = [
        _("{file}, {column}: {n} cells corrected. {reason}", file=row["file"], column=row["column"], n=wording.count(row["n"]),
          reason=row["reason"])
        for row in made.to_dict("records")
    ]  # fmt: skip
    said.append(_("Corrections of known errors that were applied:") if lines else _("No correction was applied to these files."))
    title = _("What became of the rows")
    return replace(
        result, title=title, sentences=said, bullets=lines, table=table, estimates=rows.drop(columns=["place", "reasons"])
    )


def _reasons(text: str, language: str) -> str:
    parts = [each.rpartition(" ") for each in text.split("; ") if each]
    named = [_("{reason} ({n})", reason=explain(code, "quarantine", language)[0], n=n) for code, _space, n in parts]
    return _("; ").join(named)
