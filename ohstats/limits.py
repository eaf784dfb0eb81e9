"""Confidence limits of proportions and of counts, on arrays.

Checked counts go in, arrays of the same shape come out; where nothing can be estimated the limits are NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Limits = tuple[NDArray[np.float64], NDArray[np.float64]]

BYAR_FROM = 10
"""Fewest events for Byar's approximation; below it the limits are exact (PHEindicatormethods, phe_rate)."""


def normal_quantile(confidence: float) -> float:
    """Two-sided standard normal quantile, e.g. 1.96 for 0.95."""
    return float(-special.ndtri((1 - confidence) / 2))


def t_quantile(confidence: float, df: ArrayLike) -> NDArray[np.float64]:
    """Two-sided quantile of Student's t; the normal one for infinite `df`, NaN for `df` below 1."""
    freedom = np.asarray(df, dtype=float)
    return np.where(freedom >= 1, -special.stdtrit(np.where(freedom >= 1, freedom, 1.0), (1 - confidence) / 2), np.nan)


def wilson(x: ArrayLike, n: ArrayLike, *, confidence: float = 0.95) -> Limits:
    """Wilson score limits of proportions, as shares from 0 to 1.

    Parameters
    ----------
    x, n : array_like
        Whole counts, 0 <= x <= n; not checked here.
    confidence : float
        Two-sided level, in (0, 1).

    Returns
    -------
    lower, upper : arrays
        Exactly 0 where x = 0 and exactly 1 where x = n; NaN where n = 0.

    References
    ----------
    Wilson EB. J Am Stat Assoc 1927; 22: 209-212. Agrees with PHEindicatormethods `phe_proportion`.

    Examples
    --------
    >>> lower, upper = wilson([95, 0], [100, 12])
    >>> lower.round(4), upper.round(4)
    (array([0.8882, 0.    ]), array([0.9785, 0.2425]))
    """
    cases, trials = np.broadcast_arrays(np.atleast_1d(x), n)
    z = normal_quantile(confidence)
    with np.errstate(invalid="ignore", divide="ignore"):  # in place: fresh memory costs more than the arithmetic
        root = np.divide(cases, trials, dtype=float)
        np.subtract(1, root, out=root)
        root *= cases
        root *= 4 * z * z
        root += z**4
        np.sqrt(root, out=root)
        lower = np.multiply(cases, 2.0, dtype=float)
        lower += z * z
        upper = lower + root
        lower -= root
        scale = np.add(trials, z * z, out=root)
        scale *= 2
        lower /= scale
        upper /= scale
    np.copyto(lower, 0.0, where=(cases == 0) & (trials > 0))
    np.copyto(upper, 1.0, where=(cases == trials) & (trials > 0))
    return lower, upper


def clopper_pearson(x: ArrayLike, n: ArrayLike, *, confidence: float = 0.95) -> Limits:
    """Exact limits of proportions (Clopper and Pearson), as shares from 0 to 1.

    Wider than Wilson's: at least the nominal coverage for every share. NaN where n = 0.

    References
    ----------
    Clopper CJ, Pearson ES. Biometrika 1934; 26: 404-413. Agrees with R `binom.test`.
    """
    x, n = np.asarray(x, dtype=float), np.asarray(n, dtype=float)
    tail = (1 - confidence) / 2
    lower = np.where(x == 0, 0.0, special.betaincinv(np.maximum(x, 1), n - x + 1, tail))
    upper = np.where(x == n, 1.0, special.betainccinv(x + 1, np.maximum(n - x, 1), tail))
    return np.where(n > 0, lower, np.nan), np.where(n > 0, upper, np.nan)


def poisson_exact(x: ArrayLike, *, confidence: float = 0.95) -> Limits:
    """Exact limits of Poisson counts, in events; 0 below where x = 0.

    References
    ----------
    Garwood F. Biometrika 1936; 28: 437-442. Agrees with R `poisson.test` (by quantiles, so huge counts are no trouble).
    """
    x = np.asarray(x, dtype=float)
    tail = (1 - confidence) / 2
    lower = np.where(x == 0, 0.0, special.gammaincinv(np.maximum(x, 1), tail))
    return lower, np.asarray(special.gammainccinv(x + 1, tail))


def byar(x: ArrayLike, *, confidence: float = 0.95) -> Limits:
    """Byar's approximate limits of Poisson counts, in events; NaN below where x = 0.

    References
    ----------
    Breslow NE, Day NE. Statistical methods in cancer research, volume II. IARC 1987: 69. Agrees with
    PHEindicatormethods (`epitools::pois.byar` is another formula).
    """
    x = np.asarray(x, dtype=float)
    z = normal_quantile(confidence)
    with np.errstate(invalid="ignore", divide="ignore"):
        lower = np.where(x > 0, x * (1 - 1 / (9 * x) - z / (3 * np.sqrt(x))) ** 3, np.nan)
    upper = (x + 1) * (1 - 1 / (9 * (x + 1)) + z / (3 * np.sqrt(x + 1))) ** 3
    return lower, upper


def phe(x: ArrayLike, *, confidence: float = 0.95) -> Limits:
    """Limits of Poisson counts, in events: exact below 10 events, Byar's from 10 up (PHEindicatormethods' rule)."""
    x = np.asarray(x, dtype=float)
    lower, upper = byar(x, confidence=confidence)
    few = x < BYAR_FROM
    lower[few], upper[few] = poisson_exact(x[few], confidence=confidence)
    return lower, upper


def binomial_tails(x: ArrayLike, n: ArrayLike, share: ArrayLike) -> tuple[NDArray[np.float64], ...]:
    """Exact binomial p-values of x of n against `share`: less, greater, two-sided; NaN where n = 0.

    Two-sided is the chance of all results no likelier than x.

    References
    ----------
    Agrees with R `binom.test` (which also calls results equally likely that differ by less than 1e-7).
    """
    x, n, p = np.broadcast_arrays(*(np.atleast_1d(np.asarray(each, dtype=float)) for each in (x, n, share)))

    def at_most(k: NDArray[np.float64]) -> NDArray[np.float64]:
        inside = special.betaincc(np.maximum(k, 0) + 1, np.maximum(n - k, 1e-300), p)
        return np.where(k < 0, 0.0, np.where(k >= n, 1.0, inside))

    def at_least(k: NDArray[np.float64]) -> NDArray[np.float64]:
        inside = special.betainc(np.maximum(k, 1e-300), np.maximum(n - k, 0) + 1, p)
        return np.where(k <= 0, 1.0, np.where(k > n, 0.0, inside))

    def chance(k: NDArray[np.float64]) -> NDArray[np.float64]:
        choose = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
        return np.asarray(np.exp(choose + special.xlogy(k, p) + special.xlog1py(n - k, -p)))

    centre = n * p
    rare = chance(x) * (1 + 1e-7)
    near, far = np.where(x < centre, np.ceil(centre), np.floor(centre)), np.where(x < centre, n + 1, -1.0)
    while np.any(np.abs(far - near) > 1):  # beyond the centre chances fall: halve towards the first one that is rare
        middle = np.trunc((near + far) / 2)
        within = chance(middle) <= rare
        near, far = np.where(within, near, middle), np.where(within, middle, far)
    far = np.where(chance(near) <= rare, near, far)
    less, greater = at_most(x), at_least(x)
    two = np.where(x < centre, less + at_least(far), np.where(x > centre, greater + at_most(far), 1.0))
    return tuple(np.where(n > 0, each, np.nan) for each in (less, greater, np.minimum(two, 1.0)))
