"""Log-linear trends of many series at once: one slope per row of a padded matrix.

The slope b of ln(mean) = a + b·t with the intercept profiled out solves E_b[t] = the case-weighted mean of t, where E_b
weighs the years by population · exp(b·t). The left side rises with b, so damped Newton steps find the root from any
start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PERFECT = 1e-20
"""Residual variation, as a share of the cases, below which a fit is perfect up to round-off."""


class Series(NamedTuple):
    """Series of unequal length, one a row, padded on the right; `there` is False in the padding."""

    cases: Floats
    time: Floats
    offset: Floats
    there: NDArray[np.bool_]
    first: Floats
    last: Floats


class Fit(NamedTuple):
    """Slope, its standard error without any factor of dispersion, residual variation and fitted means, one a row."""

    slope: Floats
    se: Floats
    residual: Floats
    mean: Floats


def padded(codes: NDArray[np.intp], groups: int, cases: Floats, year: Floats, population: Floats | None) -> Series:
    """The rows of a table as one padded series per group, in order of year; time is counted from the middle year.

    `first` and `last` year are NaN for a group without rows.
    """
    order = np.lexsort((year, codes))
    codes, year = codes[order], year[order]
    sizes = np.bincount(codes, minlength=groups)
    ends = np.cumsum(sizes)
    position = np.arange(len(codes)) - np.repeat(ends - sizes, sizes)
    shape = (groups, max(int(sizes.max(initial=0)), 1))
    there = np.zeros(shape, dtype=bool)
    there[codes, position] = True
    first, last = np.full(groups, np.nan), np.full(groups, np.nan)
    first[sizes > 0], last[sizes > 0] = year[(ends - sizes)[sizes > 0]], year[(ends - 1)[sizes > 0]]
    middle = (first + last) / 2

    def spread(values: Floats) -> Floats:
        matrix = np.zeros(shape)
        matrix[codes, position] = values
        return matrix

    offset = np.zeros(len(codes)) if population is None else np.log(population[order])
    return Series(spread(cases[order]), spread(year - middle[codes]), spread(offset), there, first, last)


def poisson(series: Series, *, steps: int = 200) -> Fit:
    """Poisson fits by maximum likelihood; `residual` is Pearson's chi-square.

    Every row needs cases in two different years, otherwise no finite slope exists.
    """
    cases, time, there = series.cases, series.time, series.there
    total = cases.sum(axis=1)
    observed = (cases * time).sum(axis=1) / total
    reach = series.last - series.first
    slope = np.zeros(len(cases))
    for _step in range(steps):
        weight = _weights(slope, series)
        expected = (weight * time).sum(axis=1)
        spread = (weight * (time - expected[:, None]) ** 2).sum(axis=1)
        gap = observed - expected
        move = np.sign(gap) * np.log1p(reach * np.abs(gap) / spread) / reach  # cannot overshoot: |K'''| <= reach · K''
        slope += move
        if np.all(np.abs(move) * reach <= 1e-9):
            break  # steps square the error: what is left is round-off
    weight = _weights(slope, series)
    mean = total[:, None] * weight
    centre = (weight * time).sum(axis=1)
    information = (mean * (time - centre[:, None]) ** 2).sum(axis=1)
    with np.errstate(divide="ignore", over="ignore"):
        residual = np.where(there, (cases - mean) ** 2 / np.where(mean > 0, mean, 1e-300), 0.0).sum(axis=1)
    perfect = residual <= PERFECT * total
    slope = np.where(perfect & (np.abs(slope) * reach < 1e-10), 0.0, slope)
    return Fit(slope, 1 / np.sqrt(information), np.where(perfect, 0.0, residual), mean)


def _weights(slope: Floats, series: Series) -> Floats:
    exponent = np.where(series.there, series.offset + slope[:, None] * series.time, -np.inf)
    weight = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    share: Floats = weight / weight.sum(axis=1, keepdims=True)
    return share


def least_squares(series: Series) -> Fit:
    """Straight lines through ln(rate), 0.5 in place of each zero count; `residual` is the sum of squares."""
    time, there = series.time, series.there
    y = np.where(there, np.log(np.where(series.cases > 0, series.cases, 0.5)) - series.offset, 0.0)
    n = there.sum(axis=1)
    centred_time = np.where(there, time - (time.sum(axis=1) / n)[:, None], 0.0)
    centred = np.where(there, y - (y.sum(axis=1) / n)[:, None], 0.0)
    spread = (centred_time**2).sum(axis=1)
    slope = (centred_time * centred).sum(axis=1) / spread
    error = centred - slope[:, None] * centred_time
    residual = (error**2).sum(axis=1)
    perfect = residual <= PERFECT * n
    slope = np.where(perfect & (np.abs(slope) * np.sqrt(spread) < 1e-10), 0.0, slope)
    return Fit(slope, 1 / np.sqrt(spread), np.where(perfect, 0.0, residual), y - error)


def negative_binomial(cases: Floats, time: Floats, offset: Floats, mean: Floats) -> tuple[float, float, float] | None:
    """Slope, standard error and alpha of one negative-binomial (NB2) series by maximum likelihood, from Poisson means.

    alpha is the root of the profile score; the standard error is that of R `MASS::glm.nb` (alpha taken as known). None
    where the series varies no more than Poisson counts do, or where no root is found.
    """
    from scipy.optimize import brentq
    from scipy.special import digamma

    if ((cases - mean) ** 2 - cases).sum() <= 0:
        return None
    design = np.column_stack([np.ones_like(time), time])
    start = np.asarray(np.linalg.lstsq(design, np.log(mean) - offset, rcond=None)[0], dtype=float)

    def score(log_alpha: float) -> float:
        theta = np.exp(-log_alpha)
        mu = _means_given_alpha(cases, design, offset, start, 1 / theta)
        parts = digamma(theta) - digamma(cases + theta) + np.log1p(mu / theta) + (cases - mu) / (mu + theta)
        return float(theta * parts.sum())

    low, high = np.log(1e-4 / cases.mean()), np.log(1e6)
    if not score(low) > 0 > score(high):
        return None
    alpha = float(np.exp(brentq(score, low, high, xtol=1e-12, rtol=1e-13, maxiter=500)))
    mu = _means_given_alpha(cases, design, offset, start, alpha)
    weight = mu / (1 + alpha * mu)
    covariance = np.linalg.inv(design.T @ (design * weight[:, None]))
    slope = float(np.linalg.lstsq(design, np.log(mu) - offset, rcond=None)[0][1])
    return slope, float(np.sqrt(covariance[1, 1])), alpha


def _means_given_alpha(cases: Floats, design: Floats, offset: Floats, start: Floats, alpha: float) -> Floats:
    beta = start

    def likelihood(beta: Floats) -> float:
        eta = design @ beta + offset
        return float((cases * eta - (cases + 1 / alpha) * np.logaddexp(0, eta + np.log(alpha))).sum())

    reached = likelihood(beta)
    for _step in range(100):
        mu = np.exp(design @ beta + offset)
        slack = 1 + alpha * mu
        hessian = design.T @ (design * (mu * (1 + alpha * cases) / slack**2)[:, None])
        move = np.linalg.solve(hessian, design.T @ ((cases - mu) / slack))
        while (new := likelihood(beta + move)) < reached - 1e-9 * abs(reached) and np.abs(move).max() > 1e-12:
            move = move / 2
        beta, reached = beta + move, new
        if np.abs(move).max() < 1e-11:
            break
    return np.exp(design @ beta + offset)
