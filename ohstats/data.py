"""What a notebook opens: the counts of one place that its edition may see, with targets, breaks and provenance."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, wraps
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from . import (
    __version__,
    counts,
    dataset,
    disclosure,
    files,
    lists,
    measured,
    notes,
    paths,
    periods,
    reference,
    regions,
    settled,
    slices,
)  # fmt: skip
from .errors import OhstatsError, ParameterRefused
from .language import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import numpy as np
    import pandas as pd

    from .clean import Cleaned
    from .dataset import Dataset
    from .paths import Workspace

ASSESSMENTS = ("annual", "midterm", "final")
CLEAN, PROTECT = "clean.json", "protect.json"  # what each step did, written when all else is there
SLICE = "OHSTATS_SLICE"  # environment variable that announces the slice of a report
Asked = ParamSpec("Asked")


@dataclass(frozen=True)
class Data:
    """Everything one report is made from."""

    dataset: Dataset
    place: dict[str, str]
    period: periods.Period
    first_year: int
    edition: str
    language: str
    assessment: str
    counts: pd.DataFrame  # of this place
    statistics: pd.DataFrame  # of this place: medians and the like, which no count tells (`measured.make`)
    lists: dict[str, pd.DataFrame]  # of this place: what is due; internal edition only
    context: pd.DataFrame  # published figures of any place, for comparison
    indicators: pd.DataFrame
    targets: pd.DataFrame
    breaks: pd.DataFrame
    unsettled: bool  # whether rows in quarantine could change the verdict on new cases
    beside: dict[str, Any]  # trend that borrows strength from the region, official figures (`regions.beside`)
    design: dict[str, Any]  # what a place of its size publishes: `summary` (one page), `block` (years)
    declared: dict[str, str] | None  # by whom yearly totals were declared public
    below: tuple[Data, ...] = field(repr=False)  # the places right below, where there is an overview
    outlines: dict[str, list[Any]] = field(repr=False)  # of those places, from the user's map
    facts: dict[str, str]  # rules of protection, digest of all of the above, version of the package
    note: notes.Note = field(default_factory=notes.Note, repr=False, compare=False)  # what people wrote about the report
    kept: dict[str, pd.DataFrame] = field(init=False, repr=False, compare=False, default_factory=dict)  # of `once`
    used: dict[str, list[str]] = field(init=False, repr=False, compare=False, default_factory=dict)  # sections by method

    @property
    def name(self) -> str:
        """Name of the place in the report's language."""
        return reference.name_of(self.place, self.language)

    @cached_property
    def names(self) -> dict[str, str]:
        """Name of each declared indicator in the report's language."""
        return {row["indicator_id"]: reference.name_of(row, self.language) for row in self.indicators.to_dict("records")}

    @cached_property
    def _places(self) -> dict[str, np.ndarray]:
        """Where the counts of each measure stand."""
        told: dict[str, np.ndarray] = self.counts.groupby("measure").indices
        return told

    def of(self, measure: str, *, groups: bool = False) -> pd.DataFrame:
        """Counts of one measure in their order; those of groups too, if asked for."""
        rows = self.counts.take(self._places.get(measure, []))
        return rows if groups else rows[rows["group"] == ""]


def once(make: Callable[Concatenate[Data, Asked], pd.DataFrame]) -> Callable[Concatenate[Data, Asked], pd.DataFrame]:
    """Reckon a frame that several sections need once for a report (and what is asked for); each may change its own."""

    @wraps(make)
    def made(data: Data, /, *asked: Asked.args, **named: Asked.kwargs) -> pd.DataFrame:
        name = f"{make.__module__}.{make.__qualname__} {asked} {named}"
        if name not in data.kept:
            data.kept[name] = make(data, *asked, **named)
        return data.kept[name].copy(deep=False)  # pandas copies what is written to

    return made


def open_data(
    data_dir: str | Path,
    district: str | int,
    *,
    period: str | int,
    first_year: int | None = None,
    edition: str = "public",
    language: str = "zh",
    assessment: str = "annual",
) -> Data:
    """Counts of one place as its edition may see them, with all that a report needs.

    Parameters
    ----------
    data_dir : str or Path
        Folder of a data set, looked for from the current folder, the project's root and among the packaged examples.
    district : str or int
        Six-digit code of a place that the data set reports.
    period : str or int
        What is reported, e.g. "2024" or "2024H1".
    first_year : int, optional
        First year of the series; the first year of the data when left out.
    edition : str
        "public" (protected counts) or "internal" (exact counts).
    language : str
        "zh" or "en".
    assessment : str
        "annual", "midterm" or "final".

    Raises
    ------
    ParameterRefused
        A parameter is unknown or out of range; what exists is listed.
    FileRefused
        The data set is missing or wrong.
    OhstatsError
        The protected counts are missing or older than the data; the command to run is named. Exact counts are never a fall-back.
    """
    disclosure.check_edition(edition)
    for name, value, known in (("language", language, LANGUAGES), ("assessment", assessment, ASSESSMENTS)):
        if value not in known:
            raise ParameterRefused("No {name} '{value}'. There are: {known}.", name=name, value=value, known=", ".join(known))
    when = periods.parse(period)
    announced = _announced(data_dir, str(district), edition)
    chosen = announced[0].dataset if announced else dataset.load(data_dir)
    chosen.check_period(when)
    first = check_first_year(chosen, when, first_year)
    told = announced[0] if announced else _protected(chosen, edition, str(district))  # takes seconds where it is made in memory
    given = {"period": when, "first_year": first, "edition": edition, "language": language, "assessment": assessment}
    return _opened(told, note=announced[1] if announced else notes.Note(), **given)


def _opened(told: slices.Slice, **given: Any) -> Data:
    return Data(
        dataset=told.dataset,
        place=told.place,
        counts=told.counts,
        statistics=told.statistics,
        lists=told.lists,
        context=told.context,
        indicators=told.indicators,
        targets=told.targets,
        breaks=told.breaks,
        unsettled=told.unsettled,
        beside=told.beside,
        design=told.design,
        declared=told.declared,
        below=tuple(_opened(each, **given | {"note": notes.Note()}) for each in told.below),
        outlines=told.outlines or {},
        facts={"rules": told.rules, "digest": told.digest, "package": __version__},
        **given,
    )


def check_first_year(chosen: Dataset, when: periods.Period, first_year: int | None) -> int:
    """First year of the series: the one given, after refusing one that the data or the period rule out, else the data's first.

    Raises
    ------
    ParameterRefused
        It lies before the data or after the period.
    """
    first = int(first_year) if first_year else chosen.span.first_year
    if not chosen.span.first_year <= first <= when.last_year:
        raise ParameterRefused(
            "first_year {first} must lie between {low} (first year of the data) and {high} (the period).",
            first=first,
            low=chosen.span.first_year,
            high=when.last_year,
        )
    return first


def prepare(chosen: Dataset, workspace: Workspace, edition: str, force: bool = False) -> dict[str, Any]:
    """Clean and protect a data set into the workspace, each only when what it reads changed; returns the facts of protection.

    Parameters
    ----------
    chosen : Dataset
        What to prepare.
    workspace : Workspace
        Where clean tables and protected counts go.
    edition : str
        "public" or "internal".
    force : bool
        Do both though nothing changed.
    """
    for inside in [workspace.work, *([workspace.register] if workspace.register.is_dir() else [])]:
        files.private(inside, ignored=True)  # closed again where it was opened to others
    if force or not _is_clean(chosen, workspace):
        clean(chosen, workspace)
    return (None if force else prepared(chosen, workspace, edition)) or protect(chosen, workspace, edition)


def ready(chosen: Dataset, workspace: Workspace, edition: str) -> bool:
    """Whether `prepare` would do nothing."""
    return _is_clean(chosen, workspace) and prepared(chosen, workspace, edition) is not None


def _is_clean(chosen: Dataset, workspace: Workspace) -> bool:
    folder = workspace.clean(chosen.id)
    told = _facts(folder / CLEAN)
    tables = [folder / f"{name}.parquet" for name in (*told.get("tables", ()), "quarantine", "audit")]
    return told.get("inputs") == inputs(chosen) and all(map(Path.is_file, tables))


def prepared(chosen: Dataset, workspace: Workspace, edition: str) -> dict[str, Any] | None:
    """The facts of protection, None when what it reads changed since or what it wrote is not as it was."""
    folder, facts = workspace.protected(chosen.id, edition), _facts(workspace.protected(chosen.id, edition) / PROTECT)
    whole = facts.get("inputs") == inputs(chosen, workspace, edition) and (folder / "proposal.parquet").is_file()
    return facts if whole and len(slices.digests(folder / "slices")) == len(chosen.opened) else None


def clean(chosen: Dataset, workspace: Workspace) -> dict[str, dict[str, int]]:
    """Clean the tables of a data set; what became of the rows of each file."""
    from . import clean as cleaning  # polars stays out of processes that only read

    path = workspace.clean(chosen.id) / CLEAN
    cleaned = cleaning.clean_dataset(chosen)
    path.unlink(missing_ok=True)  # until all is there, nothing is
    cleaning.save(cleaned, chosen, workspace)
    files.write_json({**_facts(path), "inputs": inputs(chosen)}, path)
    return cleaned.rows


def inputs(chosen: Dataset, workspace: Workspace | None = None, edition: str = "") -> str:
    """Digest of all that cleaning reads, or with an edition protecting: data set, package, libraries and register."""
    libraries = [version(name) for name in ("numpy", "pandas", "polars", "pyarrow", "scipy")]
    read = [chosen.hash, paths.package_digest(), *libraries]
    if workspace and edition:
        register = workspace.register if edition == "public" else workspace.register / "none"
        read += [edition, disclosure.RULES_VERSION, files.content_hash(register) if register.exists() else ""]
    return hashlib.sha256(json.dumps(read).encode()).hexdigest()


@contextmanager
def appending(datasets: Iterable[Dataset], workspace: Workspace, edition: str) -> Iterator[None]:
    """Around an append to the register: by its rules the same counts would be protected as before, so they stay good."""
    steps = [(each, workspace.protected(each.id, edition) / PROTECT) for each in datasets]
    good = [(each, path) for each, path in steps if _facts(path).get("inputs") == inputs(each, workspace, edition)]
    yield
    for each, path in good:
        files.write_json({**_facts(path), "inputs": inputs(each, workspace, edition)}, path)


def _facts(path: Path) -> dict[str, Any]:
    return files.read_json(path) or {}


def protect(chosen: Dataset, workspace: Workspace, edition: str) -> dict[str, Any]:
    """Protect the clean tables of a data set, for all its places at once.

    Raises
    ------
    OhstatsError
        The tables were not cleaned since the data changed.
    """
    cleaned = read_clean(chosen, workspace)
    if cleaned is None:
        raise OhstatsError(
            "The tables of {dataset} are not clean. Run: ohstats clean --data-dir {folder}",
            dataset=chosen.id,
            folder=_typed(chosen.folder),
        )
    read = inputs(chosen, workspace, edition)
    protected, told = _made(cleaned, chosen, edition, workspace)
    folder = workspace.protected(chosen.id, edition)
    (folder / PROTECT).unlink(missing_ok=True)
    disclosure.save(protected, chosen, workspace)
    slices.write(protected.counts, chosen, protected.facts, folder / "slices", **told)
    facts = {**protected.facts, "inputs": read}
    files.write_json(facts, folder / PROTECT)
    return facts


def read_clean(chosen: Dataset, workspace: Workspace) -> Cleaned | None:
    """The clean tables of a data set as they stand in the workspace; None where they are missing or older than the data."""
    folder = workspace.clean(chosen.id)
    told = files.read_json(folder / CLEAN)
    if not told or told["hash"] != chosen.hash:
        return None
    from .clean import Cleaned

    return Cleaned(
        {name: files.read_parquet(folder / f"{name}.parquet") for name in told["tables"]},
        files.read_parquet(folder / "quarantine.parquet"),
        files.read_parquet(folder / "audit.parquet"),
        told["rows"],
    )


def exact(chosen: Dataset, workspace: Workspace) -> pd.DataFrame | None:
    """Exact Counts of all places, for the last look before publication; None where the clean tables are missing or older."""
    cleaned = read_clean(chosen, workspace)
    return None if cleaned is None else _counted(cleaned, chosen)


def _counted(cleaned: Cleaned, chosen: Dataset) -> pd.DataFrame:
    return counts.make(cleaned, chosen, _indicators(chosen))


def _indicators(chosen: Dataset) -> pd.DataFrame:
    return reference.table("indicators", chosen.folder, key="indicator_id")


def _made(cleaned: Cleaned, chosen: Dataset, edition: str, workspace: Workspace) -> tuple[disclosure.Protected, dict[str, Any]]:
    """Protected counts with the facts that reports need beside them, and what records tell as the edition may see it."""
    frame, twice = counts.both(cleaned, chosen, _indicators(chosen))
    protected = disclosure.protect(frame, chosen, edition, disclosure.read_register(workspace))
    beside = regions.beside(protected.counts, frame, chosen, edition)
    twice = twice[(twice["measure"] != counts.NEW_CASES) & (twice["group"] == "")].reset_index(drop=True)
    for (place, period), rows in twice.groupby(["place", "period"]):
        beside.setdefault(str(place), {}).setdefault("disagreements", {})[str(period)] = len(rows)
    protected.facts.update(unsettled=settled.unsettled(cleaned, frame, chosen), beside=beside)
    statistics, listed = measured.make(cleaned, chosen), lists.make(cleaned, chosen, edition)
    if edition == "public" and not chosen.exempt:
        statistics = disclosure.hide_statistics(statistics, protected.counts)
    if edition == "internal":
        listed["disagreements"] = twice
    return protected, {"statistics": statistics, "lists": listed}


def _announced(data_dir: str | Path, code: str, edition: str) -> tuple[slices.Slice, notes.Note] | None:
    """The slice and the note that the runner announced for this report, if that is what is asked for; no other file is opened."""
    told = json.loads(os.environ.get(SLICE, "{}"))
    if told.get("asked") != [str(data_dir), code, edition]:
        return None
    note = notes.read(Path(told["note"])) if told.get("note") else notes.Note()
    return slices.read(Path(told["folder"]), Path(data_dir), code, told["digest"]), note


def _protected(chosen: Dataset, edition: str, code: str) -> slices.Slice:
    """Protected counts of one place and the context: from the workspace, or made in memory where nothing can be exposed."""
    chosen.place(code)
    for root in (None, paths.REPOSITORY):
        folder = paths.Workspace.at(root).protected(chosen.id, edition)
        facts = _facts(folder / PROTECT)
        if facts.get("hash") == chosen.hash and facts["rules"] == disclosure.RULES_VERSION:
            digest = slices.digests(folder / "slices").get(code, "")
            return slices.read(folder / "slices", chosen.folder, code, digest)
    if not (chosen.exempt or chosen.synthetic):
        raise OhstatsError(
            "The counts of {dataset} are not protected, or the data changed since. Run: ohstats protect --data-dir {folder}",
            dataset=chosen.id,
            folder=_typed(chosen.folder),
        )
    today = os.environ.get("SOURCE_DATE_EPOCH") or dt.date.today().isoformat()  # the day of data without a date
    made = _in_memory(chosen.folder, edition, inputs(chosen, paths.Workspace.at(), edition) + today)
    return slices.unpack(made.shared, made.of(code), chosen.folder)


@lru_cache(maxsize=2)
def _in_memory(folder: Path, edition: str, read: str) -> slices.Slices:
    """What `prepare` would write of the inputs that `read` stands for; kept, for the next place is opened soon."""
    from . import clean as cleaning

    del read
    chosen = dataset.load(folder)
    protected, of_records = _made(cleaning.clean_dataset(chosen), chosen, edition, paths.Workspace.at())
    return slices.Slices(protected.counts, chosen, protected.facts, **of_records)


def _typed(folder: Path) -> str:
    """A folder as it can be typed in a command here."""
    here = Path.cwd()
    return str(folder.relative_to(here) if folder.is_relative_to(here) else folder)
