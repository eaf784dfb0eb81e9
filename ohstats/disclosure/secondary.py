"""Secondary hiding: further figures are hidden until every value of every hidden small count stays possible (rule 3).

For each count the cheapest move up and the cheapest move down are looked for, and the shown figures that they need are hidden.
Hiding more never takes a move away, so that a move once found stays a certificate; only what has none yet costs a programme.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from .programme import Move, Programme

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .links import Links

_WHOLE = 1500  # counts: a component up to this size is solved as a whole, a larger one around the place of the count
_RELATIVES = (4, 12, 40)  # places taken along in turn
_MARGIN = 5.0  # a sum costs so many times its cases for each dimension that it sums over


@dataclass
class State:
    """What is published of each count of `links`, and what each sensitive one needs."""

    links: Links
    known: np.ndarray  # shown, and it may not be hidden; or known from elsewhere
    shown: np.ndarray  # shown, and it may be hidden
    low: np.ndarray  # least value that a reader has to reckon with when it is hidden
    high: np.ndarray
    up: np.ndarray  # by how much it has to be able to rise, and to fall
    down: np.ndarray


@dataclass
class Secured:
    """Rows hidden besides, counts that nothing can protect any more, and the number of programmes solved."""

    rows: set[int] = field(default_factory=set)
    exposed: list[int] = field(default_factory=list)
    programmes: int = 0


def matrix(links: Links) -> sparse.csc_array:
    """One row for each equation: its parent less its children."""
    lines, columns, signs = [], [], []
    for line, (parent, children) in enumerate(links.equations):
        lines += [line] * (len(children) + 1)
        columns += [parent, *children]
        signs += [1.0, *([-1.0] * len(children))]
    return sparse.coo_array((signs, (lines, columns)), shape=(len(links.equations), len(links.cells))).tocsc()


def secure(state: State) -> Secured:
    """Hide until every sensitive count is safe, component by component."""
    whole = matrix(state.links)
    moving = np.flatnonzero(~state.known)
    here = whole[:, moving]
    touching = abs(here).T @ abs(here)
    _n, label = csgraph.connected_components(touching, directed=False)
    done = Secured()
    needs = (state.up[moving] > 0) | (state.down[moving] > 0)
    for part in np.unique(label[needs]):
        _Search(state, whole, moving[label == part], done).run()
    return done


class _Search:
    """The moves of one component."""

    def __init__(self, state: State, whole: sparse.csc_array, cells: np.ndarray, done: Secured) -> None:
        self.state, self.cells, self.done = state, cells, done
        links = state.links
        rows = np.unique(whole[:, cells].indices)
        self.programme = Programme(whole[rows][:, cells].tocsc(), links.value[cells], state.low[cells], state.high[cells])
        self.up, self.down, self.shown = state.up[cells].copy(), state.down[cells].copy(), state.shown[cells].copy()
        self.row = links.row[cells]
        sums = np.bincount([parent for parent, _children in links.equations], minlength=len(links.cells))[cells]
        self.cost = (1 + links.value[cells]) * _MARGIN ** np.minimum(sums, 4)
        self.of_row = defaultdict(list)
        for number, row in enumerate(self.row):
            if row >= 0:
                self.of_row[int(row)].append(number)
        self.moves: dict[tuple[int, int], Move] = {}  # (count, +1 or -1) -> certificate
        self.near = _Near(links, cells) if len(cells) > _WHOLE else None

    def run(self) -> None:
        """Find a move up and down for every sensitive count; then show again what no move needs."""
        sums = -self.cost
        for cell in sorted(np.flatnonzero((self.up > 0) | (self.down > 0)), key=lambda each: (sums[each], each)):
            for sign, need in ((1, self.up[cell]), (-1, self.down[cell])):
                if need > 0 and (cell, sign) not in self.moves:
                    move = self._find(int(cell), sign * int(need))
                    if move is None:
                        self.done.exposed.append(int(self.cells[cell]))
                    else:
                        self._keep(int(cell), sign, move)
        self._spare()

    def _find(self, cell: int, amount: int) -> Move | None:
        windows = list(self._windows(cell))
        for window in windows:
            if (move := self._programme(cell, amount, window[~self.shown[window]])) is not None:
                return move
        for window in windows[-2:]:
            if (move := self._programme(cell, amount, window)) is not None:
                for row in {int(self.row[each]) for each in move.cells[self.shown[move.cells]]}:
                    self.done.rows.add(row)
                    self.shown[self.of_row[row]] = False
                return move
        return None

    def _windows(self, cell: int) -> Iterator[np.ndarray]:
        if self.near is None:
            yield np.arange(len(self.cells))
        else:
            for relatives in _RELATIVES:
                yield self.near.around(cell, relatives, self.programme.value, self.shown)

    def _programme(self, cell: int, amount: int, allowed: np.ndarray) -> Move | None:
        self.done.programmes += 1
        return self.programme.move(cell, amount, allowed, np.where(self.shown[allowed], self.cost[allowed], 0.0))

    def _keep(self, cell: int, sign: int, move: Move) -> None:
        """A move serves every count that it changes by one at a time, as far as it reaches."""
        self.moves[cell, sign] = move
        step = move.change // np.gcd.reduce(move.change)
        forwards, backwards = self.programme.reach(move)
        for each in np.flatnonzero(np.abs(step) == 1):
            at = int(move.cells[each])
            rise, fall = (forwards, backwards) if step[each] > 0 else (backwards, forwards)
            if 0 < self.up[at] <= rise:
                self.moves.setdefault((at, 1), move)
            if 0 < self.down[at] <= fall:
                self.moves.setdefault((at, -1), move)

    def _spare(self) -> None:
        """Show again each figure, the dearest first, that every move can do without."""
        mine = [row for row in self.of_row if row in self.done.rows]
        for row in sorted(mine, key=lambda each: (-self.cost[self.of_row[each]].sum(), each)):
            cells = self.of_row[row]
            using = [pair for pair, move in self.moves.items() if np.isin(cells, move.cells).any()]
            others = {}
            for cell, sign in using:
                need = self.up[cell] if sign > 0 else self.down[cell]
                window = list(self._windows(cell))[0]
                window = window[~self.shown[window] & ~np.isin(window, cells)]
                move = self._programme(cell, sign * int(need), window) if (cell not in cells) else None
                if move is None:
                    break
                others[cell, sign] = move
            else:
                self.done.rows.discard(row)
                self.shown[cells] = True
                self.moves |= others


class _Near:
    """Counts around one place: its own, and those of the places beside, above and below it that can move most."""

    def __init__(self, links: Links, cells: np.ndarray) -> None:
        self.place = np.array([links.cells[each].place for each in cells])
        self.period = np.array([links.cells[each].period for each in cells])
        self.cells = {str(place): np.flatnonzero(self.place == place) for place in np.unique(self.place)}
        position = {int(each): number for number, each in enumerate(cells)}
        self.related: dict[str, set[str]] = defaultdict(set)
        for parent, children in links.equations:
            there = {str(self.place[position[each]]) for each in (parent, *children) if each in position}
            if len(there) > 1:
                for place in there:
                    self.related[place] |= there

    def around(self, cell: int, most: int, value: np.ndarray, shown: np.ndarray) -> np.ndarray:
        """Counts of the place of `cell` and of up to `most` related places."""
        own = str(self.place[cell])
        when = self.period[cell]
        room = {}
        for place in self.related[own] - {own}:
            there = self.cells[place]
            free = np.where(shown[there], 0.0, np.minimum(value[there], 10))
            room[place] = free[self.period[there] == when].sum() + free.sum() / 100
        chosen = sorted(room, key=lambda place: (-room[place], place))[:most]
        return np.sort(np.concatenate([self.cells[place] for place in [own, *chosen]]))
