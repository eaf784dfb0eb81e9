"""What the data check opens: cleaned tables of a data set or of single files, with what cleaning said about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from .. import data, dataset, dictionary, estimates, periods, rates, reference, schema
from ..errors import ParameterRefused
from ..language import LANGUAGES, _
from ..paths import Workspace

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from ..clean import Cleaned
    from ..dataset import Dataset
    from ..schema import Table


@dataclass(frozen=True)
class Finding:
    """One sentence about the data that says what to do next; `serious` where figures are wrong or records are lost."""

    measure: str
    text: str
    serious: bool = False


@dataclass(frozen=True, eq=False)
class Check:
    """Cleaned tables (of one place and some years where that was asked for), and what cleaning said of the whole files."""

    tables: dict[str, pd.DataFrame]
    quarantine: pd.DataFrame
    audit: pd.DataFrame
    rows: dict[str, dict[str, int]]
    day: dt.date
    language: str
    edition: str = "internal"
    dataset: Dataset | None = None
    place: str = ""
    years: tuple[int, int] = (0, 9999)
    told: dict[str, Any] = field(default_factory=dictionary.measures)
    memory: dict[str, Any] = field(default_factory=dict)  # measures taken before

    @property
    def records(self) -> dict[str, pd.DataFrame]:
        """Tables of records, not of aggregates."""
        return {name: frame for name, frame in self.tables.items() if schema.table(name).kind == "records"}

    def covered(self, table: str) -> set[tuple[str, int]]:
        """Places and years that the data set says a table covers, within those that were asked for."""
        covers = self.dataset.covers if self.dataset else ()
        first, last = self.years
        return {
            (code, year)
            for cover in covers
            if cover.table == table
            for code in cover.places
            for year in range(max(first, cover.span.first_year), min(last, cover.span.last_year) + 1)
            if not self.place or self.place in self._above(code)
        }

    def _above(self, code: str) -> tuple[str, ...]:
        return self.dataset.ancestors(code) if self.dataset else (code,)

    def place_name(self, code: str) -> str:
        """Name of a place of the data set, else its code."""
        if self.dataset is None:
            return code
        found = self.dataset.places[self.dataset.places["code"] == code].to_dict("records")
        return reference.name_of({str(key): str(value) for key, value in found[0].items()}, self.language) if found else code

    def table_name(self, table: str) -> str:
        """Title of a table."""
        declared = schema.table(table)
        return declared.title_zh if self.language == "zh" else declared.title_en[:1].upper() + declared.title_en[1:]

    def column_name(self, table: str, column: str) -> str:
        """Heading of a column as it stands in the forms, and its name."""
        declared = schema.table(table).columns.get(column)
        if declared is None:
            return str(self.told["derived"].get(column, {}).get(self.language, column))
        return f"{declared.title} ({column})" if self.language == "zh" and declared.headers else column


def year_column(table: Table) -> str:
    """Column with the year of a record."""
    column = table.columns.get(table.date)
    return "" if column is None else table.date if column.type == "year" else column.year


def open_check(
    data_dir: str | Path,
    district: str | int = "",
    *,
    period: str | int = "",
    first_year: int = 0,
    edition: str = "internal",
    language: str = "zh",
    workspace: Workspace | None = None,
) -> Check:
    """Cleaned records of a data set, ready to be checked; for the internal edition alone.

    Parameters
    ----------
    data_dir : str or Path
        Folder of a data set, looked for as `open_data` does. It is cleaned in memory, or taken from the workspace when it was
        cleaned there since it last changed.
    district : str or int, optional
        Six-digit code: records of this place (and of those in it) alone. The accounting is always of whole files.
    period, first_year : optional
        Records of the years from `first_year` to the period's last; those whose year is not known stay. All when left out.
    edition : str
        "internal"; there is no public edition.
    language : str
        "zh" or "en".
    workspace : Workspace, optional
        Where clean tables may stand (default: OHSTATS_WORK, else the current folder).

    Raises
    ------
    ParameterRefused
        A parameter is unknown, or the edition is not the internal one.
    FileRefused
        A file of the data set cannot be read.
    """
    if edition != "internal":
        raise ParameterRefused("The data check shows exact records: it has the internal edition only.")
    _check_language(language)
    chosen = dataset.load(data_dir)
    code = str(district or "")
    if code and code not in set(chosen.places["code"]):
        chosen.place(code)  # refused, with what there is
    when = periods.parse(period) if period else None
    years = (int(first_year or 0), when.last_year if when else 9999)
    cleaned = _cleaned(chosen, workspace or Workspace.at())
    below = {each for each in chosen.places["code"] if code in chosen.ancestors(each)} if code else set()
    tables = {name: _chosen(frame, schema.table(name), below, years) for name, frame in cleaned.tables.items()}
    return Check(
        tables, cleaned.quarantine, cleaned.audit, cleaned.rows, _day(chosen.data_date), language,
        dataset=chosen, place=code, years=years,
    )  # fmt: skip


def open_files(paths: list[Path], table: str, *, language: str = "zh", own: Path | None = None) -> Check:
    """Cleaned records of single files of one table, ready to be checked; repeats across files are not looked for.

    Raises
    ------
    ParameterRefused
        There is no such table.
    FileRefused
        A file cannot be read as this table.
    """
    from ..clean import load

    _check_language(language)
    made = [load(path, table=table, own=own) for path in paths]
    rows = {file: told for each in made for file, told in each.rows.items()}
    clean, quarantine, audit = (
        pd.concat([getattr(each, name) for each in made], ignore_index=True) for name in ("clean", "quarantine", "audit")
    )
    return Check({table: clean}, quarantine, audit, rows, _day(""), language)


def _check_language(language: str) -> None:
    if language not in LANGUAGES:
        raise ParameterRefused(
            "No {name} '{value}'. There are: {known}.", name="language", value=language, known=", ".join(LANGUAGES)
        )


def _cleaned(chosen: Dataset, workspace: Workspace) -> Cleaned:
    from ..clean import clean_dataset  # polars stays out of processes that fork

    return data.read_clean(chosen, workspace) or clean_dataset(chosen)


def _day(text: str) -> dt.date:
    from ..clean.context import day

    return day(text or None)


def _chosen(frame: pd.DataFrame, table: Table, below: set[str], years: tuple[int, int]) -> pd.DataFrame:
    """Rows of the places and years that were asked for."""
    place, year = table.place or "place", year_column(table)
    if below and place in frame.columns:
        frame = frame[frame[place].isin(below)]
    if year and year in frame.columns:
        number = pd.to_numeric(frame[year], errors="coerce").astype(float)
        frame = frame[number.isna() | number.between(*years)]
    return frame.reset_index(drop=True)


# What all measures need -----------------------------------------------------------------------------------------------
def filled(frame: pd.DataFrame, column: str) -> pd.Series[bool]:
    """Where a column holds something; a result below the limit of detection is one."""
    if column not in frame.columns:
        return pd.Series(False, index=frame.index)
    there = frame[column].notna()
    if not (pd.api.types.is_numeric_dtype(frame[column]) or pd.api.types.is_bool_dtype(frame[column])):
        there &= frame[column].astype("str") != ""
    censored = f"{column}_censored"
    return there | frame[censored].fillna(False).astype(bool) if censored in frame.columns else there


def holds(frame: pd.DataFrame, column: str) -> pd.Series[bool]:
    """Where a column of yes and no says yes, or any other column is filled."""
    if column in frame.columns and pd.api.types.is_bool_dtype(frame[column]):
        return frame[column].fillna(False).astype(bool)
    return filled(frame, column)


def numbers(frame: pd.DataFrame, column: str) -> pd.Series[float]:
    """A column as floats."""
    if column not in frame.columns:
        return pd.Series(float("nan"), index=frame.index)
    return pd.to_numeric(frame[column], errors="coerce").astype(float)


def shares(frame: pd.DataFrame) -> pd.DataFrame:
    """Percent of `numerator` in `denominator` of each row with Wilson limits, as an Estimate frame."""
    keys = frame.drop(columns=["numerator", "denominator"]).reset_index(drop=True)
    if frame.empty:
        return pd.DataFrame(columns=[*keys.columns, *estimates.COLUMNS])
    numbered = frame.reset_index(drop=True).reset_index(names="number")
    found = rates.proportion(numbered, numerator="numerator", denominator="denominator", by=["number"])
    return pd.concat([keys, found.drop(columns="number")], axis=1)


def otherwise(found: list[Finding], measured: bool, measure: str, well: str) -> list[Finding]:
    """The findings; where there are none, that all is well, or that there was nothing to measure."""
    text = well if measured else _("No records for this are at hand: nothing to measure.")
    return found or [Finding(measure, text)]


def line(check: Check, table: str, name: str, n: int, what: str) -> str:
    """Sentence about rows of a table that a rule met: which, how many, what to do."""
    return _("{table}: {name} ({n}). {what}", table=check.table_name(table), name=name, n=f"{n:,}", what=what)


def named(check: Check, files: pd.Series[str], rows: pd.Series[int]) -> str:
    """Rows by file, as many as are named, and how many more there are."""
    most = int(check.told["rows_named"])
    told, left = [], most
    for file, mine in rows.groupby(files, sort=True):
        shown = sorted(mine)[:left]
        left -= len(shown)
        if shown:
            told.append(f"{file}: " + ", ".join(map(str, shown)))
    more = len(rows) - most
    return "; ".join(told) + (" " + _("and {n} more", n=more) if more > 0 else "")


def explained(language: str) -> dict[tuple[str, str], tuple[str, str, str]]:
    """Name, what to do and measure of each rule, by code and kind; a code in front of which a column stands as `*_code`."""
    return {
        (row["code"], row["kind"]): (
            reference.name_of(row, language),
            reference.name_of(row, language, "what_to_do"),
            row["measure"],
        )
        for row in reference.table("rules").to_dict("records")
    }


def explain(code: str, kind: str, language: str) -> tuple[str, str, str]:
    """Name, what to do and measure of one rule."""
    known = explained(language)
    if (code, kind) in known:
        return known[code, kind]
    wild = "correction *" if code.startswith("correction ") else "*_" + code.rsplit("_", 1)[-1]
    return known.get((wild, kind), (code, "", ""))
