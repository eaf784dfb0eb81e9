"""Periods of a report: 2024, 2024H1, 2024Q3, 2024-01..09, 2018..2023."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import ParameterRefused

if TYPE_CHECKING:
    from collections.abc import Iterable

_FORMS = re.compile(
    r"(?P<year>\d{4})(?:(?:H(?P<half>[12]))|(?:Q(?P<quarter>[1-4]))|(?:-(?P<from>\d\d)\.\.(?P<to>\d\d))|(?:\.\.(?P<last>\d{4})))?",
    re.ASCII,
)


@dataclass(frozen=True, order=True)
class Period:
    """Whole months from `start` to `end`, both as (year, month), both included."""

    start: tuple[int, int]
    end: tuple[int, int]
    text: str

    @property
    def first_year(self) -> int:
        """Calendar year of the first month."""
        return self.start[0]

    @property
    def last_year(self) -> int:
        """Calendar year of the last month."""
        return self.end[0]

    @property
    def last_whole_year(self) -> int:
        """The last calendar year that is over when the period ends: figures of a whole year tell more than a part of it."""
        return self.last_year if self.end[1] == 12 else self.last_year - 1

    @property
    def is_year(self) -> bool:
        """Whether it is one whole calendar year."""
        return self.first_year == self.last_year and (self.start[1], self.end[1]) == (1, 12)

    @property
    def months(self) -> list[tuple[int, int]]:
        """Every month, as (year, month)."""
        first, last = (12 * year + month - 1 for year, month in (self.start, self.end))
        return [(month // 12, month % 12 + 1) for month in range(first, last + 1)]

    @property
    def whole_years(self) -> range:
        """Calendar years of which every month lies inside."""
        return range(self.first_year + (self.start[1] > 1), self.last_year + (self.end[1] == 12))

    def contains(self, other: Period) -> bool:
        """Whether all months of `other` lie inside."""
        return self.start <= other.start and other.end <= self.end

    def __str__(self) -> str:
        return self.text


def parse(text: str | int) -> Period:
    """The period that `text` names; its own text is the shortest one, so that 2024-01..06 and 2024H1 are the same.

    Parameters
    ----------
    text : str or int
        A year, half-year, quarter, cumulative months of one year, or a span of years.

    Raises
    ------
    ParameterRefused
        The text is no period; the forms that are understood are listed.

    Examples
    --------
    >>> parse("2024Q3").start, parse("2024-01..09").end, parse("2018..2023").last_year, str(parse("2024-01..12"))
    ((2024, 7), (2024, 9), 2023, '2024')
    """
    match = _FORMS.fullmatch(str(text).strip())
    period = _months(match) if match else None
    if period is None:
        raise ParameterRefused(
            "'{text}' is not a period; write a year (2024), a half-year (2024H1), a quarter (2024Q3), "
            "months of a year (2024-01..09) or years (2018..2023).",
            text=text,
        )
    return period


def _months(match: re.Match[str]) -> Period | None:
    year, last = int(match["year"]), int(match["last"] or match["year"])
    first_month, last_month = 1, 12
    if match["half"]:
        first_month, last_month = 6 * int(match["half"]) - 5, 6 * int(match["half"])
    elif match["quarter"]:
        first_month, last_month = 3 * int(match["quarter"]) - 2, 3 * int(match["quarter"])
    elif match["from"]:
        first_month, last_month = int(match["from"]), int(match["to"])
    sensible = 1 <= first_month <= last_month <= 12 and year <= last and year >= 1900 and last <= 2199
    return Period((year, first_month), (last, last_month), _text(year, last, first_month, last_month)) if sensible else None


def _text(year: int, last: int, first_month: int, last_month: int) -> str:
    """The shortest way to write a period."""
    if year != last:
        return f"{year}..{last}"
    months = (first_month, last_month)
    short = {(1, 12): "", (1, 6): "H1", (7, 12): "H2", (1, 3): "Q1", (4, 6): "Q2", (7, 9): "Q3", (10, 12): "Q4"}
    return f"{year}{short[months]}" if months in short else f"{year}-{first_month:02}..{last_month:02}"


def year_before(when: Period) -> Period | None:
    """The same period a year before; None for a span of years."""
    if when.first_year != when.last_year:
        return None
    return parse(when.text.replace(str(when.first_year), str(when.first_year - 1), 1))


def runs(years: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of each stretch of years that follow one another.

    Examples
    --------
    >>> runs([2014, 2016, 2015, 2023])
    [(2014, 2016), (2023, 2023)]
    """
    stretches: list[tuple[int, int]] = []
    for year in sorted(set(years)):
        if stretches and year == stretches[-1][1] + 1:
            stretches[-1] = (stretches[-1][0], year)
        else:
            stretches.append((year, year))
    return stretches


def is_period(text: str) -> bool:
    """Whether `parse` understands `text`."""
    match = _FORMS.fullmatch(text)
    return bool(match and _months(match))
