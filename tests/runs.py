"""What tests of unattended runs share: places with a quick notebook in which a fault can be put, and what a run said."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import nbformat
import typer
from datasets import case_rows, write
from nbformat.v4 import new_code_cell, new_notebook

from ohstats import __main__ as command
from ohstats.paths import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest


PARAMETERS = """district = period = data_dir = language = edition = ""
first_year = 0
faults = "{}"
"""
FAULT = """import json
exec(json.loads(faults).get(district, ""))"""


class Place:
    """A folder with a data set of three or more places, a workspace, and a quick notebook with a fault where one is asked for."""

    def __init__(self, folder: Path, n: int = 3) -> None:
        self.folder, self.work = folder, folder / "work"
        self.codes = [str(990001 + number) for number in range(n)]
        self.data, self.notebook = folder / "data", folder / "quick.ipynb"
        self.put()
        cells = [
            new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}, id="a"),
            new_code_cell("from ohstats import open_data, sections, show", id="b"),
            new_code_cell("data = open_data(data_dir, district, period=period, language=language, edition=edition)", id="c"),
            new_code_cell(FAULT, id="d"),
            new_code_cell("show(sections.provenance(data))", id="e"),
        ]
        kernel = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
        nbformat.write(new_notebook(cells=cells, metadata=kernel), self.notebook)

    def put(self, **cases: int) -> None:
        """The data set; `cases` of a place in 2020 as c990001=12."""
        rows = [row for code in self.codes for row in case_rows({2019: 30, 2020: cases.get(f"c{code}", 20)}, code)]
        places = [(code, "", f"Place {code}", "county", "") for code in self.codes]
        write(self.data, places=places, cases=rows)

    @property
    def workspace(self) -> Workspace:
        return Workspace.at(self.work)

    @property
    def site(self) -> dict[str, bytes]:
        folder = self.workspace.site("public")
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def arguments(self, faults: dict[str, str] | None = None) -> dict[str, Any]:
        told = {"data_dir": [self.data], "notebook": [str(self.notebook)], "work": self.work, "language": "en"}
        return told | ({"parameter": [f"faults={json.dumps(faults)}"]} if faults else {})


class Ran:
    """What one run said."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.err = code, err
        self.lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        self.made = {line["district"]: line["error"] for line in self.lines if line["event"] == "report"}
        self.end = self.lines[-1] if self.lines else {}
        self.out = out


@contextmanager
def busy(place: Place, part: str = "") -> Iterator[None]:
    """Another process at work in the workspace."""
    script = f"""
import sys
from ohstats import manifest, paths
with manifest.locked(paths.Workspace.at({str(place.work)!r}), {part!r}):
    print("locked", flush=True); sys.stdin.read()
"""
    other = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout
    assert other.stdout.readline() == "locked\n"
    try:
        yield
    finally:
        other.kill()
        other.communicate()


def ran(place: Place, faults: dict[str, str] | None, heard: pytest.CaptureFixture[str], **options: Any) -> Ran:
    """The command `ohstats run` in this process, whose fork server stays warm."""
    code = 0
    heard.readouterr()
    try:
        command.run(**place.arguments(faults) | {"workers": 2, "log_json": True} | options)
    except typer.Exit as left:
        code = left.exit_code
    return Ran(code, *heard.readouterr())
