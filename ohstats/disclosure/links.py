"""Everything that adds up: one row for each equation between figures, whoever publishes them and at whichever level.

A figure is a sum of others by category, place, period, group or year basis. What a sum lacks to its parent is a figure too (its
rest), which a reader can compute and which is protected like any other.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import optimize, sparse

from .. import periods
from ..counts import NEW_CASES
from . import policy as rules
from .pooling import above

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd

    from .policy import Policy

SAME_FIGURE = {  # denominators that are figures of their own
    "short_exposure_pneumoconiosis_share": ("new_cases", rules.DUST[0]),
    "contraindicated_removed_rate": ("contraindication_yield", ""),
}
Ints = np.ndarray


class Cell(NamedTuple):
    """One variable: the numerator ("n") of a figure, or its complement to the denominator ("c")."""

    role: str
    measure: str
    basis: str
    place: str
    period: str
    key: str
    group: str


@dataclass
class Links:
    """Variables and equations: `parent` equals the sum of `children`, for each equation."""

    cells: list[Cell]
    row: Ints  # row of the frame, -1 for a rest
    value: np.ndarray
    threshold: Ints
    equations: list[tuple[int, list[int]]]
    unbalanced: int  # sums that exceed their parent: no equation holds there


def build(whole: pd.DataFrame, places: pd.DataFrame, policy: Policy) -> Links:
    """All equations between the figures of `whole`; what arrived hidden gets a value that fits (`high` bounds it)."""
    cells, rows, values = _cells(whole)
    index = {cell: number for number, cell in enumerate(cells)}
    value, threshold = np.array(values, dtype=float), whole["threshold"].to_numpy()[rows].astype(int)
    parents = dict(zip(places["code"], places["parent"], strict=True))
    found = [*_categories(index, policy), *_places(index, parents), *_periods(index), *_groups(index)]
    sums = {(parent, tuple(sorted(children))): lacking for parent, children, lacking in found if children}
    value = _fitted(value, whole["high"].to_numpy()[rows], list(sums))
    for parent, beside, lacking in (*_bases(index, value), *_same(index, value), *_hidden(index)):
        sums.setdefault((parent, tuple(beside)), lacking)
    equations: list[tuple[int, list[int]]] = []
    rests: list[tuple[Cell, float, int]] = []
    unbalanced = 0
    for (parent, children), lacking in sums.items():
        rest = value[parent] - value[list(children)].sum()
        if rest < 0:
            unbalanced += 1
            continue
        if rest > 0:
            children = (*children, len(cells) + len(rests))
            rests.append((cells[parent], float(rest), lacking or int(threshold[parent])))
        equations.append((parent, list(children)))
    return Links(
        [*cells, *(cell for cell, _value, _threshold in rests)],
        np.append(np.array(rows, dtype=int), np.full(len(rests), -1)),
        np.append(value, [each for _cell, each, _threshold in rests]),
        np.append(threshold, np.array([each for _cell, _value, each in rests], dtype=int)),
        equations,
        unbalanced,
    )


def _cells(whole: pd.DataFrame) -> tuple[list[Cell], list[int], list[float]]:
    columns = ["measure", "year_basis", "place", "period", "key", "group", "numerator", "denominator", "hidden"]
    cells, rows, values = [], [], []
    for row, (*key, n, d, arrived) in enumerate(whole[columns].itertuples(index=False, name=None)):
        if np.isnan(n) and not arrived:
            continue
        for role, value in (("n", n), ("c", d - n)):
            if role == "n" or value >= 0:
                cells.append(Cell(role, *key))
                rows.append(row)
                values.append(value)
    return cells, rows, values


def _fitted(value: np.ndarray, high: np.ndarray, sums: list[tuple[int, tuple[int, ...]]]) -> np.ndarray:
    """Values with whole numbers put where a figure arrived hidden: within its bounds, and leaving the smallest rests."""
    unknown = np.flatnonzero(np.isnan(value))
    if not len(unknown):
        return value
    at = {int(number): column for column, number in enumerate(unknown)}
    used = [(parent, children) for parent, children in sums if any(each in at for each in (parent, *children))]
    left, right = sparse.lil_array((len(used), len(unknown))), np.zeros(len(used))
    for line, (parent, children) in enumerate(used):
        for each, sign in [(parent, 1.0), *((child, -1.0) for child in children)]:
            if each in at:
                left[line, at[each]] = sign
            else:
                right[line] -= sign * value[each]
    one = sparse.eye_array(len(used))
    top = np.where(np.isnan(high[unknown]), np.inf, high[unknown])
    solved = optimize.milp(
        np.r_[np.full(len(unknown), 1e-3), np.ones(len(used)), np.full(len(used), 1e3)],
        constraints=optimize.LinearConstraint(sparse.hstack([left, -one, one]).tocsc(), right, right) if used else (),
        bounds=optimize.Bounds(0, np.r_[top, np.full(2 * len(used), np.inf)]),
        integrality=np.r_[np.ones(len(unknown)), np.zeros(2 * len(used))],
    )
    made = value.copy()
    made[unknown] = np.round(solved.x[: len(unknown)])
    return made


Found = tuple[int, list[int], int]  # parent, children, threshold of the rest (0: that of the parent)


def _by(index: dict[Cell, int], field: str) -> Iterable[dict[str, int]]:
    """Variables that differ in one field only."""
    made: dict[Cell, dict[str, int]] = defaultdict(dict)
    for cell, number in index.items():
        made[cell._replace(**{field: ""})][getattr(cell, field)] = number
    return made.values()


def _categories(index: dict[Cell, int], policy: Policy) -> Iterator[Found]:
    for there in _by(index, "key"):
        present = set(there) - set(rules.MADE)
        below = defaultdict(list)
        for key in present:
            if up := above(key, present, policy):
                below[up].append(there[key])
        for up, children in below.items():
            yield there[up], sorted(children), policy.higher_threshold
        main = [[there[name] for name in names if name in there][:1] for names in (rules.DUST, rules.NOISE)]
        for made, beside in ((rules.MERGED, [*main[0], *main[1]]), (rules.BUT_DUST, main[0]), (rules.BUT_NOISE, main[1])):
            if made in there and rules.TOTAL in there:
                yield there[rules.TOTAL], [*beside, there[made]], policy.higher_threshold


def _places(index: dict[Cell, int], parents: dict[str, str]) -> Iterator[Found]:
    for there in _by(index, "place"):
        below = defaultdict(list)
        for place in there:
            up = parents.get(place, "")
            while up and up not in there:
                up = parents.get(up, "")
            if up and (up[0] == "9") == (place[0] == "9"):  # invented places lie in no real one
                below[up].append(there[place])
        for up, children in below.items():
            yield there[up], sorted(children), 0


def _periods(index: dict[Cell, int]) -> Iterator[Found]:
    """A period and the largest, and the smallest, periods inside it that do not overlap."""
    known: dict[frozenset[str], list[tuple[str, list[str]]]] = {}
    for there in _by(index, "period"):
        texts = frozenset(there)
        if len(texts) > 1 and texts not in known:
            known[texts] = list(
                _tilings(sorted((periods.parse(text) for text in texts), key=lambda each: (each.end, each.start)))
            )
        for outer, inside in known.get(texts, ()):
            yield there[outer], [there[text] for text in inside], 0


def _tilings(spans: list[periods.Period]) -> Iterator[tuple[str, list[str]]]:
    for outer in spans:
        inside = [each for each in spans if outer.contains(each) and not each.contains(outer)]
        small = [each for each in inside if not any(each is not other and each.contains(other) for other in inside)]
        large = [each for each in inside if not any(each is not other and other.contains(each) for other in inside)]
        for tiles in (large, small) if inside else ():
            yield str(outer), _apart(tiles)


def _apart(spans: list[periods.Period]) -> list[str]:
    """Periods that do not overlap, taken in the order of their ends."""
    chosen: list[periods.Period] = []
    for span in spans:
        if not chosen or span.start > chosen[-1].end:
            chosen.append(span)
    return [str(span) for span in chosen]


def _groups(index: dict[Cell, int]) -> Iterator[Found]:
    """All people, and the groups of one dimension; a group is `men`, `sex=men` or `age=60-;sex=men`."""
    for there in _by(index, "group"):
        below = defaultdict(list)
        for group in there:
            parts = group.split(";") if group else []
            for part in parts:
                rest = ";".join(other for other in parts if other != part)
                if rest in there:
                    below[rest, part.partition("=")[0] if "=" in part else ""].append(there[group])
        for (up, _dimension), children in below.items():
            yield there[up], sorted(children), 0


def _bases(index: dict[Cell, int], value: np.ndarray) -> Iterator[Found]:
    """The same figure by report year and by diagnosis year: what lies between them are late cards."""
    for there in _by(index, "basis"):
        if len(there) == 2:
            low, high = sorted(there.values(), key=lambda number: (value[number], number))
            yield high, [low], 0


def _same(index: dict[Cell, int], value: np.ndarray) -> Iterator[Found]:
    """Denominators that are figures of their own, where they agree."""
    for cell, number in index.items():
        measure, key = SAME_FIGURE.get(cell.measure, ("", ""))
        rest = index.get(cell._replace(role="c"))
        if cell.role == "c" or rest is None:
            continue
        for basis in ("report", "diagnosis", ""):
            other = index.get(cell._replace(measure=measure, key=key, basis=basis))
            if other is not None and value[other] == value[number] + value[rest]:
                yield other, [number, rest], 0


def _hidden(index: dict[Cell, int]) -> Iterator[Found]:
    """What the starred counts of a place hold together."""
    for cell, number in index.items():
        if cell.measure == rules.HIDDEN and cell.role == "n":
            names = [part.split(" ", 1) for part in cell.key.split(";")]
            there = [index.get(cell._replace(measure=NEW_CASES, period=period, key=key)) for period, key in names]
            if None not in there:
                yield number, [each for each in there if each is not None], 0
