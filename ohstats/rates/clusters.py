"""Shares and ratios whose units cluster: measuring points in employers, records in institutions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..errors import Fault
from ..estimates import NO_DENOMINATOR, Groups, check_columns, check_options, counted, estimate, grouped, labels, refuse, whole
from ..limits import t_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST_CLUSTERS = 10
"""Fewest clusters that get limits: with fewer the variance between them is too poorly known."""

FEW = "fewer than 10 clusters: no limits"
STANDARDISED = "direct standardisation, clusters"
EQUAL = "all clusters have the same share: no limits"


def clustered_proportion(
    table: pd.DataFrame, *, numerator: str, denominator: str, cluster: str, by: str | Sequence[str] = (), confidence: float = 0.95
) -> pd.DataFrame:
    """Share of clustered units (points of employers), in percent, with limits from the differences between clusters.

    It describes the clusters that were sampled: a purposive sample says nothing about the others. Compare years only
    when standardised by factor, industry and size, or on employers seen in both. For independent units use
    `proportion`.

    Parameters
    ----------
    table : DataFrame
        Rows of counts, any number per cluster; not modified.
    numerator, denominator : str
        Columns of whole counts of the same unit (points that pass, points measured).
    cluster : str
        Column that names the cluster (employer); rows of one cluster are summed.
    by : sequence of str
        Grouping columns; groups come sorted; empty gives one row.
    confidence : float
        Two-sided level, in (0, 1).

    Returns
    -------
    DataFrame
        `by`, then value, lower, upper (percent, cut at 0 and 100), level, unit ("percent"), method ("ratio estimator,
        t(m-1)"), numerator, denominator, note; then clusters (m: those with any unit) and se (percentage points). No
        limits below 10 clusters, nor where all clusters have the same share (such as all points pass); the note says
        so. Where the denominator is 0 the share is missing.

    Raises
    ------
    CountError
        A count is missing, negative, fractional, infinite or above its denominator, or a cluster is missing; every such
        row is named.
    ParameterRefused
        A column does not exist or the level is outside (0, 1).

    References
    ----------
    Cochran WG. Sampling techniques. 3rd ed. 1977: 64-66, 246-249. Own vectorised code; agrees with R `survey::svyratio`
    and `confint(df = m - 1)`.

    Examples
    --------
    >>> points = pd.DataFrame({"employer": range(12), "passed": [5, 4, 6, 2, 8, 5, 3, 5, 7, 1, 4, 6],
    ...     "measured": [5, 6, 6, 5, 8, 5, 5, 5, 9, 4, 4, 6]})
    >>> found = clustered_proportion(points, numerator="passed", denominator="measured", cluster="employer")
    >>> found[["value", "lower", "upper", "clusters", "se"]].round(1)
       value  lower  upper  clusters   se
    0   82.4   67.6   97.1        12  6.7
    """
    check_options(confidence=confidence)
    x, n = counted(table, numerator, within=denominator)
    found = ratio_by_cluster(table, x, n, cluster=cluster, by=by, confidence=confidence, most=1.0)
    percent = ["value", "lower", "upper", "se"]
    found[percent] *= 100
    return found.assign(unit="percent")


def ratio_by_cluster(
    table: pd.DataFrame, x: Floats, n: Floats, *, cluster: str, by: str | Sequence[str], confidence: float, most: float = np.inf
) -> pd.DataFrame:
    """Ratio of two sums with limits from the residuals of the clusters, as a share; cut at 0 and `most`."""
    check_columns(table, cluster)
    refuse(table, [cluster], {Fault("row {row}: {counts}: the cluster is missing"): table[cluster].isna().to_numpy()})
    groups = grouped(table, by)
    pairs = pd.DataFrame({"group": groups.codes, "cluster": table[cluster].to_numpy(), "x": x, "n": n})
    pairs = pairs.groupby(["group", "cluster"], observed=True, as_index=False)[["x", "n"]].sum()
    pairs = pairs[(pairs["n"] > 0) | (pairs["x"] > 0)]
    within = Groups(pairs["group"].to_numpy(dtype=np.intp), groups.keys)
    x, n = groups.total(x), groups.total(n)
    ratio = np.divide(x, n, out=np.full(len(n), np.nan), where=n > 0)
    residual = pairs["x"].to_numpy() - ratio[within.codes] * pairs["n"].to_numpy()
    clusters = within.total(np.ones(len(pairs)))
    enough = (clusters >= FEWEST_CLUSTERS) & (n > 0)
    variance = np.where(enough, clusters / np.maximum(clusters - 1, 1) * within.total(residual**2), np.nan)
    se = np.sqrt(variance) / np.where(n > 0, n, np.nan)
    equal = enough & (se <= 1e-12 * np.maximum(ratio, 1))
    se = np.where(equal, np.nan, se)
    reach = t_quantile(confidence, clusters - 1) * se
    reason = np.select([n == 0, ~enough, equal], [1, 2, 3], default=0)
    return estimate(
        groups.keys,
        value=ratio,
        lower=np.maximum(ratio - reach, 0.0),
        upper=np.minimum(ratio + reach, most),
        level=confidence,
        unit="ratio",
        method="ratio estimator, t(m-1)",
        numerator=whole(x),
        denominator=whole(n),
        note=labels(reason, ("", NO_DENOMINATOR, FEW, EQUAL)),
        clusters=whole(clusters),
        se=se,
    )


def standardised_change(
    table: pd.DataFrame,
    *,
    numerator: str,
    denominator: str,
    cluster: str,
    stratum: str,
    later: str,
    by: str | Sequence[str] = (),
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Change of a clustered share between two years, both standardised directly to the strata that they have in common.

    The mix is that of both years together: each stratum weighs as many units as it has in both. Not for years without strata
    in common, and it says nothing of the strata that only one of them has.

    Parameters
    ----------
    table : DataFrame
        Rows of counts of both years; not modified.
    numerator, denominator : str
        Columns of whole counts of the same unit (points that pass, points measured).
    cluster, stratum : str
        Columns that name the cluster (employer) and the stratum.
    later : str
        Column that tells whether a row is of the later year.
    by : sequence of str
        Grouping columns; groups come sorted.
    confidence : float
        Two-sided level, in (0, 1).

    Returns
    -------
    DataFrame
        `by`, then value, lower, upper (percentage points, the later year less the earlier), level, unit ("percent"), method,
        numerator (units in common strata), denominator (all units), note; `before` and `now` (percent). No limits below 10
        clusters in one of the years, nor where all clusters have the same share in each stratum and year.

    Raises
    ------
    CountError
        A count is missing, negative, fractional, infinite or above its denominator; every such row is named.

    References
    ----------
    Fleiss JL, Levin B, Paik MC. Statistical methods for rates and proportions. 3rd ed. 2003: 627-640 (direct standardisation);
    variance from the linearised residuals of clusters, which may be in both years: Cochran 1977 as for `clustered_proportion`.

    Examples
    --------
    >>> points = pd.DataFrame({"employer": [*range(12)] * 2, "factor": ["dust", "noise"] * 12, "late": [0] * 12 + [1] * 12,
    ...     "passed": [3, 2] * 6 + [4, 2] * 5 + [4, 3], "measured": [4] * 24})
    >>> found = standardised_change(points, numerator="passed", denominator="measured", cluster="employer", stratum="factor",
    ...     later="late")
    >>> found[["before", "now", "value"]].round(1).to_numpy().tolist()
    [[62.5, 77.1, 14.6]]
    """
    check_options(confidence=confidence)
    x, n = counted(table, numerator, within=denominator)
    check_columns(table, cluster, stratum, later)
    groups = grouped(table, by)
    late = table[later].to_numpy(dtype=bool)
    rows = pd.DataFrame({"g": groups.codes, "s": table[stratum].to_numpy(), "c": table[cluster].to_numpy(), "x": x, "n": n})
    cells = rows.assign(x0=x * ~late, n0=n * ~late, x1=x * late, n1=n * late).groupby(["g", "s"])[["x0", "n0", "x1", "n1"]].sum()
    cells = cells[(cells["n0"] > 0) & (cells["n1"] > 0)]
    size = cells["n0"] + cells["n1"]
    cells = cells.assign(w=size / size.groupby("g").transform("sum"), p0=cells["x0"] / cells["n0"], p1=cells["x1"] / cells["n1"])
    mine = rows.assign(late=late).join(cells, on=["g", "s"]).dropna(subset="w")
    own = {name: np.where(mine["late"], mine[f"{name}1"], mine[f"{name}0"]) for name in "np"}
    mine["z"] = np.where(mine["late"], 1, -1) * mine["w"] / own["n"] * (mine["x"] - own["p"] * mine["n"])
    index = pd.RangeIndex(len(groups.keys))
    by_cluster = mine.groupby(["g", "c"])["z"].sum()
    m = by_cluster.groupby("g").size().reindex(index, fill_value=0).to_numpy()
    each = [mine[mine["late"] == year].groupby("g")["c"].nunique().reindex(index, fill_value=0) for year in (False, True)]
    enough = (np.minimum(*each) >= FEWEST_CLUSTERS).to_numpy()
    spread = (by_cluster**2).groupby("g").sum().reindex(index).to_numpy()
    se = np.sqrt(np.where(enough, m / np.maximum(m - 1, 1) * spread, np.nan))
    equal = enough & (se <= 1e-12)
    se = np.where(equal, np.nan, se)
    shares = [(cells["w"] * cells[name]).groupby("g").sum().reindex(index).to_numpy() for name in ("p0", "p1")]
    value, reach = shares[1] - shares[0], t_quantile(confidence, np.maximum(m - 1, 1)) * se
    common = size.groupby("g").sum().reindex(index, fill_value=0).to_numpy()
    made = estimate(
        groups.keys,
        value=100 * value,
        lower=100 * np.maximum(value - reach, -1),
        upper=100 * np.minimum(value + reach, 1),
        level=confidence,
        unit="percent",
        method=STANDARDISED,
        numerator=whole(common),
        denominator=whole(groups.total(n)),
        note=labels(np.select([common == 0, ~enough, equal], [1, 2, 3], default=0), ("", "no stratum in common", FEW, EQUAL)),
    )
    return made.assign(before=100 * shares[0], now=100 * shares[1])


def verification_factor(
    table: pd.DataFrame, *, recounted: str, reported: str, cluster: str, by: str | Sequence[str] = (), confidence: float = 0.95
) -> pd.DataFrame:
    """Recounted per reported cases in a spot check (1 = the reports are right; below 1 = over-reported).

    Parameters
    ----------
    table : DataFrame
        Rows of counts per institution; not modified.
    recounted, reported : str
        Columns of whole counts: found in the source documents, and given in the report.
    cluster : str
        Column that names the institution; its rows are summed.
    by : sequence of str
        Grouping columns; groups come sorted; empty gives one row.
    confidence : float
        Two-sided level, in (0, 1).

    Returns
    -------
    DataFrame
        `by`, then value, lower, upper (ratio), level, unit ("ratio"), method ("ratio estimator, t(m-1)"), numerator
        (recounted), denominator (reported), note; then clusters (institutions) and se. No limits below 10 institutions,
        nor where all have the same ratio; missing where nothing was reported; the note says so.

    Raises
    ------
    CountError
        A count is missing, negative, fractional or infinite, or an institution missing; every such row is named.
    ParameterRefused
        A column does not exist or the level is outside (0, 1).

    References
    ----------
    WHO. Data quality review: module 3. 2017 (0.9 to 1.1 is called acceptable). Cochran WG. Sampling techniques. 3rd ed.
    1977. Own vectorised code; agrees with R `survey::svyratio`.

    Examples
    --------
    >>> check = pd.DataFrame({"clinic": ["A", "B", "C"], "recounted": [18, 30, 12], "reported": [20, 30, 10]})
    >>> found = verification_factor(check, recounted="recounted", reported="reported", cluster="clinic")
    >>> found[["value", "lower", "note"]]
       value  lower                               note
    0    1.0    NaN  fewer than 10 clusters: no limits
    """
    check_options(confidence=confidence)
    x, n = counted(table, recounted, reported)
    return ratio_by_cluster(table, x, n, cluster=cluster, by=by, confidence=confidence)
