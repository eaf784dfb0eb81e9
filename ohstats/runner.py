"""Runs the notebooks of all places through papermill: checked before anything runs, none stopped by another's failure."""

from __future__ import annotations

import ast
import json
import os
import re
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import files, forked
from .errors import NotebookRefused, ParameterRefused
from .result import MIME

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from multiprocessing.connection import Connection

    from .dataset import Dataset
    from .paths import Workspace

REPORTS = ("trend", "evaluation")
ENGINES = ("ohstats", "kernel")
OPTIONS = {"district", "period", "first_year", "data_dir", "language", "edition", "assessment"}
REQUIRED = OPTIONS - {"assessment"}


@dataclass(frozen=True)
class Job:
    """One report to make: notebook and parameters."""

    notebook: str
    report: str
    dataset: str
    parameters: dict[str, Any]
    output: str
    failed: str

    @property
    def seed(self) -> str:
        """What random numbers of the report start from: the same in each language, place of the files and run."""
        told = {name: value for name, value in self.parameters.items() if name not in ("language", "data_dir")}
        return json.dumps([self.report, self.dataset, told], sort_keys=True)


@dataclass(frozen=True)
class Outcome:
    """What became of a job; `error` names the kind of failure only, never its text."""

    report: str
    dataset: str
    district: str
    language: str
    edition: str
    period: str
    output: str
    error: str = ""


def declared(notebook: Path) -> set[str]:
    """Names that a notebook declares in its parameters cell.

    Raises
    ------
    NotebookRefused
        It is none, names no Python kernel, has no code cell tagged `parameters` or more than one, or lacks a parameter that
        every report has.
    """
    try:
        told = json.loads(notebook.read_text(encoding="utf-8"))
        cells = [cell for cell in told["cells"] if "parameters" in cell.get("metadata", {}).get("tags", [])]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        kernel, language = (told.get("metadata", {}).get(name, {}) for name in ("kernelspec", "language_info"))
        python = "name" in kernel and language.get("name", kernel.get("language")) == "python"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotebookRefused("{name} is not a notebook.", name=notebook.name) from error
    if not python:
        raise NotebookRefused("{name} names no Python kernel; open it in JupyterLab, choose one and save it.", name=notebook.name)
    if len(cells) != 1 or len(code) != 1:
        raise NotebookRefused(
            "{name} has {n} code cells tagged 'parameters'; exactly one is needed, else the values passed would be overwritten "
            "by the notebook's own.",
            name=notebook.name,
            n=len(code),
        )
    names = _assigned("".join(cells[0]["source"]), notebook)
    lacking = sorted(REQUIRED - names)
    if lacking:
        raise NotebookRefused("{name} does not declare the parameters {names}.", name=notebook.name, names=", ".join(lacking))
    return names


def _assigned(source: str, notebook: Path) -> set[str]:
    """Names that a cell gives a value; papermill's own search would cost its import, a second of each run."""
    try:
        nodes = ast.parse(source).body
    except SyntaxError as error:
        raise NotebookRefused("The parameters cell of {name} is not plain Python.", name=notebook.name) from error
    targets: list[ast.expr] = [node.target for node in nodes if isinstance(node, ast.AnnAssign)]
    targets += [target for node in nodes if isinstance(node, ast.Assign) for target in node.targets]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def check_parameters(notebook: Path, given: Iterable[str]) -> set[str]:
    """The parameters that a notebook declares, after refusing those given that it does not.

    Raises
    ------
    ParameterRefused
        A parameter is unknown (the declared ones are listed), or one that decides what is reported: passed so, it would
        put another place or edition under the name of each report.
    """
    known = declared(notebook)
    if taken := sorted(set(given) & OPTIONS):
        raise ParameterRefused("Give {names} as an option of its own, not with -p.", names=", ".join(taken))
    unknown = sorted(set(given) - known)
    if unknown:
        raise ParameterRefused(
            "{notebook} declares no parameter {names}. It declares: {known}.",
            notebook=notebook.name,
            names=", ".join(unknown),
            known=", ".join(sorted(known)),
        )
    return known


def named(notebooks: Iterable[Path]) -> dict[str, Path]:
    """Notebooks by the name of their report: the file's name without its number.

    Raises
    ------
    NotebookRefused
        A name cannot stand in the address of a page, or two notebooks would write the same pages.
    """
    found: dict[str, Path] = {}
    for notebook in notebooks:
        report = re.sub(r"^\d+_", "", notebook.stem)
        if not re.fullmatch(r"[a-z][a-z_]*", report):
            raise NotebookRefused("{name}: name a notebook in small letters and _, as in 5_my_report.ipynb.", name=notebook.name)
        if found.setdefault(report, notebook).resolve() != notebook.resolve():
            raise NotebookRefused("Two notebooks make the report '{name}'; rename one.", name=report)
    return found


def plan(
    chosen: Dataset,
    workspace: Workspace,
    *,
    notebooks: list[Path],
    districts: list[str],
    languages: list[str],
    edition: str,
    period: str,
    first_year: int,
    assessment: str,
    extra: dict[str, str] | None = None,
) -> list[Job]:
    """All jobs of one data set, each place and period checked before anything runs.

    Raises
    ------
    ParameterRefused, NotebookRefused
        A place, period, parameter or notebook cannot be run; what exists is listed.
    """
    from .periods import parse

    when = parse(period)
    chosen.check_period(when)
    jobs = []
    for report, notebook in named(notebooks).items():
        known = check_parameters(notebook, extra or ())
        for code in districts:
            chosen.place(code)
            for language in languages:
                every = {
                    "district": code,
                    "period": str(when),
                    "first_year": first_year,
                    "data_dir": str(chosen.folder),
                    "language": language,
                    "edition": edition,
                    "assessment": assessment,
                    **(extra or {}),
                }
                name = f"{language}/{code}_{report}.ipynb"
                jobs.append(
                    Job(
                        str(notebook),
                        report,
                        chosen.id,
                        {key: every[key] for key in every if key in known},
                        str(workspace.executed(chosen.id, edition) / name),
                        str(workspace.failed(chosen.id, edition) / name),
                    )
                )
    return jobs


def run_job(job: Job, engine: str, seconds: float | None = None) -> Outcome:
    """Execute one notebook with papermill; a failure is an outcome, not an exception."""
    import papermill
    from papermill.engines import papermill_engines
    from traitlets.config import Config

    from .engine import ForkedEngine

    output, failed, beside = Path(job.output), Path(job.failed), _beside(job)
    options: dict[str, Any] = {"engine_name": "ohstats", "seed": job.seed}
    if engine == "kernel":
        config = Config({"KernelManager": {"transport_encryption": "required"}})
        options = {"config": config, "request_save_on_cell_execute": False, "execution_timeout": seconds}
    error = ""
    try:
        for path in (output, failed):
            path.unlink(missing_ok=True)
            files.private(path.parent)
        papermill_engines.register("ohstats", ForkedEngine)  # whether or not the installed package has told papermill
        notebook = papermill.execute_notebook(
            job.notebook, str(beside), parameters=job.parameters, progress_bar=False, log_output=False, **options
        )
        if notebook.metadata.papermill.exception:  # papermill lets sys.exit() pass
            error = "SystemExit"
        elif not any(MIME in each.get("data", {}) for cell in notebook.cells for each in cell.get("outputs", [])):
            error = "NoResult"
    except Exception as problem:
        error = getattr(problem, "ename", "") or getattr(problem, "strerror", "") or type(problem).__name__
    if beside.exists():
        beside.replace(failed if error else output)
    return outcome(job, error)


def _beside(job: Job) -> Path:
    """Where a notebook is written before it is whole."""
    return Path(job.output).with_name(f".{Path(job.output).stem}.part.ipynb")


def outcome(job: Job, error: str = "") -> Outcome:
    """What became of a job."""
    told = job.parameters
    return Outcome(
        job.report, job.dataset, told["district"], told["language"], told["edition"], told["period"], job.output, error
    )


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
    return [found[number] for number in range(len(jobs))]


def check_engine(engine: str) -> None:
    """Refuse an engine that there is not.

    Raises
    ------
    ParameterRefused
        There is no such engine.
    """
    if engine not in ENGINES:
        raise ParameterRefused("No {name} '{value}'. There are: {known}.", name="engine", value=engine, known=", ".join(ENGINES))


def save_manifest(outcomes: list[Outcome], datasets: list[Dataset], workspace: Workspace, edition: str) -> None:
    """Write what was run, for the site."""
    told = {
        "edition": edition,
        "datasets": {str(each.folder): each.hash for each in datasets},
        "outcomes": [asdict(each) for each in outcomes],
    }
    files.private(workspace.work)
    files.write_json(told, workspace.work / f"run-{edition}.json")


def read_manifest(workspace: Workspace, edition: str) -> tuple[list[Outcome], dict[str, str]]:
    """Outcomes of the last run of an edition, and the folders of its data sets with the hash that each had then.

    Raises
    ------
    ParameterRefused
        Nothing was run.
    """
    told = files.read_json(workspace.work / f"run-{edition}.json")
    if not told:
        raise ParameterRefused("Nothing was run for the edition {edition}. Run: ohstats run", edition=edition)
    return [Outcome(**each) for each in told["outcomes"]], told["datasets"]
