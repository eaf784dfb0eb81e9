"""Declared tables: which columns a table has, what may stand in them, and under which headers they arrive."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import yaml

from .errors import ParameterRefused, nearest
from .paths import REFERENCE


@dataclass(frozen=True)
class Column:
    """One declared column."""

    name: str
    type: str
    required: bool = False
    counting: bool = False
    choices: dict[str, list[str]] = field(default_factory=dict)
    headers: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Table:
    """One declared table."""

    name: str
    title_zh: str
    title_en: str
    key: list[str]
    columns: dict[str, Column]

    def canonical(self, header: str) -> str | None:
        """Canonical column of a header as met in a file, or None."""
        wanted = header.strip().lower()
        for column in self.columns.values():
            if wanted == column.name or wanted in (alias.lower() for alias in column.headers):
                return column.name
        return None


@lru_cache(maxsize=1)
def tables() -> dict[str, Table]:
    """All declared tables by name."""
    declared = yaml.safe_load((REFERENCE / "tables.yml").read_text(encoding="utf-8"))
    made = {}
    for name, entry in declared.items():
        columns = {key: Column(name=key, **column) for key, column in entry.pop("columns").items()}
        made[name] = Table(name=name, columns=columns, **entry)
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
