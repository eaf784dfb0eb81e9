"""What was made and from what: a line per report, written when it is made; whole after a kill at any moment.

The first line says what the run is to make, with the key of each report: a digest of all that it reads. A line is appended by
one write; one that a kill cut short is not read. The parts of a sharded run have a file each, which the site joins.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, fields
from functools import lru_cache
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import files, paths
from .errors import OhstatsError, ParameterRefused
from .plan import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .dataset import Dataset
    from .paths import Workspace
    from .plan import Job


def key(job: Job) -> str:
    """Digest of all that a report reads: its slice, notebook, note and parameters, the package and all libraries."""
    told = {name: value for name, value in job.parameters.items() if name != "data_dir"}  # its content is the slice
    read = [job.digest, job.report, job.dataset, sorted(told.items()), _notebook(job.notebook), _software(), _note(job.note)]
    return hashlib.sha256(json.dumps(read, default=str).encode()).hexdigest()


@lru_cache(maxsize=64)
def _notebook(path: str) -> str:
    """Digest of a notebook and of the modules beside it."""
    notebook = Path(path)
    return files.content_hash(notebook, *sorted(notebook.parent.glob("*.py")))


def _note(path: str) -> str:
    """Digest of what people wrote about a report; what they wrote it on follows from that and from the numbers."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest() if path else ""


@lru_cache(maxsize=1)
def _software() -> str:
    installed = sorted({f"{each.metadata['Name']} {each.version}" for each in distributions()})
    return hashlib.sha256(json.dumps([paths.package_digest(), sys.version, *installed]).encode()).hexdigest()


class Manifest:
    """What a run makes: of an edition, or of one part of it such as "3/10"."""

    def __init__(self, workspace: Workspace, edition: str, part: str = "") -> None:
        self._workspace, self._edition, self._part = workspace, edition, part
        self.path = workspace.work / f"run-{edition}{part and '-' + part.replace('/', 'of')}.jsonl"
        self._head: dict[str, Any] = {"run": []}
        self._entries: dict[str, dict[str, Any]] = {}
        for path in [*_all(workspace, edition), self.path]:  # what another part made need not be made again
            self._entries |= _read(path)[1]

    def unchanged(self, output: str, wanted: str) -> Outcome | None:
        """What was made before, if all that it read (its key) and what it made are as they were."""
        told = self._entries.get(self._name(output))
        if not told or told["error"] or told["key"] != wanted:
            return None
        try:
            digest = hashlib.sha256(Path(output).read_bytes()).hexdigest()
        except OSError:
            return None
        return _outcome(told, self._workspace) if digest == told["digest"] else None

    def begin(self, keys: dict[str, str], outputs: list[str], datasets: Iterable[Dataset]) -> None:
        """Say what is to be made: the key of each output of this part, among the outputs of all parts."""
        order = {output: number for number, output in enumerate(outputs)}
        self._head = {
            "part": self._part,
            "whole": hashlib.sha256(json.dumps([self._name(output) for output in outputs]).encode()).hexdigest(),
            "datasets": {str(each.folder): each.hash for each in datasets},
            "run": [[order[output], self._name(output), wanted] for output, wanted in keys.items()],
        }
        files.private(self.path.parent)
        self._write()
        of = self._part.rpartition("/")[2]
        for path in _all(self._workspace, self._edition):  # a run takes the place of the one before it
            if path != self.path and not (of and path.stem.endswith(f"of{of}")):
                path.unlink()

    def add(self, outcome: Outcome, wanted: str) -> None:
        """Note what became of a report."""
        name = self._name(outcome.output)
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._entries[name] = asdict(outcome) | {"output": name, "key": wanted, "at": at}
        with self.path.open("rb+", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            cut = end and os.pread(file.fileno(), 1, end - 1) != b"\n"  # by a kill
            file.write(b"\n" * bool(cut) + _line(self._entries[name]))

    def finish(self) -> None:
        """Write the file anew: one line for each report, in order."""
        self._write()

    def _write(self) -> None:
        mine = {name for _number, name, _key in self._head["run"]}
        kept = [each for name, each in sorted(self._entries.items()) if name in mine or not self._part]
        files.write_bytes(b"".join(map(_line, [self._head, *kept])), self.path)

    def _name(self, output: str) -> str:
        return Path(output).relative_to(self._workspace.work).as_posix()


def _all(workspace: Workspace, edition: str) -> list[Path]:
    whole = workspace.work / f"run-{edition}.jsonl"
    return [whole] * whole.is_file() + sorted(workspace.work.glob(f"run-{edition}-*of*.jsonl"))


def _line(told: dict[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=False, sort_keys=True).encode() + b"\n"


def _read(path: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """What a run was to make, and the last line of each report; a line cut short by a kill is left out."""
    head: dict[str, Any] = {"run": []}
    entries = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else ():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if "run" in told:
            head = told
        else:
            entries[told["output"]] = told
    return head, entries


def _outcome(told: dict[str, Any], workspace: Workspace) -> Outcome:
    return Outcome(**{each.name: told[each.name] for each in fields(Outcome)} | {"output": str(workspace.work / told["output"])})


def last_run(workspace: Workspace, edition: str) -> tuple[list[Outcome], dict[str, str]]:
    """Outcomes of the last run of an edition, its parts joined, and the folders of its data sets with the hash that each had.

    Raises
    ------
    ParameterRefused
        Nothing was run, a run was not finished, or its parts do not make a whole.
    """
    found = [_read(path) for path in _all(workspace, edition)]
    if not found:
        raise ParameterRefused("Nothing was run for the edition {edition}. Run: ohstats run", edition=edition)
    parts = [(head, entries) for head, entries in found if head.get("part")]
    if parts:
        _check_parts([head for head, _entries in parts])
    rows, missing = [], 0
    for head, entries in parts or found:
        for number, name, wanted in head["run"]:
            told = entries.get(name)
            if told is None or told["key"] != wanted:
                missing += 1
                continue
            rows.append((number, _outcome(told, workspace)))
    if missing:
        raise ParameterRefused(
            "{n} of {all} reports of the last run are not made yet. Give the same command again.",
            n=missing,
            all=missing + len(rows),
        )
    rows.sort(key=lambda row: row[0])
    return [each for _number, each in rows], (parts or found)[0][0]["datasets"]


def _check_parts(heads: list[dict[str, Any]]) -> None:
    of = int(heads[0]["part"].rpartition("/")[2])
    there = {head["part"] for head in heads}
    missing = [part for part in (f"{number}/{of}" for number in range(1, of + 1)) if part not in there]
    if missing:
        raise ParameterRefused("Parts that were not run: {parts}. Run: ohstats run --shard ...", parts=", ".join(missing))
    if len({json.dumps([head["whole"], head["datasets"]], sort_keys=True) for head in heads}) > 1:
        raise ParameterRefused("The parts were run with different options or data. Run all of them again with the same.")


@contextmanager
def locked(workspace: Workspace, part: str = "") -> Iterator[None]:
    """Keep other runs away from a workspace; the parts of a sharded run go together, each with a lock of its own.

    The system takes the lock away when its process ends, however that comes.

    Raises
    ------
    OhstatsError
        Another run has it.
    """
    files.private(workspace.work)
    with (workspace.work / ".lock").open("ab") as whole, (workspace.work / f".lock{part.replace('/', 'of')}").open("ab") as mine:
        if not (_lock(whole, shared=bool(part)) and (not part or _lock(mine, shared=False))):
            raise OhstatsError("Another run is at work in {folder}. Wait for it, or give another --work.", folder=workspace.root)
        yield


def _lock(file: Any, *, shared: bool) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            if not shared:  # there is no shared lock
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
