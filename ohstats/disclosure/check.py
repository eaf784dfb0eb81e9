"""The last look before publication: which small counts can be computed from all that stands in the register."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .. import counts as counting
from . import links, policy, pooling, primary, readers, secondary
from . import register as registers

if TYPE_CHECKING:
    from ..dataset import Dataset


@dataclass(frozen=True)
class Leak:
    """A small count that would be told: its figure, and whether it is shown itself or can be told from others."""

    place: str
    period: str
    figure: str  # measure, category, group and year basis, as the tables write them
    shown: bool


def leaks(exact: pd.DataFrame, dataset: Dataset, before: pd.DataFrame, proposal: pd.DataFrame) -> list[Leak]:
    """Small counts of people that are shown, or that can be told from what is shown (rules 1 and 3).

    Nothing is hidden here: what cannot move as the register stands is a finding, unless it could move no further before: what
    others published, or we ourselves before, is no leak of the release at hand, nor is a star in place of a number of before.

    Parameters
    ----------
    exact : DataFrame
        Exact Counts of all places of the data set.
    before, proposal : DataFrame
        What was published so far, and what is about to be.
    """
    if dataset.exempt:
        return []
    register = pd.concat([before, proposal], ignore_index=True)
    rules = policy.of(dataset)
    own = exact[exact["counts"] != counting.KNOWN].reset_index(drop=True)
    known = exact[exact["counts"] == counting.KNOWN]
    figures = own.assign(threshold=rules.thresholds(own["key"]), people=policy.people(own))
    mine = register[register["dataset"] == dataset.id]
    whole, _chosen = pooling.design(figures, dataset, rules, pd.MultiIndex.from_frame(mine[counting.KEYS]))
    whole = whole.join(registers.history(whole, dataset, register).drop(columns="before"))
    whole = _standing(whole, mine, dataset, rules)
    shown = whole["published"] & ~whole["star"] & ~registers.history(whole, dataset, before)["same"]
    small = (primary.small(whole) & ~primary.declared(whole, rules, dataset)) | whole["result"]
    found = {_leak(*row, shown=True) for row in whole.loc[shown & small, _NAMED].itertuples(index=False, name=None)}
    linked, _differing = readers.everything(whole, known, dataset, register)
    sums = links.build(linked, dataset.places, rules)
    lost = _lost(sums, linked)
    if lost:
        was = _lost(sums, _standing(linked, before[before["dataset"] == dataset.id], dataset, rules))
        told = registers.history(linked, dataset, before)["other"].to_numpy()[sums.row] & (
            sums.row >= 0
        )  # a number, since corrected
        cells = [sums.cells[each] for each, steps in lost.items() if steps > was.get(each, 0) and not told[each]]
        found |= {_leak(each.place, each.period, each.measure, each.key, each.group, each.basis, shown=False) for each in cells}
    return sorted(found, key=lambda each: (each.place, each.period, each.figure, each.shown))


def _standing(figures: pd.DataFrame, published: pd.DataFrame, dataset: Dataset, rules: policy.Policy) -> pd.DataFrame:
    """Figures as they stand in a register: shown, starred, or not published."""
    last = published.drop_duplicates(counting.KEYS, keep="last").set_index(counting.KEYS)["numerator"]
    stands = last.reindex(pd.MultiIndex.from_frame(figures[counting.KEYS])).to_numpy(dtype=object)
    declared = primary.declared(figures, rules, dataset)
    there, star = pd.notna(stands), stands == registers.STAR
    results = primary.of_one_employer(figures) | primary.of_everyone(figures)
    most = registers.looked_up(figures[declared], figures)
    return figures.assign(published=there, star=star, fixed=(there & ~star) | declared, result=results, most=most)


def _lost(sums: links.Links, linked: pd.DataFrame) -> dict[int, int]:
    """Counts that cannot be moved as far as they have to, and the steps that they lack."""
    now = readers.state(sums, linked)
    none = np.zeros_like(now.shown)
    return secondary.secure(replace(now, known=now.known | now.shown, shown=none, leavable=none)).exposed


_NAMED = ["place", "period", "measure", "key", "group", "year_basis"]


def _leak(place: str, period: str, *figure: str, shown: bool) -> Leak:
    return Leak(place, period, ", ".join(each for each in figure if each), shown)
