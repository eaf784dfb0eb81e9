"""What the rules need to know beside the cells: the table, the day, the user's own lists and the key of persons."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from .. import secret
from ..errors import ParameterRefused
from . import lookups

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from ..schema import Table

VERSION = "1"
"""Version of the rules: same input and same version give the same bytes."""


@dataclass(frozen=True)
class Context:
    """One table being cleaned."""

    table: Table
    today: dt.date
    folder: Path | None = None  # of the data set
    own: Path | None = None  # the same, where it holds code lists
    places: pl.DataFrame | None = None
    since_1904: bool = False
    keep: bool = False
    given: frozenset[str] = field(default_factory=frozenset)  # columns that the file has
    memory: dict[tuple[str, bool], pl.DataFrame] = field(default_factory=dict)  # texts read before, by column

    @cached_property
    def own_places(self) -> dict[str, str]:
        """Codes by the texts of the user's own list."""
        return lookups.own_places(self.places)

    @cached_property
    def secret(self) -> bytes:
        """Key of the keyed hashes; made when it is first wanted."""
        return secret.read()

    def withheld(self, column: str) -> bool:
        """Whether values of a column may not stand in the audit."""
        declared = self.table.columns.get(column)
        return not self.keep and (declared is None or declared.personal or declared.employer)


def day(told: dt.date | str | None) -> dt.date:
    """The day after which a date lies in the future: as told, else SOURCE_DATE_EPOCH, else today."""
    if isinstance(told, dt.date):
        return told
    if told:
        try:
            return dt.date.fromisoformat(told)
        except ValueError:
            raise ParameterRefused("'{value}' is not a day; write it as YYYY-MM-DD.", value=told) from None
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch:
        return dt.datetime.fromtimestamp(int(epoch), tz=dt.UTC).date()
    return dt.datetime.now(tz=dt.UTC).astimezone().date()
