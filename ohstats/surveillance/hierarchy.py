"""The hierarchical log-linear trend behind `shrunken_trend`: a slope for each place, all from one normal distribution.

Given a place's total, its counts by year are multinomial with shares population · exp(slope · time), so that its own
level drops out. With D(b) twice the loss of log-likelihood at slope b, phi the place's dispersion and v its degrees of
freedom, the likelihood of b is (1 + D(b) / (v·phi))^(-(v+1)/2): the quasi-likelihood F (or t) statistic turned into a
density. Slopes are N(mu, tau²). Mean mu (normal, wide) and standard deviation tau (half-normal, wide) are integrated
over: mu by normal approximation, tau on a grid, each place's slope by adaptive Gauss-Hermite quadrature. Nothing is
simulated.

References
----------
Gelman A. Bayesian Anal 2006; 1: 515-534 (priors of spread). Liu Q, Pierce DA. Biometrika 1994; 81: 624-629 (adaptive
quadrature). Laird NM, Louis TA. J Am Stat Assoc 1987; 82: 739-750 (uncertainty of mu and tau).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import optimize, special

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..loglinear import Series

    Floats = NDArray[np.float64]

TAU_SD = 0.2
"""Scale of the half-normal prior of tau: that slopes of places differ by more than 20 % a year is unlikely."""

MU_SD = 0.5
"""Standard deviation of the prior of mu, in log units a year: a trend beyond -60 % or +170 % a year is unlikely."""

STEEPEST = 30.0
"""Slopes of places with all cases in their first or last year are searched no further (log units a year)."""

DISPERSION_BY_LEVEL = 3
"""Fewest places for a dispersion that rises with the level; with fewer it is the same for all."""

NODES, NODE_WEIGHTS = np.polynomial.hermite.hermgauss(7)
CELLS = 257
"""Points at which the posterior density of a place's slope is computed."""


class Places(NamedTuple):
    """Series of places, one a row; `offset` is -inf in the padding."""

    cases: Floats
    time: Floats
    offset: Floats
    powers: Floats  # 1, time and time² (place × year × 3)
    total: Floats
    moment: Floats  # sum of cases · time
    years: Floats
    reach: Floats  # last year - first year
    best: Floats  # highest log-likelihood

    def some(self, rows: slice) -> Places:
        """The places of a slice."""
        return Places(*(part[rows] for part in self))


class Noise(NamedTuple):
    """Dispersion of each place's counts (at least 1) and the degrees of freedom with which it is known."""

    phi: Floats
    df: Floats

    def some(self, rows: slice) -> Noise:
        """The noise of a slice of places."""
        return Noise(self.phi[rows], self.df[rows])


class Guess(NamedTuple):
    """One value of tau with the best mu for it, the weight of the pair, and what each place adds to mu."""

    tau: float
    mu: float
    mu_variance: float
    log_weight: float
    score: Floats
    information: Floats
    mode: Floats

    def without_own(self) -> tuple[Floats, Floats]:
        """Mean and variance of the distribution from which each place's slope comes, as the other places tell."""
        others = np.maximum(1 / self.mu_variance - np.maximum(self.information, 0), 1 / MU_SD**2)
        return self.mu - self.score / others, self.tau**2 + 1 / others


class Posterior(NamedTuple):
    """Slopes (place × point) with their probabilities, and the share that is each place's own data."""

    slope: Floats
    probability: Floats
    own_share: Floats


class Region(NamedTuple):
    """The fitted model: places, noise, and values of tau with their probabilities."""

    places: Places
    noise: Noise
    guesses: list[Guess]
    weight: Floats


def places_of(series: Series) -> Places:
    """What the model needs to know of each place."""
    there = series.there
    powers = np.stack([there.astype(float), series.time, series.time**2], axis=2)
    places = Places(
        series.cases,
        series.time,
        np.where(there, series.offset, -np.inf),
        powers,
        series.cases.sum(axis=1),
        (series.cases * series.time).sum(axis=1),
        there.sum(axis=1).astype(float),
        np.maximum(series.last - series.first, 1.0),
        np.zeros(len(there)),
    )
    slope = np.zeros((len(there), 1))
    total, reach = places.total[:, None], places.reach[:, None]
    for _step in range(200):
        _log, mean, variance = _tilted(places, slope)
        gap = np.where(total > 0, places.moment[:, None] / np.maximum(total, 1) - mean, 0.0)
        move = np.sign(gap) * np.log1p(reach * np.abs(gap) / np.maximum(variance, 1e-12)) / reach  # cannot overshoot
        slope = np.clip(slope + move, -STEEPEST, STEEPEST)
        if np.all((np.abs(move) * reach < 1e-9) | (np.abs(slope) == STEEPEST)):
            break
    return places._replace(best=_log_likelihood(places, slope)[:, 0])


def estimable(places: Places) -> bool:
    """Whether the common slope of all places is finite: not all have their cases in the last (or first) year only."""
    there = np.isfinite(places.offset)
    first, last = (np.where(there, places.time, end).T for end in (np.inf, -np.inf))
    lowest, highest = places.total * first.min(axis=0), places.total * last.max(axis=0)
    return bool(lowest.sum() < places.moment.sum() < highest.sum())


def fit(places: Places, *, rounds: int = 3) -> Region:
    """The region's model; dispersions are estimated around the fitted trends, in a few rounds."""
    number = len(places.total)
    noise = Noise(np.ones(number), np.full(number, np.inf))
    best = Guess(TAU_SD / 4, 0.0, 1.0, 0.0, np.zeros(number), np.zeros(number), np.zeros(number))
    for _round in range(rounds):
        best = max(_scan(places, noise, best, tails=False), key=lambda each: each.log_weight)
        mean, variance = best.without_own()
        mode, sd = _modes(places, noise, mean, variance, best.mode)
        noise = _dispersion(places, mode, np.clip(1 - sd**2 / variance, 0, 1))
    guesses = _scan(places, noise, best, tails=True)
    weight = np.exp([each.log_weight - max(other.log_weight for other in guesses) for each in guesses])
    return Region(places, noise, guesses, weight / weight.sum())


def posterior(region: Region) -> Posterior:
    """Distribution of each place's slope, over all values of tau."""
    places, noise = region.places, region.noise
    priors = [each.without_own() for each in region.guesses]
    low, high = np.full(len(places.total), np.inf), np.full(len(places.total), -np.inf)
    far = np.clip(special.stdtrit(np.minimum(noise.df, 1e6), 1 - 1e-6), 8, 60)
    for guess, (mean, variance) in zip(region.guesses, priors, strict=True):
        mode, sd = _modes(places, noise, mean, variance, guess.mode)
        reach = np.minimum(far * sd, 8 * np.sqrt(variance) + np.abs(mode - mean))
        low, high = np.minimum(low, mode - reach), np.maximum(high, mode + reach)
    slope = low[:, None] + np.multiply.outer(high - low, np.linspace(0, 1, CELLS))
    probability, own_share = np.zeros(slope.shape), np.zeros(len(low))
    for start in range(0, len(low), 128):
        rows = slice(start, start + 128)
        b = slope[rows]
        value = _likelihood(places.some(rows), noise.some(rows), b)[0]
        for weight, (mean, variance) in zip(region.weight, priors, strict=True):
            spread = variance[rows, None]
            density = value - (b - mean[rows, None]) ** 2 / (2 * spread)
            density = np.exp(density - density.max(axis=1, keepdims=True))
            density /= density.sum(axis=1, keepdims=True)
            centre = (density * b).sum(axis=1, keepdims=True)
            left = (density * (b - centre) ** 2).sum(axis=1)
            probability[rows] += weight * density
            own_share[rows] += weight * np.clip(1 - left / spread[:, 0], 0, 1)
    return Posterior(slope, probability, np.clip(own_share, 0, 1))


def log_sum(places: Places, slope: Floats) -> Floats:
    """Log of the sum of population · exp(slope · time) over a place's years (place × slope)."""
    return _tilted(places, slope)[0]


def quantiles(distribution: Posterior, levels: list[float]) -> list[Floats]:
    """Slopes below which each level of probability lies; the density is linear between points."""
    cumulated, density, step = _cumulated(distribution)
    row = np.arange(len(step))
    found = []
    for level in levels:
        cell = np.clip((cumulated < level).sum(axis=1) - 1, 0, CELLS - 2)
        here, rise, need = density[row, cell], density[row, cell + 1] - density[row, cell], level - cumulated[row, cell]
        part = 2 * need / (here + np.sqrt(np.maximum(here**2 + 2 * rise * need, 1e-300)))
        found.append(distribution.slope[row, cell] + step * np.clip(part, 0, 1))
    return found


def below_zero(distribution: Posterior) -> Floats:
    """Probability that each place's slope is below 0."""
    cumulated, density, step = _cumulated(distribution)
    place = np.clip(-distribution.slope[:, 0] / step, 0, CELLS - 1)
    cell = np.minimum(place.astype(int), CELLS - 2)
    row, part = np.arange(len(step)), place - cell
    here, rise = density[row, cell], density[row, cell + 1] - density[row, cell]
    chance: Floats = np.clip(cumulated[row, cell] + here * part + rise * part**2 / 2, 0, 1)
    return chance


def _cumulated(distribution: Posterior) -> tuple[Floats, Floats, Floats]:
    density = distribution.probability
    cumulated = np.zeros(density.shape)
    np.cumsum((density[:, 1:] + density[:, :-1]) / 2, axis=1, out=cumulated[:, 1:])
    whole = cumulated[:, -1:]
    return cumulated / whole, density / whole, distribution.slope[:, 1] - distribution.slope[:, 0]


def _tilted(places: Places, slope: Floats) -> tuple[Floats, Floats, Floats]:
    """Log of the sum of population · exp(slope · time), and mean and variance of time under it (place × slope)."""
    exponent = places.offset[:, None, :] + slope[:, :, None] * places.time[:, None, :]
    top = exponent.max(axis=2, keepdims=True)
    sums = np.matmul(np.exp(exponent - top), places.powers)
    mean = sums[:, :, 1] / sums[:, :, 0]
    variance = np.maximum(sums[:, :, 2] / sums[:, :, 0] - mean**2, 0.0)
    return top[:, :, 0] + np.log(sums[:, :, 0]), mean, variance


def _log_likelihood(places: Places, slope: Floats) -> Floats:
    value: Floats = slope * places.moment[:, None] - places.total[:, None] * _tilted(places, slope)[0]
    return value


def _likelihood(places: Places, noise: Noise, slope: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Log quasi-likelihood, its slope and curvature, and the part of the curvature that is never positive."""
    log_sum, mean, variance = _tilted(places, slope)
    total, phi, df = places.total[:, None], noise.phi[:, None], noise.df[:, None]
    loss = np.maximum(places.best[:, None] - slope * places.moment[:, None] + total * log_sum, 0.0)
    known = np.isinf(df)
    df = np.where(known, 1.0, df)
    grown = np.where(known, 1.0, 1 + 2 * loss / (df * phi))
    factor = np.where(known, 1.0, (df + 1) / df) / (phi * grown)
    rise, bend = factor * (places.moment[:, None] - total * mean), -factor * total * variance
    value = np.where(known, -loss / phi, -(df + 1) / 2 * np.log(grown))
    return value, rise, bend + np.where(known, 0.0, 2 * rise**2 / (df + 1)), bend


def _modes(places: Places, noise: Noise, mean: Floats | float, variance: Floats | float, start: Floats) -> tuple[Floats, Floats]:
    """About where each place's posterior is highest under a normal prior, and its width there."""
    mode = start
    for _step in range(100):
        _value, rise, _curvature, bend = (part[:, 0] for part in _likelihood(places, noise, mode[:, None]))
        curvature = 1 / variance - bend
        move = (rise - (mode - mean) / variance) / curvature
        mode = mode + move / (1 + places.reach * np.abs(move))
        if np.all(np.abs(move) * np.sqrt(curvature) < 1e-3):
            break
    return mode, 1 / np.sqrt(curvature)


def _marginal(places: Places, noise: Noise, tau: float, mu: float, mode: Floats) -> tuple[Floats, ...]:
    """Log marginal likelihood of each place, its slope and curvature (downwards) in mu, and the posterior mode."""
    mode, sd = _modes(places, noise, mu, tau**2, mode)
    slope = mode[:, None] + np.sqrt(2) * sd[:, None] * NODES
    value, rise, curvature, _bend = _likelihood(places, noise, slope)
    log_part = np.log(NODE_WEIGHTS) + NODES**2 + value - (slope - mu) ** 2 / (2 * tau**2)
    top = log_part.max(axis=1, keepdims=True)
    part = np.exp(log_part - top)
    whole = part.sum(axis=1, keepdims=True)
    part /= whole
    centre = (part * slope).sum(axis=1)
    left = (part * (slope - centre[:, None]) ** 2).sum(axis=1) / tau**2
    own = left < 0.5  # two identities of the same derivatives: each is exact where the other one cancels
    score = np.where(own, (centre - mu) / tau**2, (part * rise).sum(axis=1))
    borrowed = (part * (rise - score[:, None]) ** 2 + part * curvature).sum(axis=1)
    information = np.where(own, (1 - left) / tau**2, -borrowed)
    return top[:, 0] + np.log(whole[:, 0] * sd / (tau * np.sqrt(np.pi))), score, information, mode


def _guess(places: Places, noise: Noise, tau: float, mu: float, mode: Floats) -> Guess:
    """Best mu for a tau, and the weight of that tau on the scale of its logarithm, mu integrated out."""
    for _step in range(50):
        log_marginal, score, information, mode = _marginal(places, noise, tau, mu, mode)
        precision = max(float(information.sum()), 0.0) + 1 / MU_SD**2
        move = (float(score.sum()) - mu / MU_SD**2) / precision
        if abs(move) * np.sqrt(precision) < 1e-3:
            break
        mu += float(np.clip(move, -0.3, 0.3))
    prior = np.log(tau) - (tau / TAU_SD) ** 2 / 2 - mu**2 / (2 * MU_SD**2)
    weight = float(log_marginal.sum() - np.log(precision) / 2 + prior)
    return Guess(tau, mu, 1 / precision, weight, score, information, mode)


def _scan(places: Places, noise: Noise, start: Guess, *, tails: bool) -> list[Guess]:
    """Guesses at the best tau and, with `tails`, at even steps of its logarithm as far as they carry weight."""
    known: dict[float, Guess] = {}
    latest = start

    def at(log_tau: float) -> float:
        nonlocal latest
        key = round(float(log_tau), 9)
        if key not in known:
            latest = known[key] = _guess(places, noise, float(np.exp(key)), latest.mu, latest.mode)
        return known[key].log_weight

    centre, step = float(np.log(start.tau)), 0.5
    for _climb in range(200):
        left, here, right = at(centre - step), at(centre), at(centre + step)
        if max(left, right) > here:
            centre += step if right > left else -step
            continue
        bend = max(2 * here - left - right, 1e-6)
        width = step / np.sqrt(bend)
        if width > 0.7 * step:
            break
        centre, step = centre + step * (right - left) / (2 * bend), width
    if not tails:
        return [known[round(centre, 9)]]
    peak, even, inside = at(centre), 0.75 * min(width, 1.0), [centre]
    for direction in (-1, 1):
        for number in range(1, 17):
            log_tau = centre + direction * number * even
            if at(log_tau) < peak - 6.5:
                break
            inside.append(log_tau)
    return [known[round(each, 9)] for each in sorted(inside)]


def _dispersion(places: Places, slope: Floats, own_share: Floats) -> Noise:
    """Dispersion of each place: constant + factor · mean count, fitted to Pearson's chi-square around the trends.

    A place's degrees of freedom are its years less one for the level and its own share of the slope. A single case
    tells nothing and of few cases part is lost: both sides are multiplied by 1 - 1/cases.
    """
    log_sum = _tilted(places, slope[:, None])[0]
    mean = places.total[:, None] * np.exp(places.offset + slope[:, None] * places.time - log_sum)
    square = np.divide((places.cases - mean) ** 2, mean, out=np.zeros(mean.shape), where=mean > 0).sum(axis=1)
    told = np.maximum(1 - 1 / np.maximum(places.total, 1), 0.0)
    df = told * np.maximum(places.years - 1 - own_share, 0.0)
    use = df > 1e-6
    if not use.any():
        return Noise(np.ones(len(df)), np.full(len(df), np.inf))
    ratio = np.divide(told * square, df, out=np.zeros(len(df)), where=use)
    level = places.total / places.years
    phi = np.full(len(df), max(float((df * ratio).sum() / df.sum()), 1.0))
    if use.sum() >= DISPERSION_BY_LEVEL:
        for _step in range(10):
            weight = np.sqrt(df) / phi
            fitted, _rest = optimize.nnls(np.column_stack([weight, weight * level]), weight * ratio)
            phi = np.maximum(fitted[0] + fitted[1] * level, 1.0)
    return Noise(phi, np.full(len(df), df.sum()))
