"""The commands, from raw files to a published site; `run` does all of it.

Exit codes: 0 all was made; 1 some reports failed; 2 nothing could run, for the reason said; 130 interrupted.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path  # noqa: TC003  typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from . import __version__, data, dataset, disclosure, paths, periods
from .commands import DataDir, Edition, Example, Work, app, folders_of
from .errors import OhstatsError, ParameterRefused, nearest
from .language import LANGUAGES, _

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .dataset import Dataset
    from .plan import Job


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ohstats {__version__}")
        raise typer.Exit


@app.callback()
def _app(
    version: Annotated[
        bool, typer.Option("--version", help=_("Print the version and stop."), is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    del version


def _datasets(folders: list[Path], example: bool) -> list[Dataset]:
    chosen = folders_of(folders, example)
    if not chosen:
        raise ParameterRefused("Name a data set with --data-dir FOLDER, or use --example.")
    loaded = [dataset.load(folder) for folder in chosen]
    codes = [code for each in loaded for code in each.opened]
    twice = sorted(code for code, n in Counter(codes).items() if n > 1)
    ids = [each.id for each in loaded]
    if same := sorted({name for name in ids if ids.count(name) > 1}):
        raise ParameterRefused("More than one data set has the id {names}.", names=", ".join(same))
    if twice:
        raise ParameterRefused("The places {codes} stand in more than one data set.", codes=", ".join(twice))
    return loaded


@app.command(help=_("Clean the tables of data sets; every change and every refused row is kept with its reason."))
def clean(data_dir: DataDir = [], example: Example = False, work: Work = None) -> None:  # noqa: B006  typer copies it
    """Clean."""
    from . import manifest

    loaded, workspace = _datasets(data_dir, example), paths.Workspace.at(work)
    with manifest.locked(workspace):
        for chosen in loaded:
            for file, n in data.clean(chosen, workspace).items():
                told = {"dataset": chosen.id, "file": file, "clean": n["clean"], "quarantined": n["quarantined"]}
                words = _(
                    "{dataset}: {file}: {rows_in} rows in = {clean} clean + {quarantined} in quarantine", rows_in=n["in"], **told
                )
                typer.echo(words)


@app.command(help=_("Hide what an edition may not show, for all places of a data set at once."))
def protect(data_dir: DataDir = [], example: Example = False, edition: Edition = "public", work: Work = None) -> None:  # noqa: B006
    """Protect."""
    from . import manifest

    disclosure.check_edition(edition)
    loaded, workspace = _datasets(data_dir, example), paths.Workspace.at(work)
    with manifest.locked(workspace):
        for chosen in loaded:
            facts = {"dataset": chosen.id, **data.protect(chosen, workspace, edition)}
            typer.echo(_("{dataset}: {hidden} of {figures} figures hidden (rules {rules}, edition {edition})", **facts))


@app.command(
    help=_("Do everything: clean, protect, run the notebooks of all places, build the site."),
    epilog=_("Exit codes: 0 all was made; 1 some reports failed; 2 nothing could run; 130 interrupted."),
)
def run(
    data_dir: DataDir = [],  # noqa: B006
    example: Example = False,
    district: Annotated[list[str], typer.Option("--district", help=_("Code of a place; may be given several times."))] = [],  # noqa: B006
    every: Annotated[bool, typer.Option("--all", help=_("All places with data: the same as no --district."))] = False,
    notebook: Annotated[
        list[str], typer.Option("--notebook", help=_("Name or path of a notebook (default: trend and evaluation)."))
    ] = [],  # noqa: B006
    period: Annotated[
        str, typer.Option("--period", help=_("Period to report, e.g. 2024 or 2024H1 (default: last year of the data)."))
    ] = "",
    first_year: Annotated[
        int, typer.Option("--first-year", help=_("First year of the series (default: first year of the data)."))
    ] = 0,
    language: Annotated[str, typer.Option("--language", help=_("Languages of the reports, e.g. zh or zh,en."))] = "zh,en",
    edition: Edition = "public",
    assessment: Annotated[str, typer.Option("--assessment", help=_("annual, midterm or final."))] = "annual",
    parameter: Annotated[
        list[str], typer.Option("-p", "--parameter", help=_("A further parameter of the notebook: name=value."))
    ] = [],  # noqa: B006
    work: Work = None,
    workers: Annotated[
        int, typer.Option("-j", "--workers", min=0, help=_("Reports made at the same time (default: number of cores)."))
    ] = 0,
    force: Annotated[bool, typer.Option("--force", help=_("Make everything again, also what is unchanged."))] = False,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help=_("Stop at the first report that fails."))] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=_("Say what would be made, and write nothing."))] = False,
    part: Annotated[
        str, typer.Option("--shard", help=_("Run the notebooks of one part of the places only, e.g. 3/10; `ohstats site` joins."))
    ] = "",
    log_json: Annotated[bool, typer.Option("--log-json", help=_("Tell of the run in JSON, one object a line."))] = False,
    engine: Annotated[
        str, typer.Option("--engine", help=_("ohstats (processes forked from a warm one: quick) or kernel."))
    ] = "ohstats",
    time_limit: Annotated[float, typer.Option("--time-limit", min=1, help=_("Seconds that one report may take."))] = 600,
    memory_limit: Annotated[
        int, typer.Option("--memory-limit", min=100, help=_("Memory that one report may use, in MB (engine ohstats)."))
    ] = 2000,
) -> None:
    """Run."""
    from . import apart, forked, manifest, plan, progress, runner
    from . import site as building

    started = time.monotonic()
    runner.check_engine(engine)
    chosen, workspace = _datasets(data_dir, example), paths.Workspace.at(work)
    whole = _jobs(
        chosen, workspace, _districts(district, chosen, every), notebooks=notebook or plan.REPORTS, period=period,
        first_year=first_year, language=language, edition=edition, assessment=assessment, extra=_pairs(parameter),
    )  # fmt: skip
    jobs = plan.shard(whole, part) if part else whole
    used = [each for each in chosen if any(job.dataset == each.id for job in whole)]
    if dry_run:
        _say_plan(jobs, used, workspace, edition, force=force)
        return
    unprotected = [each for each in used if part and not data.prepared(each, workspace, edition)]
    if unprotected:
        raise ParameterRefused(
            "--shard runs notebooks only. First run: ohstats clean, ohstats protect (data sets: {names})",
            names=", ".join(each.id for each in unprotected),
        )
    tell = progress.Teller(log_json=log_json)
    with manifest.locked(workspace, part), _interruptible():
        ready = {
            each.id for each in used if each.hash and not force and data.ready(each, workspace, edition)
        }  # one hash for all steps
        if engine == "ohstats" and forked.usable() and len(ready) < len(used):
            forked.start_server()  # it warms up while the tables are cleaned; where nothing is to be made, none is needed
        for each in [] if part else used:
            facts = apart.call(data.prepare, each, workspace, edition, force, size=0 if each.id in ready else each.size)
            words = _("{dataset}: cleaned; {hidden} of {figures} figures hidden", dataset=each.id, **facts)
            tell.say("prepared", words, dataset=each.id, hidden=facts["hidden"], figures=facts["figures"])
        with tell.reports():
            outcomes = runner.make(
                jobs, whole, used, workspace, manifest.Manifest(workspace, edition, part), begun=tell.begun, done=tell.done,
                force=force, workers=workers or os.cpu_count() or 1, engine=engine, fail_fast=fail_fast,
                limits=forked.Limits(seconds=time_limit, memory=memory_limit),
            )  # fmt: skip
        stopped = fail_fast and any(outcome.error for outcome in outcomes)
        index = building.build(outcomes, used, workspace, edition) if outcomes and not part and not stopped else None
    if tell.finished(outcomes, time.monotonic() - started, index, n=len(jobs)):
        raise typer.Exit(1)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C is an end like others: what is made is kept."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(_("Interrupted. The same command goes on from here."), err=True)
        raise typer.Exit(130) from None


def _districts(named: list[str], chosen: list[Dataset], every: bool) -> list[str]:
    """Codes of places without doubles; all that have data when none is named."""
    known = [code for each in chosen for code in each.opened]
    codes = [code.strip() for text in named for code in text.split(",") if code.strip()]
    if named and every:
        raise ParameterRefused("Give --district or --all, not both.")
    if named and not codes:
        raise ParameterRefused("--district names no place. Leave it out to run all places.")
    there = set(known)
    if strange := [code for code in codes if code not in there]:
        raise ParameterRefused(
            "No place '{code}'. There are: {known}.", code=", ".join(strange), known=nearest(strange[0], sorted(known))
        )
    if twice := sorted(code for code, n in Counter(codes).items() if n > 1):
        typer.echo(_("Named more than once, made once: {codes}", codes=", ".join(twice)), err=True)
    return list(dict.fromkeys(codes)) if named else known


def _jobs(
    chosen: list[Dataset], workspace: paths.Workspace, districts: list[str], *,
    notebooks: Iterable[str], period: str, first_year: int, language: str, edition: str, assessment: str, extra: dict[str, str],
) -> list[Job]:  # fmt: skip
    """What is to be made, after all that was given was held against what exists."""
    from . import plan

    disclosure.check_edition(edition)
    languages = list(dict.fromkeys(each.strip() for each in language.split(",") if each.strip()))
    unknown = [each for each in languages if each not in LANGUAGES]
    if unknown or not languages:
        raise ParameterRefused("No language '{names}'. There are: {known}.", names=", ".join(unknown), known=", ".join(LANGUAGES))
    if assessment not in data.ASSESSMENTS:
        raise ParameterRefused(
            "No {name} '{value}'. There are: {known}.", name="assessment", value=assessment, known=", ".join(data.ASSESSMENTS)
        )
    found = [paths.notebook(each) for each in notebooks]
    jobs = []
    for each in chosen:
        when = periods.parse(period or each.span.last_year)
        each.check_period(when)
        mine = set(each.opened)
        jobs += plan.plan(
            each, workspace, notebooks=found, districts=[code for code in districts if code in mine], languages=languages,
            edition=edition, period=str(when), first_year=data.check_first_year(each, when, first_year), assessment=assessment,
            extra=extra,
        )  # fmt: skip
    return jobs


def _say_plan(jobs: list[Job], used: list[Dataset], workspace: paths.Workspace, edition: str, *, force: bool) -> None:
    """What a run would make; what would have to be protected first counts as changed."""
    from . import manifest, runner

    made, ready = manifest.Manifest(workspace, edition), {each.id for each in used if data.prepared(each, workspace, edition)}
    wanted = [
        job for job in runner.with_slices(jobs, workspace)
        if force or job.dataset not in ready or not made.unchanged(job.output, manifest.key(job))
    ]  # fmt: skip
    for job in wanted:
        about = {name: job.parameters[name] for name in ("district", "language")}
        typer.echo(_("would make: {report} of {district} ({language})", report=job.report, **about))
    typer.echo(_("{n} of {all} reports would be made; nothing was written.", n=len(wanted), all=len(jobs)))


def _pairs(parameters: list[str]) -> dict[str, str]:
    wrong = [each for each in parameters if "=" not in each]
    if wrong:
        raise ParameterRefused("Write a parameter as name=value, not: {wrong}", wrong=", ".join(wrong))
    return dict(each.split("=", 1) for each in parameters)


@app.command(help=_("Build the site again from the notebooks of the last run; joins the parts of a sharded run."))
def site(edition: Edition = "public", work: Work = None) -> None:
    """Site."""
    from . import manifest, progress
    from . import site as building

    disclosure.check_edition(edition)
    workspace = paths.Workspace.at(work)
    started = time.monotonic()
    outcomes, hashes = manifest.last_run(workspace, edition)
    loaded = [dataset.load(folder) for folder in hashes]
    if changed := [each.id for each, then in zip(loaded, hashes.values(), strict=True) if each.hash != then]:
        raise ParameterRefused("The data of {names} changed since the last run. Run: ohstats run", names=", ".join(changed))
    with manifest.locked(workspace):
        index = building.build(outcomes, loaded, workspace, edition)
    tell = progress.Teller(log_json=False)
    if tell.finished(outcomes, time.monotonic() - started, index, n=len(outcomes)):
        raise typer.Exit(1)


@app.command(help=_("Check a finished folder: nothing in it that may not be published."))
def gate(
    folder: Annotated[Path, typer.Argument(help=_("A finished site."))],
    data_dir: DataDir = [],  # noqa: B006
    edition: Edition = "public",
) -> None:
    """Gate."""
    from . import gate as checking

    if not folder.is_dir():
        raise ParameterRefused("There is no folder {folder}.", folder=folder.name)
    disclosure.check_edition(edition)
    wanted = checking.collect(*(dataset.load(each).folder for each in data_dir))
    checking.check(folder, wanted=wanted, edition=edition)
    typer.echo(_("{folder}: nothing found that may not be published.", folder=folder.name))


@app.command(help=_("Make a synthetic data set with known truth: an invented city with invented districts."))
def synth(
    out: Annotated[Path, typer.Option("--out", help=_("Folder to write."))],
    seed: Annotated[int, typer.Option("--seed", help=_("Seed of all figures."))] = 20251231,
    districts: Annotated[int, typer.Option("--districts", help=_("Number of districts, 1 to 500."))] = 8,
    dirt: Annotated[float, typer.Option("--dirt", help=_("Share of the rows of records with dirt, 0 to 0.3."))] = 0.0,
    small: Annotated[
        bool, typer.Option("--small", help=_("Records of the last years only, as in the committed example."))
    ] = False,
) -> None:
    """Synth."""
    from . import synthetic

    typer.echo(str(synthetic.make(out, seed=seed, districts=districts, dirt_rate=dirt, small=small)))


def main() -> None:
    """Run the command line; an error of the user's is a sentence and exit code 2, never a traceback."""
    try:
        app()
    except OhstatsError as error:
        typer.echo(str(error), err=True)
        sys.exit(2)
    except OSError as error:
        if not error.filename:
            raise
        typer.echo(
            _("{file}: {reason}. Is there room, and may you write there?", file=error.filename, reason=error.strerror), err=True
        )
        sys.exit(2)


if __name__ == "__main__":
    main()
