"""Worklists to Excel: one workbook a township, a sheet a list, text cells only; internal edition only."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from typing import TYPE_CHECKING, Any

from . import display, files

if TYPE_CHECKING:
    from pathlib import Path

_WHEN = dt.datetime(2000, 1, 1)


def write(found: list[dict[str, Any]], folder: Path, name: str) -> list[str]:
    """Write the workbooks of a report; their names, in the order of the townships.

    Parameters
    ----------
    found : list of dict
        Results of the report as JSON; those with `sheets` hold lists, whose first column is the township.
    folder : Path
        Where they go.
    name : str
        District and report: the workbooks are numbered after it, never called by a value of the data.
    """
    sheets = [sheet for result in found for sheet in result.get("sheets", [])]
    townships = sorted({row[0] for sheet in sheets for row in sheet["rows"]}, key=lambda each: (not each, each))
    made = []
    for number, township in enumerate(townships, start=1):
        path = folder / f"{name}_{number}.xlsx"
        files.write_bytes(_book(sheets, township), path)
        made.append(path.name)
    return made


def _book(sheets: list[dict[str, Any]], township: str) -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    book.properties.creator, book.properties.created, book.properties.modified = "ohstats", _WHEN, _WHEN
    for sheet in sheets:
        rows = [row for row in sheet["rows"] if row[0] == township]
        if not rows:
            continue
        page = book.create_sheet(re.sub(r"[\[\]:*?/\\]", " ", sheet["title"])[:31])
        page.freeze_panes = "A2"
        for line, row in enumerate([sheet["header"], *rows], start=1):
            for column, text in enumerate(row, start=1):
                cell = page.cell(line, column, str(display.csv_cell(str(text))))
                cell.data_type = "s"  # never a formula, whatever it begins with
        for letter, width in zip("ABCDEFG", (16, 24, 30, 22, 14, 26, 8), strict=True):
            page.column_dimensions[letter].width = width
    content = io.BytesIO()
    book.save(content)
    return _timeless(content.getvalue())


def _timeless(content: bytes) -> bytes:
    """The same archive with the same date on each part, and none of when it was saved."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            told = old.read(part)
            if part.filename == "docProps/core.xml":
                told = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>2000-01-01T00:00:00Z", told)
            new.writestr(zipfile.ZipInfo(part.filename, (2000, 1, 1, 0, 0, 0)), told, zipfile.ZIP_DEFLATED)
    return made.getvalue()
