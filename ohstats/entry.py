"""Entry templates: a workbook for each declared table, with its headings, how to fill them in, and lists to choose from."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import yaml

from . import dictionary, files, schema
from .paths import REFERENCE

if TYPE_CHECKING:
    from pathlib import Path

    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

    from .schema import Column, Table

HEADER_ROW = 3
_LAST = 1_048_576  # rows of a sheet
_LONG = 400  # entries from which a list is no help in a cell
_TEXT = {"text", "prose", "name", "firm", "address", "id", "uscc", "division", "industry", "code", "codes", "date", "period"}
LANGUAGE = "zh"  # of headings and lists: the templates are filled in where the forms are


def workbook(table: str, *, own: Path | None = None) -> Workbook:
    """An empty workbook for a table: title, notes and headings above the records, and a sheet of lists.

    Parameters
    ----------
    table : str
        Name of a declared table.
    own : Path, optional
        Folder of a data set whose own code lists count too.

    Raises
    ------
    ParameterRefused
        There is no such table.
    """
    from openpyxl import Workbook

    declared = schema.table(table)
    book = Workbook()
    sheet = book.active
    assert sheet is not None  # noqa: S101  a new workbook has one sheet
    sheet.title = declared.title_zh[:31]
    lists = book.create_sheet(dictionary.words()["sheet"])
    _head(sheet, declared)
    used = 0
    for number, column in enumerate(declared.columns.values(), start=1):
        choices = _choices(column, own)
        if choices:
            used += 1
            _list(lists, used, column, choices)
        _column(sheet, number, column, used if choices else 0, len(choices))
    sheet.freeze_panes = sheet.cell(HEADER_ROW + 1, 1)
    return book


def save(table: str, path: Path, *, own: Path | None = None) -> Path:
    """Write the template of a table.

    Raises
    ------
    ParameterRefused
        There is no such table.
    """
    book = workbook(table, own=own)
    content = io.BytesIO()
    book.save(content)
    files.write_bytes(content.getvalue(), path)
    return path


def _choices(column: Column, own: Path | None) -> list[str]:
    if column.type == "flag":
        told: dict[str, Any] = yaml.safe_load((REFERENCE / "words.yml").read_text(encoding="utf-8"))
        return [str(told["affirmed"][0]), str(told["denied"][0])]
    names = dictionary.entries(column, LANGUAGE, own)
    return names if len(names) <= _LONG else []


def _head(sheet: Worksheet, table: Table) -> None:
    from openpyxl.styles import Alignment, Font, PatternFill

    fill = dictionary.words()["fill"][LANGUAGE].format(row=HEADER_ROW + 1)
    sheet.cell(1, 1, f"{table.title_zh} ({table.name}). {fill}").font = Font(bold=True, size=13)
    kinds = dictionary.types(LANGUAGE)
    for number, column in enumerate(table.columns.values(), start=1):
        note = sheet.cell(2, number, _note(column, kinds))
        note.font, note.alignment = Font(size=9, color="5C6B7A"), Alignment(wrap_text=True, vertical="top")
        heading = sheet.cell(HEADER_ROW, number, ("*" if _must(column) else "") + column.title)
        heading.font, heading.alignment = Font(bold=True), Alignment(wrap_text=True, vertical="center")
        heading.fill = PatternFill("solid", fgColor="F6D9C4" if _must(column) else "E8EDF2")
    sheet.row_dimensions[2].height = 62


def _must(column: Column) -> bool:
    """Whether a record without it cannot be counted, or the file not be read."""
    return column.required or bool(column.assume and column.counting)


def _note(column: Column, kinds: dict[str, tuple[str, str]]) -> str:
    """How a column is filled in: type, unit, range, demands."""
    w = dictionary.words()
    marks = [w["demands"][name][LANGUAGE] for name in ("required", "counting", "personal") if getattr(column, name)]
    unit = w["unit"][LANGUAGE].format(unit=column.unit) if column.unit else ""
    return "\n".join(
        filter(None, [" ".join(marks), kinds[column.type][1], " ".join(filter(None, [unit, dictionary.span(column)]))])
    )


def _list(sheet: Worksheet, number: int, column: Column, choices: list[str]) -> None:
    """One list a column, below the name of the column that it is for (not its heading, so that it is no table)."""
    sheet.cell(1, number, f"{column.name}: {column.title}")
    for row, text in enumerate(choices, start=2):
        sheet.cell(row, number, text)


def _column(sheet: Worksheet, number: int, column: Column, list_number: int, size: int) -> None:
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    letter = get_column_letter(number)
    sheet.column_dimensions[letter].width = max(13, 2 * len(column.title) + 3)
    if column.type in _TEXT or column.card:
        sheet.column_dimensions[letter].number_format = "@"  # else a spreadsheet eats digits of numbers and codes
    if list_number and column.type != "codes":
        source = get_column_letter(list_number)
        where = f"'{dictionary.words()['sheet']}'!${source}$2:${source}${size + 1}"
        rule = DataValidation(type="list", formula1=where, allow_blank=True, errorStyle="warning", showErrorMessage=True)
        rule.add(f"{letter}{HEADER_ROW + 1}:{letter}{_LAST}")
        sheet.add_data_validation(rule)
