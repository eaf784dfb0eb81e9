"""Columns of records put together district by district, and ways to draw that add up exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.random import Generator
    from numpy.typing import NDArray

    Whole = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]
    Days = NDArray[np.datetime64]

NEVER = np.datetime64("NaT", "D")


class Table:
    """Columns of one length: numbers, days and objects; a column that is not there was never filled."""

    def __init__(self, size: int, **columns: Any) -> None:
        self.size = size
        self.columns = {name: _column(size, values) for name, values in columns.items()}

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[name]

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def take(self, rows: Any) -> Table:
        """The rows of a mask or of numbers."""
        rows = np.asarray(rows)
        rows = np.flatnonzero(rows) if rows.dtype.kind == "b" else rows
        return Table(len(rows), **{name: values[rows] for name, values in self.columns.items()})

    def but(self, **columns: Any) -> Table:
        """The table with other or further columns."""
        return Table(self.size, **{**self.columns, **columns})

    def only(self, names: Iterable[str]) -> dict[str, NDArray[Any]]:
        """Some columns, those that there are."""
        return {name: self.columns[name] for name in names if name in self.columns}


def _column(size: int, values: Any) -> NDArray[Any]:
    made = np.asarray(values)
    if made.dtype.kind == "U":
        made = made.astype(object)
    return made if made.ndim else np.full(size, made[()], dtype=made.dtype)


def join(parts: Iterable[Table]) -> Table:
    """One table of several; columns that a part lacks are empty there."""
    listed = list(parts)
    names = list(dict.fromkeys(name for part in listed for name in part.columns))
    return Table(sum(map(len, listed)), **{name: _joined(listed, name) for name in names})


def _joined(parts: list[Table], name: str) -> NDArray[Any]:
    have = [part for part in parts if len(part)] or [part for part in parts if name in part]
    kinds = {part[name].dtype.kind if name in part else "" for part in have}
    if len(kinds) == 1 and "" not in kinds:
        return np.concatenate([part[name] for part in have])
    return np.concatenate([_objects(part[name]) if name in part else np.full(len(part), "", dtype=object) for part in have])


def _objects(values: NDArray[Any]) -> NDArray[Any]:
    return iso(values) if values.dtype.kind == "M" else values.astype(object)


def iso(days: Days) -> NDArray[Any]:
    """Days as text, empty where there is none."""
    each, back = np.unique(days, return_inverse=True)
    text = np.datetime_as_string(each).astype(object)
    text[np.isnat(each)] = ""
    return text[back]


def only(mask: Mask, values: Any) -> NDArray[Any]:
    """The values where the mask is true, empty elsewhere."""
    told = np.asarray(values)
    made = np.full(len(mask), "", dtype=object)
    made[mask] = _objects(told[mask] if told.ndim else np.full(int(mask.sum()), told[()]))
    return made


def lookup(texts: Iterable[Any]) -> NDArray[Any]:
    """An array that texts can be picked from by number."""
    listed = list(texts)
    made = np.empty(len(listed), dtype=object)
    made[:] = listed
    return made


def pick(draw: Generator, shares: Iterable[float], size: int) -> Whole:
    """Numbers 0, 1, … of a choice with relative shares."""
    total = np.cumsum(np.asarray(list(shares), dtype=float))
    return np.asarray(np.searchsorted(total, draw.random(size) * total[-1], side="right"), dtype=np.int64)


def yes(draw: Generator, percent: float, size: int) -> Mask:
    """True for about `percent` of `size`."""
    return np.asarray(draw.random(size) * 100 < percent)


def between(draw: Generator, low: float, high: float, size: int) -> Whole:
    """Whole numbers from `low` to `high`, both included."""
    return np.asarray(np.floor(low + draw.random(size) * (high + 1 - low)), dtype=np.int64)


def inside(draw: Generator, bounds: list[float], size: int) -> Whole:
    """Whole numbers within two bounds, both included."""
    return between(draw, bounds[0], bounds[1], size)


def some(draw: Generator, size: int, n: int) -> Mask:
    """True for exactly `n` of `size`, at random; for all where there are fewer."""
    return highest(draw.random(size), n)


def highest(scores: Floats, n: int) -> Mask:
    """True for the `n` highest scores."""
    mask = np.zeros(len(scores), dtype=bool)
    mask[np.argsort(-scores, kind="stable")[: max(0, n)]] = True
    return mask


def share_out(total: int, weights: Floats) -> Whole:
    """Whole numbers that add up to `total`, in proportion to weights."""
    if not len(weights):
        return np.zeros(0, dtype=np.int64)
    exact = total * weights / weights.sum()
    made: Whole = np.floor(exact).astype(np.int64)
    made[np.argsort(made - exact, kind="stable")[: int(total - made.sum())]] += 1
    return made


def draw_out(draw: Generator, counts: Whole, n: int) -> Whole:
    """How many of `n` things, drawn without putting back, come from each group of `counts`."""
    n = min(int(n), int(counts.sum()))
    return np.asarray(draw.multivariate_hypergeometric(counts, n, method="marginals"), dtype=np.int64)


def first_day(years: Any) -> Days:
    """The first of January."""
    return (np.asarray(years) - 1970).astype("datetime64[Y]").astype("datetime64[D]")


def year_of(days: Days) -> Whole:
    """The calendar year."""
    return days.astype("datetime64[Y]").astype(np.int64) + 1970


def within_year(draw: Generator, years: Any, size: int, first: int = 0, last: int = 364) -> Days:
    """Days of the years, from day `first` to day `last` of the year (0 is the first of January)."""
    return first_day(np.broadcast_to(years, size)) + between(draw, first, last, size)
