"""A papermill engine that runs cells in a forked process: `papermill --engine ohstats in.ipynb out.ipynb`."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import from_dict
from papermill.engines import Engine, NBClientEngine
from papermill.iorw import write_ipynb
from papermill.log import logger

from . import forked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

    from .shell import Ran

LANGUAGE_INFO = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
    "version": ".".join(map(str, sys.version_info[:3])),
}


class ForkedEngine(Engine):  # type: ignore[misc]
    """Cells run through IPython's shell in a child of a warm process: no kernel to start, one write of the notebook.

    Streams, displayed data, results, errors and counters are what a kernel gives. Widgets, input and updates of what was
    displayed are refused. Where processes cannot be forked safely, and for other languages, papermill's kernel engine runs.
    """

    @classmethod
    def execute_notebook(cls, nb: Any, kernel_name: str, output_path: str | None = None, **options: Any) -> Any:
        """Run without the writes at the start and end of each cell; papermill writes the result."""
        try:
            return super().execute_notebook(nb, kernel_name, output_path=None, **options)
        except BaseException:
            if output_path:
                write_ipynb(nb, output_path)
            raise

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, execution_timeout: float | None = None, seed: str = "", **options: Any
    ) -> None:
        """Run all cells until one fails."""
        notebook = nb_man.nb
        if cls.nb_language(notebook) != "python" or not (forked.usable() or forked.inside()):
            NBClientEngine.execute_managed_notebook(nb_man, kernel_name, execution_timeout=execution_timeout, **options)
            return
        seed = seed or json.dumps([cell.source for cell in notebook.cells if cell.cell_type == "code"])
        with _inside(seed) if forked.inside() else _outside(seed, execution_timeout) as run:
            for index, cell in enumerate(notebook.cells):
                nb_man.cell_start(cell, index)
                try:
                    if not _execute(cell, run, options):
                        nb_man.cell_exception(cell, cell_index=index)
                        break
                finally:
                    nb_man.cell_complete(cell, cell_index=index)
        notebook.metadata["language_info"] = LANGUAGE_INFO


def _execute(cell: Any, run: Callable[[Any], Ran], options: dict[str, Any]) -> bool:
    """Run one cell as papermill's client does; False when the notebook stops here."""
    tags = cell.metadata.get("tags", [])
    if cell.cell_type != "code" or not cell.source.strip() or "skip-execution" in tags:
        return True
    ran = run(cell)
    cell.execution_count = ran.count
    cell.outputs = [from_dict(output) for output in ran.outputs]
    for output in cell.outputs:
        _log(output, **options)
    return ran.ok or "raises-exception" in tags


def _log(output: Any, log_output: bool = False, stdout_file: Any = None, stderr_file: Any = None, **_others: Any) -> None:
    """Pass output on as papermill's options ask."""
    if output.output_type != "stream":
        if log_output and "text/plain" in output.get("data", {}):
            logger.info(output.data["text/plain"])
        return
    if log_output:
        (logger.info if output.name == "stdout" else logger.warning)(output.text)
    file = stdout_file if output.name == "stdout" else stderr_file
    if file:
        file.write(output.text)
        file.flush()


@contextmanager
def _inside(seed: str) -> Iterator[Callable[[Any], Ran]]:
    """Run cells in this process, which is a child already."""
    from .shell import cells

    opened = cells().open(seed=seed, limit=forked.limits().output * 1_000_000)
    yield lambda cell: opened.run(cell.source)


@contextmanager
def _outside(seed: str, timeout: float | None) -> Iterator[Callable[[Any], Ran]]:
    """Run cells in a child of their own; `timeout` is for one cell, as papermill has it."""
    child = forked.Child(_serve, (seed,), forked.Limits(seconds=None))

    def run(cell: Any) -> Ran:
        child.connection.send(cell.source)
        heard, ran = child.hear(timeout)
        if heard:
            return ran  # type: ignore[no-any-return]
        if child.running:
            raise CellTimeoutError.error_from_timeout_and_cell("Cell execution timed out", int(timeout or 0), cell)
        raise DeadKernelError(child.reason())

    try:
        yield run
    finally:
        child.close()


def _serve(connection: Connection, seed: str) -> None:
    """The child's side: run what comes until nothing more does."""
    from .shell import cells

    opened = cells().open(seed=seed, limit=forked.limits().output * 1_000_000)
    while True:
        connection.send(opened.run(connection.recv()))
