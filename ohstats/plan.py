"""What will be run: notebooks, places and parameters, all checked before anything runs."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import disclosure, notes
from .errors import NotebookRefused, ParameterRefused

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from .dataset import Dataset
    from .paths import Workspace

REPORTS = ("trend", "evaluation", "overview")
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
    pages: str = ""  # folder of the pages; none are made when it is empty
    others: tuple[tuple[str, str], ...] = ()  # report and language of the pages of the same place: they link to each other
    above: str = ""  # page of the place that this one is part of, where the same run makes it: the page links to it
    note: str = ""  # what people wrote about it, if they did
    slices: str = ""  # folder of the slices
    digest: str = ""  # of the slice that the report reads
    rules: dict[str, object] | None = None  # by which its figures were made

    @property
    def name(self) -> str:
        """Name of its files."""
        return Path(self.output).stem

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
    digest: str = ""  # of the executed notebook
    seconds: float = 0.0


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


def check_edition(notebook: Path, edition: str) -> None:
    """Refuse to publish a notebook whose metadata keep it to one edition (`"ohstats": {"edition": "internal"}`).

    Raises
    ------
    NotebookRefused
        It is for another edition.
    """
    only = json.loads(notebook.read_text(encoding="utf-8"))["metadata"].get("ohstats", {}).get("edition", edition)
    if only != edition:
        raise NotebookRefused(
            "{name} is for one edition only: run it with --edition {edition}.", name=notebook.name, edition=only
        )


def places_of(notebook: Path, chosen: Dataset) -> set[str]:
    """Codes that a notebook reports: places with data or, with `"ohstats": {"places": "below"}`, places with places below."""
    told = json.loads(notebook.read_text(encoding="utf-8"))["metadata"].get("ohstats", {})
    return set(chosen.below) if told.get("places") == "below" else set(chosen.reported)


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
    ParameterRefused, NotebookRefused, FileRefused
        A place, period, parameter, notebook or note cannot be run; what exists is listed.
    """
    from .periods import parse

    when = parse(period)
    chosen.check_period(when)
    for code in set(districts) - set(chosen.opened):
        chosen.place(code)  # refuses it
    jobs = []
    reports = {report: (notebook, check_parameters(notebook, extra or ())) for report, notebook in named(notebooks).items()}
    for notebook, _names in reports.values():
        check_edition(notebook, edition)
    written = notes.find(workspace, edition)
    places = {report: places_of(notebook, chosen) for report, (notebook, _names) in reports.items()}
    there = {report: set(districts) & set(mine) for report, mine in places.items()}
    for code in districts if set(districts) < set(chosen.opened) else ():  # named
        if not any(code in mine for mine in places.values()):
            raise ParameterRefused("None of these notebooks makes a report of {code}.", code=code)
    for report, (notebook, known) in reports.items():
        for code in districts:
            if code not in places[report]:
                continue
            others = tuple((each, language) for each in reports if code in places[each] for language in languages)
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
                        str(workspace.pages(chosen.id, edition) / language),
                        others,
                        above(code, report, chosen, there),
                        str(written.get((report, code, str(when), language), "")),
                        rules=rules(chosen),
                    )
                )
    return jobs


def above(code: str, report: str, chosen: Dataset, there: Mapping[str, Collection[str]]) -> str:
    """The page of the place right above another, without its ending: the same report, else the overview, else nothing."""
    parent = chosen.place(code)["parent"]
    return next((f"{parent}_{each}" for each in (report, "overview") if parent in there.get(each, ())), "")


def rules(chosen: Dataset) -> dict[str, object]:
    """By which rules the figures of a data set were made."""
    declared = bool(chosen.disclosure.get("yearly_total"))
    return {"rules": disclosure.RULES_VERSION, "exempt": chosen.exempt, "yearly_total": declared}


def outcome(job: Job, error: str = "", digest: str = "") -> Outcome:
    """What became of a job."""
    told = job.parameters
    return Outcome(
        job.report, job.dataset, told["district"], told["language"], told["edition"], told["period"], job.output, error, digest
    )


def shard(jobs: list[Job], part: str) -> list[Job]:
    """The jobs of one of several parts, such as 3/10; all reports of a place are in the same part.

    Raises
    ------
    ParameterRefused
        The part is not written so, or there is no such part.
    """
    told = re.fullmatch(r"(\d{1,4})/(\d{1,4})", part)
    number, of = (int(told[1]), int(told[2])) if told else (0, 0)
    if not 1 <= number <= of:
        raise ParameterRefused("--shard {part}: write the number of a part and how many there are, as in 3/10.", part=part)
    places = {place: at for at, place in enumerate(dict.fromkeys(job.parameters["district"] for job in jobs))}
    return [job for job in jobs if places[job.parameters["district"]] % of == number - 1]
