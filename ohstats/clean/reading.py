"""From a file, a sheet or a frame to batches of declared columns as text; the header is found by its headings."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd
import polars as pl

from .. import schema
from ..errors import Fault, FileRefused
from ..files import excel, kinds
from ..files.text import TextFile
from .audit import Note
from .words import WORDS, tidy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_FULL_SHEETS = (65_536, 1_048_576)  # rows of a full sheet of Excel, old and new


@dataclass
class Batch:
    """Some records: cells as text, `row` first; those without certain columns; what happened on the way."""

    frame: pl.DataFrame
    odd: list[tuple[int, str]] = field(default_factory=list)
    blank: int = 0
    broken: list[int] = field(default_factory=list)
    filled: list[tuple[int, str, str]] = field(default_factory=list)  # row, column, value from a merged range


@dataclass
class Source:
    """One table of one file: where it came from, its headings by declared column, its notes and its batches."""

    file: str
    headings: dict[str, str]
    notes: list[Note]
    batches: Callable[[], Iterator[Batch]]
    since_1904: bool = False
    last_row: Callable[[], int] = lambda: 0

    def finish(self, records: int) -> list[Note]:
        """Warnings that only the whole file can give."""
        found = []
        if not records:
            found.append(Note("no_records", kind="warning"))
        if self.last_row() in _FULL_SHEETS or records in _FULL_SHEETS:
            found.append(Note("possibly_truncated", new=str(self.last_row()), kind="warning"))
        return found


@dataclass(frozen=True)
class Header:
    """A header as found: index of its last row, headings by position, canonical columns by position."""

    row: int
    texts: list[str]
    columns: list[str | None]


def from_path(path: Path, table: schema.Table) -> list[Source]:
    """The tables of a file: one of a text file, one or more sheets of a workbook.

    Raises
    ------
    FileRefused
        The file cannot be read as this table; nothing is loaded.
    """
    found = kinds.examine(path)
    return [_from_text(path, table)] if found.kind == "text" else _from_workbook(path, found, table)


def from_frame(frame: pd.DataFrame, table: schema.Table, file: str = "frame") -> Source:
    """A frame with the headings of a file; its column `row` or its position gives the number of the row."""
    texts = [str(name) for name in frame.columns]
    kept = [number for number, text in enumerate(texts) if text not in ("row", "file")]
    header = _mapped(Header(0, [texts[number] for number in kept], []), table, file)
    values = [_as_texts(frame.iloc[:, number]) for number in kept]
    given = "row" in texts
    rows = pl.Series("row", frame["row"].to_numpy() if given else range(2, len(frame) + 2), dtype=pl.Int64)
    made = _named(pl.DataFrame([rows, *(series.alias(f"c{n}") for n, series in enumerate(values))]), header)
    return Source(file, _headings(header), _notes(header, table), lambda: iter([_without_blank(Batch(made))]))


def _as_texts(column: pd.Series) -> pl.Series:
    if isinstance(column.dtype, pd.StringDtype):
        return pl.Series(pl.from_pandas(column)).cast(pl.String).fill_null("")
    return pl.Series(
        ["" if value is None or value is pd.NA or value is pd.NaT else excel.as_text(value) for value in column], dtype=pl.String
    )


def _from_text(path: Path, table: schema.Table) -> Source:
    text = TextFile(path)
    delimiter = text.delimiter(lambda cells: schema.score(cells, table))
    head = text.head(delimiter)
    header = _mapped(_found(head, table, path.name), table, path.name)
    width = len(head[header.row])
    notes = [Note("encoding", new=text.encoding), *_notes(header, table)]
    if delimiter != ",":
        notes.append(Note("delimiter", new={"\t": "tab"}.get(delimiter, delimiter)))

    def batches() -> Iterator[Batch]:
        nothing = True
        for block in text.blocks(delimiter, width, header.row + 2):
            frame = _parsed(block.text, delimiter, width)
            made = frame.insert_column(0, pl.Series("row", block.rows))
            yield _without_blank(Batch(_named(made, header, "#"), block.odd, block.blank, block.broken))
            nothing = False
        if nothing:
            yield Batch(_named(_parsed(b"", delimiter, width).insert_column(0, pl.Series("row", [], dtype=pl.Int64)), header))

    return Source(path.name, _headings(header), notes, batches, last_row=lambda: text.last_row)


def _parsed(text: bytes, delimiter: str, width: int) -> pl.DataFrame:
    names = [f"c{number}" for number in range(width)]
    if not text:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    return pl.read_csv(
        io.BytesIO(text),
        has_header=False, new_columns=names, separator=delimiter, quote_char='"' if b'"' in text else None,
        infer_schema=False, empty_string_is_null=False,
    )  # fmt: skip


def _from_workbook(path: Path, found: kinds.Found, table: schema.Table) -> list[Source]:
    """The sheets that have the headings; of several all that are visible, each with its own accounting."""
    sheets = excel.sheets(path, found)
    if not sheets:
        raise FileRefused("{file} is empty.", file=path.name)
    headed = [(sheet, header) for sheet in sheets if (header := _header(sheet.head(schema.HEAD_ROWS), table)) is not None]
    whole = [(sheet, header) for sheet, header in headed if not _lacking(header, table)]
    shown = [(sheet, header) for sheet, header in whole if not sheet.hidden] or whole
    if not shown:
        if not headed:
            raise _no_header(path.name, table)
        shown = [max(headed, key=lambda each: schema.score(each[1].texts, table))]
    made: list[Source] = []
    for sheet, header in shown:
        label = path.name if len(shown) == 1 else f"{path.name}#{sheet.name}"
        mapped = _mapped(header, table, label)
        notes = [Note("sheet", new=sheet.name), *_notes(mapped, table)]
        if not made:
            known = {each.name for each, _header in shown} | set(WORDS["help_sheets"])
            unread = [other.name for other in sheets if other.name not in known]
            notes += [Note("sheet_not_read", new=name, kind="warning") for name in unread]
        made.append(_from_sheet(sheet, label, mapped, notes))
    return made


def _from_sheet(sheet: excel.Sheet, label: str, header: Header, notes: list[Note]) -> Source:
    first = header.row + 1

    def batches() -> Iterator[Batch]:
        cells = [pl.Series(f"c{n}", column[first:], dtype=pl.String) for n, column in enumerate(sheet.columns)]
        rows = pl.Series("row", range(first + 1, sheet.height + 1), dtype=pl.Int64)
        yield _filled(_without_blank(Batch(_named(pl.DataFrame([rows, *cells]), header))), sheet, header)

    return Source(label, _headings(header), notes, batches, sheet.since_1904, lambda: sheet.height)


def _filled(batch: Batch, sheet: excel.Sheet, header: Header) -> Batch:
    """Cells below the first of a merged range get its value; nothing else is ever filled."""
    frame, rows = batch.frame, batch.frame["row"]
    for (top, left), (bottom, _right) in sheet.merged:
        if bottom == top or top <= header.row or left >= len(header.columns):
            continue
        value, name = sheet.columns[left][top], header.columns[left]
        where = (rows > top + 1) & (rows <= bottom + 1)
        if name is None or not value or not where.any():
            continue
        frame = frame.with_columns(pl.when(where & (pl.col(name) == "")).then(pl.lit(value)).otherwise(name).alias(name))
        batch.filled += [(row, name, value) for row in rows.filter(where).to_list()]
    batch.frame = frame
    return batch


def _without_blank(batch: Batch) -> Batch:
    """Wholly blank rows are dropped and counted."""
    cells = [name for name in batch.frame.columns if name != "row"]
    doubtful = batch.frame.select(first=pl.all_horizontal(pl.col(cells[:3]) == ""))["first"] if cells else None
    if (
        doubtful is not None
        and not doubtful.any()
        and not batch.frame.select(pl.any_horizontal(pl.col(cells[:1]).str.contains(r"^\s+$"))).to_series().any()
    ):
        return batch
    filled = batch.frame.select(pl.any_horizontal(tidy(pl.col(name)) != "" for name in cells)).to_series()
    kept = batch.frame.filter(filled)
    batch.blank += batch.frame.height - kept.height
    batch.frame = kept
    return batch


# Headers --------------------------------------------------------------------------------------------------------------
def _header(head: list[list[str]], table: schema.Table) -> Header | None:
    found = schema.header(head, table)
    return Header(*found, []) if found else None


def _found(head: list[list[str]], table: schema.Table, file: str) -> Header:
    header = _header(head, table)
    if header is None:
        raise _no_header(file, table)
    return header


def _no_header(file: str, table: schema.Table) -> FileRefused:
    wanted = [column for column in table.columns.values() if column.required]
    return FileRefused(
        "{file}: no row holds the headings of the table {table}.", file=file, table=table.name,
        faults=[_lack(column) for column in wanted],
    )  # fmt: skip


def _lack(column: schema.Column) -> Fault:
    return Fault(
        "column {column} is missing; headers understood: {headers}",
        column=column.name, headers=", ".join([column.name, *column.headers]),
    )  # fmt: skip


def _lacking(header: Header, table: schema.Table) -> list[schema.Column]:
    there = {table.canonical(text) for text in header.texts}
    return [
        column
        for column in table.columns.values()
        if column.required and not there & {column.name, column.year or column.name, *column.otherwise}
    ]


def _mapped(header: Header, table: schema.Table, file: str) -> Header:
    """The header with its declared columns.

    Raises
    ------
    FileRefused
        A heading stands twice, two headings mean one column, or a column that must be there is missing; all are named.
    """
    columns = [table.canonical(text) for text in header.texts]
    for column in table.columns.values():
        if column.required and column.name not in columns:
            stand_in = next((name for name in column.otherwise if name in columns), None)
            if stand_in:
                columns[columns.index(stand_in)] = column.name
    faults = [_lack(column) for column in _lacking(header, table)]
    plain = [schema.heading(text) for text in header.texts]
    twice = dict.fromkeys(text for text, bare in zip(header.texts, plain, strict=True) if bare and plain.count(bare) > 1)
    faults += [Fault("the heading {heading} stands twice", heading=" ".join(text.split())) for text in twice]
    for name in dict.fromkeys(name for name in columns if name and columns.count(name) > 1):
        texts = [" ".join(text.split()) for text, each in zip(header.texts, columns, strict=True) if each == name]
        if len({schema.heading(text) for text in texts}) > 1:
            faults.append(Fault("the headings {headings} mean the same column {column}", headings=", ".join(texts), column=name))
    if faults:
        raise FileRefused("{file}: the header does not fit the table {table}.", file=file, table=table.name, faults=faults)
    return Header(header.row, header.texts, columns)


def _headings(header: Header) -> dict[str, str]:
    return {name: text for name, text in zip(header.columns, header.texts, strict=True) if name}


def _named(frame: pl.DataFrame, header: Header, unnamed: str = "") -> pl.DataFrame:
    """Declared columns under their names, the others under their headings marked as extra."""
    names, taken = {}, set()
    for number, (name, text) in enumerate(zip(header.columns, header.texts, strict=True)):
        if f"c{number}" not in frame.columns:
            continue
        label = name or f"={' '.join(text.split()) or f'{unnamed}{number + 1}'}"
        names[f"c{number}"] = label if label not in taken else f"{label}#{number + 1}"
        taken.add(label)
    return frame.select("row", *names).rename(names)


def _notes(header: Header, table: schema.Table) -> list[Note]:
    """How the header was read."""
    notes = [Note("header_row", new=str(header.row + 1))]
    for name, text in zip(header.columns, header.texts, strict=True):
        shown = " ".join(text.split())
        if name and text != name:
            notes.append(Note("heading", column=name, old=shown, new=name))
        elif not name and shown:
            notes.append(Note("extra_column", old=shown))
    there = set(header.columns)
    assumed = [column for column in table.columns.values() if column.assume and column.name not in there]
    notes += [Note("assumed", column=column.name, new=column.assume) for column in assumed]
    if "id_number" in table.columns and "id_number" not in there and "person_key" not in header.texts:
        notes.append(Note("no_person_key", column="id_number"))
    return notes
