"""Estimate frames: the one shape of every result, and the checks of counts that come before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from .errors import CountError, Fault, ParameterRefused, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

COLUMNS = ("value", "lower", "upper", "level", "unit", "method", "numerator", "denominator", "note")

NO_DENOMINATOR = "denominator is 0"


class Groups(NamedTuple):
    """Which group each row of a table belongs to, and the keys of the groups."""

    codes: NDArray[np.intp]
    keys: pd.DataFrame
    alone: bool = False
    """Each row is a group of its own, in order."""

    def total(self, values: Floats) -> Floats:
        """Sum of `values` in each group."""
        if self.alone:
            return values
        return np.asarray(np.bincount(self.codes, weights=values, minlength=len(self.keys)), dtype=float)


def check_options(*, confidence: float = 0.95, choice: str = "", choices: Sequence[str] = (), multiplier: float = 1) -> None:
    """Refuse a confidence level outside (0, 1), a choice that does not exist and a multiplier that is not above 0."""
    if not 0 < confidence < 1:
        raise ParameterRefused("confidence is {confidence}: give a share between 0 and 1", confidence=confidence)
    if choices and choice not in choices:
        raise ParameterRefused("there is no {choice!r}; choose from: {known}", choice=choice, known=", ".join(choices))
    if not 0 < multiplier < np.inf:
        raise ParameterRefused("multiplier is {multiplier}: give a number above 0", multiplier=multiplier)


def names_of(by: str | Sequence[str]) -> list[str]:
    """The grouping columns as a list; one name may be given as text."""
    return [by] if isinstance(by, str) else list(by)


def check_free(keys: Iterable[str], columns: Iterable[str]) -> None:
    """Refuse grouping columns named like a column of the result."""
    taken = set(keys) & set(columns)
    if taken:
        raise ParameterRefused(
            "results have columns of their own named {taken}: rename the grouping columns", taken=", ".join(sorted(taken))
        )


def check_columns(table: pd.DataFrame, *columns: str) -> None:
    """Refuse a table without one of the columns; the nearest names are listed."""
    missing = [
        Fault("{column!r}: nearest are {known}", column=name, known=nearest(name, table.columns))
        for name in columns
        if name not in table.columns
    ]
    if missing:
        raise ParameterRefused("the table lacks columns", faults=missing)


def numbers(table: pd.DataFrame, column: str) -> Floats:
    """A column as floats; what is missing or no number becomes NaN."""
    return np.asarray(pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float, na_value=np.nan))


def refuse(table: pd.DataFrame, columns: Sequence[str], faults: Mapping[Fault, Any], **values: object) -> None:
    """Raise a CountError that names each row where one of `faults` (values: their rows) holds; the first one counts."""
    bad = np.logical_or.reduce(list(faults.values()))
    if not bad.any():
        return
    lines = []
    for position in np.flatnonzero(bad).tolist():
        fault = next(each for each, rows in faults.items() if rows[position])
        counts = ", ".join(f"{name}={_plain(table[name].iloc[position])}" for name in columns)
        lines.append(Fault(fault.message, row=table.index[position], counts=counts, **values))
    raise CountError("counts of {bad} of {total} rows cannot be used", faults=lines, bad=len(lines), total=len(table))


def _plain(value: Any) -> object:
    if pd.isna(value):
        return "missing"
    return int(value) if isinstance(value, (float, np.floating)) and value.is_integer() else value


def counted(table: pd.DataFrame, *columns: str, within: str | None = None) -> list[Floats]:
    """Columns of whole counts from 0 up; `within` names a column that none may exceed (it is checked and returned too).

    Raises
    ------
    CountError
        A count is missing, negative, fractional, infinite or above `within`; every such row is named.
    """
    names = [*columns, within] if within is not None else list(columns)
    check_columns(table, *names)
    values = [numbers(table, name) for name in names]
    if all(_sound(each) for each in values) and (within is None or not any((x > values[-1]).any() for x in values)):
        return values
    stack = np.array(values)
    with np.errstate(invalid="ignore"):
        faults = {
            Fault("row {row}: {counts}: a count is missing"): np.isnan(stack),
            Fault("row {row}: {counts}: a count is infinite"): np.isinf(stack),
            Fault("row {row}: {counts}: a count is negative"): stack < 0,
            Fault("row {row}: {counts}: a count is not whole"): stack != np.floor(stack),
            Fault("row {row}: {counts}: more than {within}"): (stack > stack[-1]) & (within is not None),
        }
    refuse(table, names, {fault: rows.any(axis=0) for fault, rows in faults.items()}, within=within)
    return values


def _sound(values: Floats) -> bool:
    return bool(np.all((values >= 0) & (values < np.inf) & (values == np.floor(values))))


def measured(table: pd.DataFrame, column: str, *, zero: bool = True) -> Floats:
    """A column of persons or person-years: finite, not negative, and above 0 unless `zero` is allowed.

    Raises
    ------
    CountError
        A value is missing, infinite, negative, or 0 where that is not allowed; every such row is named.
    """
    check_columns(table, column)
    values = numbers(table, column)
    refuse(
        table,
        [column],
        {
            Fault("row {row}: {counts}: the population is missing"): np.isnan(values),
            Fault("row {row}: {counts}: the population is infinite"): np.isinf(values),
            Fault("row {row}: {counts}: the population is negative"): values < 0,
            Fault("row {row}: {counts}: the population is 0"): (values == 0) & (not zero),
        },
    )
    return values


def grouped(table: pd.DataFrame, by: str | Sequence[str]) -> Groups:
    """Groups of equal keys, sorted; missing keys make a group of their own; without `by` all rows are one group."""
    names = names_of(by)
    check_columns(table, *names)
    check_free(names, COLUMNS)
    if not names:
        return Groups(np.zeros(len(table), dtype=np.intp), pd.DataFrame(index=range(1)))
    if len(names) == 1 and _strictly_rising(table[names[0]]):
        return Groups(np.arange(len(table)), table[names].reset_index(drop=True), alone=True)
    codes: NDArray[np.intp] = np.asarray(table.groupby(names, dropna=False, observed=True).ngroup(), dtype=np.intp)
    first = np.empty(codes.max(initial=-1) + 1, dtype=np.intp)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    return Groups(codes, table[names].iloc[first].reset_index(drop=True))


def _strictly_rising(keys: pd.Series) -> bool:
    """Whether the rows are their own groups, in order already (grouping 100,000 of them by text takes 10 ms)."""
    if not (pd.api.types.is_numeric_dtype(keys.dtype) or isinstance(keys.dtype, pd.StringDtype)):
        return False
    values = keys.array
    return bool((values[1:] > values[:-1]).all()) and not keys.isna().any()


def years_once(table: pd.DataFrame, year: str, count: str, groups: Groups) -> Floats:
    """The column of years as numbers; a CountError names rows where it is missing or occurs twice in its group."""
    check_columns(table, year)
    years = numbers(table, year)
    refuse(table, [year], {Fault("row {row}: {counts}: the year is missing or no number"): ~np.isfinite(years)})
    twice = pd.DataFrame({"group": groups.codes, "year": years}).duplicated(keep=False).to_numpy()
    refuse(table, [year, count], {Fault("row {row}: {counts}: the year occurs more than once in its group"): twice})
    return years


def whole(values: Floats) -> NDArray[np.int64]:
    """Sums of checked counts, as integers."""
    return np.rint(values).astype(np.int64)


def per(multiplier: float) -> str:
    """Unit of a rate, e.g. "per 100,000"."""
    return f"per {multiplier:,.15g}"


def labels(codes: NDArray[np.integer[Any]] | NDArray[np.bool_], names: Sequence[str]) -> Any:
    """One of a few texts per row, fast for long frames."""
    return pd.array(list(names), dtype="str").take(codes.astype(np.intp))


def estimate(keys: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    """The Estimate frame: keys, then `COLUMNS`, then whatever else is given."""
    check_free(keys.columns, columns)
    own = {name: columns.pop(name) for name in COLUMNS}
    ordered = {**{name: keys[name] for name in keys.columns}, **own, **columns}
    return pd.DataFrame(ordered, index=keys.index, copy=False)
