"""What goes into a joinpoint regression: options and rows are checked, then brought to the model's scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from ..errors import CountError, Fault, ParameterRefused
from .grid import most_joinpoints, placements

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .grid import Floats

FEWEST = 7  # points
PERMUTATION_BELOW = 20  # points: permutation test, from there on weighted BIC
VARIANCES = ("constant", "se", "poisson")
RULES = ("permutation", "wbic", "bic", "bic3")
_PERMUTATIONS = 99  # at least
_WORK = 1e10  # placements times permutations: about two minutes a test
_LEAST_WEIGHT = 1e-12  # of the largest: below, arithmetic is not to be trusted


class Options(NamedTuple):
    """How series are to be fitted."""

    weights: str
    counts: bool  # y are counts; rates are made here
    log: bool
    joinpoints: int | None
    most: int | None
    select: str | None
    permutations: int
    seed: int

    def rule(self, n: int) -> str:
        """The rule that chooses the number of joinpoints of `n` points."""
        if self.joinpoints is not None:
            return "fixed"
        return self.select or ("permutation" if n < PERMUTATION_BELOW else "wbic")

    def k_max(self, n: int) -> int:
        """The largest number of joinpoints considered for `n` points; more than there is room for is refused."""
        asked = self.joinpoints if self.most is None else self.most
        most = usual_most(n) if asked is None else asked
        if most > most_joinpoints(n):
            raise ParameterRefused(
                "{n} points have room for at most {room} joinpoints, not {most}", n=n, room=most_joinpoints(n), most=most
            )
        tried = sum(placements(n, k) for k in range(most + 1))
        times = self.permutations + 1 if self.rule(n) == "permutation" else 1
        if tried * times > _WORK:
            raise ParameterRefused(
                "{tried} placements of up to {most} joinpoints on {n} points are too many to try: "
                "give a smaller max_joinpoints, fewer permutations or another rule",
                tried=tried, most=most, n=n,
            )  # fmt: skip
        return most


class Rows(NamedTuple):
    """The rows of all series on the model's scale."""

    x: Floats
    observed: Floats  # rates
    z: Floats  # ln(rate), or the rate
    weight: Floats
    numerator: Floats  # counts and populations where they are given, else NaN
    denominator: Floats
    half: NDArray[np.bool_]  # a count of 0 that became 0.5

    def pick(self, index: Any) -> Rows:
        """The same columns, indexed."""
        return Rows._make(column[index] for column in self)


def usual_most(n: int) -> int:
    """The most joinpoints that the NCI manual recommends for `n` points: 1 from 7, 2 from 12, … 5 from 27."""
    return min(max((n - 2) // 5, 0), 5)


def options(
    *,
    se: bool,
    population: bool,
    weights: str,
    log: bool,
    joinpoints: int | None,
    most: int | None,
    select: str | None,
    permutations: int,
    seed: int,
) -> Options:
    """The options of a call, refused where they do not exist or contradict each other."""
    for name, choice, known in (("weights", weights, VARIANCES), ("select", select or RULES[0], RULES)):
        if choice not in known:
            raise ParameterRefused("{name}={choice!r}: choose from {known}", name=name, choice=choice, known=", ".join(known))
    for name, number, least in (
        ("joinpoints", joinpoints, 0),
        ("max_joinpoints", most, 0),
        ("permutations", permutations, _PERMUTATIONS),
        ("seed", seed, 0),
    ):
        if number is not None and (isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < least):
            raise ParameterRefused(
                "{name}={number!r}: give a whole number from {least} up", name=name, number=number, least=least
            )
    if joinpoints is not None and most is not None and joinpoints > most:
        raise ParameterRefused("{joinpoints} joinpoints are more than max_joinpoints={most}", joinpoints=joinpoints, most=most)
    if se != (weights == "se"):
        raise ParameterRefused("standard errors and weights='se' go together: give both or none")
    if se and population:
        raise ParameterRefused("standard errors belong to rates: leave out the population")
    return Options(weights, population or weights == "poisson", log, joinpoints, most, select, permutations, seed)


def numbers(values: Any, name: str) -> Floats:
    """A column as floats; what is missing or no number becomes NaN."""
    if np.ndim(values) != 1:
        raise ParameterRefused("{name} is not a single column of numbers", name=name)
    column = pd.Series(values)
    if column.dtype.kind in "mM":
        raise ParameterRefused("{name} holds dates: give numbers, such as years", name=name)
    floats: Floats = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    return floats


def rows(
    columns: Mapping[str, Floats], names: Mapping[str, str], labels: pd.Index, groups: NDArray[np.intp], how: Options
) -> Rows:
    """The checked rows on the model's scale.

    Parameters
    ----------
    columns
        x, y and, where given, se and population.
    names
        What these columns are called in error messages.
    labels
        Index labels of the rows.
    groups
        Which series each row belongs to.
    how
        The options.

    Raises
    ------
    CountError
        A row cannot be used; all such rows are named.
    """
    x, y = columns["x"], columns["y"]
    blank = np.full(len(x), np.nan)
    se, population = columns.get("se", blank), columns.get("population", blank)
    repeated = pd.DataFrame({"group": groups, "x": x}).duplicated(keep=False).to_numpy()
    with np.errstate(invalid="ignore"):
        faults = {
            "row {row}: {values}: x is missing, infinite or no number": ~np.isfinite(x),
            "row {row}: {values}: this x stands more than once": repeated,
            "row {row}: {values}: y is missing, infinite or no number": ~np.isfinite(y),
            "row {row}: {values}: the count is negative": (y < 0) & how.counts,
            "row {row}: {values}: the count is not whole": (y != np.floor(y)) & how.counts,
            "row {row}: {values}: a rate of 0 or below has no logarithm": (y <= 0) & (how.log and not how.counts),
            "row {row}: {values}: the population is not a number above 0": ~((population > 0) & (population < np.inf))
            & ("population" in columns),
            "row {row}: {values}: the standard error is not a number above 0": ~((se > 0) & (se < np.inf)) & ("se" in columns),
        }
    _refuse(faults, columns, names, labels)
    half = (y == 0) & how.counts
    count = np.where(half, 0.5, y)
    persons = population if "population" in columns else np.ones(len(x))
    rate = count / persons
    z = np.log(rate) if how.log else rate
    root = np.ones(len(x))  # of the weights
    if how.weights == "se":
        root = rate / se if how.log else 1 / se
    elif how.weights == "poisson":
        root = np.sqrt(count) if how.log else persons / np.sqrt(count)
    largest = pd.Series(root).groupby(groups).transform("max").to_numpy()
    slight = ~(root >= np.sqrt(_LEAST_WEIGHT) * largest)
    _refuse(
        {"row {row}: {values}: its weight is less than a millionth of a millionth of the largest": slight}, columns, names, labels
    )
    return Rows(x, rate, z, root**2, y if how.counts else blank, population, half)


def _refuse(
    faults: Mapping[str, NDArray[np.bool_]], columns: Mapping[str, Floats], names: Mapping[str, str], labels: pd.Index
) -> None:
    bad = np.logical_or.reduce(list(faults.values()))
    lines = []
    for position in np.flatnonzero(bad).tolist():
        message = next(text for text, where in faults.items() if where[position])
        values = ", ".join(f"{names[name]}={_plain(column[position])}" for name, column in columns.items())
        lines.append(Fault(message, row=labels[position], values=values))
    if lines:
        raise CountError("{bad} of {total} rows cannot be used", faults=lines, bad=len(lines), total=len(labels))


def _plain(value: float) -> str:
    if np.isnan(value):
        return "missing"
    return str(int(value)) if np.isfinite(value) and value == np.floor(value) and abs(value) < 1e15 else f"{value:g}"
