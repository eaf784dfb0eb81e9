"""The commands: clean, protect, run, site, gate, synth. `run` does all from the raw files to the published site."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import __version__, data, dataset, disclosure, paths, periods
from .errors import OhstatsError, ParameterRefused, nearest
from .language import LANGUAGES, _

if TYPE_CHECKING:
    from .dataset import Dataset
    from .forked import Limits
    from .runner import Job, Outcome

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=_("Occupational-disease surveillance of districts: from raw exports to published reports."),
)

DataDir = Annotated[list[Path], typer.Option("--data-dir", help=_("Folder of a data set; may be given several times."))]
Example = Annotated[bool, typer.Option("--example", help=_("Use the example data sets that ship with ohstats."))]
Work = Annotated[Path | None, typer.Option("--work", help=_("Workspace for everything that is made (default: current folder)."))]
Edition = Annotated[str, typer.Option("--edition", help=_("public (protected counts) or internal (exact counts)."))]


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
    chosen = [*folders, *(sorted(each.parent for each in paths.examples().glob("*/dataset.yml")) if example else [])]
    if not chosen:
        raise ParameterRefused("Name a data set with --data-dir FOLDER, or use --example.")
    loaded = [dataset.load(folder) for folder in chosen]
    codes = [code for each in loaded for code in each.reported]
    twice = sorted({code for code in codes if codes.count(code) > 1})
    ids = [each.id for each in loaded]
    if same := sorted({name for name in ids if ids.count(name) > 1}):
        raise ParameterRefused("More than one data set has the id {names}.", names=", ".join(same))
    if twice:
        raise ParameterRefused("The places {codes} stand in more than one data set.", codes=", ".join(twice))
    return loaded


@app.command(help=_("Clean the tables of data sets; every change and every refused row is kept with its reason."))
def clean(data_dir: DataDir = [], example: Example = False, work: Work = None) -> None:  # noqa: B006  typer copies it
    """Clean."""
    from . import clean as cleaning

    for chosen in _datasets(data_dir, example):
        cleaned = cleaning.clean_dataset(chosen)
        cleaning.save(cleaned, chosen, paths.Workspace.at(work))
        for file, n in cleaned.rows.items():
            typer.echo(
                _(
                    "{dataset}: {file}: {rows_in} rows in = {clean} clean + {quarantined} in quarantine",
                    dataset=chosen.id,
                    file=file,
                    rows_in=n["in"],
                    clean=n["clean"],
                    quarantined=n["quarantined"],
                )
            )


@app.command(help=_("Hide what an edition may not show, for all places of a data set at once."))
def protect(data_dir: DataDir = [], example: Example = False, edition: Edition = "public", work: Work = None) -> None:  # noqa: B006
    """Protect."""
    disclosure.check_edition(edition)
    for chosen in _datasets(data_dir, example):
        facts = data.protect(chosen, paths.Workspace.at(work), edition)
        typer.echo(
            _("{dataset}: {hidden} of {figures} figures hidden (rules {rules}, edition {edition})", dataset=chosen.id, **facts)
        )


@app.command(help=_("Do everything: clean, protect, run the notebooks of all places, build the site."))
def run(
    data_dir: DataDir = [],  # noqa: B006
    example: Example = False,
    district: Annotated[
        list[str], typer.Option("--district", help=_("Code of a place; may be given several times (default: all)."))
    ] = [],  # noqa: B006
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
    workers: Annotated[
        int, typer.Option("-j", "--workers", help=_("Reports made at the same time (default: number of cores)."))
    ] = 0,
    engine: Annotated[
        str, typer.Option("--engine", help=_("ohstats (processes forked from a warm one: quick) or kernel."))
    ] = "ohstats",
    time_limit: Annotated[float, typer.Option("--time-limit", min=1, help=_("Seconds that one report may take."))] = 600,
    memory_limit: Annotated[
        int, typer.Option("--memory-limit", min=100, help=_("Memory that one report may use, in MB (engine ohstats)."))
    ] = 2000,
    work: Work = None,
) -> None:
    """Run."""
    from . import forked, runner, site

    started = time.monotonic()
    runner.check_engine(engine)
    disclosure.check_edition(edition)
    languages = list(dict.fromkeys(each.strip() for each in language.split(",") if each.strip()))
    unknown = [each for each in languages if each not in LANGUAGES]
    if unknown or not languages:
        raise ParameterRefused("No language '{names}'. There are: {known}.", names=", ".join(unknown), known=", ".join(LANGUAGES))
    if assessment not in data.ASSESSMENTS:
        raise ParameterRefused(
            "No {name} '{value}'. There are: {known}.", name="assessment", value=assessment, known=", ".join(data.ASSESSMENTS)
        )
    chosen = _datasets(data_dir, example)
    workspace = paths.Workspace.at(work)
    notebooks = [paths.notebook(each) for each in notebook or runner.REPORTS]
    jobs = []
    for each in chosen:
        when = periods.parse(period or each.span.last_year)
        each.check_period(when)
        mine = [code for code in dict.fromkeys(district) if code in each.reported] if district else list(each.reported)
        jobs += runner.plan(
            each,
            workspace,
            notebooks=notebooks,
            districts=mine,
            languages=languages,
            edition=edition,
            period=str(when),
            first_year=data.check_first_year(each, when, first_year),
            assessment=assessment,
            extra=_pairs(parameter),
        )
    known = {code for each in chosen for code in each.reported}
    strange = [code for code in district if code not in known]
    if strange:
        raise ParameterRefused(
            "No place '{code}'. There are: {known}.", code=", ".join(strange), known=nearest(strange[0], sorted(known))
        )
    if engine == "ohstats" and forked.usable():
        forked.start_server()  # it warms up while the tables are cleaned
    used = [each for each in chosen if any(job.dataset == each.id for job in jobs)]
    for each in used:
        facts = data.prepare(each, workspace, edition)
        typer.echo(_("{dataset}: cleaned; {hidden} of {figures} figures hidden", dataset=each.id, **facts))
    limits = forked.Limits(seconds=time_limit, memory=memory_limit)
    outcomes = _progress(jobs, workspace, workers or os.cpu_count() or 1, engine, limits)
    runner.save_manifest(outcomes, used, workspace, edition)
    index = site.build(outcomes, used, workspace, edition)
    _say_result(outcomes, index, time.monotonic() - started)


def _pairs(parameters: list[str]) -> dict[str, str]:
    wrong = [each for each in parameters if "=" not in each]
    if wrong:
        raise ParameterRefused("Write a parameter as name=value, not: {wrong}", wrong=", ".join(wrong))
    return dict(each.split("=", 1) for each in parameters)


def _progress(jobs: list[Job], workspace: paths.Workspace, workers: int, engine: str, limits: Limits) -> list[Outcome]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from . import runner

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(_("reports"), total=len(jobs))

        def done(outcome: Outcome) -> None:
            progress.advance(task)
            if outcome.error:
                progress.console.print(_failed(outcome))

        return runner.run(jobs, workspace, workers=workers, done=done, engine=engine, limits=limits)


def _failed(outcome: Outcome) -> str:
    return _(
        "failed: {report} of {district} ({language}): {error}",
        report=outcome.report,
        district=outcome.district,
        language=outcome.language,
        error=outcome.error,
    )


def _say_result(outcomes: list[Outcome], index: Path, seconds: float) -> None:
    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in failed:
        typer.echo(_failed(outcome))
    places = len({outcome.district for outcome in outcomes})
    typer.echo(
        _(
            "{made} of {n} reports of {places} places made in {seconds} s; {failed} failed.",
            made=len(outcomes) - len(failed),
            n=len(outcomes),
            places=places,
            seconds=f"{seconds:.0f}",
            failed=len(failed),
        )
    )
    typer.echo(str(index))
    if failed:
        raise typer.Exit(1)


@app.command(help=_("Build the site again from the notebooks of the last run."))
def site(edition: Edition = "public", work: Work = None) -> None:
    """Site."""
    from . import runner
    from . import site as building

    disclosure.check_edition(edition)
    workspace = paths.Workspace.at(work)
    started = time.monotonic()
    outcomes, hashes = runner.read_manifest(workspace, edition)
    loaded = [dataset.load(folder) for folder in hashes]
    if changed := [each.id for each, then in zip(loaded, hashes.values(), strict=True) if each.hash != then]:
        raise ParameterRefused("The data of {names} changed since the last run. Run: ohstats run", names=", ".join(changed))
    index = building.build(outcomes, loaded, workspace, edition)
    _say_result(outcomes, index, time.monotonic() - started)


@app.command(help=_("Check a finished folder: nothing in it that may not be published."))
def gate(folder: Annotated[Path, typer.Argument(help=_("A finished site."))]) -> None:
    """Gate."""
    from . import gate as checking

    if not folder.is_dir():
        raise ParameterRefused("There is no folder {folder}.", folder=folder.name)
    checking.check(folder)
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


if __name__ == "__main__":
    main()
