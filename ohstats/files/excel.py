"""Excel workbooks: cells as text, sheet by sheet, with merged ranges, errors and the date system."""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import FileRefused
from . import kinds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from python_calamine import CalamineSheet

_FULL = 1_000_000_000_000_000  # from here on a spreadsheet's number has lost digits
_ERROR_CELL = re.compile(rb'<c r="([A-Z]+)(\d+)"[^>]*?\bt="e"[^>]*>(?:(?!</c>).)*?<v>([^<]*)</v>', re.S)
_SHEET = re.compile(rb'<sheet [^>]*?name="([^"]*)"[^>]*?r:id="([^"]*)"')


@dataclass(frozen=True)
class Sheet:
    """One sheet: columns of cells as text, from the first row and column of the sheet."""

    name: str
    hidden: bool
    columns: list[Sequence[str]]
    merged: list[tuple[tuple[int, int], tuple[int, int]]]
    since_1904: bool

    @property
    def height(self) -> int:
        """Number of rows."""
        return len(self.columns[0]) if self.columns else 0

    def head(self, rows: int = 60) -> list[list[str]]:
        """The first rows."""
        return [list(cells) for cells in zip(*(column[:rows] for column in self.columns), strict=True)]


def sheets(path: Path, found: kinds.Found) -> list[Sheet]:
    """All sheets of a workbook that hold anything.

    Raises
    ------
    FileRefused
        The workbook is damaged or protected by a password.
    """
    import python_calamine as calamine

    try:
        with calamine.CalamineWorkbook.from_path(path) as book:
            told = {each.name: each.visible != calamine.SheetVisibleEnum.Visible for each in book.sheets_metadata}
            since_1904 = found.kind == "xlsx" and _since_1904(path)
            errors = _errors(path, found.errors) if found.errors else {}
            read = [
                _sheet(book.get_sheet_by_name(name), hidden, since_1904, errors.get(name, {})) for name, hidden in told.items()
            ]
    except calamine.PasswordError as error:
        raise kinds.protected(path) from error
    except FileRefused:
        raise
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # a panic of the reader's is no Exception
        raise kinds.damaged(path) from error
    return [sheet for sheet in read if sheet.height]


def _sheet(sheet: CalamineSheet, hidden: bool, since_1904: bool, errors: dict[tuple[int, int], str]) -> Sheet:
    rows = sheet.to_python(skip_empty_area=False)
    for (row, number), text in errors.items():
        if row < len(rows) and number < len(rows[row]):
            rows[row][number] = text
    columns: list[Sequence[str]] = [
        column if set(map(type, column)) == {str} else [cell if type(cell) is str else as_text(cell) for cell in column]
        for column in zip(*rows, strict=True)
    ]
    return Sheet(sheet.name, hidden, columns, list(sheet.merged_cell_ranges or []), since_1904)


def as_text(value: Any) -> str:
    """A typed cell as a person would have typed it."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        if value != value:
            return ""
        if abs(value) >= _FULL:
            return f"{value:.14E}"
        return str(int(value)) if value == int(value) else repr(value)
    if isinstance(value, dt.datetime):
        return (value.date() if value.time() == dt.time() else value.replace(microsecond=0)).isoformat(
            *([" "] if value.time() != dt.time() else [])
        )
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return "" if value is None else str(value)


def _since_1904(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return re.search(rb'date1904="(?:1|true)"', archive.read("xl/workbook.xml")) is not None


def _errors(path: Path, faulty: frozenset[str]) -> dict[str, dict[tuple[int, int], str]]:
    """Error values by sheet and cell: the reader leaves them blank."""
    found: dict[str, dict[tuple[int, int], str]] = {}
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        if "xl/_rels/workbook.xml.rels" not in names:
            return {}
        relations = archive.read("xl/_rels/workbook.xml.rels")
        for name, relation in _SHEET.findall(archive.read("xl/workbook.xml")):
            tags = (tag for tag in re.findall(rb"<Relationship [^>]*>", relations) if b'Id="' + relation + b'"' in tag)
            targets = [match[1].decode().lstrip("/") for tag in tags if (match := re.search(rb'Target="([^"]*)"', tag))]
            parts = [part for target in targets for part in (target, f"xl/{target}") if part in names]
            if parts and parts[0] in faulty:
                content = archive.read(parts[0])
                cells = {
                    (int(row) - 1, _number(letters)): text.decode("utf-8") for letters, row, text in _ERROR_CELL.findall(content)
                }
                found[_plain(name.decode("utf-8"))] = cells
    return found


def _number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


def _plain(text: str) -> str:
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&")):
        text = text.replace(entity, character)
    return text
