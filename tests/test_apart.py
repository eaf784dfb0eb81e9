"""Steps in a process of their own: the same results and errors, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ohstats import apart
from ohstats.errors import Fault, FileRefused, OhstatsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from runs import Place, Ran


def who(told: int) -> tuple[int, int]:
    return told, os.getpid()


def refuse(row: int) -> None:
    raise FileRefused("{file} was refused.", file="a.csv", faults=[Fault("row {row}", row=row)])


def stumble() -> None:
    raise ValueError("x")


def end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def exhaust() -> None:
    raise MemoryError


def wait(started: str) -> None:
    Path(started).write_text(str(os.getpid()), encoding="ascii")
    time.sleep(60)


def test_a_large_step_has_a_process_of_its_own_and_a_small_one_has_none() -> None:
    assert apart.call(who, 3, size=apart.LARGE - 1) == (3, os.getpid())
    told, pid = apart.call(who, 3, size=apart.LARGE)
    assert told == 3
    assert pid != os.getpid()


def test_what_goes_wrong_there_is_raised_here_as_it_was() -> None:
    with pytest.raises(FileRefused) as refused:
        apart.call(refuse, 7, size=apart.LARGE)
    assert str(refused.value) == "a.csv was refused.\n  row 7"
    with pytest.raises(ValueError, match="x") as raised:
        apart.call(stumble, size=apart.LARGE)
    assert "in stumble" in raised.value.__notes__[0]  # where it was


@pytest.mark.parametrize("work", [end, exhaust])
def test_a_step_that_is_killed_or_lacks_memory_is_a_sentence(work: Callable[[], None]) -> None:
    with pytest.raises(OhstatsError) as ended:
        apart.call(work, size=apart.LARGE)
    assert str(ended.value) == (
        "A step ended before it was finished; perhaps the memory was not enough. What was made is kept: the same command "
        "goes on from here."
    )


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_step_ends_with_the_process_that_started_it(how: signal.Signals, tmp_path: Path) -> None:
    started = tmp_path / "started"
    script = f"import test_apart; from ohstats import apart; apart.call(test_apart.wait, {str(started)!r}, size=apart.LARGE)"
    path = os.pathsep.join([str(Path(__file__).parent), os.environ["PYTHONPATH"]])
    owner = subprocess.Popen([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.DEVNULL)
    _until(started.is_file)
    pid = int(started.read_text(encoding="ascii") or _until(lambda: started.read_text(encoding="ascii")))
    owner.send_signal(how)
    assert owner.wait(10) != 0
    _until(lambda: not _running(pid))


def _running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def _until(true: Callable[[], object]) -> str:
    end = time.monotonic() + 20
    while not (told := true()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return str(told)


@pytest.mark.flow
def test_a_run_whose_steps_stand_apart_makes_the_same_site(
    place: Place, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert run(place).code == 0
    expected, register = place.site, (place.workspace.register / "published.csv").read_bytes()
    monkeypatch.setattr(apart, "LARGE", 0)
    place.work = tmp_path / "apart"
    told = run(place)
    assert (told.code, told.lines[0]["event"], place.site) == (0, "prepared", expected)
    assert (place.workspace.register / "published.csv").read_bytes() == register
