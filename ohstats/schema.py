"""Declared tables: which columns a table has, what may stand in them, and under which headings they arrive.

One file a table in `reference/tables/`; shared blocks of columns in `_blocks.yml`, which says what a column may declare.
From the declarations come reading, cleaning, checks, the data dictionary, the entry templates and the synthetic data.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import yaml

from .errors import Fault, FileRefused, ParameterRefused, nearest
from .paths import REFERENCE

if TYPE_CHECKING:
    from pathlib import Path

TYPES = (
    *(
        "text",
        "prose",
        "name",
        "firm",
        "address",
        "id",
        "uscc",
        "division",
        "disease",
        "industry",
        "category",
        "code",
        "codes",
        "choice",
    ),
    *("flag", "date", "year", "period", "number", "whole", "count", "years", "reading"),
)
HEAD_ROWS = 60  # where a header is looked for
_UNSEEN = re.compile("[\\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff*]+")
_REMARK = re.compile("[(\\[][\u5fc5\u9009]\u586b[)\\]]|:$")  # (must / may be filled in)
_BRACKETS = re.compile(r"[(\[][^()\[\]]*[)\]]")


@dataclass(frozen=True)
class Column:
    """One declared column."""

    name: str
    type: str
    headers: tuple[str, ...] = ()
    required: bool = False
    counting: bool = False
    personal: bool = False
    employer: bool = False
    card: bool = False
    list: str = ""
    to: str = "code"
    choices: dict[str, tuple[str, ...]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    assume: str = ""
    blank: str = ""
    otherwise: tuple[str, ...] = ()
    year: str = ""
    first: int = 1949
    future: bool = False
    min: float | None = None
    max: float | None = None
    unit: str = ""
    note: str = ""

    @property
    def title(self) -> str:
        """Chinese heading of the entry template."""
        return self.headers[0] if self.headers else self.name


@dataclass(frozen=True)
class Table:
    """One declared table.

    `kind` is "records" (cards and registers), "counts" (aggregates with a `key`) or "description" (of a data set).
    """

    name: str
    title_zh: str
    title_en: str
    columns: dict[str, Column]
    kind: str = "records"
    form: str = ""
    place: str = ""
    date: str = ""
    card: str = ""
    key: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    unit_of: tuple[str, ...] = ()
    possible: tuple[str, ...] = ()
    checks: tuple[dict[str, Any], ...] = ()

    @cached_property
    def _headings(self) -> dict[str, str]:
        return {heading(text): column.name for column in self.columns.values() for text in (column.name, *column.headers)}

    def canonical(self, header: str) -> str | None:
        """Canonical column of a heading as met in a file, or None; a unit or remark in brackets may be left out."""
        text = heading(header)
        return self._headings.get(text) or self._headings.get(_BRACKETS.sub("", text))

    def with_headers(self, added: dict[str, str]) -> Table:
        """The table with a user's own headings, each with the column that it means.

        Raises
        ------
        ParameterRefused
            The table has no such column; the nearest names are listed.
        """
        unknown = [name for name in added.values() if name not in self.columns]
        if unknown:
            raise ParameterRefused(
                "Table {table} has no column '{name}'. There are: {known}.",
                table=self.name, name=unknown[0], known=nearest(unknown[0], self.columns),
            )  # fmt: skip
        columns = {}
        for name, column in self.columns.items():
            own = tuple(text for text, target in added.items() if target == name)
            kept = tuple(text for text in column.headers if heading(text) not in {heading(each) for each in added})
            columns[name] = replace(column, headers=(*kept, *own))
        return replace(self, columns=columns)

    @property
    def personal(self) -> tuple[str, ...]:
        """Columns that are dropped after cleaning."""
        return tuple(column.name for column in self.columns.values() if column.personal)


@lru_cache(maxsize=4096)
def heading(text: str) -> str:
    """A heading as headings are compared: one width, no blanks, line breaks and stars, no remark that it must be filled in."""
    return re.sub(_REMARK, "", _UNSEEN.sub("", unicodedata.normalize("NFKC", text))).lower()


@lru_cache(maxsize=1)
def tables() -> dict[str, Table]:
    """All declared tables by name, blocks put in."""
    folder = REFERENCE / "tables"
    blocks = yaml.safe_load((folder / "_blocks.yml").read_text(encoding="utf-8"))
    made = {}
    for path in sorted(folder.glob("[a-z]*.yml")):
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
        columns: dict[str, Column] = {}
        for name, entry in told.pop("columns").items():
            inside = blocks[entry["block"]] if "block" in entry else {name: entry}
            columns |= {key: _column(key, each) for key, each in inside.items()}
        lists = {name: tuple(value) for name, value in told.items() if isinstance(value, list)}
        made[path.stem] = Table(name=path.stem, columns=columns, **(told | lists))
    return made


def table(name: str) -> Table:
    """The declared table `name`.

    Raises
    ------
    ParameterRefused
        There is no such table; the nearest names are listed.
    """
    known = tables()
    if name not in known:
        raise ParameterRefused("No table '{name}'. There are: {known}.", name=name, known=nearest(name, known))
    return known[name]


def score(cells: list[str], table: Table) -> int:
    """How many columns of a table some cells name."""
    return len({name for cell in cells if (name := table.canonical(cell))})


def header(head: list[list[str]], table: Table) -> tuple[int, list[str]] | None:
    """The row that names most columns, or two rows that name more together (a second level below merged groups).

    Returns
    -------
    tuple or None
        Index of its (last) row and its headings; None where no row is a header of the table.
    """
    best, row, texts = 0, 0, []
    for number, cells in enumerate(head[:HEAD_ROWS]):
        found = score(cells, table)
        if found > best:
            best, row, texts = found, number, [*cells]
    for number, (upper, lower) in enumerate(pairwise(head[:HEAD_ROWS])):
        both = _two_levels(upper, lower, table)
        if both and score(both, table) > best:
            best, row, texts = score(both, table), number + 1, both
    if best == 0 or (best == 1 and len([column for column in table.columns.values() if column.required]) > 1):
        return None
    return row, texts


def _two_levels(upper: list[str], lower: list[str], table: Table) -> list[str] | None:
    """Headings of two rows read as one: a group and its parts, or one heading merged downwards."""
    if len(upper) != len(lower):
        return None
    group, both = "", []
    for above, below in zip(upper, lower, strict=True):
        group = above.strip() or group
        joined = group + below.strip()
        both.append(above if not below.strip() else joined if table.canonical(joined) else below)
    named = [text for text, below in zip(both, lower, strict=True) if below.strip()]
    return both if sum(1 for text in named if table.canonical(text)) * 2 >= len(named) > 0 else None


def own_headers(told: Any, file: str) -> dict[str, dict[str, str]]:
    """Headings that a data set adds, by table: what its file `headings.yml` says, checked.

    Raises
    ------
    FileRefused
        It is not of the form `table: {heading: column}`.
    """
    if not isinstance(told, dict) or not all(isinstance(entry, dict) for entry in told.values()):
        raise FileRefused("{file}: write it as table: {{heading: column}}.", file=file)
    unknown = [name for name in told if name not in tables()]
    if unknown:
        faults = [Fault("No table '{name}'. There are: {known}.", name=name, known=nearest(name, tables())) for name in unknown]
        raise FileRefused("{file}: {n} problems.", file=file, n=len(faults), faults=faults)
    return {name: {str(text): str(column) for text, column in entry.items()} for name, entry in told.items()}


def _column(name: str, entry: dict[str, Any]) -> Column:
    told = {("otherwise" if key == "else" else key): value for key, value in entry.items()}
    listed = {key: tuple(map(str, value)) for key, value in told.items() if isinstance(value, list)}
    choices = {key: tuple(map(str, value)) for key, value in told.get("choices", {}).items()}
    return Column(name=name, **(told | listed | {"choices": choices}))


def problems() -> list[str]:
    """Faults of the declarations themselves: unknown types, headings with two meanings, names of columns that do not exist."""
    found = []
    for each in tables().values():
        derived = {column.year for column in each.columns.values()} | {"person_key", "employer_key", "institution_key", ""}
        named = {each.place, each.date, each.card, *each.key, *each.same, *each.unit_of, *each.possible}
        named |= {name for check in each.checks for name in check["columns"]}
        found += [f"{each.name}: no column {name}" for name in sorted(named - set(each.columns) - derived)]
        seen: dict[str, str] = {}
        for column in each.columns.values():
            if column.type not in TYPES:
                found.append(f"{each.name}.{column.name}: type {column.type}")
            for text in (column.name, *column.headers):
                if seen.setdefault(heading(text), column.name) != column.name:
                    found.append(f"{each.name}: heading {text} means {seen[heading(text)]} and {column.name}")
    return found


def path_of_own(folder: Path) -> Path:
    """File of a data set with its own headings."""
    return folder / "headings.yml"
