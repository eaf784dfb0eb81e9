"""Linear and integer programmes over a table: how far a hidden count can move while everything published stays as it is.

A *move* is a whole-number change of hidden counts that leaves every equation and every shown figure true. It is its own
certificate: whoever knows only what is published cannot tell the counts before it from those after it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, sparse

Floats = np.ndarray
Ints = np.ndarray
_FAR = 50  # by how much a count is moved at most for the sake of others
_MANY = 5000  # counts: a common move of so many is looked for by the linear programme alone
_NODES = 200  # branches of an integer programme: a move that needs more is taken for none
_ANY = 1e6  # more than any count rises
_TURNS = 50
_TRACE = 1e-3  # cost of moving a count that is hidden anyway: short moves first


@dataclass(frozen=True)
class Move:
    """Counts that change together, and by how much."""

    cells: Ints
    change: Ints

    @property
    def unit(self) -> Ints:
        """The smallest whole-number part of the move."""
        part: Ints = self.change // np.gcd.reduce(self.change)
        return part


@dataclass
class Programme:
    """A set of equations over counts, with what is known of them.

    `matrix` holds one row for each equation (parent less children = 0) and one column for each count.
    """

    matrix: sparse.csc_array
    value: Floats  # true counts: always a solution
    low: Floats
    high: Floats

    def move(
        self, cell: int, amount: int, allowed: Ints, cost: Floats, below: Floats | None = None, *, partly: bool = True
    ) -> Move | None:
        """The cheapest whole-number move that changes one count by `amount` (and, step by step, by every number before it).

        Parameters
        ----------
        cell : int
            Count that has to move.
        amount : int
            By how much, up or down.
        allowed : array of int
            Counts that may change, `cell` among them.
        cost : array
            For each of `allowed`, the cost of changing it by one; 0 costs a trace.
        below : array, optional
            For each of `allowed`, the cost of one step below its least value (inf: not allowed).
        partly : bool
            Whether it has to be possible to make the move step by step.
        """
        here = self._rows(allowed)
        at = int(np.flatnonzero(allowed == cell)[0])
        up, down = self.high[allowed] - self.value[allowed], self.value[allowed] - self.low[allowed]
        for size in dict.fromkeys((1, abs(amount))):
            # the cheapest move of all first; then one in whole steps of `amount`, which can always be taken in part
            change = _cheapest(here, at, amount // size, np.floor(up / size), np.floor(down / size), cost, below)
            if change is not None:
                made = Move(allowed[change != 0], (size * change[change != 0]).astype(int))
                if not partly or self._every(made, cell):
                    return made
            elif below is None:
                return None  # what steps of one cannot do, longer ones cannot
        return None

    def many(self, size: int, allowed: Ints, wish: Floats) -> Move | None:
        """One move in steps of `size` that takes as many counts as it can where they are wished to go (1 up, -1 down)."""
        room = [self.high[allowed] - self.value[allowed], self.value[allowed] - self.low[allowed]]
        up, down = np.minimum(np.floor(np.array(room) / size), 1)
        return self._together(size, allowed, wish, down, up)

    def far(self, amount: int, allowed: Ints, wish: Floats) -> Move | None:
        """One move that takes as many counts as it can by up to `amount` where they are wished to go; the others as needed."""
        up = np.minimum(self.high[allowed] - self.value[allowed], np.where(wish > 0, amount, _FAR))
        down = np.minimum(self.value[allowed] - self.low[allowed], np.where(wish < 0, amount, _FAR))
        return self._together(1, allowed, wish, down, up)

    def _together(self, size: int, allowed: Ints, wish: Floats, down: Floats, up: Floats) -> Move | None:
        rows, bounds = _stay(self._rows(allowed)), optimize.Bounds(-down, up)
        change = _whole(-wish, rows, bounds, tries=2 if len(allowed) < _MANY else 1, mip_rel_gap=0.5, node_limit=20)
        if change is None or not change.any():
            return None
        return Move(allowed[change != 0], (size * change[change != 0]).astype(int))

    def _every(self, move: Move, cell: int) -> bool:
        """Whether the move can be taken in part so that one count takes every value on its way."""
        unit, at = move.unit, int(np.flatnonzero(move.cells == cell)[0])
        steps = range(1, abs(int(unit[at])))
        if not steps:
            return True
        rows = _stay(self._rows(move.cells))
        low, high = np.minimum(unit, 0), np.maximum(unit, 0)
        for step in steps:
            low[at] = high[at] = step * np.sign(unit[at])
            if _whole(np.zeros(len(unit)), rows, optimize.Bounds(low, high)) is None:
                return False
        return True

    def room(self, low: Floats) -> tuple[Floats, Floats]:
        """How far each count can fall and rise at most, sum by sum: no move goes further, though not every one goes as far.

        Parameters
        ----------
        low : array
            The least value that each count may take.
        """
        rows = self.matrix.tocoo()
        line, column, plus = rows.row, rows.col, rows.data > 0
        fall, rise = low - self.value, np.minimum(self.high - self.value, _ANY)
        for _turn in range(_TURNS):
            least, most = np.where(plus, fall[column], -rise[column]), np.where(plus, rise[column], -fall[column])
            under = least - np.bincount(line, least, rows.shape[0])[line]  # what the others of a sum leave to one
            over = most - np.bincount(line, most, rows.shape[0])[line]
            before = fall.sum(), rise.sum()
            np.minimum.at(rise, column, np.where(plus, under, -over))
            np.maximum.at(fall, column, np.where(plus, over, -under))
            if before == (fall.sum(), rise.sum()):
                break
        return -fall, rise

    def reach(self, move: Move) -> tuple[int, int]:
        """How often the smallest whole part of a move can be made forwards and backwards."""
        step = move.unit
        rise, fall = self.high[move.cells] - self.value[move.cells], self.value[move.cells] - self.low[move.cells]
        room = np.where(step > 0, [rise, fall], [fall, rise]) / np.abs(step)
        forwards, backwards = np.minimum(np.floor(room.min(axis=1)), 10**9)
        return int(forwards), int(backwards)

    def _rows(self, allowed: Ints) -> sparse.csc_array:
        here = self.matrix[:, allowed]
        return here[np.unique(here.indices)].tocsc()


def _cheapest(
    here: sparse.csc_array, at: int, step: int, up: Floats, down: Floats, cost: Floats, below: Floats | None
) -> Floats | None:
    """Changes of all counts, one of them by `step`, at the least cost."""
    n = here.shape[1]
    spread = _TRACE * (1 + np.arange(n) % 97 / 97)  # ties are always broken the same way
    price, top, sign = [cost + spread, cost + spread], [up, down], [here, -here]
    if below is not None:
        price.append(np.where(np.isinf(below), 0, below + cost + spread))
        top.append(np.where(np.isinf(below), 0.0, 1.0))
        sign.append(-here)
    low = np.zeros(len(top) * n)
    if step > 0:
        low[at], up[at] = step, min(step, up[at])
        if up[at] < step:
            return None
        for room in top[1:]:
            room[at] = 0
    rows = _stay(sparse.hstack(sign).tocsc())
    if step < 0:
        mine = np.zeros((1, len(top) * n))
        mine[0, at::n] = [1.0, *([-1.0] * (len(top) - 1))]
        rows.append(optimize.LinearConstraint(mine, step, step))
    change = _whole(np.concatenate(price), rows, optimize.Bounds(low, np.concatenate(top)))
    return None if change is None else change[:n] - change[n:].reshape(-1, n).sum(axis=0)


def _stay(here: sparse.csc_array) -> list[optimize.LinearConstraint]:
    return [optimize.LinearConstraint(here, 0, 0)] if here.shape[0] else []


def _whole(
    price: Floats, rows: list[optimize.LinearConstraint], bounds: optimize.Bounds, tries: int = 2, **options: float
) -> Floats | None:
    """The cheapest whole-number solution: the linear programme, and the integer one where its optimum is fractional."""
    for whole in range(tries):
        how = {"mip_rel_gap": 0.2, "node_limit": _NODES, **options} if whole else {}
        found = optimize.milp(price, constraints=rows, bounds=bounds, integrality=np.full(len(price), whole), options=how)
        if found.x is None:
            return None
        made: Floats = np.round(found.x)
        if np.abs(made - found.x).max() < 1e-6:
            return made
        if len(price) > _MANY:  # only what the linear programme uses
            used = np.abs(found.x) > 1e-9
            bounds = optimize.Bounds(np.where(used, bounds.lb, 0), np.where(used, bounds.ub, 0))
    return None
