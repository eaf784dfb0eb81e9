"""Steps that need much memory in a process of their own, so that the process that goes on keeps none of it.

A fresh interpreter, not a fork: a step may use polars, whose threads no fork outlives. It ends with the process that
started it, however that ends.
"""

from __future__ import annotations

import os
import signal
import threading
import traceback
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, TypeVar

from . import forked, paths
from .errors import OhstatsError

if TYPE_CHECKING:
    from collections.abc import Callable

Told = TypeVar("Told")
LARGE = 500_000  # bytes of a data set from which its steps are worth a process, which takes about a second to start


def call(work: Callable[..., Told], *arguments: Any, size: int) -> Told:
    """What a function gives for some arguments; reckoned in a process of its own where it reads much.

    Parameters
    ----------
    work : callable
        A function of a module. It, its arguments and what it gives must be picklable.
    *arguments
        What it is given.
    size : int
        Bytes of the data sets that it works on; below `LARGE` it is called here.

    Raises
    ------
    OhstatsError
        The process was killed or ran out of memory, or the package is another one by now. Whatever `work` raises is raised here.
    """
    if size < LARGE:
        return work(*arguments)
    context = get_context("spawn")
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_begin, args=(theirs, paths.package_digest(), work, arguments), daemon=True)
    told: Any = MemoryError()  # where nothing is heard
    try:
        with forked.no_main():
            process.start()
        theirs.close()
        wait([mine, process.sentinel])
        told = mine.recv()[0] if mine.poll() else told
    except (EOFError, OSError):  # it ended while it was given its work, or in the middle of its answer
        pass
    finally:
        if process.pid:
            process.kill()
            process.join()
        mine.close()
    if isinstance(told, MemoryError):
        raise OhstatsError(
            "A step ended before it was finished; perhaps the memory was not enough. What was made is kept: the same command "
            "goes on from here."
        )
    if isinstance(told, BaseException):
        raise told
    return told  # type: ignore[no-any-return]


def _begin(connection: Connection, package: str, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """First thing in the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        if paths.package_digest() != package:
            raise OhstatsError("ohstats was changed while it ran. Give the same command again.")
        connection.send((work(*arguments),))
    except BaseException as error:  # of polars too
        error.add_note(traceback.format_exc())
        connection.send((error,))


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None  # noqa: S101  a child has one
    parent.join()
    os._exit(1)
