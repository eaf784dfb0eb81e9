"""What a file is, by its content: text, workbook, or something that is refused before anything opens it."""

from __future__ import annotations

import re
import zipfile
import zlib
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from ..errors import FileRefused

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES, MOST_RATIO, RATIO_FROM = 600_000_000, 100, 10_000_000  # what a workbook may hold once it is inflated
_PARTS = 10_000
_HTML = (b"<html", b"<!doctype html", b"<table", b"<meta", b"<head", b"<body", b"<style", b"<div", b"<script", b"mime-version:")
_PROGRAMS = (b"\x7fELF", b"MZ", b"#!", b"\xca\xfe\xba\xbe", b"\xfe\xed\xfa", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe")
_SUFFIXES = {".pkl", ".pickle", ".joblib", ".npy", ".npz", ".exe", ".dll", ".so", ".bat", ".cmd", ".com", ".js", ".vbs", ".py"}
_PACKED = (b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
_MARKUP = tuple("<!".encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be"))
_FORBIDDEN = tuple(word.encode(code) for word in ("<!DOCTYPE", "<!ENTITY") for code in ("utf-8", "utf-16-le", "utf-16-be"))


class Found(NamedTuple):
    """The kind of a file ("text", "xlsx" or "xls"), and the parts of a workbook that hold error values."""

    kind: str
    errors: frozenset[str] = frozenset()


def examine(path: Path) -> Found:
    """The kind of a file, told by its content; a workbook is inflated once without being kept.

    Raises
    ------
    FileRefused
        It is missing, empty, a web page, a program or pickle, packed, password-protected, damaged, or too large once inflated.
    """
    try:
        with path.open("rb") as file:
            start = file.read(65_536)
    except OSError as error:
        raise FileRefused("{file} cannot be read.", file=path.name) from error
    bare = start.lstrip(b"\xef\xbb\xbf\r\n\t ").lower()
    if not bare and path.stat().st_size <= len(start):
        raise FileRefused("{file} is empty.", file=path.name)
    if start.startswith(_PROGRAMS) or re.match(rb"\x80[\x02-\x05]", start) or path.suffix.lower() in _SUFFIXES:
        raise FileRefused("{file} is a program or a pickle, not a table; it was not opened.", file=path.name)
    if start.startswith(_PACKED) or start.startswith(b"%PDF"):
        raise FileRefused("{file} is packed or a PDF. Unpack it and give the table in it (.csv or .xlsx).", file=path.name)
    if bare.startswith(_HTML):
        raise FileRefused("{file} is a web page saved under another name. Open it in Excel and save it as .xlsx.", file=path.name)
    if bare.startswith(b"<?xml"):
        raise FileRefused("{file} is an XML file. Open it in Excel and save it as .xlsx.", file=path.name)
    if start.startswith(b"PK"):
        return Found("xlsx", _check_workbook(path))
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        _check_old(path)
        return Found("xls")
    wide = start.startswith((b"\xff\xfe", b"\xfe\xff")) or _looks_wide(start)
    if b"\0" in start and not wide:
        raise FileRefused("{file} is neither a text table nor an Excel workbook.", file=path.name)
    return Found("text")


def _looks_wide(start: bytes) -> bool:
    """UTF-16 without a mark: every second byte of separators and digits is 0."""
    even, odd = start[:2000:2].count(0), start[1:2000:2].count(0)
    return max(even, odd) > 100 * min(even, odd) and max(even, odd) * 10 > len(start[:2000])


def _check_old(path: Path) -> None:
    if path.stat().st_size > MOST_BYTES:
        raise FileRefused("{file} is larger than {most} MB. Save it as CSV (UTF-8).", file=path.name, most=MOST_BYTES // 10**6)
    if "EncryptedPackage".encode("utf-16-le") in path.read_bytes():
        raise protected(path)


def protected(path: Path) -> FileRefused:
    """The refusal of a workbook that needs a password."""
    return FileRefused("{file} is protected by a password. Open it in Excel and save it without one.", file=path.name)


def damaged(path: Path) -> FileRefused:
    """The refusal of a workbook that cannot be read to its end."""
    return FileRefused("{file} is damaged: it is not a whole Excel workbook. Export it again.", file=path.name)


def _check_workbook(path: Path) -> frozenset[str]:
    """Inflate every part once without keeping it: sizes in the directory of a zip file may lie. Returns parts with errors."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise damaged(path) from error
    names = {part.filename.lower() for part in parts}
    if "xl/workbook.bin" in names or "mimetype" in names:
        raise FileRefused("{file} is a workbook of another kind. Open it in Excel and save it as .xlsx.", file=path.name)
    if "xl/workbook.xml" not in names:
        raise FileRefused("{file} is a zip file without a workbook in it. Unpack it first.", file=path.name)
    if any(part.flag_bits & 1 for part in parts):
        raise protected(path)
    size = path.stat().st_size
    budget = min(MOST_BYTES, max(MOST_RATIO * size, RATIO_FROM))
    if len(parts) > _PARTS or sum(part.file_size for part in parts) > budget:
        raise _bomb(path)
    errors = set()
    with path.open("rb") as file:
        for part in parts:
            budget, faulty = _inflate(path, file, part, budget)
            errors |= {part.filename} if faulty else set()
    return frozenset(errors)


def _inflate(path: Path, file: BinaryIO, part: zipfile.ZipInfo, budget: int) -> tuple[int, bool]:
    """What is left of the budget after this part, and whether it holds error values; refuse it where it is no table."""
    file.seek(part.header_offset)
    head = file.read(30)
    if len(head) < 30 or part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise damaged(path)
    file.seek(int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little"), 1)
    stream = zlib.decompressobj(-15) if part.compress_type == zipfile.ZIP_DEFLATED else None
    left, tail, faulty = part.compress_size, b"", False
    while left > 0:
        packed = file.read(min(left, 262_144))
        if not packed:
            raise damaged(path)
        left -= len(packed)
        while packed:
            try:
                text = stream.decompress(packed, 4_194_304) if stream else packed
            except zlib.error as error:
                raise damaged(path) from error
            packed = stream.unconsumed_tail if stream else b""
            budget -= len(text)
            if budget < 0:
                raise _bomb(path)
            if not part.filename.lower().endswith((".png", ".jpg", ".jpeg", ".emf", ".bin")):
                seen = tail + text
                faulty = faulty or b't="e"' in seen
                if any(mark in seen for mark in _MARKUP) and any(word in seen for word in _FORBIDDEN):
                    raise FileRefused(
                        "{file} holds XML entities, which a workbook does not need. Export it again.", file=path.name
                    )
                tail = seen[-20:]
    return budget, faulty


def _bomb(path: Path) -> FileRefused:
    return FileRefused(
        "{file} grows to more than {most} MB or {ratio} times its size when it is unpacked. Save the table as CSV (UTF-8).",
        file=path.name, most=MOST_BYTES // 10**6, ratio=MOST_RATIO,
    )  # fmt: skip
