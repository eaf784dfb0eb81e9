"""Text tables from many hands: one encoding a file, one record a row, nothing swallowed by a stray quote.

A file is read in blocks of whole lines. Lines of the right number of fields go on as they are; only the others are looked at
one by one. Numbers of rows count records from 1 at the top of the file, blank and title rows too, as a spreadsheet does.
"""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..errors import FileRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CHUNK = 12_000_000
DELIMITERS = (",", "\t", ";", "|")
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_HEAD_LINES, _LONGEST_RECORD = 80, 500
_LOW, _TWO, _OTHER = 1, 2, 4  # classes of bytes: 80-A0; lead bytes that Chinese in UTF-8 never has; other non-ASCII
_CLASSES = bytes(
    0 if byte < 0x80 else _LOW if byte <= 0xA0 else _TWO if 0xC0 <= byte <= 0xDF or byte >= 0xF0 else _OTHER
    for byte in range(256)
)


@dataclass
class Block:
    """Part of a table: records as CSV in UTF-8, with their row numbers, and what could not be put into columns."""

    text: bytes = b""
    rows: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    odd: list[tuple[int, str]] = field(default_factory=list)
    blank: int = 0
    broken: list[int] = field(default_factory=list)  # rows with a line break inside a cell


class TextFile:
    """A text table: its encoding, its first records, its blocks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.encoding, self._skip = _encoding(path)
        self.last_row = 0
        first = next(self._chunks(), b"")
        self._head = [line.decode("utf-8") for line in first.split(b"\n", _HEAD_LINES)[:_HEAD_LINES]]

    def head(self, delimiter: str) -> list[list[str]]:
        """The first records, cut at `delimiter`."""
        found, lines = [], [*self._head]
        while lines:
            cells, used = _record(lines, delimiter, None)
            found.append(cells if used else next(csv.reader([lines[0]], delimiter=delimiter, quoting=csv.QUOTE_NONE), []))
            del lines[: used or 1]
        return found

    def delimiter(self, score: Callable[[list[str]], int]) -> str:
        """The delimiter that gives the best header by `score`; a comma where none does."""
        return max(DELIMITERS, key=lambda each: max((score(cells) for cells in self.head(each)), default=0))

    def blocks(self, delimiter: str, width: int, first: int) -> Iterator[Block]:
        """The records from row `first` on, those of `width` fields as CSV.

        Raises
        ------
        FileRefused
            A quote is not closed, or lines are in two encodings; the line is named.
        """
        rest, row, line = b"", 1, 1
        for chunk in self._chunks():
            block, rest, row, line = self._block(rest + chunk, delimiter, width, first, row, line, last=False)
            if len(block.rows) or block.odd or block.blank:
                yield block
        block, _rest, row, _line = self._block(rest, delimiter, width, first, row, line, last=True)
        self.last_row = row - 1
        if len(block.rows) or block.odd or block.blank:
            yield block

    def _chunks(self) -> Iterator[bytes]:
        """Whole lines in UTF-8 with plain line ends."""
        wide = self.encoding.startswith("utf-16")
        decoder = codecs.getincrementaldecoder(self.encoding)() if wide else None
        rest, line, returns = b"", 1, None
        with self.path.open("rb") as file:
            file.seek(self._skip)
            while True:
                raw = file.read(CHUNK)
                try:
                    piece = rest + (decoder.decode(raw, final=not raw).encode("utf-8") if decoder else raw)
                except UnicodeError as error:
                    raise _mixed(self.path, line) from error
                if not piece:
                    return
                if returns is None:  # files of old Macs end their lines with a carriage return alone
                    returns = b"\n" not in piece and b"\r" in piece
                if returns:
                    piece = piece.replace(b"\r", b"\n")
                cut = piece.rfind(b"\n") + 1 if raw else len(piece)
                whole, rest = piece[:cut], piece[cut:]
                if whole:
                    yield self._as_utf8(whole, line).replace(b"\r\n", b"\n")
                    line += whole.count(b"\n")
                if not raw:
                    return

    def _as_utf8(self, whole: bytes, line: int) -> bytes:
        if self.encoding != "gb18030":
            return whole
        stray = _line_in_utf8(whole)
        if stray is not None:
            raise _mixed(self.path, line + stray)
        try:
            return whole.decode("gb18030").encode("utf-8")
        except UnicodeDecodeError as error:
            raise _mixed(self.path, line + whole.count(b"\n", 0, error.start)) from error

    def _block(
        self, text: bytes, delimiter: str, width: int, first: int, row: int, line: int, *, last: bool
    ) -> tuple[Block, bytes, int, int]:
        """One block, what is left for the next, and the numbers of its first row and line."""
        if last and text and not text.endswith(b"\n"):
            text += b"\n"
        values = np.frombuffer(text, dtype=np.uint8)
        ends = np.flatnonzero(values == 10)
        starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else ends
        fields, doubtful = _fields(values, starts, ends, ord(delimiter))
        special = np.flatnonzero(doubtful | (fields != width))
        block, joined = Block(), np.zeros(len(ends), dtype=bool)
        rewritten: dict[int, bytes | None] = {}
        broken, odd, stop, after = [], [], len(ends), -1
        for index in special.tolist():
            if index < after:
                continue
            lines = [text[starts[each] : ends[each]].decode("utf-8") for each in range(index, min(index + 1, len(ends)))]
            cells, used = _record(lines, delimiter, width)
            if not used:
                lines = text[starts[index] : ends[min(index + _LONGEST_RECORD, len(ends)) - 1]].decode("utf-8").split("\n")
                cells, used = _record(lines, delimiter, width)
                if not used and not last and len(ends) - index < _LONGEST_RECORD:
                    stop = index  # it may end in the next block
                    break
                if not used:
                    raise FileRefused(
                        "{file}, line {line}: a double quote is opened and not closed. Close it, or take it out.",
                        file=self.path.name, line=line + index,
                    )  # fmt: skip
                joined[index + 1 : index + used] = True
                broken.append(index)
            after = index + used
            rewritten[index] = _written(cells, delimiter, width)
            if rewritten[index] is None and any(cell.strip() for cell in cells):
                odd.append((index, delimiter.join(cells)))
        numbers = row + np.cumsum(~joined) - 1
        taken = np.arange(len(ends)) < stop
        data = taken & (numbers >= first)
        good = data & ~joined
        good[[index for index, piece in rewritten.items() if piece is None]] = False
        block.rows = numbers[good].astype(np.int64)
        block.text = _gathered(text, starts, ends, good, rewritten)
        block.odd = [(int(numbers[index]), piece) for index, piece in odd if data[index]]
        block.broken = [int(numbers[index]) for index in broken if data[index]]
        block.blank = int((data & ~joined).sum() - good.sum()) - len(block.odd)
        cut = starts[stop] if stop < len(ends) else ends[-1] + 1 if len(ends) else 0
        records = int((taken & ~joined).sum())
        return block, text[cut:] if not last else b"", row + records, line + stop


def _fields(values: np.ndarray, starts: np.ndarray, ends: np.ndarray, delimiter: int) -> tuple[np.ndarray, np.ndarray]:
    """Number of fields of each line, and whether its quotes need a closer look."""
    cuts, quotes = np.flatnonzero(values == delimiter), np.flatnonzero(values == 34)
    if not len(quotes):
        return np.searchsorted(cuts, ends) - np.searchsorted(cuts, starts) + 1, np.zeros(len(ends), dtype=bool)
    before = np.searchsorted(quotes, starts)
    doubtful = (np.searchsorted(quotes, ends) - before) % 2 == 1
    line_of = np.searchsorted(ends, quotes)
    inside = line_of < len(ends)
    quotes, line_of = quotes[inside], line_of[inside]
    opening = (np.arange(len(quotes)) - before[line_of]) % 2 == 0
    left = np.where(quotes > 0, values[quotes - 1], 10)
    right = values[np.minimum(quotes + 1, len(values) - 1)]
    wrong = np.where(opening, ~np.isin(left, (delimiter, 10, 34)), ~np.isin(right, (delimiter, 10, 13, 34)))
    doubtful[line_of[wrong]] = True
    cut_line = np.searchsorted(ends, cuts)
    cuts, cut_line = cuts[cut_line < len(ends)], cut_line[cut_line < len(ends)]
    outside = (np.searchsorted(quotes, cuts) - before[cut_line]) % 2 == 0
    return np.bincount(cut_line[outside], minlength=len(ends)) + 1, doubtful


def _record(lines: list[str], delimiter: str, width: int | None) -> tuple[list[str], int]:
    """The record that starts in the first line, and how many lines it takes; 0 when its quote stays open."""
    for used in range(1, min(len(lines), _LONGEST_RECORD if width else 10) + 1):
        if used > 1 and width and lines[used - 1].count(delimiter) == width - 1 and lines[used - 1].count('"') % 2 == 0:
            return [], 0  # a whole record of its own would be swallowed
        text = "\n".join(lines[:used])
        try:
            return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), []), used
        except csv.Error as error:
            if "unexpected end" not in str(error):
                return (next(csv.reader([text], delimiter=delimiter), []), used) if used == 1 else ([], 0)
    return [], 0


def _written(cells: list[str], delimiter: str, width: int) -> bytes | None:
    """A record as a line of CSV, or None where its columns are not certain or nothing stands in it."""
    if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
        cells = cells[:width]
    if len(cells) != width:
        return None
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(cells)
    return out.getvalue().encode("utf-8")


def _gathered(text: bytes, starts: np.ndarray, ends: np.ndarray, good: np.ndarray, rewritten: dict[int, bytes | None]) -> bytes:
    """The good lines one after the other, rewritten ones in their place."""
    if not good.any():
        return b""
    pieces = []
    changed = sorted(index for index, piece in rewritten.items() if piece is not None and good[index])
    plain = good.copy()
    plain[changed] = False
    edges = np.flatnonzero(np.diff(np.concatenate(([0], plain.view(np.int8), [0]))))
    runs = [(int(begin), text[starts[begin] : ends[end - 1] + 1]) for begin, end in edges.reshape(-1, 2)]
    pieces = sorted([*runs, *((index, rewritten[index] or b"") for index in changed)], key=lambda each: each[0])
    return b"".join(piece for _index, piece in pieces)


def _encoding(path: Path) -> tuple[str, int]:
    """Encoding of a text file and the length of its mark: strict UTF-8 where it holds throughout, else GB18030."""
    with path.open("rb") as file:
        start = file.read(4096)
        for mark, encoding in _MARKS:
            if start.startswith(mark):
                return encoding, len(mark)
        if b"\0" in start:
            return ("utf-16-le" if start[1::2].count(0) > start[::2].count(0) else "utf-16-be"), 0
        file.seek(0)
        decoder, line, seen = codecs.getincrementaldecoder("utf-8")(), 1, False
        while raw := file.read(CHUNK):
            try:
                decoder.decode(raw)
            except UnicodeDecodeError as error:
                good = error.object[: error.start]
                if seen or any(_is_utf8(each) for each in good.split(b"\n")[:-1]):
                    raise _mixed(path, line + good.count(b"\n")) from error
                return "gb18030", 0
            line += raw.count(b"\n")
            seen = seen or not raw.isascii()
    return "utf-8", 0


def _line_in_utf8(text: bytes) -> int | None:
    """Index of the first line of a GB18030 text that is in UTF-8 all the same, or None."""
    classes = np.frombuffer(text.translate(_CLASSES), dtype=np.uint8)
    ends = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == 10)
    starts = np.concatenate(([0], ends + 1))
    starts = starts[starts < len(text)]
    kinds = np.bitwise_or.reduceat(classes, starts)
    for index in np.flatnonzero((kinds & _LOW != 0) | (kinds == _OTHER)).tolist():
        end = starts[index + 1] - 1 if index + 1 < len(starts) else len(text)
        if _is_utf8(text[starts[index] : end]):
            return int(index)
    return None


def _is_utf8(line: bytes) -> bool:
    """Whether a line reads as Chinese in UTF-8 and not as plain Chinese in GB18030."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    if text.isascii() or not any(character > "\u07ff" for character in text):
        return False
    try:
        line.decode("gb2312")
    except UnicodeDecodeError:
        return True
    return False


def _mixed(path: Path, line: int) -> FileRefused:
    return FileRefused(
        "{file}, line {line}: this line is in another encoding than those above (UTF-8 and GB18030 mixed, or damaged). "
        "Export it again in one encoding.",
        file=path.name, line=line,
    )  # fmt: skip
