"""The protect step: once, for all places, levels and earlier releases of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .. import counts as counting
from .. import files
from ..errors import ParameterRefused
from . import links, policy, pooling, primary, readers, secondary, together
from . import register as registers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..dataset import Dataset
    from ..paths import Workspace

EDITIONS = ("public", "internal")
_TURNS = 3


@dataclass(frozen=True)
class Protected:
    """Counts that an edition may open, and what the site's swap will append to the register."""

    counts: pd.DataFrame
    proposal: pd.DataFrame
    facts: dict[str, object]


def protect(counts: pd.DataFrame, dataset: Dataset, edition: str, register: pd.DataFrame) -> Protected:
    """Counts with every figure hidden that the edition may not show.

    Parameters
    ----------
    counts : DataFrame
        Counts of all places of the data set; not modified.
    dataset : Dataset
        Declared as already published: nothing is hidden, and its reports say so.
    edition : str
        "public" or "internal" (exact counts).
    register : DataFrame
        What was published before. What was starred stays starred, what was shown stays shown.

    Returns
    -------
    Protected
        Counts with the same rows and, in the public edition, the pooled ones after them: a figure is a number, hidden, or
        left out by design (missing, with the note that says where its cases stand).

    Raises
    ------
    ParameterRefused
        There is no such edition.
    FileRefused
        The data set's own rules of disclosure cannot be used.
    """
    check_edition(edition)
    rules = policy.of(dataset)
    own = counts[counts["counts"] != counting.KNOWN].reset_index(drop=True)
    made = own[counting.COLUMNS].copy()
    told: dict[str, object] = {}
    if edition == "public" and not dataset.exempt:
        made, told = _public(own, counts[counts["counts"] == counting.KNOWN], dataset, rules, register)
    facts: dict[str, object] = {
        "hash": dataset.hash, "edition": edition, "rules": policy.RULES_VERSION, "exempt": dataset.exempt,
        "hidden": int(made["hidden"].sum()), "figures": len(made), **told,
    }  # fmt: skip
    proposal = registers.entries(made, dataset) if edition == "public" else pd.DataFrame(columns=registers.COLUMNS)
    return Protected(made, proposal, facts)


def check_edition(edition: str) -> None:
    """Refuse a word that is no edition."""
    if edition not in EDITIONS:
        raise ParameterRefused("No edition '{edition}'. There are: {known}.", edition=edition, known=", ".join(EDITIONS))


def _public(
    counts: pd.DataFrame, known: pd.DataFrame, dataset: Dataset, rules: policy.Policy, published: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, object]]:
    figures = counts.assign(threshold=rules.thresholds(counts["key"]), people=policy.people(counts))
    mine = published[published["dataset"] == dataset.id]
    whole, chosen = pooling.design(figures, dataset, rules, pd.MultiIndex.from_frame(mine[counting.KEYS]))
    lone = _without_cases(whole, whole["published"])
    whole.loc[lone, "published"], whole.loc[lone, "note"] = False, pooling.SMALL
    whole = whole.join(registers.history(whole, dataset, published).drop(columns="before"))
    declared = primary.declared(whole, rules, dataset)
    results = primary.of_one_employer(whole) | primary.of_everyone(whole)
    first = (primary.small(whole) & ~declared) | results
    whole["star"] = whole["published"] & (whole["hidden"] | whole["starred"] | (first & ~whole["same"]))
    whole["fixed"] = ~whole["star"] & (declared | whole["same"] | (whole["published"] & (whole["numerator"] == 0)))
    whole["result"] = results
    whole["most"] = registers.looked_up(whole[declared], whole)  # no category exceeds a total that is known
    done, cells = secondary.Secured(), None
    for _turn in range(_TURNS):
        linked, differing = readers.everything(whole, known, dataset, published)
        sums = links.build(linked, dataset.places, rules)
        done = secondary.secure(readers.state(sums, linked), done if sums.cells == cells else None)
        cells = sums.cells
        zeros = _zeros_beside(sums, done.exposed, linked)
        if not len(zeros):
            break
        places = linked["place"].to_numpy()
        again = set(places[linked["row"].isin(zeros)])  # here the search begins anew
        for rows in (done.rows, done.left_out):
            rows -= {row for row in rows if places[row] in again}
        whole.loc[zeros, ["published", "fixed"]] = False
        whole.loc[zeros, "note"] = pooling.SMALL
    ours = linked["row"]  # figures that show no one's health are not among the linked ones
    whole.loc[ours[sorted(done.rows)], "star"] = True
    lone = _without_cases(whole, whole["published"] & ~whole["star"]) & whole["published"] & ~whole["star"]
    whole.loc[lone & (whole["numerator"] != 0), "star"] = True
    gone = np.r_[ours[sorted(done.left_out)], np.flatnonzero(lone & (whole["numerator"] == 0))]  # a star would say at least 1
    whole.loc[gone, ["star", "published"]] = False
    whole.loc[gone, "note"] = pooling.SMALL
    held = together.totals(whole, linked, sums, done, dataset, rules)
    whole = pd.concat([whole, held.astype(whole.dtypes.to_dict())], ignore_index=True) if len(held) else whole
    made = whole[counting.COLUMNS].copy()
    made["hidden"] = whole["star"]
    away = whole["star"] | ~whole["published"]
    made.loc[away, ["numerator", "denominator"]] = np.nan
    made.loc[away, "source"] = ""  # free text may say what is not shown
    made.loc[whole["star"], "note"] = ""
    told: dict[str, object] = {
        "left_out": int((~whole["published"] & ~whole["made"]).sum()),
        "exposed": len(set(done.exposed)),
        "conflicts": int((whole["star"] & whole["same"]).sum()),
        "known_differing": differing,
        "unbalanced": sums.unbalanced,
        "yearly_total": rules.yearly_total,
        "places": {place: {"summary": size.summary, "block": size.block} for place, size in sorted(chosen.items())},
    }
    return made[whole["published"] | ~whole["made"]].reset_index(drop=True), told


def _zeros_beside(sums: links.Links, exposed: Iterable[int], linked: pd.DataFrame) -> np.ndarray:
    """Rows with a zero that tells a count which needs room: the sum above it, else the figures beside it. They are left out."""
    told = set(exposed)
    zero = linked["published"] & ~linked["before"] & linked["people"] & (linked["numerator"] == 0) & (linked["row"] >= 0)
    out = zero.to_numpy()[sums.row] & (sums.row >= 0) & (sums.value == 0)
    near = set()
    for parent, children in sums.equations:
        if told & {parent, *children}:
            near |= {parent} if out[parent] else {cell for cell in children if out[cell]}
    return np.unique(linked["row"].to_numpy()[sums.row[sorted(near)]])


def _without_cases(whole: pd.DataFrame, shown: pd.Series[bool]) -> pd.Series[bool]:
    """Measures of cards of a place and period whose number of cases is not shown: they would tell it."""
    total = (whole["measure"] == counting.NEW_CASES) & (whole["key"] == policy.TOTAL) & (whole["group"] == "") & shown
    there = set(zip(whole.loc[total, "place"], whole.loc[total, "period"], strict=True))
    known = [pair in there for pair in zip(whole["place"], whole["period"], strict=True)]
    return whole["measure"].isin(policy.OF_CARDS) & ~pd.Series(known, index=whole.index)


def save(protected: Protected, dataset: Dataset, workspace: Workspace) -> None:
    """Write protected counts and the proposal for the register into the workspace."""
    files.private(workspace.work)
    folder = files.private(workspace.protected(dataset.id, str(protected.facts["edition"])))
    files.write_parquet(protected.counts, folder / "counts.parquet")
    files.write_parquet(protected.proposal, folder / "proposal.parquet")
    files.write_json(protected.facts, folder / "protect.json")
