"""Secondary hiding: further figures are hidden until every value of every hidden small count stays possible (rule 3).

For each count the cheapest move up and the cheapest move down are looked for, and the shown figures that they need are hidden.
Hiding more never takes a move away, so that a move once found stays a certificate; only what has none yet costs a programme.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph

from .programme import Move, Programme

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .links import Links

_WHOLE = 1500  # counts: a component up to this size is solved as a whole, a larger one around the place of the count
_RELATIVES = (6, 20, 60)  # places taken along in turn
_GROUP = 8  # places whose counts are moved together
_FEW = 4  # counts for which a common move is looked for
_MARGIN = 2.0  # a sum costs so many times its cases for each dimension that it sums over


@dataclass
class State:
    """What is published of each count of `links`, and what each sensitive one needs."""

    links: Links
    known: np.ndarray  # shown, and it may not be hidden; or known from elsewhere
    shown: np.ndarray  # shown, and it may be hidden
    low: np.ndarray  # least value that a reader has to reckon with when it is hidden
    high: np.ndarray
    published: np.ndarray
    leavable: np.ndarray  # it can be left out altogether: then it may be 0 too
    up: np.ndarray  # by how much it has to be able to rise, and to fall
    down: np.ndarray


@dataclass
class Secured:
    """Rows hidden besides, rows left out, counts with less room than they need, and the number of programmes solved."""

    rows: set[int] = field(default_factory=set)
    left_out: set[int] = field(default_factory=set)
    exposed: dict[int, int] = field(default_factory=dict)  # by how many steps, both ways together
    programmes: int = 0
    moves: list[Move] = field(default_factory=list)  # certificates, by the numbers of the counts


def matrix(links: Links) -> sparse.csc_array:
    """One row for each equation: its parent less its children."""
    lines, columns, signs = [], [], []
    for line, (parent, children) in enumerate(links.equations):
        lines += [line] * (len(children) + 1)
        columns += [parent, *children]
        signs += [1.0, *([-1.0] * len(children))]
    return sparse.coo_array((signs, (lines, columns)), shape=(len(links.equations), len(links.cells))).tocsc()


def secure(state: State, before: Secured | None = None) -> Secured:
    """Hide until every sensitive count is safe, component by component.

    What was hidden `before`, of the same counts, is hidden to begin with, and its moves are tried before any programme.
    """
    whole = matrix(state.links)
    moving = np.flatnonzero(~state.known)
    here = whole[:, moving]
    rows = state.links.row[moving]
    figures = np.flatnonzero(rows >= 0)  # a numerator and its complement are hidden together
    same = sparse.coo_array((np.ones(len(figures)), (rows[figures], figures)), shape=(rows.max(initial=0) + 1, len(moving)))
    touching = abs(here).T @ abs(here) + same.T @ same
    _n, label = csgraph.connected_components(touching, directed=False)
    before = before or Secured()
    done = Secured(set(before.rows), set(before.left_out))
    margins = _margins(state)
    needs = (state.up[moving] > 0) | (state.down[moving] > 0)
    for part in np.unique(label[needs]):
        _Search(state, whole, moving[label == part], margins, done).run(before.moves)
    return done


def _margins(state: State) -> np.ndarray:
    """For each count, how many dimensions it sums over among the published figures."""
    cells, found = state.links.cells, set()
    for parent, children in state.links.equations:
        for child in children:
            if state.published[child]:
                found |= {
                    (parent, place)
                    for place, pair in enumerate(zip(cells[parent], cells[child], strict=True))
                    if len(set(pair)) > 1
                }
    return np.bincount([parent for parent, _place in found], minlength=len(cells))


class _Search:
    """The moves of one component."""

    def __init__(self, state: State, whole: sparse.csc_array, cells: np.ndarray, margins: np.ndarray, done: Secured) -> None:
        self.state, self.cells, self.done = state, cells, done
        links = state.links
        rows = np.unique(whole[:, cells].indices)
        self.programme = Programme(whole[rows][:, cells].tocsc(), links.value[cells], state.low[cells], state.high[cells])
        self.up, self.down, self.shown = state.up[cells].copy(), state.down[cells].copy(), state.shown[cells].copy()
        self.row, self.leavable = links.row[cells], state.leavable[cells]
        self.cost = (1 + links.value[cells]) * _MARGIN ** margins[cells]
        self.of_row = defaultdict(list)
        for number, row in enumerate(self.row):
            if row >= 0:
                self.of_row[int(row)].append(number)
        self.shown[np.isin(self.row, list(done.rows))] = False
        self.programme.low[np.isin(self.row, list(done.left_out))] = 0.0
        self.moves: dict[tuple[int, int], list[Move]] = {}  # (count, +1 or -1) -> certificates of every step on its way
        self.steps: dict[tuple[int, int], dict[int, Move]] = defaultdict(dict)  # the same while some steps lack one
        self.near = _Near(links, cells) if len(cells) > _WHOLE else None

    def run(self, known: Iterable[Move]) -> None:
        """Find a move up and down for every sensitive count; then show again what no move needs."""
        at = {int(cell): number for number, cell in enumerate(self.cells)}
        for move in known:
            if move.cells[0] in at and all(cell in at for cell in move.cells.tolist()):
                here = Move(np.array([at[cell] for cell in move.cells.tolist()]), move.change)
                if not self.shown[here.cells].any() and not (self.programme.matrix[:, here.cells] @ here.change).any():
                    self._keep(here)
        self._limit()
        for group in [*(self.near.groups() if self.near else ()), np.arange(len(self.cells))]:
            self._bundles(group)
        sums = -self.cost
        needy = np.flatnonzero((self.up > 0) | (self.down > 0)).tolist()
        for cell in sorted(needy, key=lambda each: (sums[each], each)):
            for sign, need in ((1, self.up[cell]), (-1, self.down[cell])):
                if need > 0 and (cell, sign) not in self.moves:
                    step = int(need)
                    while step and not (found := self._find(cell, sign * step)):
                        step -= 1  # what is known already leaves less room: as much of it as there is
                    if step < need:
                        self._lack(cell, int(need) - step)
                    if step:
                        self.moves[cell, sign] = found
                        for move in found:
                            self._keep(move)
        self._spare()
        held = {id(each): each for moves in self.moves.values() for each in moves}
        self.done.moves += [Move(self.cells[each.cells], each.change) for each in held.values()]

    def _limit(self) -> None:
        """Ask of no count more room than what is known leaves it, whatever is hidden besides."""
        least = self.programme.low - (self.leavable & (self.programme.low == 1))
        for needs, room in zip((self.down, self.up), self.programme.room(least), strict=True):
            for cell in np.flatnonzero(needs > room).tolist():
                self._lack(cell, int(needs[cell] - room[cell]))
                needs[cell] = room[cell]

    def _lack(self, cell: int, steps: int) -> None:
        cell = int(self.cells[cell])
        self.done.exposed[cell] = self.done.exposed.get(cell, 0) + steps

    def _bundles(self, group: np.ndarray) -> None:
        """Certificates for many counts at once, from what is hidden already: the largest steps first, then step by step."""
        free = group[~self.shown[group]]
        sizes = sorted({*self.up[free].tolist(), *self.down[free].tolist()} - {0}, reverse=True)
        for together in (self.programme.many, self.programme.far):
            for size in sizes:
                whole, before = together == self.programme.many, len(free) * 2 + _FEW
                while True:
                    wish = np.zeros(len(self.cells))
                    for sign, need in ((-1, self.down), (1, self.up)):
                        there = (need[free] > 0) & (need[free] <= size) if whole else need[free] >= size
                        wish[[cell for cell in free[there].tolist() if self._lacks(cell, sign, 0 if whole else size)]] = sign
                    wished = int(np.count_nonzero(wish))
                    if wished < _FEW or before - wished < _FEW:  # what is left after that is looked for one by one
                        break
                    before = wished
                    self.done.programmes += 1
                    if (move := together(size, free, wish[free])) is not None:
                        self._keep(move)

    def _lacks(self, cell: int, sign: int, step: int) -> bool:
        """Whether a count has no certificate yet, for one step or (0) for some."""
        return (cell, sign) not in self.moves and step not in self.steps.get((cell, sign), ())

    def _find(self, cell: int, amount: int) -> list[Move]:
        """Moves that take a count by every number up to `amount`: of hidden figures, else of shown ones that are hidden then."""
        windows = self._windows(cell)
        for window in windows:
            if (move := self._programme(cell, amount, window[~self.shown[window]])) is not None:
                if self.near is not None:
                    self.near.served(move)
                return [move]
        if steps := self._single(cell, amount, np.flatnonzero(~self.shown)):
            return steps
        for leave_out in (False, True) if self.shown.any() or self.leavable.any() else ():
            for window in windows[-2:]:
                if (move := self._programme(cell, amount, window, leave_out=leave_out)) is not None:
                    self._hide(move)
                    return [move]
        return []

    def _single(self, cell: int, amount: int, free: np.ndarray) -> list[Move]:
        """A move of its own for each step, the largest first; none where one step has none."""
        made: list[Move] = []
        for size in range(abs(amount), 0, -1):
            self.done.programmes += 1
            none = np.zeros(len(free))
            move = self.programme.move(cell, size if amount > 0 else -size, free, none, partly=False)
            if move is None:
                return []
            made.append(move)
        return made

    def _hide(self, move: Move) -> None:
        """Hide every shown figure that a move changes, and leave out what it takes below the least value of a star."""
        for row in {int(self.row[each]) for each in move.cells[self.shown[move.cells]]}:
            self.done.rows.add(row)
            self.shown[self.of_row[row]] = False
        under = self.programme.value[move.cells] + move.change < self.programme.low[move.cells]
        for row in {int(self.row[each]) for each in move.cells[under]}:
            self.done.left_out.add(row)
            self.programme.low[self.of_row[row]] = 0.0

    def _windows(self, cell: int) -> list[np.ndarray]:
        """Where a move is looked for, the nearest counts first."""
        whole = np.arange(len(self.cells))
        if self.near is None:
            return [whole]
        near = [self.near.around(cell, most, self.programme.value, self.shown) for most in _RELATIVES]
        return [window for window in near if len(window) < len(whole)] + [whole]

    def _programme(self, cell: int, amount: int, allowed: np.ndarray, *, leave_out: bool = False) -> Move | None:
        self.done.programmes += 1
        cost = np.where(self.shown[allowed], self.cost[allowed], 0.0)
        below = np.where(self.leavable[allowed] & (self.programme.low[allowed] == 1), self.cost[allowed], np.inf)
        return self.programme.move(cell, amount, allowed, cost, below if leave_out else None)

    def _keep(self, move: Move) -> None:
        """A move serves every count that it changes, for each step that it makes as often as it can be repeated."""
        forwards, backwards = self.programme.reach(move)
        for at, step in zip(move.cells.tolist(), move.unit.tolist(), strict=True):
            rise, fall = (forwards, backwards) if step > 0 else (backwards, forwards)
            for sign, need, reached in ((1, self.up[at], rise), (-1, self.down[at], fall)):
                if need <= 0 or (at, sign) in self.moves:
                    continue
                steps = self.steps[at, sign]
                for times in range(1, min(reached, need // abs(step)) + 1):
                    steps.setdefault(times * abs(step), move)
                if len(steps) == need:
                    self.moves[at, sign] = list({id(each): each for each in steps.values()}.values())
                    del self.steps[at, sign]

    def _spare(self) -> None:
        """Show again each figure, the dearest first, that every move can do without."""
        mine = [row for row in self.of_row if row in self.done.rows]
        hidden = {cell for row in mine for cell in self.of_row[row]}
        touched = {id(each): hidden.intersection(each.cells.tolist()) for held in self.moves.values() for each in held}
        users = {pair: used for pair, held in self.moves.items() if (used := set().union(*(touched[id(each)] for each in held)))}
        spare = _Spare(self.programme, self.up, self.down)
        for each in {id(each): each for held in self.moves.values() for each in held}.values():
            spare.keep(each)
        refused: dict[tuple[int, int], int] = defaultdict(int)  # who could not do without an earlier figure is asked first
        for row in sorted(mine, key=lambda each: (-self.cost[self.of_row[each]].sum(), each)):
            cells = self.of_row[row]
            using = sorted(
                (pair for pair, used in users.items() if not used.isdisjoint(cells)), key=lambda pair: (-refused[pair], pair)
            )
            if any(cell in cells for cell, _sign in using):
                continue
            free, others = ~self.shown, {}
            free[cells] = False
            for cell, sign in sorted(using, key=lambda pair: (-refused[pair], pair)):
                if (move := spare.find(cell, sign, free)) is None:
                    window = self._windows(cell)[0]
                    move = self._programme(cell, sign * int((self.up if sign > 0 else self.down)[cell]), window[free[window]])
                    if move is None:
                        refused[cell, sign] += 1
                        break
                    spare.keep(move, (cell, sign))
                others[cell, sign] = move
            else:
                self.done.rows.discard(row)
                self.shown[cells] = True
                self.moves |= {pair: [move] for pair, move in others.items()}
                users |= {pair: hidden.intersection(move.cells.tolist()) for pair, move in others.items()}


class _Spare:
    """Moves found before, by the counts for which each of them alone is enough."""

    def __init__(self, programme: Programme, up: np.ndarray, down: np.ndarray) -> None:
        self.programme, self.needs = programme, {1: up, -1: down}
        self.moves: dict[tuple[int, int], list[Move]] = defaultdict(list)

    def keep(self, move: Move, found_for: tuple[int, int] | None = None) -> None:
        """A move is enough for a count that it takes step by step as far as it has to go."""
        forwards, backwards = self.programme.reach(move)
        for cell, step in zip(move.cells.tolist(), move.unit.tolist(), strict=True):
            for sign, reached in ((step, forwards), (-step, backwards)):
                if sign in self.needs and 0 < self.needs[sign][cell] <= reached and (cell, sign) != found_for:
                    self.moves[cell, sign].append(move)
        if found_for:
            self.moves[found_for].append(move)

    def find(self, cell: int, sign: int, free: np.ndarray) -> Move | None:
        """A move for a count within what is hidden, the newest first."""
        return next((move for move in reversed(self.moves[cell, sign]) if free[move.cells].all()), None)


class _Near:
    """Counts around one place: its own, and those of the places beside, above and below it that can move most."""

    def __init__(self, links: Links, cells: np.ndarray) -> None:
        names = [links.cells[each] for each in cells]
        self.place = np.array([name.place for name in names])
        self.like = np.array(pd.factorize(pd.Series([tuple(name._replace(place="")) for name in names]))[0])
        self.when = np.array(pd.factorize(pd.Series([name.period for name in names]))[0])
        self.cells = {str(place): np.flatnonzero(self.place == place) for place in np.unique(self.place)}
        position = {int(each): number for number, each in enumerate(cells)}
        self.related: dict[str, set[str]] = defaultdict(set)
        self.helped: dict[str, int] = defaultdict(int)
        for parent, children in links.equations:
            there = {str(self.place[position[each]]) for each in (parent, *children) if each in position}
            if len(there) > 1:
                for place in there:
                    self.related[place] |= there

    def around(self, cell: int, most: int, value: np.ndarray, shown: np.ndarray) -> np.ndarray:
        """Counts of the place of `cell` and of up to `most` related places: first those with room in the same figure."""
        own = str(self.place[cell])
        room = {}
        for place in self.related[own] - {own}:
            there = self.cells[place]
            free = np.where(shown[there], 0.0, np.minimum(value[there], 10))
            same = free[self.like[there] == self.like[cell]].sum()
            room[place] = 100 * same + free[self.when[there] == self.when[cell]].sum() + free.sum() / 100
        chosen = sorted(room, key=lambda place: (-self.helped[place], -room[place], place))[:most]
        return np.sort(np.concatenate([self.cells[place] for place in [own, *chosen]]))

    def served(self, move: Move) -> None:
        """Remember whose counts made a move possible: they are looked at first."""
        for place in np.unique(self.place[move.cells]):
            self.helped[str(place)] += 1

    def groups(self) -> Iterator[np.ndarray]:
        """Counts of a few places at a time: neighbours in the order of codes, then places further and further apart."""
        places = sorted(self.cells)
        parts = -(-len(places) // _GROUP)
        groups = [places[part * _GROUP : (part + 1) * _GROUP] for part in range(parts)]
        groups += [places[part::parts] for part in range(parts)]
        for group in groups:
            yield np.sort(np.concatenate([self.cells[place] for place in group]))
