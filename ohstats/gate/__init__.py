"""Reads a finished folder before it is published and refuses whatever may not be there; it trusts nothing that made it."""

from __future__ import annotations

import base64
import csv
import getpass
import hashlib
import io
import json
import re
import socket
import zipfile
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import secret
from ..disclosure.policy import THRESHOLD
from ..display import csv_cell
from ..errors import Fault, NotPublishable
from . import identifiers, numerals, pages
from .identifiers import Wanted, collect

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["Wanted", "check", "collect", "local"]

NAMES = re.compile(
    r"(?:zh|en)/[1-9]\d{5}_[a-z_]+\.(?:html|json|csv)|(?:index|data)\.html|assets/(?:[A-Za-z0-9-]+\.woff2|OFL\.txt)", re.ASCII
)
_BOOKS = re.compile(r"(?:zh|en)/[1-9]\d{5}_[a-z_]+_\d{1,4}\.xlsx", re.ASCII)  # worklists, internal edition only
_ACTIVE = re.compile(rb"<f[ >/]|TargetMode=\"External\"|externalLink|vbaProject|<ddeLink|<oleLink")
_TRACES = re.compile(r"Traceback \(most recent call last\)|site-packages|\.ipynb\b")


def check(
    folder: Path,
    *,
    secrets: tuple[str, ...] = (),
    passed: Collection[str] = (),
    wanted: Wanted | None = None,
    edition: str = "public",
) -> set[str]:
    """Refuse a folder with anything in it that may not be published.

    Parameters
    ----------
    folder : Path
        A finished site.
    secrets : tuple of str
        Texts that may stand nowhere, such as paths of the workspace.
    passed : collection of str
        What an earlier call returned: every file is read, those of the same content are not taken apart again.
    wanted : Wanted, optional
        Identifiers of the input (`collect`); numbers of people and masked ones are looked for in any case.
    edition : str
        In the public edition a small count of cases and a page of the internal edition are findings.

    Returns
    -------
    set of str
        Kind and digest of each file.

    Raises
    ------
    NotPublishable
        What was found, file by file; all findings at once.
    """
    faults = [Fault("{file}: a protected folder is never published", file=folder.name)] if _protected(folder) else []
    seen, secrets = set(), (*local(), *secrets)
    for path in sorted(each for each in folder.rglob("*") if each.is_symlink() or not each.is_dir()):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not path.is_file() or not _named(name, edition):
            faults.append(Fault("{file}: a file of this name or kind is not published", file=name))
            continue
        content = path.read_bytes()
        seen.add(known := f"{path.suffix} {hashlib.sha256(content).hexdigest()}")
        if known not in passed:
            faults += [
                Fault("{file}: {what}", file=name, what=what)
                for what in _findings(path, content, secrets, wanted or Wanted(), edition)
            ]
    if faults:
        raise NotPublishable("Nothing was published: {n} findings.", n=len(faults), faults=faults)
    return seen


def _named(name: str, edition: str) -> bool:
    return bool(NAMES.fullmatch(name) or (edition == "internal" and _BOOKS.fullmatch(name)))


def _in_book(content: bytes) -> list[str]:
    """Whether a workbook holds anything but text: formulas, links to the outside, macros."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            active = any(_ACTIVE.search(name.encode() + book.read(name)) for name in book.namelist())
    except (zipfile.BadZipFile, OSError):
        return ["no workbook"]
    return ["a formula, a link to the outside or a macro"] if active else []


def _protected(folder: Path) -> bool:
    """Whether it is, holds or lies in the workspace's folder of personal data, or holds the key of the persons."""
    parts = folder.resolve().parts
    inside = any(pair in (("data", "work"), ("data", "register")) for pair in pairwise(parts))
    key = secret.place().is_relative_to(folder.resolve())
    return inside or key or any((folder / name).is_dir() for name in ("data/work", "data/register", "work"))


def _small(content: Any) -> bool:
    """Whether results hold a count of 1 to 4 cases; data sets already published, and declared yearly totals, say so."""
    if content.get("exempt"):
        return False
    rows = [row for result in content.get("results", []) for row in result.get("estimates", []) if row.get("unit") == "cases"]
    rows = [row for row in rows if not (content.get("yearly_total") and row.get("key", "total") == "total")]
    return any(0 < (row.get(name) or 0) < THRESHOLD for row in rows for name in ("value", "numerator"))


def _findings(path: Path, content: bytes, secrets: tuple[str, ...], wanted: Wanted, edition: str) -> list[str]:
    if path.suffix == ".woff2":
        return [] if content.startswith(b"wOF2") else ["no font"]
    if path.suffix == ".xlsx":
        return _in_book(content)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return ["no text in UTF-8"]
    found = [f"the text '{match[0]}'" for match in [_TRACES.search(text)] if match]
    found += ["a path, user or host name of the machine" for each in secrets if each and each in text]
    if path.suffix != ".txt":
        found += sorted(identifiers.findings(content, wanted)) if edition == "public" else []
    if path.suffix == ".json" and edition == "public":
        try:
            told = json.loads(text)
        except ValueError:
            return [*found, "no JSON"]
        found += ["a page of the internal edition"] if told.get("edition", "public") != "public" else []
        found += ["a small count of cases"] if _small(told) else []
        found += numerals.findings(told)
    if path.suffix == ".html":
        found += pages.findings(text)
    if path.suffix == ".csv":
        rows = csv.reader(io.StringIO(text))
        numbers = re.compile(r"-?\d[\d.eE+-]*")
        if any(csv_cell(cell) != cell and not numbers.fullmatch(cell) for row in rows for cell in row):
            found.append("a cell that a spreadsheet takes for a formula")
    return found


def local() -> list[str]:
    """What may stand nowhere: home folder; user and host name where they are long enough to be told from words; the key."""
    names = [str(Path.home())]
    for ask in (getpass.getuser, socket.gethostname):
        try:
            name = ask()
        except (OSError, KeyError):
            continue
        if len(name) >= 8 and re.search(r"[\d-]", name):
            names.append(name)
    key = secret.place().read_bytes() if secret.place().is_file() else b""
    return [name for name in (*names, key.hex(), base64.b64encode(key).decode("ascii")) if len(name) > 3]
