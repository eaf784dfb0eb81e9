"""Unattended runs: whenever one is killed, the next one completes it to the same bytes."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from runs import Place, Ran

from ohstats import __main__ as command
from ohstats import clean, data, dataset, files, forked
from ohstats.errors import ParameterRefused
from ohstats.paths import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable


pytestmark = [pytest.mark.flow, pytest.mark.skipif(not forked.usable(), reason="processes are forked on Linux only")]


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
