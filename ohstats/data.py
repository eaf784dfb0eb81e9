"""What a notebook opens: the counts of one place that its edition may see, with targets, breaks and provenance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import __version__, counts, dataset, disclosure, files, paths, periods, reference, settled
from .errors import OhstatsError, ParameterRefused
from .language import LANGUAGES

if TYPE_CHECKING:
    import pandas as pd

    from .dataset import Dataset
    from .paths import Workspace

ASSESSMENTS = ("annual", "midterm", "final")


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
    context: pd.DataFrame  # published figures of any place, for comparison
    indicators: pd.DataFrame
    targets: pd.DataFrame
    breaks: pd.DataFrame
    facts: dict[str, object]  # hash, rules, hidden figures of the data set
    rows: dict[str, dict[str, int]]  # file -> rows in, clean, quarantined

    @property
    def name(self) -> str:
        """Name of the place in the report's language."""
        return reference.name_of(self.place, self.language)

    @property
    def unsettled(self) -> bool:
        """Whether rows in quarantine could change the verdict on new cases."""
        return self.place["code"] in self.facts.get("unsettled", [])  # type: ignore[operator]

    @property
    def publishable(self) -> bool:
        """Whether the disclosure rules in force are enough for what the data set is."""
        return self.dataset.exempt or self.dataset.synthetic


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
    chosen = dataset.load(data_dir)
    place = chosen.place(district)
    disclosure.check_edition(edition)
    for name, value, known in (("language", language, LANGUAGES), ("assessment", assessment, ASSESSMENTS)):
        if value not in known:
            raise ParameterRefused("No {name} '{value}'. There are: {known}.", name=name, value=value, known=", ".join(known))
    when = periods.parse(period)
    chosen.check_period(when)
    first = check_first_year(chosen, when, first_year)
    frame, facts, rows = _protected(chosen, edition, place["code"])
    return Data(
        dataset=chosen,
        place=place,
        period=when,
        first_year=first,
        edition=edition,
        language=language,
        assessment=assessment,
        counts=frame[(frame["place"] == place["code"]) & (frame["counts"] != "context")].reset_index(drop=True),
        context=frame[frame["counts"] == "context"].reset_index(drop=True),
        indicators=reference.table("indicators", chosen.folder, key="indicator_id"),
        targets=_inherited(reference.table("targets", chosen.folder), chosen.ancestors(place["code"]), "jurisdiction_code"),
        breaks=chosen.breaks(place["code"]),
        facts={**facts, "package": __version__},
        rows=rows,
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


def prepare(chosen: Dataset, workspace: Workspace, edition: str) -> dict[str, object]:
    """Clean and protect a data set into the workspace; returns the facts of the protect step."""
    from . import clean  # polars stays out of processes that only read

    cleaned = clean.clean_dataset(chosen)
    clean.save(cleaned, chosen, workspace)
    return protect(chosen, workspace, edition)


def protect(chosen: Dataset, workspace: Workspace, edition: str) -> dict[str, object]:
    """Protect the clean tables of a data set, for all its places at once.

    Raises
    ------
    OhstatsError
        The tables were not cleaned since the data changed.
    """
    folder = workspace.clean(chosen.id)
    told = files.read_json(folder / "clean.json")
    if not told or told["hash"] != chosen.hash:
        raise OhstatsError(
            "The tables of {dataset} are not clean. Run: ohstats clean --data-dir {folder}",
            dataset=chosen.id,
            folder=_typed(chosen.folder),
        )
    from .clean import Cleaned

    cleaned = Cleaned(
        {name: files.read_parquet(folder / f"{name}.parquet") for name in told["tables"]},
        files.read_parquet(folder / "quarantine.parquet"),
        files.read_parquet(folder / "audit.parquet"),
        told["rows"],
    )
    frame = counts.make(cleaned, chosen, reference.table("indicators", chosen.folder, key="indicator_id"))
    protected = disclosure.protect(frame, chosen, edition, disclosure.read_register(workspace))
    protected.facts["unsettled"] = settled.unsettled(cleaned, frame, chosen)
    disclosure.save(protected, chosen, workspace)
    return protected.facts


def _protected(chosen: Dataset, edition: str, code: str) -> tuple[pd.DataFrame, dict[str, object], dict[str, dict[str, int]]]:
    """Protected counts of one place and the context: from the workspace, or made in memory where nothing can be exposed."""
    for root in (None, paths.REPOSITORY):
        workspace = paths.Workspace.at(root)
        folder = workspace.protected(chosen.id, edition)
        facts = files.read_json(folder / "protect.json")
        if facts and facts["hash"] == chosen.hash and facts["rules"] == disclosure.RULES_VERSION:
            wanted = [[("place", "==", code)], [("counts", "==", "context")]]
            told = files.read_json(workspace.clean(chosen.id) / "clean.json") or {}
            return files.read_parquet(folder / "counts.parquet", wanted), facts, told.get("rows", {})  # type: ignore[arg-type]
    if not (chosen.exempt or chosen.synthetic):
        raise OhstatsError(
            "The counts of {dataset} are not protected, or the data changed since. Run: ohstats protect --data-dir {folder}",
            dataset=chosen.id,
            folder=_typed(chosen.folder),
        )
    from . import clean

    cleaned = clean.clean_dataset(chosen)
    frame = counts.make(cleaned, chosen, reference.table("indicators", chosen.folder, key="indicator_id"))
    protected = disclosure.protect(frame, chosen, edition, disclosure.read_register(paths.Workspace.at()))
    protected.facts["unsettled"] = settled.unsettled(cleaned, frame, chosen)
    return protected.counts, protected.facts, cleaned.rows


def _typed(folder: Path) -> str:
    """A folder as it can be typed in a command here."""
    here = Path.cwd()
    return str(folder.relative_to(here) if folder.is_relative_to(here) else folder)


def _inherited(rows: pd.DataFrame, chain: tuple[str, ...], column: str) -> pd.DataFrame:
    """Rows of the place and of all that it lies in."""
    return rows[rows[column].isin(chain)].reset_index(drop=True)
