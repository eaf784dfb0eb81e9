"""Raw tables to clean ones: declared types and codes, every change in the audit, every refused row in the quarantine.

Rows in = rows clean + rows quarantined. Polars works inside, pandas is what goes in and comes out.
"""

from __future__ import annotations

import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import polars as pl
import pyarrow.parquet as pq

from .. import corrections, files, periods, schema
from ..errors import Fault, FileRefused, ParameterRefused
from . import audit, reading
from .context import Context, day
from .engine import Engine

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping

    from ..dataset import Dataset
    from ..paths import Workspace

SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx", ".xls", ".xlsm")
_TEXTS_OF_COUNTS = ("text", "prose", "choice", "date", "period", "division")


@dataclass(frozen=True)
class Cleaned:
    """One or several tables after cleaning."""

    tables: dict[str, pd.DataFrame]
    quarantine: pd.DataFrame
    audit: pd.DataFrame
    rows: dict[str, dict[str, int]]  # file -> rows in, clean, quarantined


@dataclass(frozen=True)
class Loaded:
    """One table after cleaning: `clean`, `quarantine`, `audit`, and the accounting by file (`rows`)."""

    clean: pd.DataFrame
    quarantine: pd.DataFrame
    audit: pd.DataFrame
    rows: dict[str, dict[str, int]]

    @property
    def warnings(self) -> pd.DataFrame:
        """Lines of the audit that somebody should look at: no records, a possibly truncated file, a sheet that was not read."""
        return self.audit[self.audit["kind"] == "warning"]


@dataclass
class _Memory:
    """Keeps finished parts."""

    parts: dict[str, list[pl.DataFrame]] = field(default_factory=lambda: {"clean": [], "quarantine": [], "audit": []})

    def clean(self, frame: pl.DataFrame) -> None:
        self.parts["clean"].append(frame)

    def quarantine(self, frame: pl.DataFrame) -> None:
        self.parts["quarantine"].append(frame)

    def audit(self, frame: pl.DataFrame) -> None:
        self.parts["audit"].append(frame)

    def frame(self, name: str, columns: Mapping[str, type[pl.DataType]], *, nullable: bool = True) -> pd.DataFrame:
        made = pl.concat(self.parts[name] or [pl.DataFrame(schema=dict(columns))], how="vertical_relaxed")
        if not nullable:  # a missing count is NaN, as in all frames of counts
            return made.to_pandas()
        whole = [each for each in made.columns if made.schema[each].is_integer() and made[each].null_count()]
        flags = [each for each in made.columns if made.schema[each] == pl.Boolean and made[each].null_count()]
        return made.to_pandas().astype(dict.fromkeys(whole, "Int64") | dict.fromkeys(flags, "boolean"))


class _Parquet:
    """Writes finished parts, each kind to its file; a file that is not finished leaves nothing behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.beside = files.private(folder / f".{Path(folder).name}.part")
        self.writers: dict[str, pq.ParquetWriter] = {}
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._last: Future[None] | None = None

    def clean(self, frame: pl.DataFrame) -> None:
        self._write("clean", frame)

    def quarantine(self, frame: pl.DataFrame) -> None:
        self._write("quarantine", frame)

    def audit(self, frame: pl.DataFrame) -> None:
        self._write("audit", frame)

    def _write(self, name: str, frame: pl.DataFrame) -> None:
        """Write in the background while the next part is read, never more than one part behind."""
        if self._last:
            self._last.result()
        self._last = self._thread.submit(self._append, name, frame)

    def _append(self, name: str, frame: pl.DataFrame) -> None:
        made = frame.to_arrow(compat_level=pl.CompatLevel.newest())
        if name not in self.writers:
            path = self.beside / f"{name}.parquet"
            self.writers[name] = pq.ParquetWriter(path, made.schema, compression="lz4", store_schema=False)
        self.writers[name].write_table(made.cast(self.writers[name].schema))

    def close(self, *, whole: bool) -> None:
        """Put the finished files in their place, or leave nothing."""
        try:
            if self._last:
                self._last.result()
        finally:
            self._thread.shutdown()
            for writer in self.writers.values():
                writer.close()
            if whole:
                for path in self.beside.glob("*.parquet"):
                    path.replace(self.folder / path.name)
            shutil.rmtree(self.beside)


def load(
    source: str | Path | pd.DataFrame,
    *,
    table: str,
    identifiers: str = "drop",
    places: pd.DataFrame | None = None,
    own: str | Path | None = None,
    today: dt.date | str | None = None,
) -> Loaded:
    """One table of a file or a frame, cleaned: clean rows, quarantined rows with their reason, every change.

    Parameters
    ----------
    source : path or DataFrame
        CSV or tab text (UTF-8, UTF-16, GB18030), .xlsx, .xls; or a frame with the headings of such a file.
    table : str
        Name of a declared table, e.g. "disease_cards".
    identifiers : {"drop", "keep"}
        "drop" leaves out direct identifiers (names, numbers, exact birth dates, addresses of persons) and keeps their values
        out of the audit; "keep" is for the cleaning step and tests only.
    places : DataFrame, optional
        The user's own list of places (code, name_zh, name_en): functional zones and invented places. Left out, a file
        `places.csv` in the folder `own` is taken.
    own : path, optional
        Folder with the user's own lists (`codes/`, `headings.yml`, `places.csv`); the folder of the file when it is left out.
    today : date or str, optional
        Dates after it lie in the future; SOURCE_DATE_EPOCH or today when it is left out.

    Returns
    -------
    Loaded
        `.clean` (canonical columns, with `file`, `row`, derived columns and `flags`), `.quarantine` (file, row, reason, original
        text as JSON), `.audit` (file, row or rows and count, column, rule, old, new, kind) and `.rows` (the accounting:
        records = clean + quarantined, for each file).

    Raises
    ------
    FileRefused
        The file cannot be read as this table; nothing is loaded.
    ParameterRefused
        A parameter is unknown.

    Examples
    --------
    >>> made = load(pd.DataFrame({"district": ["320106.0"], "year": ["2024"], "item": ["x"], "project": ["p"]}), table="tasks")
    >>> made.clean[["place", "period"]].values.tolist(), made.rows
    ([['320106', '2024']], {'frame': {'in': 1, 'clean': 1, 'quarantined': 0}})
    """
    context = _context(source, table, identifiers, places, own, today)
    sink = _Memory()
    engine = Engine(context, sink)
    engine.run(_sources(source, context.table))
    return Loaded(
        sink.frame("clean", {}, nullable=context.table.kind == "records"),
        sink.frame("quarantine", audit.QUARANTINE),
        sink.frame("audit", audit.COLUMNS),
        {file: account.told() for file, account in engine.accounts.items()},
    )


def clean_to(
    path: str | Path,
    folder: str | Path,
    *,
    table: str,
    places: pd.DataFrame | None = None,
    own: str | Path | None = None,
    today: dt.date | str | None = None,
) -> dict[str, dict[str, int]]:
    """Clean a file of any size into `clean.parquet`, `quarantine.parquet` and `audit.parquet`; returns the accounting by file.

    Parameters are those of `load`. The folder is made readable for its owner only: quarantine and audit are personal data.
    Rows are written as they are read; tables of cards, whose later rows correct earlier ones, are held in memory.

    Raises
    ------
    FileRefused
        The file cannot be read as this table; the folder is as it was.
    """
    context = _context(path, table, "drop", places, own, today)
    sink = _Parquet(files.private(Path(folder)))
    whole = False
    try:
        engine = Engine(context, sink)
        engine.run(_sources(path, context.table))
        if "quarantine" not in sink.writers:
            sink.quarantine(pl.DataFrame(schema=audit.QUARANTINE))
        whole = True
    finally:
        sink.close(whole=whole)
    return {file: account.told() for file, account in engine.accounts.items()}


def clean_dataset(dataset: Dataset) -> Cleaned:
    """All declared tables of a data set, corrected, cleaned and held against its coverage.

    Raises
    ------
    FileRefused
        A file cannot be read, a correction does not fit, or rows lie outside what the data set says it covers.
    """
    found = {name: paths for name in schema.tables() if (paths := _paths(dataset.folder, name))}
    if missing := sorted({cover.table for cover in dataset.covers} - set(found)):
        files.read_bytes(dataset.folder / f"{missing[0]}.csv")  # refused: covered, and not there
    entries = corrections.read(dataset.folder / "corrections.yml", found)
    made: dict[str, pd.DataFrame] = {}
    sink = _Memory()
    rows: dict[str, dict[str, int]] = {}
    for name, paths in found.items():
        context = _context(paths[0], name, "drop", dataset.places, dataset.folder, dataset.data_date or None)
        engine = Engine(context, sink, _corrector(entries[name], context.table) if entries[name] else None)
        engine.run(source for path in paths for source in reading.from_path(path, context.table))
        made[name] = sink.frame("clean", {}, nullable=context.table.kind == "records")
        sink.parts["clean"] = []
        rows |= {file: account.told() for file, account in engine.accounts.items()}
    _check_coverage(made, dataset)
    return Cleaned(made, sink.frame("quarantine", audit.QUARANTINE), sink.frame("audit", audit.COLUMNS), rows)


def save(cleaned: Cleaned, dataset: Dataset, workspace: Workspace) -> None:
    """Write clean tables, quarantine and audit into the workspace, in a folder that only its owner can open."""
    files.private(workspace.work)
    folder = files.private(workspace.clean(dataset.id))
    for name, frame in {**cleaned.tables, "quarantine": cleaned.quarantine, "audit": cleaned.audit}.items():
        files.write_parquet(frame, folder / f"{name}.parquet")
    files.write_json({"hash": dataset.hash, "rows": cleaned.rows, "tables": sorted(cleaned.tables)}, folder / "clean.json")


def _context(
    source: str | Path | pd.DataFrame, name: str, identifiers: str, places: pd.DataFrame | None,
    own: str | Path | None, today: dt.date | str | None,
) -> Context:  # fmt: skip
    if identifiers not in ("drop", "keep"):
        raise ParameterRefused(
            "No {name} '{value}'. There are: {known}.", name="identifiers", value=identifiers, known="drop, keep"
        )
    folder = Path(own) if own else None if isinstance(source, pd.DataFrame) else Path(source).parent
    table = schema.table(name)
    if folder and schema.path_of_own(folder).is_file():
        told = schema.own_headers(files.read_yaml(schema.path_of_own(folder)), schema.path_of_own(folder).name)
        table = table.with_headers(told.get(name, {}))
    if places is None and folder and (folder / "places.csv").is_file():
        places = files.read_text_table(folder / "places.csv")[0]
    listed = None
    if places is not None:
        listed = pl.from_pandas(places[[c for c in ("code", "name_zh", "name_en") if c in places.columns]].astype("str"))
        listed = listed.with_columns(pl.lit("").alias(c) for c in ("name_zh", "name_en") if c not in listed.columns)
    return Context(
        table, day(today), folder, folder if folder and (folder / "codes").is_dir() else None, listed, keep=identifiers == "keep"
    )


def _sources(source: str | Path | pd.DataFrame, table: schema.Table) -> list[reading.Source]:
    if isinstance(source, pd.DataFrame):
        return [reading.from_frame(source, table)]
    return reading.from_path(Path(source), table)


def _paths(folder: Path, name: str) -> list[Path]:
    """Files of a table: `<table>.csv`, `<table>_<anything>.xlsx` and the like, in the order of their names."""
    if schema.table(name).kind == "description":
        return []
    found = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]
    return sorted(path for path in found if path.stem == name or path.stem.startswith(f"{name}_"))


def _corrector(
    entries: list[tuple[int, dict[str, Any]]], table: schema.Table
) -> Callable[[str, pl.DataFrame], tuple[pl.DataFrame, pl.DataFrame]]:
    """Corrections of a table, given under canonical columns or under the file's headings."""

    def correct(file: str, frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        mine = [(number, _canonical(entry, table)) for number, entry in entries if entry.get("file", file) == file]
        made, changes = corrections.apply(frame.to_pandas(), mine, file="corrections.yml")
        return pl.from_pandas(made), pl.from_pandas(
            changes.astype({"row": "int64"} | dict.fromkeys(corrections.AUDIT_COLUMNS[1:], "str"))
        )

    return correct


def _canonical(entry: dict[str, Any], table: schema.Table) -> dict[str, Any]:
    def name(text: object) -> object:
        return table.canonical(str(text)) or text

    told = {key: value for key, value in entry.items() if key != "file"}
    if "column" in told:
        told["column"] = name(told["column"])
    if isinstance(where := told.get("where"), dict):
        told["where"] = {name(key): value for key, value in where.items()}
    if isinstance(swap := told.get("swap"), dict):
        told["swap"] = {**swap, "column": name(swap.get("column"))}
    return told


def _check_coverage(tables: Mapping[str, pd.DataFrame], dataset: Dataset) -> None:
    """Refuse counts that the data set does not say it covers: a period without rows could not be told from 0."""
    frame = tables.get("case_counts")
    if frame is None:
        return
    covered = {
        (code, month)
        for cover in dataset.covers
        if cover.table == "case_counts"
        for code in cover.places
        for month in cover.span.months
    }
    outside: dict[tuple[str, str], set[int]] = {}
    for code, text, basis in sorted(set(zip(frame["place"], frame["period"], frame["year_basis"], strict=True))):
        years = {year for year, month in periods.parse(text).months if (code, (year, month)) not in covered}
        if years:
            outside.setdefault((code, basis), set()).update(years)
    faults = [
        Fault(
            'add to covers: {{table: case_counts, places: ["{code}"], periods: {years}, year_basis: {basis}, keys: [total]}}',
            code=code,
            years=first if first == last else f"{first}..{last}",
            basis=basis,
        )
        for (code, basis), years in sorted(outside.items())
        for first, last in periods.runs(years)
    ]
    if faults:
        raise FileRefused(
            "{file}: case_counts.csv has rows that it does not cover.", file=f"{dataset.folder.name}/dataset.yml", faults=faults
        )
