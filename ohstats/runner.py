"""Runs the notebooks of all places through papermill; none is stopped by another's failure, what is unchanged stays."""

from __future__ import annotations

import hashlib
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import closing
from dataclasses import replace
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import files, forked, notes, pages, slices
from .data import SLICE
from .errors import ParameterRefused
from .manifest import Manifest, key
from .plan import Job, Outcome, outcome
from .result import MIME

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from multiprocessing.connection import Connection

    from .dataset import Dataset
    from .paths import Workspace

ENGINES = ("ohstats", "kernel")


def run_job(job: Job, engine: str, seconds: float | None = None) -> Outcome:
    """Execute one notebook with papermill and make its page; a failure is an outcome, not an exception."""
    output, failed, beside = Path(job.output), Path(job.failed), _beside(job)
    error, digest, started = "", "", time.monotonic()
    try:
        for path in (output, failed):
            path.unlink(missing_ok=True)
            files.private(path.parent)
        _announce(job)
        error = _execute(job, beside, engine, seconds)
        if not error:
            digest = hashlib.sha256(beside.read_bytes()).hexdigest()
            if job.pages:
                about = outcome(job)
                named = about.district, about.report, about.language, job.others
                pages.make(
                    beside, Path(job.pages), *named,
                    edition=about.edition, period=about.period, above=job.above, rules=job.rules,
                )  # fmt: skip
            beside.replace(output)
    except Exception as problem:
        error = getattr(problem, "ename", "") or getattr(problem, "strerror", "") or type(problem).__name__
    if beside.exists():
        try:
            beside.replace(failed)
        except OSError:
            beside.unlink(missing_ok=True)
    return replace(outcome(job, error, "" if error else digest), seconds=time.monotonic() - started)


def _execute(job: Job, beside: Path, engine: str, seconds: float | None) -> str:
    """Why the notebook is no report, "" when it is one."""
    import papermill
    from papermill.engines import papermill_engines
    from traitlets.config import Config

    from .engine import ForkedEngine

    options: dict[str, Any] = {"engine_name": "ohstats", "seed": job.seed}
    if engine == "kernel":
        config = Config({"KernelManager": {"transport_encryption": "required"}})
        options = {"config": config, "request_save_on_cell_execute": False, "execution_timeout": seconds}
    papermill_engines.register("ohstats", ForkedEngine)  # whether or not the installed package has told papermill
    notebook = papermill.execute_notebook(
        job.notebook, str(beside), parameters=job.parameters, progress_bar=False, log_output=False, **options
    )
    if notebook.metadata.papermill.exception:  # papermill lets sys.exit() pass
        return "SystemExit"
    shown = any(MIME in each.get("data", {}) for cell in notebook.cells for each in cell.get("outputs", []))
    return "" if shown else "NoResult"


def _announce(job: Job) -> None:
    """Tell `open_data`, here and in a kernel started from here, where the slice of this report lies."""
    asked = [job.parameters.get(name) for name in ("data_dir", "district", "edition")]
    os.environ[SLICE] = (
        json.dumps({"asked": asked, "folder": job.slices, "digest": job.digest, "note": job.note}) if job.slices else "{}"
    )


def _beside(job: Job) -> Path:
    """Where a notebook is written before it is whole."""
    return Path(job.output).with_name(f".{Path(job.output).stem}.part.ipynb")


def _quiet(log: str) -> None:
    """Send what kernels print beside their outputs to a file of the workspace: it may hold paths and values."""
    files.private(Path(log).parent)
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)


def _child(connection: Connection, job: Job, log: str) -> None:
    _quiet(log)
    connection.send(run_job(job, "ohstats"))


def _forked(jobs: list[Job], workers: int, log: str, limits: forked.Limits) -> Generator[tuple[int, Outcome]]:
    """Each report in a fresh process, `workers` at a time; one that dies or passes a limit is an outcome too."""
    waiting = iter(enumerate(jobs))
    running: dict[int, forked.Child] = {}
    try:
        while True:
            for number, job in islice(waiting, workers - len(running)):
                running[number] = forked.Child(_child, (job, log), limits)
            if not running:
                return
            forked.wait_any(running.values())
            for number, child in list(running.items()):
                heard, told = child.hear(0)
                if not heard and child.running:
                    child.hurry()
                    continue
                if not heard or (child.hurried and told.error):
                    _beside(jobs[number]).unlink(missing_ok=True)
                    told = outcome(jobs[number], child.reason())
                del running[number]
                child.close()
                yield number, told
    finally:
        for child in running.values():
            child.close()


def _pooled(jobs: list[Job], workers: int, log: str, limits: forked.Limits) -> Generator[tuple[int, Outcome]]:
    """Each report in a kernel of its own, started by a pool of processes."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_quiet, initargs=(log,)) as pool:
        waiting = {pool.submit(run_job, job, "kernel", limits.seconds): number for number, job in enumerate(jobs)}
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)  # an interrupted run waits for those under way only


def run(
    jobs: list[Job],
    workspace: Workspace,
    *,
    workers: int,
    done: Callable[[Outcome], None],
    engine: str = "ohstats",
    limits: forked.Limits | None = None,
    fail_fast: bool = False,
) -> list[Outcome]:
    """Execute all jobs; outcomes come in the order of the jobs.

    Parameters
    ----------
    jobs : list of Job
        What to make.
    workspace : Workspace
        Where it goes.
    workers : int
        Reports made at the same time.
    done : callable
        Hears of each outcome as soon as there is one.
    engine : str
        "ohstats": each report in a process forked from a warm one, where that is safe; "kernel": papermill's own.
    limits : Limits, optional
        What one report may use; with kernels only the time, for each cell.
    fail_fast : bool
        Stop at the first failure; what was under way has no outcome.

    Raises
    ------
    ParameterRefused
        There is no such engine.
    """
    check_engine(engine)
    os.environ["OHSTATS_WORK"] = str(workspace.root)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    make = _forked if engine == "ohstats" and forked.usable() else _pooled
    workers = max(1, min(workers, len(jobs)))
    found: dict[int, Outcome] = {}
    with closing(make(jobs, workers, str(workspace.work / "kernels.log"), limits or forked.Limits())) as outcomes:
        for number, told in outcomes:
            found[number] = told
            done(told)
            if fail_fast and told.error:
                break
    return [found[number] for number in sorted(found)]


def make(
    jobs: list[Job],
    whole: list[Job],
    datasets: list[Dataset],
    workspace: Workspace,
    manifest: Manifest,
    *,
    begun: Callable[[int], None],
    done: Callable[[Outcome], None],
    force: bool = False,
    **options: Any,
) -> list[Outcome]:
    """Execute the jobs of which anything changed and note what came of them; outcomes of all, in the order of the jobs.

    Parameters
    ----------
    jobs : list of Job
        What to make.
    whole : list of Job
        What all parts of a sharded run make; else the same as `jobs`.
    datasets : list of Dataset
        Where they come from; protected.
    workspace : Workspace
        Where they go.
    manifest : Manifest
        What was made before.
    begun : callable
        Hears how many of them are to be made.
    done : callable
        Hears of each outcome as soon as there is one.
    force : bool
        Make those too of which nothing changed.
    **options
        Passed to `run`.
    """
    jobs = with_slices(jobs, workspace)
    for job in jobs:
        if job.note:
            place, language, edition = (job.parameters[name] for name in ("district", "language", "edition"))
            notes.settle(Path(job.note), workspace.site(edition) / language / f"{place}_{job.report}.json")
    keys = {job.output: key(job) for job in jobs}
    old = {} if force else {job.output: manifest.unchanged(job.output, keys[job.output]) for job in jobs}
    manifest.begin(keys, [job.output for job in whole], datasets)
    found = {output: told for output, told in old.items() if told}

    def noted(told: Outcome) -> None:
        try:
            manifest.add(told, keys[told.output])
        except OSError as error:  # what is not noted is made again
            told = replace(told, error=error.strerror or "OSError")
        found[told.output] = told
        done(told)

    wanted = [job for job in jobs if job.output not in found]
    begun(len(wanted))
    if wanted:
        run(wanted, workspace, done=noted, **options)
    manifest.finish()
    return [found[job.output] for job in jobs if job.output in found]


def with_slices(jobs: list[Job], workspace: Workspace) -> list[Job]:
    """The jobs with the slice that each is to read, as the protect step wrote it."""
    folders = {(job.dataset, job.parameters["edition"]) for job in jobs}
    slice_folders = {each: workspace.protected(*each) / "slices" for each in folders}
    digests = {each: slices.digests(folder) for each, folder in slice_folders.items()}
    made = []
    for job in jobs:
        each = job.dataset, job.parameters["edition"]
        digest = digests[each].get(job.parameters["district"], "")
        made.append(replace(job, slices=str(slice_folders[each]), digest=digest))
    return made


def check_engine(engine: str) -> None:
    """Refuse an engine that there is not.

    Raises
    ------
    ParameterRefused
        There is no such engine.
    """
    if engine not in ENGINES:
        raise ParameterRefused("No {name} '{value}'. There are: {known}.", name="engine", value=engine, known=", ".join(ENGINES))
