"""How many joinpoints: fits with each number, information criteria and the sequential permutation test.

References
----------
Kim HJ, Fay MP, Feuer EJ, Midthune DN. Permutation tests for joinpoint regression with applications to cancer rates.
Stat Med 2000; 19: 335-351 (correction 2001; 20: 655).
Kim HJ, Chen HS, Midthune D, et al. Data-driven choice of a model selection method in joinpoint regression.
J Appl Stat 2023; 50: 1992-2013.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .grid import best_knots, largest_partial_r2, smallest_sse, spline

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .data import Options
    from .grid import Floats, Places

ALPHA = 0.05  # overall level of the sequence of permutation tests
_ROUNDING = 1e-9  # ratios of SSE that differ relatively by less are equal
_NOTHING = 1e-13  # an SSE below this share of the sum of squares is rounding error


class Scaled(NamedTuple):
    """Series on one set of points, brought to a scale on which arithmetic is safe; results are scaled back."""

    x: Floats  # (n,), from 0 to 1
    z: Floats  # (n, series): (model value - centre) / scale
    w: Floats  # (n, series) or (n, 1), mean 1
    length: float  # of x
    centre: Floats  # (series,)
    scale: Floats
    weight: Floats  # mean of the weights
    noise: Floats  # rounding error of z

    def of(self, series: NDArray[np.intp] | list[int]) -> Scaled:
        """Only these series."""
        w = self.w if self.w.shape[1] == 1 else self.w[:, series]
        weight = self.weight if len(self.weight) == 1 else self.weight[series]
        return Scaled(
            self.x, self.z[:, series], w, self.length, self.centre[series], self.scale[series], weight, self.noise[series]
        )

    @property
    def least(self) -> Floats:
        """The weighted sum of squares that rounding errors alone may have."""
        least: Floats = (self.w * self.noise**2).sum(axis=0)
        return least

    def cleared(self, sse: Floats) -> Floats:
        """Weighted sums of squares, 0 where they are rounding error."""
        return np.where(sse > self.least, sse, 0.0)


class Candidates(NamedTuple):
    """The best fit of each series with 0, 1, … joinpoints."""

    knots: list[Places]  # (series, k)
    ties: NDArray[np.intp]  # (numbers, series): placements with the same SSE
    perfect: NDArray[np.bool_]  # (numbers, series): no more than rounding errors are left
    sse: Floats  # in the units of the data
    bic: Floats
    bic3: Floats
    wbic: Floats
    r2max: Floats


class Found(NamedTuple):
    """Series with the same x, searched."""

    data: Scaled
    best: Candidates
    k: NDArray[np.intp]  # the number of joinpoints chosen for each series
    tests: list[list[Test]]  # of each series


class Test(NamedTuple):
    """One permutation test of `null` against `alternative` joinpoints."""

    null: int
    alternative: int
    ratio: float  # T = SSE(null) / SSE(alternative)
    p: float
    alpha: float
    rejected: bool


def scaled(x: Floats, z: Floats, w: Floats, *, log: bool) -> Scaled:
    """Bring x to 0…1, z to at most 1 in size and around 0, weights to mean 1."""
    length = x[-1] - x[0]
    size = np.abs(z).max(axis=0)
    scale = np.where(size > 0, size, 1.0)
    shrunk = z / scale
    noise = 16 * np.finfo(float).eps * (np.maximum(1.0, size) / scale if log else np.ones(len(scale)))
    weight = w.mean(axis=0)
    return Scaled((x - x[0]) / length, shrunk - shrunk[0], w / weight, float(length), shrunk[0] * scale, scale, weight, noise)


def candidates(data: Scaled, most: int) -> Candidates:
    """The best fits with 0 to `most` joinpoints and their information criteria."""
    n, series = data.z.shape
    _, line = spline(data.x, data.z, data.w, np.zeros((series, 0), dtype=np.intp))
    found = best_knots(data.x, data.z - line.T, data.w, most, least=data.least)
    sse, r2max = np.empty((most + 1, series)), np.zeros((most + 1, series))
    for k, (knots, _) in enumerate(found):
        _, fitted = spline(data.x, data.z, data.w, knots)
        sse[k] = data.cleared((data.w * (data.z - fitted.T) ** 2).sum(axis=0))
        r2max[k] = largest_partial_r2(data.x, data.z, data.w, knots, least=data.least)
    with np.errstate(divide="ignore", over="ignore"):
        fit = np.log(sse / n) + 2 * np.log(data.scale) + np.log(data.weight)
        real = sse * data.scale**2 * data.weight
    numbers, unit = np.arange(most + 1)[:, None], np.log(n) / n
    bic, bic3 = (fit + (per * numbers + 2) * unit for per in (2, 3))
    wbic = fit + ((2 + r2max) * numbers + 2) * unit
    return Candidates(
        [knots for knots, _ in found], np.array([ties for _, ties in found]), sse == 0, real, bic, bic3, wbic, r2max
    )


def by_permutation(
    data: Scaled, knots: list[Places], perfect: NDArray[np.bool_], *, permutations: int, seed: int
) -> tuple[int, list[Test]]:
    """The number of joinpoints of one series by NCI's sequence of permutation tests, and the tests.

    `perfect` tells for each number of joinpoints whether its fit leaves no residuals. The residuals of the null fit,
    times the roots of their weights, are shuffled, divided by the roots of the weights where they land, and added to
    the null fit. One set of random orders serves all tests.
    """
    n, most = len(data.x), len(knots) - 1
    orders = np.random.default_rng(seed).permuted(np.tile(np.arange(n), (permutations, 1)), axis=1).T
    orders = np.column_stack([np.arange(n), orders])  # the data as they are come first
    root = np.sqrt(data.w)
    _, line = spline(data.x, data.z, data.w, knots[0])
    null, alternative, tests = 0, most, []
    while null < alternative:
        ratio, count = np.nan, permutations
        if not perfect[null]:
            _, fitted = spline(data.x, data.z, data.w, knots[null])
            residuals = (root * (data.z - fitted.T))[:, 0]
            shuffled = (fitted - line).T + residuals[orders] / root
            sse = smallest_sse(data.x, shuffled, data.w, [null, alternative])
            sse[sse < _NOTHING * (data.w * shuffled**2).sum(axis=0)] = 0.0
            own, other = sse[:, 0], sse[:, 1:]
            own[1] = 0.0 if perfect[alternative] else own[1]
            ratio = own[0] / own[1] if own[1] > 0 else np.inf
            count = int((other[0] * own[1] >= own[0] * other[1] * (1 - _ROUNDING)).sum())
        rejected = (1 + count) * (most - null) < ALPHA * (1 + permutations)
        tests.append(Test(null, alternative, float(ratio), (1 + count) / (1 + permutations), ALPHA / (most - null), rejected))
        null, alternative = (null + 1, alternative) if rejected else (null, alternative - 1)
    return null, tests


def regress(x: Floats, z: Floats, w: Floats, how: Options) -> Found:
    """Search all series, (n, series), and choose the number of joinpoints of each."""
    n, series = z.shape
    data = scaled(x, z, w[:, :1] if how.weights == "constant" else w, log=how.log)
    best = candidates(data, how.k_max(n))
    rule = how.rule(n)
    if rule == "permutation":
        chosen = []
        for each in range(series):
            knots, perfect = [placed[[each]] for placed in best.knots], best.perfect[:, each]
            chosen.append(by_permutation(data.of([each]), knots, perfect, permutations=how.permutations, seed=how.seed))
        return Found(data, best, np.array([k for k, _ in chosen], dtype=np.intp), [tests for _, tests in chosen])
    k = np.full(series, how.joinpoints, dtype=np.intp) if rule == "fixed" else getattr(best, rule).argmin(axis=0)
    return Found(data, best, k, [[] for _ in range(series)])
