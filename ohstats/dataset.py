"""A data set: a read-only folder that says what it is, which places it has and which periods it covers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import __version__, files, periods, reference, schema
from .errors import Fault, FileRefused, ParameterRefused, nearest
from .paths import REFERENCE, REPOSITORY, examples
from .reference import NATION

if TYPE_CHECKING:
    import pandas as pd

_KNOWN = {
    *("id", "title_zh", "title_en", "publisher_zh", "publisher_en"),
    *("data_date", "published", "synthetic", "covers", "disclosure"),
}
_PUBLISHED = ("publisher", "title", "date")
_BASES = ("report", "diagnosis")
_LEVELS = ("nation", "province", "city", "county", "zone")
_CODE = re.compile(r"[1-9]\d{5}")


@dataclass(frozen=True)
class Cover:
    """A stretch that a table covers: inside it, no row of a declared key means 0; outside it, nothing is known."""

    table: str
    places: tuple[str, ...]
    span: periods.Period
    year_basis: str = ""
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """Description, places and coverage of one data set."""

    folder: Path
    id: str
    titles: dict[str, str]
    publishers: dict[str, str]
    data_date: str
    published: dict[str, str] | None
    synthetic: bool
    places: pd.DataFrame
    covers: tuple[Cover, ...] = field(default=())
    disclosure: dict[str, Any] = field(default_factory=dict)  # stricter rules and the owner's declaration; read by `disclosure`

    @property
    def exempt(self) -> bool:
        """Whether its owner declared it as already published: small counts are then shown."""
        return self.published is not None

    @cached_property
    def hash(self) -> str:
        """Hash of the content, of the reference data and of the package's version."""
        return files.content_hash(self.folder, REFERENCE)[:32] + "-" + __version__

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(path.stat().st_size for path in self.folder.rglob("[!.~]*") if path.is_file())

    @cached_property
    def reported(self) -> tuple[str, ...]:
        """Codes of the places that have a report: those that a table covers."""
        covered = {code for cover in self.covers for code in cover.places}
        return tuple(code for code in self.places["code"] if code in covered)

    @cached_property
    def below(self) -> dict[str, tuple[str, ...]]:
        """Codes of the reported places right below a place, for each place that has at least two: it gets an overview."""
        mine = self.places[self.places["code"].isin(self.reported)]
        found = {str(parent): tuple(rows["code"]) for parent, rows in mine.groupby("parent", sort=False)}
        return {code: found[code] for code in self.places["code"] if len(found.get(code, ())) > 1}

    @cached_property
    def opened(self) -> tuple[str, ...]:
        """Codes of the places that a report opens: those with data of their own, and those with an overview."""
        known = {*self.reported, *self.below}
        return tuple(code for code in self.places["code"] if code in known)

    @cached_property
    def span(self) -> periods.Period:
        """From the first to the last period that a table covers."""
        first = min(cover.span.first_year for cover in self.covers)
        return periods.parse(f"{first}..{max(cover.span.last_year for cover in self.covers)}")

    @cached_property
    def _opened(self) -> dict[str, dict[str, str]]:
        rows = self.places[self.places["code"].isin(self.opened)].to_dict("records")
        return {row["code"]: {str(key): str(value) for key, value in row.items()} for row in rows}

    @cached_property
    def _parents(self) -> dict[str, str]:
        return dict(zip(self.places["code"], self.places["parent"], strict=True))

    def place(self, district: str | int) -> dict[str, str]:
        """The row of a place that a report opens.

        Raises
        ------
        ParameterRefused
            The code is none, or the data set has no report of it; the places are listed.
        """
        code = str(district)
        if code not in self._opened:
            names = [f"{row.code} {row.name_zh} {row.name_en}" for row in self.places.itertuples() if row.code in self.opened]
            raise ParameterRefused(
                "No place '{code}' in data set {dataset}. There are: {known}.",
                code=code, dataset=self.id, known=nearest(code, names, most=5),
            )  # fmt: skip
        return dict(self._opened[code])

    def ancestors(self, code: str) -> tuple[str, ...]:
        """The place itself and all that it lies in, as far up as the data set or the code itself tells."""
        chain = [code]
        while chain[-1] != NATION and len(chain) < 9:
            parent = self._parents.get(chain[-1], "") or _parent_by_code(chain[-1])
            if not parent or parent in chain:
                break
            chain.append(parent)
        return tuple(chain)

    def breaks(self, code: str) -> pd.DataFrame:
        """Declared breaks and notes of a place: its own, and those of places above it that hold below; in order of time."""
        rows = reference.table("breaks", self.folder)
        rows = rows[rows["place"].isin(self.ancestors(code))]
        return rows[(rows["place"] == code) | (rows["scope"] == "below")].sort_values("first_period_after", ignore_index=True)

    def check_period(self, period: periods.Period) -> None:
        """Refuse a period outside the years that the data set covers.

        Raises
        ------
        ParameterRefused
            It lies outside; the span is named.
        """
        if not self.span.contains(period):
            raise ParameterRefused(
                "Period {period} lies outside the data of {dataset}, which cover {first} to {last}.",
                period=period, dataset=self.id, first=self.span.first_year, last=self.span.last_year,
            )  # fmt: skip


def _parent_by_code(code: str) -> str:
    """Next higher division by the digits of GB/T 2260; invented and foreign codes (9…) have none."""
    if code[0] == "9":
        return ""
    for tail in ("00", "0000"):
        if not code.endswith(tail):
            return code[: 6 - len(tail)] + tail
    return NATION


def load(data_dir: str | Path) -> Dataset:
    """The data set in a folder.

    Parameters
    ----------
    data_dir : str or Path
        Looked for from the current folder, from the project's root and among the packaged examples.

    Raises
    ------
    FileRefused
        The folder or a part of it is missing or wrong; all faults are listed.
    """
    folder = _find(Path(data_dir))
    told = files.read_yaml(folder / "dataset.yml")
    faults = [] if isinstance(told, dict) else [Fault("it must hold entries like 'id: name'")]
    told = told if isinstance(told, dict) else {}
    unknown = sorted(set(told) - _KNOWN)
    faults += [Fault("unknown entry '{name}'; known are {known}", name=name, known=", ".join(sorted(_KNOWN))) for name in unknown]
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,39}", str(told.get("id", ""))):
        faults.append(Fault("'id' must be a short name of small letters, digits, - and _"))
    places = _places(folder)
    covers = _covers(told.get("covers"), places, faults)
    published = told.get("published")
    if published is not None and not (isinstance(published, dict) and all(published.get(name) for name in _PUBLISHED)):
        faults.append(Fault("'published' needs publisher, title and date"))
    if not isinstance(told.get("synthetic", False), bool):
        faults.append(Fault("'synthetic' must be true or false, without quotes"))
    stricter = told.get("disclosure") or {}
    if not isinstance(stricter, dict):
        faults.append(Fault("'disclosure' must hold entries like 'threshold: 7'"))
    if faults:
        raise FileRefused("{file}: {n} problems.", file=f"{folder.name}/dataset.yml", n=len(faults), faults=faults)
    for name in ("categories", "indicators", "targets", "breaks"):
        reference.table(name, folder)  # refused here, before anything runs
    return Dataset(
        folder=folder,
        id=str(told["id"]),
        titles={language: str(told.get(f"title_{language}") or told["id"]) for language in ("zh", "en")},
        publishers={language: str(told.get(f"publisher_{language}") or "") for language in ("zh", "en")},
        data_date=str(told.get("data_date") or ""),
        published={key: str(value) for key, value in published.items()} if published else None,
        synthetic=told.get("synthetic", False),
        places=places,
        covers=tuple(covers),
        disclosure=stricter,
    )


def _find(data_dir: Path) -> Path:
    candidates = [data_dir, REPOSITORY / data_dir]
    if data_dir.parts[:-1] in ((), ("data", "example")):  # another folder is meant as it stands, also when it is not there
        candidates.append(examples() / data_dir.name)
    for folder in candidates:
        if (folder / "dataset.yml").is_file():
            return folder.resolve()
    known = sorted(each.parent.name for each in examples().glob("*/dataset.yml"))
    raise FileRefused(
        "No data set in {folder}: there is no file dataset.yml. Packaged examples: {known}.",
        folder=str(data_dir), known=", ".join(f"data/example/{name}" for name in known),
    )  # fmt: skip


def _places(folder: Path) -> pd.DataFrame:
    frame, _encoding = files.read_text_table(folder / "places.csv")
    wanted = ["code", "name_zh", "name_en", "level", "parent"]
    lacking = [name for name in wanted if name not in frame.columns]
    if lacking:
        raise FileRefused("{file} lacks the columns {columns}.", file="places.csv", columns=", ".join(lacking))
    faults = []
    for row, code, level, parent in frame[["row", "code", "level", "parent"]].itertuples(index=False):
        if not _CODE.fullmatch(code):
            faults.append(Fault("row {row}: code '{code}' is not six digits without a leading zero", row=row, code=code))
        if level not in _LEVELS:
            faults.append(Fault("row {row}: level '{level}' is none of {known}", row=row, level=level, known=", ".join(_LEVELS)))
        if parent and not _CODE.fullmatch(parent):
            faults.append(Fault("row {row}: parent '{code}' is not six digits without a leading zero", row=row, code=parent))
    twice = frame.loc[frame["code"].duplicated(), "row"]
    faults += [Fault("row {row}: this code stands in an earlier row", row=row) for row in twice]
    if faults:
        raise FileRefused("{file}: {n} problems.", file="places.csv", n=len(faults), faults=faults)
    return frame[wanted]


def _covers(told: Any, places: pd.DataFrame, faults: list[Fault]) -> list[Cover]:
    if not isinstance(told, list) or not told:
        faults.append(Fault("'covers' must list which table covers which places and periods"))
        return []
    made = [_cover(number, entry, places, faults) for number, entry in enumerate(told, start=1)]
    return [cover for cover in made if cover is not None]


def _cover(number: int, entry: Any, places: pd.DataFrame, faults: list[Fault]) -> Cover | None:
    """One entry; what is wrong with it goes to `faults`."""
    try:
        named, keys, basis = entry["places"], entry.get("keys", []), str(entry.get("year_basis", ""))
        wanted = list(places["code"]) if named == "all" else [str(code) for code in named if isinstance(named, list)]
        cover = Cover(str(entry["table"]), tuple(wanted), periods.parse(entry["periods"]), basis, tuple(keys))
    except (TypeError, KeyError, AttributeError, ParameterRefused):
        cover = None
    if cover is None or not wanted or not isinstance(keys, list):
        needs = Fault("table, places (all or a list of codes) and periods are needed; keys are a list")
        faults.append(Fault("covers, entry {number}: {problem}", number=number, problem=needs))
        return None
    found = []
    known = set(places["code"])
    if missing := [code for code in wanted if code not in known]:
        found.append(Fault("{codes} not in places.csv", codes=", ".join(missing)))
    if cover.table not in schema.tables():
        found.append(Fault("no table '{table}'; there are {known}", table=cover.table, known=", ".join(schema.tables())))
    if cover.table == "case_counts":
        categories = set(reference.table("categories")["key"])
        if strange := [str(key) for key in keys if str(key) not in categories]:
            found.append(Fault("no category {keys}", keys=", ".join(strange)))
        if basis not in _BASES:
            found.append(Fault("year_basis must be one of {known}", known=", ".join(_BASES)))
    faults += [Fault("covers, entry {number}: {problem}", number=number, problem=each) for each in found]
    return cover
