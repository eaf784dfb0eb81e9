"""Why did the cases change? An exact additive split into effort, suspicion and diagnosis."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..errors import ParameterRefused
from ..estimates import check_columns, check_free, check_options, counted, estimate, grouped, labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST = 5
"""Smallest count at either end that is split; below it chance decides."""


def decomposition(
    table: pd.DataFrame,
    *,
    chain: Sequence[str],
    period: str,
    start: float | str | Sequence[float | str],
    end: float | str | Sequence[float | str],
    by: str | Sequence[str] = (),
    confidence: float = 0.95,
    draws: int = 10_000,
    seed: int = 20240101,
) -> pd.DataFrame:
    """Change in cases per period, split into parts that add up exactly: how many cases came with each step of a chain.

    Cases = examined × suspected per examined × diagnosed per suspected. The first part is detection effort, the others
    mix health with the care of detection: the split describes, it does not prove. A ratio may exceed 1 (diagnoses of
    last year's suspected). With dates, reporting delay is one more step: cases reported by the data date per case
    diagnosed.

    Parameters
    ----------
    table : DataFrame
        One row per group and period, or finer; not modified.
    chain : sequence of str
        Columns of whole counts, at least two, in order: ["examined", "suspected", "diagnosed"]. The last are the cases.
    period : str
        Column of the periods.
    start, end : period or sequence of periods
        The two ends that are compared; several periods are pooled into a block, and cases are then per period.
    by : sequence of str
        Grouping columns; groups come sorted; empty gives one group.
    confidence : float
        Two-sided level, in (0, 1).
    draws, seed : int
        Size of the simulation, at least 100, and its seed: the same seed gives the same limits, whatever other groups
        there are.

    Returns
    -------
    DataFrame
        `by`, part ("change", then the first column's name, then "B per A" for each step), then value, lower, upper
        (cases per period; the parts sum to the change), level, unit ("cases per period"), method ("log-mean Divisia"),
        numerator and denominator (cases per period at the end and at the start), note; then at_start and at_end (the
        factor itself). All parts are missing with the note "withheld: an input is below 5" or "withheld: no data at one
        end".

    Raises
    ------
    CountError
        A count is missing, negative, fractional or infinite; every such row is named.
    ParameterRefused
        A column does not exist, the chain has fewer than two columns or repeats one, both ends share a period, there
        are too few draws or the level is outside (0, 1).

    References
    ----------
    Ang BW. Energy Policy 2005; 33: 867-871 (LMDI-I). Own code, as no library has it. Limits: percentiles of simulated
    chains in which each count is a Poisson count given the one before it (gamma draws, Jeffreys' prior); each end of an
    examined series is a count too.

    Examples
    --------
    >>> effort = pd.DataFrame({"year": [2020, 2024], "examined": [20_000, 30_000], "suspected": [400, 450],
    ...     "diagnosed": [100, 90]})
    >>> found = decomposition(effort, chain=["examined", "suspected", "diagnosed"], period="year", start=2020, end=2024)
    >>> found[["part", "value", "at_start", "at_end"]].round(3)
                      part   value  at_start     at_end
    0                   change -10.000    100.00     90.000
    1                 examined  38.484  20000.00  30000.000
    2   suspected per examined -27.305      0.02      0.015
    3  diagnosed per suspected -21.179      0.25      0.200
    """
    check_options(confidence=confidence)
    if len(chain) < 2 or len(set(chain)) < len(chain) or isinstance(chain, str):
        raise ParameterRefused("chain is {chain}: give at least two different columns", chain=", ".join(chain))
    if draws < 100:
        raise ParameterRefused("draws is {draws}: give at least 100", draws=draws)
    check_columns(table, period)
    ends = [np.atleast_1d(each).tolist() for each in (start, end)]
    shared = set(ends[0]) & set(ends[1])
    if shared:
        raise ParameterRefused("start and end share a period: {shared}", shared=", ".join(map(str, sorted(shared))))
    counts = counted(table, *chain)
    groups = grouped(table, by)
    check_free(groups.keys.columns, ["part"])
    sums = np.empty((len(groups.keys), 2, len(chain)))
    periods = np.empty((len(groups.keys), 2))
    for side, wanted in enumerate(ends):
        rows = table[period].isin(wanted).to_numpy()
        pairs = pd.DataFrame({"group": groups.codes[rows], "period": table[period].to_numpy()[rows]}).drop_duplicates()
        periods[:, side] = np.bincount(pairs["group"], minlength=len(groups.keys))
        for step, values in enumerate(counts):
            sums[:, side, step] = groups.total(np.where(rows, values, 0.0))
    absent, low = (periods == 0).any(axis=1), (sums < FEWEST).any(axis=(1, 2))
    reason = np.select([absent, low], [1, 2], default=0)
    length = np.where(absent[:, None], np.nan, periods)[:, :, None]
    parts = len(chain) + 1
    value, lower, upper = (np.full((len(sums), parts), np.nan) for _each in range(3))
    factors = np.full((len(sums), 2, parts), np.nan)
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    for group in np.flatnonzero(reason == 0):
        rate = sums[group] / length[group]
        value[group] = _parts(rate)
        factors[group] = np.column_stack([rate[:, -1], rate[:, 0], rate[:, 1:] / rate[:, :-1]])
        simulated = _parts(_simulated(sums[group], draws, seed) / length[group])
        lower[group], upper[group] = np.quantile(simulated, tails, axis=0)
    cases = np.where(absent[:, None], np.nan, sums[:, :, -1] / length[:, :, 0])
    names = ["change", chain[0], *(f"{later} per {earlier}" for earlier, later in pairwise(chain))]
    keys = groups.keys.loc[groups.keys.index.repeat(parts)].reset_index(drop=True)
    return estimate(
        keys.assign(part=np.tile(names, len(groups.keys))),
        value=value.ravel(),
        lower=np.minimum(lower, value).ravel(),
        upper=np.maximum(upper, value).ravel(),
        level=confidence,
        unit="cases per period",
        method="log-mean Divisia",
        numerator=np.repeat(cases[:, 1], parts),
        denominator=np.repeat(cases[:, 0], parts),
        note=labels(np.repeat(reason, parts), ("", "withheld: no data at one end", f"withheld: an input is below {FEWEST}")),
        at_start=factors[:, 0].ravel(),
        at_end=factors[:, 1].ravel(),
    )


def _parts(chain: Floats) -> Floats:
    """Change of the last count and its parts; the last two axes are the ends (start, end) and the chain's steps."""
    first, last = chain[..., 0, :], chain[..., 1, :]
    grown = np.log(last / first)
    cases, ratio = first[..., -1], grown[..., -1]
    flat = np.abs(ratio) < 1e-8
    mean = cases * np.where(flat, 1 + ratio / 2, np.expm1(ratio) / np.where(flat, 1.0, ratio))
    steps = np.diff(grown, axis=-1, prepend=0.0)
    change = last[..., -1] - first[..., -1]
    return np.concatenate([change[..., None], mean[..., None] * steps], axis=-1)


def _simulated(sums: Floats, draws: int, seed: int) -> Floats:
    """Chains whose first count and later ratios are gamma draws: each count Poisson given the one before it."""
    random = np.random.default_rng(seed)
    factor = random.gamma(sums + 0.5, size=(draws, *sums.shape))
    factor[..., 1:] /= sums[:, :-1]
    return np.asarray(np.cumprod(factor, axis=-1), dtype=float)
