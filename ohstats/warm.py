"""What the fork server imports, once for all reports: everything they need, warmed up; never polars, and no thread."""

from __future__ import annotations

import gc
import os
import signal
import sys
import tempfile
import traceback
from importlib import import_module
from pathlib import Path

from . import forked

MODULES = (
    "numpy",
    "pandas.core.arrays.arrow.extension_types",
    "pandas.core.methods.to_dict",
    "pandas.core.reshape.reshape",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "scipy.special",
    "matplotlib.backends.backend_svg",
    "matplotlib.figure",
    "IPython.core.logger",
    "IPython.display",
    "encodings.utf_8_sig",
    "papermill",
    "ohstats.data",
    "ohstats.engine",
    "ohstats.result",
    "ohstats.pages",
    "ohstats.runner",
    "ohstats.sections",
)


def warm() -> None:
    """Import all of it and do once what is slow the first time."""
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # jsonschema does without; a second of grammar building
    from . import shell

    del sys.modules["rfc3987_syntax"]
    with shell.cells().shell.builtin_trap:  # some libraries look for a kernel when they are imported
        for name in MODULES:
            import_module(name)
        sys.modules["pandas"].set_option("mode.string_storage", "python")  # quicker than arrow's for frames of a few rows
        _load()
        _draw()
        _read()
        _page()
    gc.collect()
    gc.freeze()  # so that collecting in a child does not copy these pages
    gc.set_threshold(50_000, 20, 20)  # a report makes few circles; looking for them took a tenth of its time


def _load() -> None:
    import papermill

    from . import paths

    for path in paths.notebooks().glob("*.ipynb"):
        papermill.execute_notebook(path, None, {"district": ""}, prepare_only=True, progress_bar=False, log_output=False)


def _draw() -> None:
    import matplotlib as mpl

    from . import figures, shell

    mpl.rcParams["backend"] = shell.INLINE  # looks through what is installed for backends, the first time

    def draw(drawing: object) -> None:
        axes = drawing.subplots()  # type: ignore[attr-defined]
        axes.plot([2020, 2021], [1, 2], marker="o", label="\u2713 1.0")
        axes.set_title("\u2013")
        axes.legend()

    figures.render(draw, height=2, name="warm", title="", alt="")


def _read() -> None:
    from . import codes, courses, dimensions, districts, findings, language, lists, measured, reference
    from .sections import actions, breakdown

    for each in language.LANGUAGES:
        language.catalogue(each)
    for name in ("categories", "indicators", "targets", "breaks", "methods"):
        reference.table(name)
    read = (courses.settings, districts.declared, findings.rules, lists.declared, measured.declared)
    for told in (*read, actions.template, breakdown.declared):
        told()
    for name in dimensions.declared():
        for each in language.LANGUAGES:
            dimensions.names(name, each)
    codes.table("diseases")


def _page() -> None:
    from nbformat import v4, write

    from . import pages, result

    bundle, metadata = result.Result(id="warm", language="en", title="warm & <warm>").bundle()
    shown = v4.new_code_cell(outputs=[v4.new_output("display_data", data=bundle, metadata=metadata)])
    with tempfile.TemporaryDirectory() as folder:
        executed = Path(folder, "warm.ipynb")
        write(v4.new_notebook(cells=[shown]), executed)
        pages.make(executed, Path(folder), "", "warm", "en", [])


if os.environ.get(forked.WARMING) == "1":
    os.environ.pop(forked.WARMING)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    try:
        warm()
    except Exception:  # what fails here fails again in each report, and is told there
        traceback.print_exc()
