"""Runs the notebooks of all places through papermill: checked before anything runs, none stopped by another's failure."""

from __future__ import annotations

import json
import os
import re
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import files
from .errors import NotebookRefused, ParameterRefused
from .result import MIME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .dataset import Dataset
    from .paths import Workspace

REPORTS = ("trend", "evaluation")
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
    from papermill import inspect_notebook

    names = set(inspect_notebook(str(notebook)))
    lacking = sorted(REQUIRED - names)
    if lacking:
        raise NotebookRefused("{name} does not declare the parameters {names}.", name=notebook.name, names=", ".join(lacking))
    return names


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


def run_job(job: Job) -> Outcome:
    """Execute one notebook; a failure is an outcome, not an exception."""
    import papermill
    from traitlets.config import Config

    output, failed = Path(job.output), Path(job.failed)
    for path in (output, failed):
        path.unlink(missing_ok=True)
        files.private(path.parent)
    beside = output.with_name(f".{output.name}.{os.getpid()}.ipynb")
    error = ""
    config = Config({"KernelManager": {"transport_encryption": "required"}})
    try:
        made = papermill.execute_notebook(
            job.notebook, str(beside), parameters=job.parameters, progress_bar=False, log_output=False, config=config
        )
        if any(MIME in each.get("data", {}) for cell in made.cells for each in cell.get("outputs", [])):
            beside.replace(output)
        else:
            error = "NoResult"
    except Exception as problem:
        error = getattr(problem, "ename", "") or type(problem).__name__
    finally:
        if beside.exists():
            beside.replace(failed)
    told = job.parameters
    return Outcome(
        job.report, job.dataset, told["district"], told["language"], told["edition"], told["period"], job.output, error
    )


def _quiet(log: str) -> None:
    """Send what kernels print beside their outputs to a file of the workspace: it may hold paths and values."""
    files.private(Path(log).parent)
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)


def run(jobs: list[Job], workspace: Workspace, *, workers: int, done: Callable[[Outcome], None]) -> list[Outcome]:
    """Execute all jobs, `workers` at a time; `done` hears of each. Outcomes come in the order of the jobs."""
    os.environ["OHSTATS_WORK"] = str(workspace.root)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    found: dict[int, Outcome] = {}
    with ProcessPoolExecutor(
        max_workers=max(1, min(workers, len(jobs))),
        mp_context=get_context("spawn"),
        initializer=_quiet,
        initargs=(str(workspace.work / "kernels.log"),),
    ) as pool:
        waiting = {pool.submit(run_job, job): number for number, job in enumerate(jobs)}
        for future in as_completed(waiting):
            outcome = future.result()
            found[waiting[future]] = outcome
            done(outcome)
    return [found[number] for number in range(len(jobs))]


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
