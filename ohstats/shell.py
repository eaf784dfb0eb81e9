"""Cells run through IPython's shell in this process; what a kernel would send becomes their outputs."""

from __future__ import annotations

import asyncio
import builtins
import getpass
import hashlib
import io
import os
import random
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, NoReturn

import comm
from ipykernel.compiler import XCachingCompiler
from ipykernel.zmqshell import ZMQInteractiveShell
from IPython.core.error import StdinNotImplementedError
from jupyter_client.session import Session
from traitlets.config import Config

INLINE = "module://matplotlib_inline.backend_inline"
WIDGET = "application/vnd.jupyter.widget-view+json"


class NeedsKernel(RuntimeError):
    """A cell asked for what only a kernel with a reader in front of it can do."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} cannot be had here: use --engine kernel")


class OutputLimit(BaseException):
    """A report wrote more than it may; no `except Exception` of a cell holds it up."""


@dataclass
class Ran:
    """What became of one cell."""

    count: int
    ok: bool
    outputs: list[dict[str, Any]] = field(default_factory=list)


class Recorder(Session):
    """Stands where a kernel's connection stands: keeps what would be sent as outputs of the running cell."""

    def __init__(self, limit: int) -> None:
        super().__init__(key=b"")
        self.limit, self.size = limit, 0
        self.outputs: list[dict[str, Any]] = []
        self.clearing = False
        self.files: dict[str, tuple[int, int]] = {}  # stream -> descriptor of what programs wrote, bytes read so far

    def send(self, _stream: Any, msg_or_type: Any, content: Any = None, *_more: Any, **_named: Any) -> None:  # type: ignore[override]
        """Take a message of the shell: displayed data, a result, an error, a wish to clear."""
        message = msg_or_type if isinstance(msg_or_type, dict) else self.msg(msg_or_type, content)
        kind, packed = message["header"]["msg_type"], self.pack(message["content"])
        told = self.unpack(packed)  # as it would arrive: plain values, and no longer the cell's own objects
        self.drain()
        if kind == "clear_output":
            self.clearing = told["wait"]
            if not self.clearing:
                self.outputs.clear()
        elif kind == "update_display_data":
            raise NeedsKernel("An update of what was displayed")
        elif WIDGET in told.get("data", {}):
            raise NeedsKernel("A widget")
        elif kind == "error" or self._room(len(packed)):
            told.pop("transient", None)
            self._keep({"output_type": kind, **told})

    def write(self, name: str, text: str) -> None:
        """Take text of a stream, after what programs wrote before."""
        self.drain()
        self._text(name, text)

    def drain(self) -> None:
        """Take what programs wrote to the descriptors behind the streams."""
        for name, (descriptor, seen) in self.files.items():
            new = os.fstat(descriptor).st_size - seen
            if new > 0:
                self.files[name] = descriptor, seen + new
                taken = min(new, self.limit - self.size + 1)
                self._text(name, os.pread(descriptor, taken, seen).decode("utf-8", "replace"))

    def _text(self, name: str, text: str) -> None:
        if not text or not self._room(len(text)):
            return
        last = self.outputs[-1] if self.outputs and not self.clearing else {}
        if last.get("name") == name:
            last["parts"].append(text)
        else:
            self._keep({"output_type": "stream", "name": name, "parts": [text]})

    def _keep(self, output: dict[str, Any]) -> None:
        if self.clearing:
            self.outputs.clear()
            self.clearing = False
        self.outputs.append(output)

    def _room(self, size: int) -> bool:
        """Whether there is room for more; the first time that there is none is an error, what comes then is dropped."""
        if self.full:
            return False
        self.size += size
        self.refuse_flood()
        return True

    @property
    def full(self) -> bool:
        """Whether the report wrote more than it may."""
        return self.size > self.limit

    def refuse_flood(self) -> None:
        """Raise when the report wrote more than it may."""
        if self.full:
            raise OutputLimit(f"more output than {self.limit // 1_000_000} MB")

    def taken(self) -> list[dict[str, Any]]:
        """Outputs so far, in the form of a notebook; the next cell begins with none."""
        outputs, self.outputs, self.clearing = self.outputs, [], False
        for output in outputs:
            if "parts" in output:
                output["text"] = "".join(output.pop("parts"))
        return [dict(output) for output in outputs]


class Stream(io.TextIOBase):
    """sys.stdout or sys.stderr of the cells."""

    encoding = "UTF-8"
    errors = None

    def __init__(self, name: str, descriptor: int, recorder: Recorder) -> None:
        self.name, self._descriptor, self._recorder = name, descriptor, recorder

    def write(self, text: str) -> int:
        """Keep text as output of the cell."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text)}")
        self._recorder.write(self.name, text)
        return len(text)

    def writable(self) -> bool:
        """Yes."""
        return True

    def fileno(self) -> int:
        """Where programs that a cell starts may write."""
        return self._descriptor


class Cells:
    """IPython's shell as a kernel sets it up, with nobody in front of it.

    Made in the fork server before other libraries are imported: some look for a kernel at import and print accordingly.
    """

    def __init__(self) -> None:
        ZMQInteractiveShell.clear_instance()
        self.recorder = Recorder(sys.maxsize)
        self.shell = ZMQInteractiveShell.instance(
            config=Config({"HistoryManager": {"enabled": False}}),  # no file and no thread
            kernel=SimpleNamespace(eventloop=None),
            compiler_class=XCachingCompiler,
        )
        for part in (self.shell.displayhook, self.shell.display_pub):
            part.session = self.recorder
        self.shell.displayhook.topic = b"execute_result"
        self.shell.enable_gui = _no_window

    def open(self, *, seed: str, limit: int) -> Cells:
        """Take over the streams of this process and seed its random numbers; once, in the process that runs the cells."""
        self.recorder.limit = limit
        for number, name in ((1, "stdout"), (2, "stderr")):
            with tempfile.TemporaryFile() as file:
                kept = os.dup(file.fileno())
            os.dup2(kept, number)
            self.recorder.files[name] = kept, 0
            setattr(sys, name, Stream(name, number, self.recorder))
        builtins.input = _no_input
        getpass.getpass = _no_input
        comm.create_comm = _no_comm
        os.environ.setdefault("MPLBACKEND", INLINE)
        if "matplotlib" in sys.modules:
            sys.modules["matplotlib"].rcParams["backend"] = os.environ["MPLBACKEND"]
        self.shell.init_environment()
        if "" not in sys.path:  # modules beside the notebook are found, after those of Python itself
            installed = [place for place, path in enumerate(sys.path) if path.endswith(("site-packages", "dist-packages"))]
            sys.path.insert(installed[0] if installed else len(sys.path), "")
        number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4], "big")
        random.seed(number)
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed(number)
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        return self

    def run(self, source: str) -> Ran:
        """Run one cell."""
        ran = Ran(self.shell.execution_count, ok=False)
        try:
            ran.ok = self.loop.run_until_complete(self._execute(source))
            self.recorder.drain()
            self.recorder.refuse_flood()  # though the cell may have caught it
        except (KeyboardInterrupt, OutputLimit):
            ran.ok = False
            self.shell.showtraceback()
        ran.outputs = self.recorder.taken()
        return ran

    async def _execute(self, source: str) -> bool:
        shell, result, awaited = self.shell, None, False
        if "await" in source or "async" in source:
            with suppress(Exception):  # the shell meets it again and shows it
                transformed = shell.transform_cell(source)
                awaited = shell.should_run_async(source, transformed_cell=transformed)
        if awaited:
            try:
                result = await shell.run_cell_async(source, store_history=True, transformed_cell=transformed)
            finally:
                shell.events.trigger("post_execute")
                shell.events.trigger("post_run_cell", result)
        else:
            result = shell.run_cell(source, store_history=True)
        await asyncio.sleep(0)  # what the cell left to the event loop begins
        return bool(result.success and not getattr(shell, "_last_traceback_during_displayhook", False))


@lru_cache(maxsize=1)
def cells() -> Cells:
    """The shell of this process."""
    return Cells()


def _no_input(*_arguments: object, **_named: object) -> NoReturn:
    raise StdinNotImplementedError("nobody is there to answer: use --engine kernel")


def _no_window(gui: object = None) -> None:
    if gui is not None:
        raise NeedsKernel("A window")


def _no_comm(*_arguments: object, **_named: object) -> NoReturn:
    raise NeedsKernel("A widget")
