"""The last look before publication: which small counts can be computed from all that stands in the register."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .. import counts as counting
from . import links, policy, pooling, primary, readers, secondary
from . import register as registers

if TYPE_CHECKING:
    from ..dataset import Dataset


def leaks(exact: pd.DataFrame, dataset: Dataset, before: pd.DataFrame, proposal: pd.DataFrame) -> set[str]:
    """Places with a small count of people that is shown, or that can be told from what is shown (rules 1 and 3).

    Nothing is hidden here: what cannot move as the register stands is a finding. Counts that others published are taken as known.

    Parameters
    ----------
    exact : DataFrame
        Exact Counts of all places of the data set.
    before, proposal : DataFrame
        What was published so far, and what is about to be.
    """
    if dataset.exempt:
        return set()
    register = pd.concat([before, proposal], ignore_index=True)
    rules = policy.of(dataset)
    mine = register[register["dataset"] == dataset.id]
    own = exact[exact["counts"] != counting.KNOWN].reset_index(drop=True)
    figures = own.assign(threshold=rules.thresholds(own["key"]), people=policy.people(own))
    whole, _chosen = pooling.design(figures, dataset, rules, pd.MultiIndex.from_frame(mine[counting.KEYS]))
    whole = whole.join(registers.history(whole, dataset, register).drop(columns="before"))
    declared = primary.declared(whole, rules, dataset)
    results = primary.of_one_employer(whole) | primary.of_everyone(whole)
    last = mine.drop_duplicates(counting.KEYS, keep="last").set_index(counting.KEYS)["numerator"]
    stands = last.reindex(pd.MultiIndex.from_frame(whole[counting.KEYS])).to_numpy(dtype=object)
    whole["published"] = pd.notna(stands)
    whole["star"] = stands == registers.STAR
    whole["fixed"] = (whole["published"] & ~whole["star"]) | declared
    whole["result"] = results
    whole["most"] = registers.looked_up(whole[declared], whole)
    shown = whole["published"] & ~whole["star"] & ~registers.history(whole, dataset, before)["same"]
    plain = set(whole.loc[shown & ((primary.small(whole) & ~declared) | results), "place"])
    linked, _differing = readers.everything(whole, exact[exact["counts"] == counting.KNOWN], dataset, register)
    sums = links.build(linked, dataset.places, rules)
    now = readers.state(sums, linked)
    found = secondary.secure(
        secondary.State(
            sums, now.known | now.shown, np.zeros_like(now.shown), now.low, now.high, now.published,
            np.zeros_like(now.leavable), now.up, now.down,
        )
    )  # fmt: skip
    return plain | {sums.cells[each].place for each in found.exposed}
