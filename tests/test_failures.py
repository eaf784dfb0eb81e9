"""Unattended runs: no failure of a report, of a disk or of a second run stops or spoils the rest."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
import typer
from runs import Place, Ran, busy

from ohstats import __main__ as command
from ohstats import forked, manifest, runner, slices
from ohstats.errors import OhstatsError, ParameterRefused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


pytestmark = [pytest.mark.flow, pytest.mark.skipif(not forked.usable(), reason="processes are forked on Linux only")]


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
