"""Work in fresh processes, forked from one that has everything imported; limits hold and nothing is left behind.

The standard library's fork server does the forking. A child leads a process group of its own, which dies with it: when
the work is done, when a limit is passed, and when the process that started it is gone, however it went.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .language import _

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

WARM = "ohstats.warm"  # what the fork server imports
WARMING = "OHSTATS_FORK_SERVER"
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
GRACE = 5.0  # seconds between asking and killing

_context = get_context("forkserver") if sys.platform == "linux" else None
_limits: Limits | None = None  # of this process, when it is a child


@dataclass(frozen=True)
class Limits:
    """What one child may use: seconds in all, MB of memory beyond what it starts with, MB of output."""

    seconds: float | None = 600.0
    memory: int | None = 2_000
    output: int = 50


def usable() -> bool:
    """Whether processes can be forked safely here: on Linux, and not inside a child."""
    return _context is not None and not inside()


def inside() -> bool:
    """Whether this process is a child started here."""
    return _limits is not None


def limits() -> Limits:
    """What this process may use."""
    return _limits or Limits()


def start_server() -> None:
    """Begin to import and warm up in the background, so that the first child need not wait for it."""
    assert _context is not None  # noqa: S101  usable() was asked
    from multiprocessing import forkserver  # Windows has none

    _context.set_forkserver_preload([WARM])
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    alone = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}  # a process that forks had better have one thread
    with _environment(**ONE_THREAD, **alone, **{WARMING: "1"}, PYTHONPATH=path):
        forkserver.ensure_running()


@contextmanager
def _environment(**wanted: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def no_main() -> Iterator[None]:
    """Hide the main module: a child has no use for it, and a script without a guard would run again in each."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


class Child:
    """A running child: `connection` speaks with it."""

    def __init__(self, work: Callable[..., None], arguments: tuple[Any, ...], limits: Limits) -> None:
        assert _context is not None  # noqa: S101  usable() was asked
        start_server()
        self.limits = limits
        self.connection, theirs = _context.Pipe()
        self._process = _context.Process(target=_begin, args=(theirs, dict(os.environ), limits, work, arguments))
        for attempt in range(5):
            try:
                with no_main():
                    self._process.start()
                break
            except (ConnectionError, EOFError):  # the server was killed this moment; the next try starts another
                if attempt == 4:
                    raise
                time.sleep(0.2)
        theirs.close()
        self.deadline = time.monotonic() + limits.seconds if limits.seconds else float("inf")
        self._asked = False

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.is_alive()

    @property
    def waitables(self) -> list[Any]:
        """What becomes ready when it speaks or ends."""
        return [self.connection, self._process.sentinel]

    def hear(self, timeout: float | None = None) -> tuple[bool, Any]:
        """Whether it said something, and what; (False, None) when it ended or `timeout` seconds passed in silence."""
        try:
            if wait(self.waitables, timeout) and self.connection.poll():
                return True, self.connection.recv()
        except (EOFError, OSError):  # it ended; its exit code comes by way of the server, a moment later
            self._process.join(GRACE)
        return False, None

    @property
    def hurried(self) -> bool:
        """Whether its time was over."""
        return self._asked

    def hurry(self) -> None:
        """After the time limit, interrupt it; when that does not help, kill it."""
        now = time.monotonic()
        if now < self.deadline:
            return
        if self._asked:
            self.kill()
        else:
            self._asked, self.deadline = True, now + GRACE
            self._signal(os.kill, signal.SIGINT)

    def kill(self) -> None:
        """End it and all that it started."""
        self._signal(os.killpg, signal.SIGKILL)
        self._process.join()

    def close(self) -> None:
        """Done with it: end it, if it has not ended."""
        self.kill()
        self.connection.close()

    def _signal(self, send: Callable[[int, int], None], number: int) -> None:
        pid = self._process.pid
        assert pid is not None  # noqa: S101  it was started
        try:
            send(pid, number)
        except ProcessLookupError:  # it ended, or does not lead its group yet
            with suppress(ProcessLookupError):  # its end may not have been told yet
                if self.running:
                    os.kill(pid, number)

    def reason(self) -> str:
        """Why it ended without having finished, in plain words."""
        if self._asked:
            return _("stopped after {seconds} s", seconds=f"{self.limits.seconds:g}")
        self._process.join(GRACE)
        code = self._process.exitcode
        if code is not None and code < 0:
            return _("ended by signal {number} (killed, or out of memory)", number=-code)
        return _("ended before it was finished (exit code {code})", code=code)


def _begin(connection: Connection, environment: dict[str, str], limits: Limits, work: Callable[..., None], rest: Any) -> None:
    """First thing in a child."""
    os.setsid()
    _die_with_parent()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    for name, value in ONE_THREAD.items():
        os.environ.setdefault(name, value)
    _bound(limits)
    global _limits
    _limits = limits
    try:
        work(connection, *rest)
    finally:
        os.killpg(0, signal.SIGKILL)  # with all that a cell started


def _die_with_parent() -> None:
    """Let the system kill this process group when the pipe to the one that started it closes; no thread is needed."""
    import fcntl

    parent = parent_process()
    assert parent is not None  # noqa: S101  a child has one
    pipe = parent.sentinel
    fcntl.fcntl(pipe, fcntl.F_SETOWN, -os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    if wait([pipe], 0):  # it was gone before
        os.killpg(0, signal.SIGKILL)


def _bound(limits: Limits) -> None:
    import resource

    if limits.memory:
        with open("/proc/self/status", encoding="ascii") as status:
            used = next((int(line.split()[1]) for line in status if line.startswith("VmData:")), 0) * 1024
        most = used + limits.memory * 1_000_000
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    largest = 10 * limits.output * 1_000_000  # of a file: what programs print goes by way of one, and a notebook is bigger
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))


def wait_any(children: Iterable[Child]) -> None:
    """Wait until one of them speaks, ends or has used up its time."""
    told = list(children)
    left = min(child.deadline for child in told) - time.monotonic()
    wait([each for child in told for each in child.waitables], None if left == float("inf") else max(0.0, left))
