"""What people write about a report: a remark beside a section, and who prepared, reviewed and approved it.

`notes/EDITION/REPORT/PLACE/PERIOD.LANGUAGE.md` in the workspace. A run never changes it. Beside it stands, in a hidden file, what
the section was made from when the remark was written, so that the page can say when that changed.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from . import files, periods
from .errors import Fault, FileRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from .paths import Workspace

ROLES = ("prepared", "reviewed", "approved")
COVER = "cover"
LONGEST = 20_000  # letters of a file
_NAME = re.compile(r"([a-z][a-z_]*)/([1-9]\d{5})/(.+)\.(zh|en)\.md", re.ASCII)
_HEADING = re.compile(r"##\s+([a-z][a-z0-9-]*)\s*(?:[,\uff0c]\s*(.+?)\s*[,\uff0c]\s*([^,\uff0c]+?))?\s*", re.ASCII)


class Remark(NamedTuple):
    """What stands beside one section."""

    text: str
    author: str
    date: str

    @property
    def digest(self) -> str:
        """Changes with the text, its author and its date."""
        return hashlib.sha256("\n".join(self).encode()).hexdigest()


@dataclass(frozen=True)
class Note:
    """All that people wrote about one report."""

    remarks: dict[str, Remark] = field(default_factory=dict)  # by section
    signatures: dict[str, tuple[str, str]] = field(default_factory=dict)  # role: name and date
    written_on: dict[str, str] = field(default_factory=dict)  # by section: what it was made from when the remark was written

    @property
    def digests(self) -> dict[str, str]:
        """Digest of each remark, and of the signatures under the section of the cover."""
        signed = hashlib.sha256(json.dumps(self.signatures).encode()).hexdigest()
        return {name: each.digest for name, each in self.remarks.items()} | ({COVER: signed} if self.signatures else {})

    def outdated(self, section: str, made_from: str) -> bool:
        """Whether a section is made from something else than when its remark was written."""
        return self.written_on.get(section, made_from) != made_from


def find(workspace: Workspace, edition: str) -> dict[tuple[str, str, str, str], Path]:
    """Notes of an edition by report, place, period and language, each read once to see that it can be.

    Raises
    ------
    FileRefused
        A file has a name that no report has, or cannot be read; all of them at once.
    """
    root, found, faults = workspace.notes(edition), {}, []
    for path in sorted(root.rglob("*.md")):
        name = path.relative_to(root).as_posix()
        if path.name.startswith("."):
            continue
        told = _NAME.fullmatch(name)
        if not told or not periods.is_period(told[3]):
            faults.append(Fault("{file}: name it REPORT/PLACE/PERIOD.LANGUAGE.md, as in trend/110101/2025.zh.md", file=name))
            continue
        found[told[1], told[2], str(periods.parse(told[3])), told[4]] = path
        try:
            read(path)
        except FileRefused as error:
            faults += error.faults
    if faults:
        raise FileRefused("Notes that cannot be read: {n} faults.", n=len(faults), faults=faults)
    return found


def read(path: Path) -> Note:
    """A note with what its sections were made from when it was written.

    Raises
    ------
    FileRefused
        It is not written as it should be; all faults with their lines.
    """
    text, _encoding = files.decode(files.read_bytes(path), path.name)
    faults: list[Fault] = []
    name = "/".join(path.parts[-3:])
    lines = text.replace("\r\n", "\n").split("\n")
    if len(text) > LONGEST:
        faults.append(Fault("{file}, line {line}: a note holds at most {most} letters", file=name, line=1, most=LONGEST))
        lines = []
    head, start = _front(lines, name, faults)
    signatures = _signatures(head, name, faults)
    remarks: dict[str, Remark] = {}
    for number, heading, body in _parts(lines, start):
        told = _HEADING.fullmatch(heading)
        if not told:
            faults.append(
                Fault(
                    "{file}, line {line}: begin each remark with '## SECTION' or '## SECTION, AUTHOR, DATE'",
                    file=name,
                    line=number,
                )
            )
            continue
        section, author, day = told[1], told[2] or head.get("author", ""), told[3] or head.get("date", "")
        remark = Remark(_clean(body).strip(), _line(author), _day(day))
        if section in remarks or section == COVER or not remark.text or not remark.author or not remark.date:
            faults.append(
                Fault(
                    "{file}, line {line}: '{section}' needs one text, an author and a date (2026-01-31)",
                    file=name,
                    line=number,
                    section=section,
                )
            )
        remarks[section] = remark
    if faults:
        raise FileRefused("The note cannot be read: {n} faults.", n=len(faults), faults=faults)
    note = Note(remarks, signatures)
    record = files.read_json(_record(path)) or {}
    known = {name: record[name]["made_from"] for name, now in note.digests.items() if record.get(name, {}).get("note") == now}
    return Note(remarks, signatures, known)


def settle(path: Path, published: Path) -> None:
    """Keep what each new or changed remark was written on: its section on the page that is published now, if there is one."""
    note, told, before = read(path), files.read_json(published) or {}, files.read_json(_record(path)) or {}
    there = {result["id"]: result["made_from"] for result in told.get("results", []) if "made_from" in result}
    if told.get("period") != str(periods.parse(path.name.rsplit(".", 2)[0])):
        there = {}
    now = {
        name: before[name] if name in note.written_on else {"note": digest, "made_from": there[name]}
        for name, digest in note.digests.items()
        if name in note.written_on or name in there
    }
    if now != before:
        files.write_json(now, _record(path))


def unplaced(path: Path, sections: Iterable[str]) -> list[str]:
    """Sections that a note speaks of and that its page does not have."""
    return sorted(set(read(path).remarks) - set(sections))


def _record(path: Path) -> Path:
    return path.with_name(f".{path.name}.json")


def _front(lines: list[str], name: str, faults: list[Fault]) -> tuple[dict[str, Any], int]:
    """What stands between two lines of three dashes at the top, and the number of lines read."""
    if not lines or lines[0].strip("\ufeff ") != "---":
        return {}, 0
    end = next((number for number, line in enumerate(lines[1:], start=1) if line.rstrip() == "---"), 0)
    try:
        told = yaml.safe_load("\n".join(lines[1:end])) if end else None
    except (yaml.YAMLError, ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or set(told) - {"author", "date", *ROLES}:
        faults.append(
            Fault(
                "{file}, line {line}: between two lines '---' write author, date, prepared, reviewed, approved, and nothing else",
                file=name,
                line=1,
            )
        )
        return {}, end + 1
    return told, end + 1


def _signatures(head: dict[str, Any], name: str, faults: list[Fault]) -> dict[str, tuple[str, str]]:
    signed = {}
    for role in ROLES:
        told = head.get(role)
        if told in (None, ""):
            continue
        who, day = (_line(told.get("name")), _day(told.get("date"))) if isinstance(told, dict) else ("", "")
        if not who or not day:
            faults.append(
                Fault("{file}, line {line}: write {role}: {{name: NAME, date: 2026-01-31}}", file=name, line=1, role=role)
            )
        signed[role] = (who, day)
    return signed


def _parts(lines: list[str], start: int) -> Iterator[tuple[int, str, str]]:
    """Line, heading and text of each remark; text before the first heading has none."""
    heading, first, body = "", start + 1, []  # type: ignore[var-annotated]
    for number, line in enumerate([*lines[start:], "## "], start=start + 1):
        if line.startswith("##"):
            if heading or any(map(str.strip, body)):
                yield first, heading, "\n".join(body)
            heading, first, body = line, number, []
        else:
            body.append(line)


def _clean(text: object) -> str:
    """Text without what is not seen or turns the direction of what follows."""
    kept = (
        letter for letter in unicodedata.normalize("NFC", str(text)) if letter == "\n" or unicodedata.category(letter)[0] != "C"
    )
    return "".join(kept)


def _line(text: object) -> str:
    return " ".join(_clean(text if isinstance(text, str) else "").split())[:80]


def _day(told: object) -> str:
    """A calendar day as 2026-01-31, nothing for anything else."""
    try:
        return date.fromisoformat(str(told)).isoformat()
    except ValueError:
        return ""
