"""Unattended runs: only what changed is made, no failure or kill stops or spoils the rest, the same bytes come out."""

from __future__ import annotations

import importlib.util
import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
import typer
from conftest import ROOT, ohstats
from datasets import case_rows, write
from nbformat.v4 import new_code_cell, new_notebook

from ohstats import __main__ as command
from ohstats import (
    clean,
    data,
    dataset,
    disclosure,
    files,
    forked,
    manifest,
    open_data,
    pages,
    paths,
    plan,
    progress,
    runner,
    slices,
)
from ohstats.errors import FileRefused, OhstatsError, ParameterRefused
from ohstats.paths import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Run

pytestmark = [pytest.mark.flow, pytest.mark.skipif(not forked.usable(), reason="processes are forked on Linux only")]
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


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """The command `ohstats run` in this process, whose fork server stays warm."""
    monkeypatch.setenv("OHSTATS_WORK", "")

    def done(place: Place, faults: dict[str, str] | None = None, *, work: Any = None, **options: Any) -> Ran:
        code = 0
        capfd.readouterr()
        try:
            command.run(**place.arguments(faults) | {"work": work or place.work, "workers": 2, "log_json": True} | options)
        except typer.Exit as left:
            code = left.exit_code
        return Ran(code, *capfd.readouterr())

    return done


# Incremental ----------------------------------------------------------------------------------------------------------
def test_a_report_reads_its_slice_and_nothing_else_of_the_data_set(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = dataset.load(place.data)
    data.prepare(chosen, place.workspace, "public")
    folder = place.workspace.protected(chosen.id, "public") / "slices"
    told = {"asked": [str(chosen.folder), "990002", "public"], "folder": str(folder), "digest": slices.digests(folder)["990002"]}
    monkeypatch.setenv("OHSTATS_WORK", str(place.work))
    whole = open_data(chosen.folder, "990002", period="2020")
    shutil.rmtree(place.data)
    for path in [each for each in place.work.rglob("*") if each.is_file() and each.name not in ("shared.json", "990002.json")]:
        path.unlink()
    monkeypatch.setenv(data.SLICE, json.dumps(told))
    own = open_data(chosen.folder, "990002", period="2020")
    for name in ("counts", "context", "indicators", "targets", "breaks"):
        assert getattr(own, name).equals(getattr(whole, name))
    assert (own.place, own.facts, own.dataset.titles) == (whole.place, whole.facts, whole.dataset.titles)
    (folder / "990002.json").write_text((folder / "990002.json").read_text().replace("false", "true", 1))
    with pytest.raises(FileRefused, match="not those that were written"):
        open_data(chosen.folder, "990002", period="2020")


def test_what_is_unchanged_is_neither_cleaned_nor_protected_nor_run_again(
    place: Place, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(place)
    assert first.made == dict.fromkeys(place.codes, "")
    before = place.site, (place.workspace.register / "published.csv").read_bytes()
    for module, name in ((clean, "clean_dataset"), (disclosure, "protect"), (runner, "run"), (forked, "start_server")):
        monkeypatch.setattr(module, name, lambda *_given, **_named: pytest.fail("done again"))
    again = run(place)
    assert (again.code, again.made, again.end["unchanged"], again.end["made"]) == (0, {}, 3, 3)
    assert "Unchanged: 3." in run(place, log_json=False).out
    assert (place.site, (place.workspace.register / "published.csv").read_bytes()) == before


def test_leaks_are_looked_for_once_and_again_when_places_register_or_data_change(
    place: Place, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, leaks = [], disclosure.leaks
    monkeypatch.setattr(disclosure, "leaks", lambda *given: looked.append(1) or leaks(*given))

    def looks() -> int:
        looked.clear()
        assert run(place).code == 0
        return len(looked)

    assert (looks(), looks(), looks()) == (1, 1, 0)  # the first run made the register longer
    place.put(c990002=25)
    assert (looks(), looks(), looks()) == (1, 1, 0)
    register = place.workspace.register / "published.csv"
    register.write_text(register.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert looks() == 1
    run(place, district=["990001"])
    assert looks() == 1


def test_pages_are_made_by_the_processes_that_ran_their_notebooks_and_not_once_more(
    place: Place, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "results", lambda *_given: pytest.fail("a page was made in the process that runs all"))
    assert run(place).made == dict.fromkeys(place.codes, "")
    assert len([name for name in place.site if name.endswith("_quick.html")]) == 3


def test_a_changed_district_is_made_again_and_no_other(place: Place, run: Callable[..., Ran]) -> None:
    run(place)
    before = place.site
    place.put(c990002=25)
    assert run(place).made == {"990002": ""}
    changed = {name for name, content in place.site.items() if before[name] != content}
    assert changed == {f"en/990002_quick.{kind}" for kind in ("html", "json")} | {"data.html"}  # the digest of its counts


def test_others_are_made_again_when_their_protected_counts_change(
    place: Place, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(place)
    protect = disclosure.protect

    def hide_one_more(*given: Any) -> disclosure.Protected:
        made = protect(*given)
        more = (made.counts["place"] == "990003") & (made.counts["period"] == "2020")
        made.counts.loc[more, "hidden"] = True
        made.counts.loc[more, "numerator"] = float("nan")
        return made

    monkeypatch.setattr(disclosure, "protect", hide_one_more)
    place.put(c990001=3)
    assert run(place).made == {"990001": "", "990003": ""}


def test_all_that_a_report_reads_decides(place: Place, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    run(place)
    assert run(place, {"990001": ""}).made == dict.fromkeys(place.codes, "")  # a parameter
    assert run(place, {"990001": ""}, language="zh").made == dict.fromkeys(place.codes, "")
    assert run(place).made == dict.fromkeys(place.codes, "")  # back again: what lies there was made with the parameter
    changes = {
        "module beside the notebook": lambda: (place.folder / "own.py").write_text("x = 1"),
        "notebook": lambda: place.notebook.write_text(place.notebook.read_text().replace("import json", "import  json")),
        "targets": lambda: (place.data / "targets.csv").write_text(
            "indicator_id,comparator,jurisdiction_code,target_value\nx,>=,990001,1\nx,>=,990002,1\nx,>=,990003,1\n"),
        "indicators": lambda: (place.data / "indicators.csv").write_text("indicator_id,measure\nx,count\n"),
        "package": lambda: monkeypatch.setattr(paths, "package_digest", lambda: "other"),
        "libraries": lambda: monkeypatch.setattr(manifest, "distributions", list),
    }  # fmt: skip
    for what, change in changes.items():
        change()
        manifest._notebook.cache_clear()
        manifest._software.cache_clear()
        would = run(place, dry_run=True)
        assert "3 of 3 reports would be made; nothing was written." in would.out, what
        if what in ("targets", "indicators"):
            assert run(place).made == dict.fromkeys(place.codes, ""), what
    manifest._software.cache_clear()


def test_a_correction_remakes_the_places_whose_counts_it_changes(place: Place, run: Callable[..., Ran]) -> None:
    run(place)
    entry = "- {table: case_counts, row: 2, column: n, from: '30', to: '31', reason: typo}\n"
    (place.data / "corrections.yml").write_text(entry)
    assert run(place).made == {"990001": ""}


def test_what_was_damaged_is_made_again(place: Place, run: Callable[..., Ran]) -> None:
    run(place)
    before = place.site
    files_of = place.workspace.work / "small"
    (files_of / "executed/public/en/990001_quick.ipynb").write_text("{")
    (files_of / "executed/public/en/990002_quick.ipynb").unlink()
    (files_of / "pages/public/en/990003_quick.html").write_text("altered")
    assert run(place).made == {"990001": "", "990002": ""}
    (files_of / "protected/public/slices/990001.json").write_text("{}")
    (files_of / "clean/case_counts.parquet").unlink()
    assert run(place).made == {}
    assert place.site == before


def test_force_makes_all_again_and_a_failure_is_tried_again(place: Place, run: Callable[..., Ran]) -> None:
    stumble = {"990002": f"open({str(place.folder / 'there')!r})"}
    assert run(place, stumble).made["990002"] == "FileNotFoundError"
    (place.folder / "there").touch()
    assert run(place, stumble).made == {"990002": ""}
    assert run(place, stumble, force=True).made == dict.fromkeys(place.codes, "")


# Failures, by name ----------------------------------------------------------------------------------------------------
FAULTS = {
    "hang": ("while True: pass", "stopped after 25 s"),
    "memory": ("hog = bytearray(10 ** 9)", "MemoryError"),
    "os._exit": ("import os; os._exit(3)", "ended before it was finished (exit code 3)"),
    "killed": ("import os; os.kill(os.getpid(), 9)", "ended by signal 9 (killed, or out of memory)"),
    "flood": ("while True: print('x' * 10 ** 6)", "OutputLimit"),
    "error": ("raise ValueError(f'secret {data.counts}')", "ValueError"),
    "full disk": ("", "No space left on device"),
    "unreadable slice": ("", "FileRefused"),
    "no slice": ("", "FileRefused"),
    "no room for the page": ("", "Is a directory"),
    "sound": ("print('secret')", ""),
}


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, Ran]:
    """One run with each fault in a place of its own."""
    place = Place(tmp_path_factory.mktemp("faulty"), len(FAULTS))
    where = dict(zip(FAULTS, place.codes, strict=True))
    work, out = place.workspace.work / "small", []
    (work / "executed/public/en").mkdir(parents=True)
    (work / f"executed/public/en/.{where['full disk']}_quick.part.ipynb").symlink_to("/dev/full")
    (work / f"protected/public/slices/{where['no slice']}.json").mkdir(parents=True)
    (work / f"pages/public/en/{where['no room for the page']}_quick.html").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        read = slices.digests
        broken = f"{where['unreadable slice']}.json"

        def break_one(folder: Path) -> dict[str, str]:
            told = read(folder)
            (folder / broken).write_bytes(b"\0")
            return told

        patch.setattr(runner.slices, "digests", break_one)
        patch.setattr(command.typer, "echo", lambda text, **_named: out.append(text))
        with pytest.raises(typer.Exit) as left:
            command.run(
                **place.arguments({where[name]: source for name, (source, _kind) in FAULTS.items()}),
                workers=2, log_json=True, time_limit=25, memory_limit=600,
            )  # fmt: skip
    return place, Ran(left.value.exit_code, "\n".join(out), "")


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_fails_its_report_with_a_page_and_a_line_and_the_others_go_on(name: str, faulty: tuple[Place, Ran]) -> None:
    place, told = faulty
    assert (told.code, told.end["made"], told.end["failed"]) == (1, 1, len(FAULTS) - 1)
    code = place.codes[list(FAULTS).index(name)]
    assert told.made[code] == FAULTS[name][1]
    page = place.site[f"en/{code}_quick.html"].decode()
    assert ("This report could not be made." in page) == (name != "sound")
    assert (f"en/{code}_quick.json" in place.site) == (name == "sound")
    assert "secret" not in told.out + page
    noted = [json.loads(line) for line in (place.workspace.work / "run-public.jsonl").read_text().splitlines()]
    assert [each["error"] for each in noted if each.get("district") == code] == [FAULTS[name][1]]


def test_the_first_failure_stops_a_run_that_is_to_fail_fast(place: Place, run: Callable[..., Ran]) -> None:
    told = run(place, {"990001": "1 / 0"}, fail_fast=True, workers=1)
    assert (told.code, told.made, told.end["index"]) == (1, {"990001": "ZeroDivisionError"}, "")
    assert not place.workspace.site("public").exists()
    with pytest.raises(ParameterRefused) as refused:
        command.site(work=place.work)
    assert str(refused.value) == "2 of 3 reports of the last run are not made yet. Give the same command again."


@pytest.mark.parametrize("where", ["/proc/nowhere", "quick.ipynb"])
def test_output_that_cannot_be_written_is_a_sentence(
    where: str, place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    work = str(place.folder / where)
    monkeypatch.setattr(sys, "argv", ["ohstats", "run", "--data-dir", str(place.data), "--work", work])
    with pytest.raises(SystemExit) as left:
        command.main()
    said = capsys.readouterr()
    assert (left.value.code, said.out) == (2, "")
    assert said.err.startswith(work)
    assert said.err.endswith("Is there room, and may you write there?\n")


def test_a_disk_that_is_full_for_the_manifest_fails_the_reports_and_keeps_the_site(
    place: Place, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_given: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(manifest.Manifest, "add", full)
    told = run(place)
    assert (told.code, set(told.made.values())) == (1, {"No space left on device"})


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


def test_a_second_run_on_the_same_output_is_refused(place: Place, run: Callable[..., Ran]) -> None:
    words = f"Another run is at work in {place.work}. Wait for it, or give another --work."
    with busy(place):
        for call in (lambda: run(place), lambda: command.clean(data_dir=[place.data], work=place.work)):
            with pytest.raises(OhstatsError) as refused:
                call()
            assert str(refused.value) == words
    assert run(place).code == 0  # the lock went with its process


def test_districts_are_checked_among_many(tmp_path: Path, run: Callable[..., Ran], capfd: pytest.CaptureFixture[str]) -> None:
    place = Place(tmp_path, 2850)
    for given, said in (
        (["990003,990051", "992999"], "No place '992999'. There are: 992799, 992699, 992599."),
        (["99000"], "No place '99000'. There are: 992000, 991000, 990900."),
        ([""], "--district names no place. Leave it out to run all places."),
    ):
        with pytest.raises(ParameterRefused) as refused:
            run(place, district=given)
        assert str(refused.value) == said
    with pytest.raises(ParameterRefused, match="Give --district or --all"):
        run(place, district=["990001"], every=True)
    twice = run(place, district=["990002", "990001", "990002"], dry_run=True)
    assert "Named more than once, made once: 990002" in twice.err
    assert twice.out.splitlines() == [
        "would make: quick of 990002 (en)", "would make: quick of 990001 (en)",
        "2 of 2 reports would be made; nothing was written.",
    ]  # fmt: skip
    assert run(place, dry_run=True).out.splitlines()[-1] == "2850 of 2850 reports would be made; nothing was written."
    assert not place.work.exists()


# Parts ----------------------------------------------------------------------------------------------------------------
def test_parts_are_run_side_by_side_and_joined_to_the_same_site(place: Place, run: Callable[..., Ran], tmp_path: Path) -> None:
    for part in ("0/2", "3/2", "1", "1/x"):
        with pytest.raises(ParameterRefused, match="write the number of a part and how many there are, as in 3/10"):
            run(place, part=part)
    with pytest.raises(ParameterRefused) as refused:
        run(place, part="1/2")
    assert str(refused.value) == "--shard runs notebooks only. First run: ohstats clean, ohstats protect (data sets: small)"
    command.clean(data_dir=[place.data], work=place.work)
    command.protect(data_dir=[place.data], work=place.work)
    with busy(place, "2/2"):
        with pytest.raises(OhstatsError, match="Another run is at work"):
            run(place, part="2/2")
        with pytest.raises(OhstatsError, match="Another run is at work"):
            run(place)
        assert run(place, part="1/2").made == {"990001": "", "990003": ""}
    with pytest.raises(ParameterRefused) as refused:
        command.site(work=place.work)
    assert str(refused.value) == "Parts that were not run: 2/2. Run: ohstats run --shard ..."
    assert run(place, part="2/2").made == {"990002": ""}
    assert not place.workspace.site("public").exists()
    command.site(work=place.work)
    joined = place.site
    assert run(place).made == {}  # what the parts made stays made
    whole = run(place, work=tmp_path / "other")
    place.work = tmp_path / "other"
    assert (whole.code, place.site) == (0, joined)
    run(place, part="1/2")
    run(place, part="2/2", assessment="midterm", district=["990001", "990002"])
    with pytest.raises(ParameterRefused, match="The parts were run with different options"):
        command.site(work=place.work)


# Kills ----------------------------------------------------------------------------------------------------------------
def test_a_run_killed_among_its_reports_goes_on_to_the_same_bytes(place: Place, run: Callable[..., Ran], tmp_path: Path) -> None:
    undisturbed = tmp_path / "undisturbed"
    run(place, {"990002": "0"}, work=undisturbed)
    register = (Workspace.at(undisturbed).register / "published.csv").read_bytes()
    wait = {"990002": "import time; time.sleep(60)"}
    told = place.arguments(wait)
    options = ["--data-dir", str(place.data), "--notebook", str(place.notebook), "--language", "en", "-j", "1"]
    owner = subprocess.Popen(
        [sys.executable, "-m", "ohstats", "run", *options, "-p", told["parameter"][0], "--work", str(place.work)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    noted = place.workspace.work / "run-public.jsonl"
    end = time.monotonic() + 60
    while (not noted.is_file() or noted.read_bytes().count(b"\n") < 2) and time.monotonic() < end:
        time.sleep(0.05)
    owner.send_signal(signal.SIGKILL)
    owner.wait(30)
    with noted.open("ab") as file:
        file.write(b'{"output": "small/exec')  # as a kill in the middle of a write would leave it
    with pytest.raises(ParameterRefused, match="2 of 3 reports of the last run are not made yet"):
        command.site(work=place.work)
    wanted = {"990002": "0"}
    (place.folder / "quick.txt").write_text("x")
    told_again = run(place, wanted)
    assert (told_again.code, set(told_again.made)) == (0, set(place.codes))  # another parameter
    mine = place.site
    place.work = undisturbed
    assert mine == place.site
    assert (tmp_path / "work/data/register/published.csv").read_bytes() == register


def _dying(at: int, place: Place, what: Callable[[], object]) -> None:
    """In a process of its own: `what`, ended without warning at its `at`-th change of a file."""
    count = 0

    def guard(change: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*given: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            if count == at:
                os._exit(9)
            return change(*given, **named)

        return guarded

    files.write_bytes = guard(files.write_bytes)
    for owner, name in ((Path, "rename"), (Path, "replace"), (Path, "unlink"), (os, "link")):
        setattr(owner, name, guard(getattr(owner, name)))
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    what()
    os._exit(0)


def test_a_site_killed_at_any_change_of_a_file_is_completed_to_the_same_bytes(tmp_path: Path, run: Callable[..., Ran]) -> None:
    place = Place(tmp_path, 1)
    run(place)
    expected, register = place.site, (place.workspace.register / "published.csv").read_bytes()
    kept = place.folder / "kept"
    shutil.rmtree(place.work / "reports")
    shutil.rmtree(place.workspace.register)
    shutil.rmtree(place.workspace.pages("small", "public"))
    shutil.copytree(place.work, kept)
    fork, at, ended = multiprocessing.get_context("fork"), 0, 9
    while ended == 9:
        at += 1
        process = fork.Process(target=_dying, args=(at, place, lambda: command.site(work=place.work)))
        process.start()
        process.join(60)
        ended = process.exitcode or 0
        found = place.workspace.site("public")
        assert not found.exists() or place.site == expected  # never half a site
        command.site(work=place.work)
        assert place.site == expected
        assert (place.workspace.register / "published.csv").read_bytes() == register
        shutil.rmtree(place.work)
        shutil.copytree(kept, place.work)
    assert at > 20


def test_preparation_killed_at_any_change_of_a_file_is_completed(tmp_path: Path) -> None:
    place = Place(tmp_path, 1)
    chosen = dataset.load(place.data)
    facts = data.prepare(chosen, place.workspace, "public")
    folder = place.workspace.protected("small", "public")
    expected = {path.name: path.read_bytes() for path in (folder / "slices").iterdir()}
    kept = place.folder / "kept"
    place.put(c990001=3)
    data.prepare(dataset.load(place.data), place.workspace, "public")  # what lies there is of other data
    shutil.copytree(place.work, kept)
    place.put()
    cleaned = clean.clean_dataset(chosen)  # outside: what polars starts is not there after a fork
    fork, at, ended = multiprocessing.get_context("fork"), 0, 9
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clean, "clean_dataset", lambda _chosen: cleaned)
        while ended == 9:
            at += 1
            work = lambda: data.prepare(dataset.load(place.data), place.workspace, "public")  # noqa: E731
            process = fork.Process(target=_dying, args=(at, place, work))
            process.start()
            process.join(60)
            ended = process.exitcode or 0
            assert data.prepare(chosen, place.workspace, "public") == facts
            assert {path.name: path.read_bytes() for path in (folder / "slices").iterdir()} == expected
            shutil.rmtree(place.work)
            shutil.copytree(kept, place.work)
    assert at > 10


# What it tells --------------------------------------------------------------------------------------------------------
def test_a_run_without_a_terminal_tells_count_rate_time_left_and_failures(
    place: Place, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    told = run(place, {"990002": "1 / 0"}, log_json=False, workers=1)
    pattern = r"1 of 3 reports; \d+\.\d a second, 0 failed; \d+ s left\nfailed: quick of 990002 \(en\): ZeroDivisionError\n"
    assert re.match(pattern + r"2 of 3 reports; .*, 1 failed; \d+ s left\n3 of 3 .*; 0 s left\n", told.err)
    assert (told.code, told.out.splitlines()[1]) == (1, "failed: quick of 990002 (en): ZeroDivisionError")


def test_a_terminal_shows_a_bar_with_count_rate_time_left_and_failures(
    place: Place, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", run(place, {"990002": "1 / 0"}, log_json=False).err)
    assert "failed: quick of 990002 (en): ZeroDivisionError" in shown
    assert re.search(r"3/3 0:00:\d\d 0:00:00 \d+\.\d a second, 1 failed", shown)


def test_an_interrupted_run_ends_with_its_own_code_and_keeps_what_it_made(
    place: Place, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_self: Any, outcome: plan.Outcome) -> None:
        if outcome.district == "990002":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(progress.Teller, "done", interrupted)
        told = run(place, workers=1)
    assert (told.code, told.err.strip()) == (130, "Interrupted. The same command goes on from here.")
    assert run(place).made == {"990003": ""}


def test_the_page_on_performance_is_made_of_what_was_measured() -> None:
    found = importlib.util.spec_from_file_location("document", ROOT / "benchmarks" / "document.py")
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    assert (ROOT / "docs" / "performance.md").read_text(encoding="utf-8") == module.document()


# Reproducible ---------------------------------------------------------------------------------------------------------
def test_workers_hash_seed_time_zone_and_locale_do_not_change_a_byte(
    published: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PYTHONHASHSEED": "77", "TZ": "Asia/Shanghai", "LC_ALL": "zh_CN.UTF-8", "LANG": "zh_CN.UTF-8"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("OHSTATS_LANGUAGE")
    places = ["--example", "--district", "100000", "--district", "990104"]
    again = ohstats(tmp_path, "run", *places, "--language", "en,zh", "-j", "1")
    assert again.done.returncode == 0, again.done.stderr
    done = subprocess.run(["diff", "-r", str(published.site), str(again.site)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_pages_show_data_date_and_digest_and_the_hashes_of_files_stand_on_one_page(published: Run) -> None:
    work = Workspace.at(published.work)
    digest = slices.digests(work.protected("synthetic", "public") / "slices")["990104"]
    page = (published.site / "en" / "990104_trend.html").read_text(encoding="utf-8")
    assert digest[:16] in page
    assert "2025-12-31" in page
    hashes = subprocess.run(["sha256sum", "case_counts.csv"], cwd=ROOT / "data/example/synthetic", capture_output=True, text=True)
    sha = hashes.stdout.split()[0]
    assert [path.name for path in published.pages() if sha in path.read_text(encoding="utf-8")] == ["data.html"]
    noted = (work.work / "run-public.jsonl").read_text(encoding="utf-8").splitlines()
    when = json.loads(noted[-1])["at"]
    assert all(when[:10] not in path.read_text(encoding="utf-8") for path in published.pages())


def test_hashes_that_could_give_hidden_counts_away_are_not_published(place: Place, run: Callable[..., Ran]) -> None:
    told = (place.data / "dataset.yml").read_text(encoding="utf-8")
    (place.data / "dataset.yml").write_text(told.replace("synthetic: true\n", ""), encoding="utf-8")
    run(place)
    page = place.site["data.html"].decode()
    assert "hidden counts could be found from them" in page
    assert "case_counts.csv" not in page
    run(place, edition="internal")
    assert "case_counts.csv" in (place.workspace.site("internal") / "data.html").read_text(encoding="utf-8")
