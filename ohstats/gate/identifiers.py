"""Identifiers of people and employers: collected from the input, looked for in every encoding and container of a file."""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import html
import io
import re
import struct
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import unquote

import numpy as np

from .. import schema
from ..errors import FileRefused
from ..files import excel, kinds, read_yaml
from ..files.text import TextFile
from ..paths import PACKAGE, REFERENCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\u00b7]{2,}")
_WORD = re.compile(r"[0-9A-Za-z]{6,}")
_IDENTITY = re.compile(r"(?<![0-9A-Za-z.])\d{17}[0-9Xx](?![0-9A-Za-z])")
_PHONE = re.compile(r"(?<![0-9A-Za-z.])1[3-9]\d{9}(?![0-9A-Za-z.])")
_MASKED = re.compile(r"(?<![0-9A-Za-z])(?:\d{6}[*xX\u2022]{6,12}\d{3}[0-9Xx]|1[3-9]\d[*xX\u2022]{4}\d{4})(?![0-9A-Za-z])")
_BASE64, _HEX = re.compile(rb"[A-Za-z0-9+/_-]{12,}={0,2}"), re.compile(rb"(?:[0-9a-fA-F]{2}){8,}")
_ESCAPED = re.compile(r"(?:\\u[0-9a-fA-F]{4})+")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_DIGESTS = ("md5", "sha1", "sha256", "sha512")
_PNG = b"\x89PNG\r\n\x1a\n"
_LONG_BASE64 = re.compile(rb"[A-Za-z0-9+/]{60,}")
_SURE = 3  # letters: two of them are bytes that plain text may hold by chance
_DEEPEST, _LARGEST, _SHORT, _MOST_READ = 3, 50_000_000, 500, 100_000
_DATE = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")  # "exported on …" below a table identifies no one
_TABLES = {".csv", ".tsv", ".txt", ".xlsx", ".xls", ".xlsm"}
_TYPES = {"name", "id", "uscc", "text", "address", "firm"}


@dataclass
class Wanted:
    """What may stand nowhere: words of digits and letters, runs of Chinese letters, digests; with the lengths that occur."""

    words: set[str] = field(default_factory=set)
    runs: set[str] = field(default_factory=set)
    digests: set[str] = field(default_factory=set)
    read: dict[str, frozenset[str]] = field(default_factory=dict)  # short texts that were read before: most recur on every page

    @cached_property
    def lettered(self) -> Shingles:
        """Words that are no plain number, ready to be looked for inside longer ones."""
        return Shingles({word for word in self.words if not word.isdigit()})

    @cached_property
    def chinese(self) -> Shingles:
        """Runs of Chinese letters, ready to be looked for inside longer ones."""
        return Shingles(self.runs)

    def add(self, values: Iterable[str]) -> None:
        """Take in identifiers as they stand in the input; what is too short to be told from an ordinary word is left out."""
        known = _vocabulary()
        for value in {unicodedata.normalize("NFKC", each).strip() for each in values}:
            word = "".join(re.findall(r"[0-9A-Za-z]+", value)).upper()
            run = max(_HAN.findall(value), key=len, default="")
            if len(word) >= 6 and any(letter.isdigit() for letter in word) and not _DATE.fullmatch(word):
                self.words.add(word)
            if run and run not in known:
                self.runs.add(run)
            if len(word) >= 6 or run:
                self.digests |= {hashlib.new(name, value.encode("utf-8")).hexdigest() for name in _DIGESTS}


class Shingles:
    """Texts to be found inside longer ones: by their beginning, then by each length that occurs with it."""

    def __init__(self, texts: set[str]) -> None:
        self.texts = texts
        self.first, self.last = min(map(len, texts), default=1), max(map(len, texts), default=1)
        self.lengths: dict[str, set[int]] = {}
        for text in texts:
            self.lengths.setdefault(text[: self.first], set()).add(len(text))

    def inside(self, words: Iterable[str]) -> bool:
        """Whether any of the words holds one of the texts."""
        return any(
            word[at : at + length] in self.texts
            for word in set(words)
            for at in range(len(word) - self.first + 1)
            for length in self.lengths.get(word[at : at + self.first], ())
        )

    @cached_property
    def _starts(self) -> np.ndarray:
        starts = np.zeros((2, 1 << 16), dtype=bool)
        for place in (0, 1):
            starts[place, [ord(text[place]) for text in self.texts if len(text) >= _SURE]] = True
        return starts

    def in_bytes(self, content: bytes) -> bool:
        """The same of bytes that are perhaps text of two bytes a letter, even where they can be read as plain text."""
        for start, order in ((start, order) for start in (0, 1) for order in ("<u2", ">u2") if len(content) > start):
            letters = np.frombuffer(content, dtype=order, offset=start, count=(len(content) - start) // 2)
            hits = np.flatnonzero(self._starts[0][letters[:-1]] & self._starts[1][letters[1:]])
            words = (letters[at : at + self.last].astype("<u2").tobytes().decode("utf-16-le", "replace") for at in hits.tolist())
            lengths = self.lengths
            if any(word[:n] in self.texts for word in words for n in lengths.get(word[: self.first], ()) if n >= _SURE):
                return True
        return False


def collect(*folders: Path) -> Wanted:
    """Identifiers in the tables of data sets: columns declared personal or of employers, and numbers that identify anywhere.

    Files, sheets and headers are found as cleaning finds them: below title lines, in two rows, under a data set's own headings.
    """
    wanted = Wanted()
    for folder in folders:
        own = schema.path_of_own(folder)
        added = schema.own_headers(read_yaml(own), own.name) if own.is_file() else {}
        for path in sorted(each for each in folder.rglob("*") if each.is_file() and each.suffix.lower() in _TABLES):
            named = [name for name in schema.tables() if path.stem == name or path.stem.startswith(f"{name}_")]
            tables = (
                [schema.tables()[max(named, key=len)]]
                if named
                else [table for table in schema.tables().values() if table.kind == "records"]
            )
            tables = [table.with_headers(added.get(table.name, {})) for table in tables]
            try:
                for head, rows in _parts(path, tables):
                    wanted.add(_personal(head, rows, tables))
            except FileRefused:  # cleaning refuses it too; what identifies whatever its column is known all the same
                wanted.add(_numbers(path.read_bytes().decode("gb18030", errors="ignore")))
    return wanted


def _parts(path: Path, tables: list[schema.Table]) -> Iterator[tuple[list[list[str]], Iterable[list[str]]]]:
    """The first rows of each sheet or text, and all of its rows."""
    found = kinds.examine(path)
    if found.kind != "text":
        yield from ((sheet.head(), sheet.head(sheet.height)) for sheet in excel.sheets(path, found))
        return
    file = TextFile(path)
    delimiter = file.delimiter(lambda cells: max(schema.score(cells, table) for table in tables))
    head = file.head(delimiter)
    widths = [len(row) for row in head] or [1]
    yield head, _records(file, delimiter, max(widths, key=widths.count))


def _records(file: TextFile, delimiter: str, width: int) -> Iterator[list[str]]:
    for block in file.blocks(delimiter, width, 1):
        for lines in (block.text.decode("utf-8"), *(odd for _row, odd in block.odd)):
            yield from csv.reader(io.StringIO(lines, newline=""), delimiter=delimiter)


def _personal(head: list[list[str]], rows: Iterable[list[str]], tables: list[schema.Table]) -> Iterator[str]:
    """Cells below headings that name people or employers, and numbers of people in any cell."""
    headed = [(schema.score(found[1], table), found[1]) for table in tables if (found := schema.header(head, table))]
    headings = max(headed, default=(0, []))[1]
    named = [(at, table.columns[name]) for table in tables for at, each in enumerate(headings) if (name := table.canonical(each))]
    columns = sorted({at for at, column in named if (column.personal or column.employer) and column.type in _TYPES})
    for row in rows:
        yield from (row[at] for at in columns if at < len(row) and len(row[at].strip()) > 1 and row[at] != headings[at])
        yield from _numbers(" ".join(row))


def _numbers(line: str) -> list[str]:
    return [*_IDENTITY.findall(line), *_PHONE.findall(line)]


def _vocabulary() -> str:
    texts = [path.read_text(encoding="utf-8") for path in sorted(REFERENCE.rglob("*.csv"))]
    return "\n".join([*texts, *(path.read_text(encoding="utf-8") for path in sorted((PACKAGE / "locale").rglob("*.po")))])


def findings(content: bytes, wanted: Wanted) -> set[str]:
    """What kinds of identifiers a file holds, in plain text, escaped, encoded, packed, hashed or masked; never the value."""
    found: set[str] = set()
    for text in _views(content, 0):
        if len(text) > _SHORT:
            found |= _in_text(text, wanted)
            continue
        told = wanted.read.get(text)
        if told is None:
            told = frozenset(_in_text(text, wanted))
            if len(wanted.read) < _MOST_READ:
                wanted.read[text] = told
        found |= told
    if wanted.chinese.in_bytes(_LONG_BASE64.sub(b"  ", content)):  # what it packs has been read
        found.add("a name or address of the input")
    return found


def _in_text(text: str, wanted: Wanted) -> set[str]:
    plain = unicodedata.normalize("NFKC", text)
    found = set()
    if any(valid(match) for match in _IDENTITY.findall(plain)):
        found.add("an identity number")
    if _PHONE.search(plain):
        found.add("a telephone number")
    if _MASKED.search(plain):
        found.add("a masked identifier")
    words = {word.upper() for word in _WORD.findall(plain)}
    runs = {run.removeprefix("86").removeprefix("0") for run in re.findall(r"(?<![\d.])\d{6,20}(?!\d)", plain)}
    if not wanted.words.isdisjoint(words | runs) or wanted.lettered.inside(words):
        found.add("an identifier of the input")
    if wanted.chinese.inside(_HAN.findall(plain)):
        found.add("a name or address of the input")
    if wanted.digests and any(each.lower() in wanted.digests for each in re.findall(r"[0-9A-Fa-f]{32,128}", plain)):
        found.add("a digest of an identifier")
    return found


def valid(number: str) -> bool:
    """Whether the last place of an 18-place identity number is its check digit (GB 11643)."""
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], _WEIGHTS, strict=True))
    return "10X98765432"[total % 11] == number[17].upper()


def _views(content: bytes, depth: int) -> Iterator[str]:
    """All texts that can be read out of some bytes."""
    if depth > _DEEPEST or len(content) > _LARGEST:
        return
    texts = [content.decode(encoding, errors="ignore") for encoding in ("utf-8", "gb18030")]
    if (
        depth or len(texts[0].encode("utf-8")) < len(content) or b"\0" in content
    ):  # no plain text: perhaps one of two bytes a letter
        texts += [content[start:].decode(name, errors="ignore") for name in ("utf-16-le", "utf-16-be") for start in (0, 1)]
    for text in texts:
        yield text
        for other in (
            html.unescape(text),
            unquote(text),
            unquote(text, encoding="gb18030", errors="ignore"),
            _ESCAPED.sub(_letters, text),
        ):
            if other != text:
                yield other
    for part in _unpacked(content):
        yield part.hex()
        yield from _views(part, depth + 1)


def _chunks(content: bytes, at: int) -> Iterator[bytes]:
    """Bodies of the chunks of a picture that are no drawing, without the checksums that follow them."""
    while at + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        if kind not in (b"IHDR", b"IDAT", b"IEND"):
            yield content[at + 8 : at + 8 + length]
        at += length + 12


def _letters(match: re.Match[str]) -> str:
    return match[0].encode("ascii").decode("unicode_escape").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _unpacked(content: bytes) -> Iterator[bytes]:
    """What is packed inside: base64, hexadecimal, archives, compressed streams and chunks of pictures."""
    for match in _BASE64.findall(content):
        body = match.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
        for start in range(4 if len(body) < 400 else 1):  # it may begin inside a longer run
            piece = body[start:]
            try:
                yield base64.b64decode(piece[: len(piece) - (len(piece) % 4 == 1)] + b"=" * (-len(piece) % 4))
            except binascii.Error:
                continue
    yield from (bytes.fromhex(match.decode("ascii")) for match in _HEX.findall(content))
    for start in [found.end() for found in re.finditer(re.escape(_PNG), content)][:200]:
        yield from _chunks(content, start)
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            yield from (packed.read(each) for each in packed.infolist() if each.file_size < _LARGEST)
    for start in [found.start() for found in re.finditer(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08", content)][:200]:
        try:
            yield zlib.decompressobj(47).decompress(content[start:], _LARGEST)
        except zlib.error:
            continue
