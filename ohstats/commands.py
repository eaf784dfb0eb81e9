"""Commands around the data themselves: check, template, dictionary; and the options that all commands share."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import paths
from .errors import FileRefused, ParameterRefused
from .language import _, current, use

if TYPE_CHECKING:
    from collections.abc import Callable

    from .check import Check

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


def folders_of(named: list[Path], example: bool) -> list[Path]:
    """Folders of the data sets named, and of the packaged examples where they were asked for."""
    return [*named, *(sorted(each.parent for each in paths.examples().glob("*/dataset.yml")) if example else [])]


@app.command(help=_("Say what cleaning finds and how good the records are; exit code 1 when a file is refused."))
def check(
    file: Annotated[list[Path], typer.Argument(help=_("Files of one table, instead of a data set."))] = [],  # noqa: B006
    table: Annotated[str, typer.Option("--table", help=_("The table that the files hold, e.g. disease_cards."))] = "",
    data_dir: DataDir = [],  # noqa: B006
    example: Example = False,
    district: Annotated[str, typer.Option("--district", help=_("Code of a place: its records alone."))] = "",
    language: Annotated[str, typer.Option("--language", help=_("zh or en (default: the language of the system)."))] = "",
    work: Work = None,
) -> None:
    """Check."""
    from . import check as checking

    spoken = language or current()
    if bool(file) == bool(data_dir or example) or bool(file) != bool(table):
        raise ParameterRefused("Name a data set with --data-dir FOLDER, or files with --table TABLE.")
    opening: list[Callable[[], Check]] = [
        partial(checking.open_check, each, district, language=spoken, workspace=paths.Workspace.at(work))
        for each in folders_of(data_dir, example)
    ]
    opening += [partial(checking.open_files, [each], table, language=spoken) for each in file]
    refused = 0
    for each in opening:
        try:
            _tell(each())
        except FileRefused as error:
            refused += 1
            with use(spoken):
                typer.echo(str(error), err=True)
    if refused:
        raise typer.Exit(1)


def _tell(opened: Check) -> None:
    """All sections as plain text: the accounting, and every finding with what to do."""
    from . import sections

    for make in sections.CHECK:
        result = make(opened)
        typer.echo(f"\n{'#' * result.level} {result.title}")
        for text in result.sentences:
            typer.echo(text)
        for text in result.bullets:
            typer.echo(f"- {text}")
        if result.id in ("check-files", "check-quarantine") and result.table:
            for row in [result.table.header, *result.table.rows]:
                typer.echo("  " + " | ".join(row))


@app.command(help=_("Write an empty Excel workbook to enter the records of a table."))
def template(
    table: Annotated[str, typer.Option("--table", help=_("Name of a table, e.g. disease_cards."))],
    out: Annotated[Path | None, typer.Option("--out", help=_("File to write (default: the table's name with .xlsx)."))] = None,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help=_("Folder of a data set whose own code lists count too."))
    ] = None,
) -> None:
    """Template."""
    from . import entry

    target = out or Path(f"{table}.xlsx")
    if target.exists():
        raise ParameterRefused("{file} is there already; name another one with --out.", file=target.name)
    typer.echo(str(entry.save(table, target, own=data_dir)))


@app.command(help=_("Write the data dictionary and the page of indicators, made from their declarations."))
def dictionary(out: Annotated[Path, typer.Option("--out", help=_("Folder to write."))]) -> None:
    """Dictionary."""
    from . import dictionary as making
    from . import handbook

    for path in [*making.write(out), *handbook.write(out)]:
        typer.echo(str(path))
