"""Least-squares linear splines with knots on observed points: the exhaustive grid search, many series at once.

Everything here is arithmetic on arrays: `x` (n,) strictly increasing, `z` (n, series) the values of the model's scale,
`w` (n, series) or (n, 1) positive weights. Splines are written in their values at the knots (hat functions), whose
normal equations are tridiagonal: a set of knots is evaluated by eliminating knot after knot, so sets that begin with
the same knots share the work, and each further knot costs the same whatever the number of points.

References
----------
Lerman PM. Fitting segmented regression models by grid search. Appl Stat 1980; 29: 77-84.
Kim HJ, Fay MP, Feuer EJ, Midthune DN. Permutation tests for joinpoint regression with applications to cancer rates.
Stat Med 2000; 19: 335-351 (correction 2001; 20: 655).
"""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Places = NDArray[np.intp]

# NCI defaults since 4.5: observations on joinpoints do not count
OBSERVATIONS_END = 2  # before the first and after the last joinpoint
OBSERVATIONS_BETWEEN = 2  # between two joinpoints
_STEP = OBSERVATIONS_BETWEEN + 1
_CELLS = 120_000  # numbers in one array of the search: what fits into a core's cache
_SERIES = 512  # series searched together
_TIE = 1e-11  # two placements tie when their SSE differ by less than this share of the SSE of a straight line


def most_joinpoints(n: int) -> int:
    """The largest number of joinpoints that `n` points have room for."""
    return max(0, (n - 2 * OBSERVATIONS_END + OBSERVATIONS_BETWEEN) // (OBSERVATIONS_BETWEEN + 1))


def placements(n: int, k: int) -> int:
    """The number of ways to place `k` joinpoints on `n` points."""
    return comb(n - 2 * OBSERVATIONS_END - (k - 1) * OBSERVATIONS_BETWEEN, k) if k else 1


class _Pieces(NamedTuple):
    """Weighted sums over the points of each possible piece from knot p to knot q, in the piece's two hat functions."""

    number: Places  # (n, n): which piece runs from p to q
    left: Floats  # sums of w·(1-u)², w·u·(1-u), w·u², w·(1-u)·z, w·u·z; (pieces, series or 1)
    cross: Floats
    right: Floats
    left_z: Floats
    right_z: Floats
    end: Floats  # the last piece, its far end eliminated, by the knot it starts from: (n, series or 1)
    end_z: Floats
    end_gain: Floats


class _Branch(NamedTuple):
    """Knot sets of one size that begin some larger ones, all points up to the last knot taken into account."""

    knots: Places  # (sets, knots): the first is point 0
    weight: Floats  # the quadratic form in the value at the last knot: weight·v² - 2·moment·v - gain
    moment: Floats
    gain: Floats


def _pieces(x: Floats, z: Floats, w: Floats) -> _Pieces:
    n = len(x)
    inner = np.arange(OBSERVATIONS_END, n - OBSERVATIONS_END)
    starts = np.concatenate([[0], inner])
    p, q = (each.ravel() for each in np.meshgrid(starts, inner, indexing="ij"))
    fits = (q - p >= _STEP) | (p == 0)
    p = np.concatenate([p[fits], starts])
    q = np.concatenate([q[fits], np.full(len(starts), n - 1)])
    number = np.zeros((n, n), dtype=np.intp)
    number[p, q] = np.arange(len(p))
    u = (x - x[p, None]) / (x[q] - x[p])[:, None]
    held = (np.arange(n) > p[:, None]) & (np.arange(n) <= q[:, None])
    held[p == 0, 0] = True
    high, low = np.where(held, u, 0.0), np.where(held, 1.0 - u, 0.0)
    left, cross, right = (low * low) @ w, (low * high) @ w, (high * high) @ w
    left_z, right_z = low @ (w * z), high @ (w * z)
    last = number[starts, n - 1]
    shape = (n, z.shape[1])
    end, end_z, end_gain = np.zeros((n, w.shape[1])), np.zeros(shape), np.zeros(shape)
    end[starts] = left[last] - cross[last] ** 2 / right[last]
    end_z[starts] = left_z[last] - cross[last] * right_z[last] / right[last]
    end_gain[starts] = right_z[last] ** 2 / right[last]
    return _Pieces(number, left, cross, right, left_z, right_z, end, end_z, end_gain)


def _closed(branch: _Branch, pieces: _Pieces) -> Floats:
    """What each set of `branch`, closed with the last piece, explains of the sum of w·z²: (sets, series)."""
    last = branch.knots[:, -1]
    gain = branch.moment + pieces.end_z[last]
    gain *= gain
    gain /= branch.weight + pieces.end[last]
    gain += branch.gain
    gain += pieces.end_gain[last]
    return gain


def _grown(branch: _Branch, pieces: _Pieces, n: int) -> Iterator[_Branch]:
    """The sets of `branch` with one knot more, in blocks that stay in the cache."""
    last = branch.knots[:, -1]
    first = np.where(last == 0, OBSERVATIONS_END, last + _STEP)
    counts = np.maximum(n - OBSERVATIONS_END - first, 0)
    before = np.cumsum(counts) - counts
    block = before // max(1, _CELLS // branch.gain.shape[1])
    for parents in np.split(np.arange(len(last)), np.flatnonzero(np.diff(block)) + 1):
        parent = np.repeat(parents, counts[parents])
        knot = np.arange(len(parent)) + before[parents[0]] - before[parent] + first[parent]
        piece = pieces.number[last[parent], knot]
        weight = branch.weight[parent] + pieces.left[piece]
        gain = branch.moment[parent]
        gain += pieces.left_z[piece]
        moment = gain / weight
        gain *= moment
        gain += branch.gain[parent]
        moment *= -pieces.cross[piece]
        moment += pieces.right_z[piece]
        weight = pieces.right[piece] - pieces.cross[piece] ** 2 / weight
        yield _Branch(np.column_stack([branch.knots[parent], knot]), weight, moment, gain)


def _gains(x: Floats, z: Floats, w: Floats, sizes: Sequence[int]) -> Iterator[tuple[int, Places, Floats]]:
    """Size, knots and what they explain of the sum of w·z², for blocks of knot sets, in lexicographic order."""
    n, most = len(x), max(sizes)
    pieces = _pieces(x, z, w)
    blank = np.zeros((1, z.shape[1]))

    def walk(branch: _Branch, size: int) -> Iterator[tuple[int, Places, Floats]]:
        if size in sizes and len(branch.knots):
            yield size, branch.knots[:, 1:], _closed(branch, pieces)
        if size < most:
            for grown in _grown(branch, pieces, n):
                yield from walk(grown, size + 1)

    return walk(_Branch(np.zeros((1, 1), dtype=np.intp), np.zeros((1, w.shape[1])), blank, blank), 0)


def _blocks(z: Floats, w: Floats) -> Iterator[tuple[slice, Floats, Floats]]:
    for begin in range(0, z.shape[1], _SERIES):
        part = slice(begin, begin + _SERIES)
        yield part, z[:, part], w if w.shape[1] == 1 else w[:, part]


def smallest_sse(x: Floats, z: Floats, w: Floats, sizes: Sequence[int]) -> Floats:
    """The smallest weighted SSE with each number of joinpoints in `sizes`: (sizes, series)."""
    best = np.full((len(sizes), z.shape[1]), -np.inf)
    row = {size: best[place] for place, size in enumerate(sizes)}
    for part, z_part, w_part in _blocks(z, w):
        for size, _, gains in _gains(x, z_part, w_part, sizes):
            np.maximum(row[size][part], gains.max(axis=0), out=row[size][part])
    left: Floats = (w * z * z).sum(axis=0) - best
    return left


def best_knots(x: Floats, z: Floats, w: Floats, most: int, *, least: Floats) -> list[tuple[Places, Places]]:
    """For 0 to `most` joinpoints: where the SSE is smallest, (series, k), and how many placements tie there, (series,).

    Of placements that tie the lexicographically first is taken. `z` should be residuals of a straight line; sums of
    squares that differ by less than `least` (series,) tie as well.
    """
    series = z.shape[1]
    found = [(np.zeros((series, k), dtype=np.intp), np.ones(series, dtype=np.intp)) for k in range(most + 1)]
    best = np.full((most + 1, series), -np.inf)
    for part, z_part, w_part in _blocks(z, w):
        close = _TIE * (w_part * z_part * z_part).sum(axis=0) + least[part]
        for k, knots, gains in _gains(x, z_part, w_part, range(1, most + 1)) if most else ():
            top = gains.max(axis=0)
            tied = gains >= top - close
            better = top > best[k, part] + close
            again = np.abs(top - best[k, part]) <= close
            places, ties = found[k][0][part], found[k][1][part]
            places[better] = knots[tied.argmax(axis=0)[better]]
            ties[better] = tied.sum(axis=0)[better]
            ties[again] += tied.sum(axis=0)[again]
            best[k, part][better] = top[better]
    return found


def _pieces_of(x: Floats, knots: Places) -> tuple[Floats, Places]:
    """The knots' places with both ends, (series, k + 2), and the piece that each point lies in, (series, n)."""
    series = len(knots)
    at = np.column_stack([np.zeros(series, dtype=np.intp), knots, np.full(series, len(x) - 1)])
    return x[at], (np.arange(len(x))[None, :, None] >= knots[:, None, :]).sum(axis=2)


def spline(x: Floats, z: Floats, w: Floats, knots: Places) -> tuple[Floats, Floats]:
    """Weighted least-squares spline: its values at ends and knots, (series, k + 2), and at the points, (series, n)."""
    at, piece = _pieces_of(x, knots)
    begin, stop = np.take_along_axis(at, piece, axis=1), np.take_along_axis(at, piece + 1, axis=1)
    share = (x - begin) / (stop - begin)
    basis = np.zeros((*piece.shape, at.shape[1]))
    np.put_along_axis(basis, piece[..., None], 1.0 - share[..., None], axis=2)
    np.put_along_axis(basis, piece[..., None] + 1, share[..., None], axis=2)
    root = np.sqrt(np.broadcast_to(w, z.shape).T)[..., None]
    q, r = np.linalg.qr(root * basis)
    values = np.linalg.solve(r, q.swapaxes(1, 2) @ (root * z.T[..., None]))
    return values[..., 0], (basis @ values)[..., 0]


def separate_lines(x: Floats, z: Floats, w: Floats, knots: Places) -> tuple[Floats, Floats]:
    """What NCI's inference rests on: each segment's own line, fitted without the observations on joinpoints.

    Returns the weighted SSE around these lines, (series,), and the weighted sum of squares of x in each segment,
    (series, k + 1). The degrees of freedom are n - k - 2(k + 1).
    """
    _, piece = _pieces_of(x, knots)
    held = np.ones(piece.shape, dtype=bool)
    np.put_along_axis(held, knots, False, axis=1)
    inside = (piece[..., None] == np.arange(knots.shape[1] + 1)) & held[..., None]
    weight = np.where(inside, np.broadcast_to(w, z.shape).T[..., None], 0.0)
    total = weight.sum(axis=1, keepdims=True)
    z_columns = z.T[..., None]
    off_x = x[None, :, None] - (weight * x[None, :, None]).sum(axis=1, keepdims=True) / total
    off_z = z_columns - (weight * z_columns).sum(axis=1, keepdims=True) / total
    spread = (weight * off_x**2).sum(axis=1)
    slope = (weight * off_x * off_z).sum(axis=1) / spread
    return (weight * (off_z - slope[:, None, :] * off_x) ** 2).sum(axis=(1, 2)), spread


def largest_partial_r2(x: Floats, z: Floats, w: Floats, knots: Places, *, least: Floats) -> Floats:
    """The largest share of the SSE around a line that a bend removes, over the joinpoints and their two segments.

    Two segments with a sum of squares up to `least` (series,) lie on a line: their share is 0.
    """
    at, _ = _pieces_of(x, knots)
    weights = np.broadcast_to(w, z.shape).T
    best = np.zeros(len(knots))
    for j in range(1, knots.shape[1] + 1):
        pair = np.where((x >= at[:, j - 1, None]) & (x <= at[:, j + 1, None]), weights, 0.0)
        bend = _off_line(x, np.maximum(x - at[:, j, None], 0.0), pair)
        off = _off_line(x, z.T, pair)
        together, own = (pair * bend * off).sum(axis=1), (pair * off * off).sum(axis=1)
        share = np.zeros(len(knots))
        np.divide(together**2, (pair * bend * bend).sum(axis=1) * own, out=share, where=own > least)
        best = np.maximum(best, share)
    return best


def _off_line(x: Floats, values: Floats, weight: Floats) -> Floats:
    """Residuals of `values` (series, n) around their weighted line in x."""
    total = weight.sum(axis=1, keepdims=True)
    off_x = x - (weight * x).sum(axis=1, keepdims=True) / total
    off = values - (weight * values).sum(axis=1, keepdims=True) / total
    residuals: Floats = off - off_x * (weight * off_x * off).sum(axis=1, keepdims=True) / (weight * off_x**2).sum(
        axis=1, keepdims=True
    )
    return residuals
