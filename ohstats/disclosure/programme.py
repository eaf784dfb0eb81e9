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
_TRACE = 1e-3  # cost of moving a count that is hidden anyway: short moves first


@dataclass(frozen=True)
class Move:
    """Counts that change together, and by how much."""

    cells: Ints
    change: Ints

    def of(self, cell: int) -> int:
        """Change of one count."""
        return int(self.change[self.cells == cell].sum())


@dataclass
class Programme:
    """A set of equations over counts, with what is known of them.

    `matrix` holds one row for each equation (parent less children = 0) and one column for each count.
    """

    matrix: sparse.csc_array
    value: Floats  # true counts: always a solution
    low: Floats
    high: Floats

    def move(self, cell: int, amount: int, allowed: Ints, cost: Floats) -> Move | None:
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
        """
        here = self.matrix[:, allowed]
        here = here[np.unique(here.indices)]
        at = int(np.flatnonzero(allowed == cell)[0])
        up, down = self.high[allowed] - self.value[allowed], self.value[allowed] - self.low[allowed]
        for step in (amount, int(np.sign(amount))):
            # whole steps of `amount` last: each of them can be taken in part, so that every number between is reached
            size = 1 if step == amount else abs(amount)
            change = self._solve(here, at, step, np.floor(up / size), np.floor(down / size), cost)
            if change is None:
                return None
            made = Move(allowed[change != 0], (size * change[change != 0]).astype(int))
            if size > 1 or self._every(made, cell, amount):
                return made
        return None

    def _solve(self, here: sparse.csc_array, at: int, step: int, up: Floats, down: Floats, cost: Floats) -> Ints | None:
        n = here.shape[1]
        top = np.r_[up, down]
        top[[at, n + at]] = max(step, 0), max(-step, 0)
        low = np.zeros(2 * n)
        low[[at, n + at]] = top[[at, n + at]]
        if (top[[at, n + at]] > np.r_[up, down][[at, n + at]]).any():
            return None
        spread = _TRACE * (1 + np.arange(n) % 97 / 97)  # ties are always broken the same way
        price = np.tile(np.maximum(cost, 0) + spread, 2)
        rows = optimize.LinearConstraint(sparse.hstack([here, -here]).tocsc(), 0, 0) if here.shape[0] else ()
        for whole in (0, 1):  # the linear programme; the integer one where its optimum is fractional
            found = optimize.milp(price, constraints=rows, bounds=optimize.Bounds(low, top), integrality=np.full(2 * n, whole))
            if found.x is None:
                return None
            change = found.x[:n] - found.x[n:]
            if np.abs(change - np.round(change)).max() < 1e-6:
                return np.round(change)
        return None

    def _every(self, move: Move, cell: int, amount: int) -> bool:
        """Whether the move can be taken in part so that the count reaches every number on the way."""
        unit = int(np.gcd.reduce(move.change))
        if abs(amount) == unit:
            return True
        here = self.matrix[:, move.cells]
        here = here[np.unique(here.indices)]
        part = Programme(here.tocsc(), np.zeros(len(move.cells)), np.minimum(move.change, 0.0), np.maximum(move.change, 0.0))
        at = int(np.flatnonzero(move.cells == cell)[0])
        free = np.zeros(len(move.cells))
        steps = range(1, abs(amount)) if amount > 0 else range(-1, amount, -1)
        return all(part._solve(here, at, step, part.high, -part.low, free) is not None for step in steps)

    def reach(self, move: Move) -> tuple[int, int]:
        """How often the smallest whole part of a move can be made forwards and backwards."""
        unit = int(np.gcd.reduce(move.change))
        step = move.change / unit
        room_up = np.where(
            step > 0, self.high[move.cells] - self.value[move.cells], self.value[move.cells] - self.low[move.cells]
        )
        room_down = np.where(
            step > 0, self.value[move.cells] - self.low[move.cells], self.high[move.cells] - self.value[move.cells]
        )
        most = 10**9
        size = np.abs(step)
        return int(min(most, np.floor(room_up / size).min())), int(min(most, np.floor(room_down / size).min()))
