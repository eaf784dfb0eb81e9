"""Measurements at workplaces against the exposure limits: the ratio to the limit and pass or fail, computed anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .. import codes
from .flags import yes

if TYPE_CHECKING:
    from pathlib import Path

PEAK = 5.0
"""A peak may never exceed so many times the PC-TWA of a substance that has no PC-STEL (GBZ 2.1-2019)."""
SILICA_CLASSES = ("below_10", "10_to_50", "50_to_80", "above_80")
_LIMITS = {"c_twa": "pc_twa", "c_ste": "pc_stel", "c_me": "mac", "lex": "other_limit", "wbgt": "stated_only"}
"""Results and the limit that each is held against; that of heat depends on the work and is the one written beside it."""
RESULTS = tuple(_LIMITS)
_UNITS = {"mg/m3", "f/mL", "dB(A)"}
_SAME = 1e-9


def judge(samples: pd.DataFrame, *, own: Path | None = None) -> pd.DataFrame:
    """Measurements with their ratio to the limit and whether they exceed it, computed anew beside the declared flag.

    A point passes when it meets every limit that exists (PC-TWA, PC-STEL, MAC, noise level); a substance without PC-STEL may
    never exceed five times its PC-TWA. A result below its detection limit passes where the detection limit lies at or below
    the limit, else it is unknown. Where several limits could apply (class of free silica not given, a limit that was
    amended, altitude) the limit written beside the result decides; else the result is judged only if all of them agree.
    Not for comparing employers: points cluster, see `rates.clustered`.

    Parameters
    ----------
    samples : DataFrame
        Clean table `workplace_samples`; not modified.
    own : Path, optional
        Folder of a data set with its own `codes/exposure_limits.csv`.

    Returns
    -------
    DataFrame
        The table with `ratio` (largest result over its limit, a multiple; NaN for non-detects and without a limit), `over`
        (nullable boolean), `limit_from` ("list", "stated" or ""), `disagrees` (nullable: the declared flag says otherwise),
        `stated_differs` (the limit written beside the result is none of the list).

    References
    ----------
    GBZ 2.1-2019 and GBZ 2.2-2007, limits and the rule of peaks; the certainty of each limit stands in its code list.
    """
    made = samples.reset_index(drop=True)
    pairs = _candidates(made, _listed(own))
    pairs = _chosen(pairs)
    by = pairs.groupby("?row")
    known = pd.DataFrame(
        {"all": by["over"].all(), "any": by["over"].any(), "unknown": by["unknown"].any(), "ratio": by["ratio"].max()}
    )
    verdict = pd.Series(pd.NA, index=known.index, dtype="boolean")
    verdict[known["all"]] = True
    verdict[~known["any"] & ~known["unknown"]] = False
    several = by["ratio"].max() != by["ratio"].min()
    made["ratio"] = known["ratio"].where(~several).reindex(made.index)
    made["over"] = verdict.reindex(made.index)
    made["limit_from"] = by["from"].first().reindex(made.index).fillna("").astype("str")
    declared = made["pass_flag"].map({"pass": False, "fail": True}).astype("boolean")
    made["disagrees"] = declared != made["over"]
    made["stated_differs"] = by["differs"].any().reindex(made.index).fillna(False).astype(bool)
    return made


def _listed(own: Path | None) -> pd.DataFrame:
    """Limits of the list with numbers, one row for each limit and condition."""
    rows = codes.table("exposure_limits", own)
    rows = rows[rows["unit"].isin(_UNITS)]
    rows["stated_only"] = float("nan")
    for name in _LIMITS.values():
        rows[name] = pd.to_numeric(rows[name], errors="coerce")
    return rows[["code", "parent", "fraction", "silica_class", *_LIMITS.values()]].rename(columns={"code": "limit_key"})


def _candidates(samples: pd.DataFrame, limits: pd.DataFrame) -> pd.DataFrame:
    """A row for each measurement and limit that could apply; measurements without any get the limit written beside them."""
    needed = [*_LIMITS, *[f"{name}_{part}" for name in _LIMITS for part in ("censored", "lod")]]
    rows = samples[["factor_id", "fraction", "free_silica_pct", "limit", *needed]].rename(columns={"fraction": "dust"})
    rows = rows.assign(**{"?row": rows.index, "class": _silica_class(rows["free_silica_pct"])})
    pairs = rows.merge(limits, left_on="factor_id", right_on="parent", how="left")
    fits = (pairs["fraction"].fillna("") == "") | pairs["dust"].isna() | (pairs["fraction"] == pairs["dust"])
    fits &= (pairs["silica_class"].fillna("") == "") | pairs["class"].isna() | (pairs["silica_class"] == pairs["class"])
    pairs = pairs[fits | pairs["limit_key"].isna()]
    lost = rows[~rows["?row"].isin(pairs["?row"])]  # the list knows the factor, but no such condition
    pairs = pd.concat([pairs, lost], ignore_index=True)
    pairs["from"] = np.where(pairs["limit_key"].notna(), "list", np.where(pairs["limit"].notna(), "stated", ""))
    return pairs


def _silica_class(percent: pd.Series[float]) -> pd.Series[str]:
    """Class of free silica: below 10, 10 to 50, above 50 to 80, above 80 percent."""
    value = percent.astype("float64")
    named = np.select([value < 10, value <= 50, value <= 80, value > 80], SILICA_CLASSES, "")
    return pd.Series(named, index=percent.index, dtype="str").where(value.notna())


def _chosen(pairs: pd.DataFrame) -> pd.DataFrame:
    """Each pair judged; where the limit written beside a result is one of the list, the others no longer matter."""
    listed = pairs[list(_LIMITS.values())]
    stated = pairs["limit"].astype("float64")
    fits = (listed.sub(stated, axis=0).abs() <= _SAME * stated.abs().to_numpy()[:, None]).any(axis=1)
    pairs["differs"] = (pairs["from"] == "list") & stated.notna() & ~fits.groupby(pairs["?row"]).transform("any")
    pairs = pairs[fits | ~fits.groupby(pairs["?row"]).transform("any")].copy()
    own, stated = pairs["from"] == "stated", pairs["limit"].astype("float64")
    for result, limit in _LIMITS.items():
        there = pairs[result].notna() | yes(pairs[f"{result}_censored"])
        pairs.loc[own & there, limit] = stated[own & there]
    ratios, unknown = [], pd.Series(False, index=pairs.index)
    for result, limit in _LIMITS.items():
        bound = pairs[limit].astype("float64")
        if result in ("c_ste", "c_me"):
            peak = PEAK * pairs["pc_twa"].astype("float64")
            bound = bound.where(bound.notna() | pairs["pc_stel"].notna() | own, peak)
        value = pairs[result].astype("float64")
        ratios.append(value / bound)
        below = yes(pairs[f"{result}_censored"])
        unknown |= below & bound.notna() & ~(pairs[f"{result}_lod"].astype("float64") <= bound)
        unknown |= value.notna() & bound.isna() & (result != "c_me")
    table = pd.concat(ratios, axis=1)
    pairs["ratio"] = table.max(axis=1)
    pairs["over"] = pairs["ratio"] > 1 + _SAME
    judged = pairs["ratio"].notna() | pd.concat([yes(pairs[f"{name}_censored"]) for name in _LIMITS], axis=1).any(axis=1)
    pairs["unknown"] = unknown | ~judged | (pairs["from"] == "")
    return pairs
