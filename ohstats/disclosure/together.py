"""How many cases the starred counts of a place hold together (rule 11): told only where that total gives nothing away."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .. import counts as counting
from .. import periods
from . import links, readers, secondary
from . import policy as rules
from .programme import Move

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..dataset import Dataset
    from .policy import Policy


def totals(
    whole: pd.DataFrame, linked: pd.DataFrame, sums: links.Links, done: secondary.Secured, dataset: Dataset, policy: Policy
) -> pd.DataFrame:
    """The totals that can be printed, as rows of `whole`.

    A total is one more equation over hidden counts. All are put beside everything published; where a count has less room then,
    those of its place and of the places above and below it are left out, in the end all.

    Parameters
    ----------
    whole, linked : DataFrame
        Figures with what is starred and published in the end; the same as the programmes saw them, `row` naming rows of `whole`.
    sums, done : Links, Secured
        What the search for further figures to hide was made of, and found.
    """
    made = pd.DataFrame(list(_totals(whole, policy)), columns=whole.columns)
    ours, flags = linked["row"] >= 0, ["star", "published"]
    now = linked.copy()
    now.loc[ours, flags] = whole.loc[now.loc[ours, "row"], flags].to_numpy()
    figures, moves = int((sums.row >= 0).sum()), done.moves
    while len(made):
        more = made.assign(row=-1, outside=True).reindex(columns=now.columns).astype(now.dtypes.to_dict())
        trial = pd.concat([now, more], ignore_index=True)
        beside = links.build(trial, dataset.places, policy)
        shift = np.arange(len(sums.cells)) + np.where(np.arange(len(sums.cells)) < figures, 0, len(made))  # rests come last
        held = readers.state(beside, trial)
        none = np.zeros_like(held.shown)
        tried = secondary.Secured(moves=[Move(shift[move.cells], move.change) for move in moves])
        found = secondary.secure(replace(held, known=held.known | held.shown, shown=none, leavable=none), tried)
        back = [Move(np.where(move.cells < figures, move.cells, move.cells - len(made)), move.change) for move in found.moves]
        moves = [*done.moves, *(move for move in back if move.cells.max() < len(sums.cells))]
        before = {int(shift[cell]): lost for cell, lost in done.exposed.items()}
        less = {beside.cells[cell].place for cell, lost in found.exposed.items() if lost > before.get(cell, 0)}
        if not less:
            break
        near = less | {place for place in made["place"] if less & set(dataset.ancestors(place))}
        near |= {above for place in less for above in dataset.ancestors(place)}
        kept = made[~made["place"].isin(near)]
        made = kept if len(kept) < len(made) else made.head(0)
    return made


def _totals(whole: pd.DataFrame, policy: Policy) -> Iterator[dict[str, Any]]:
    """For each place the sum of its starred new cases, each case counted once; none where stars overlap in part."""
    mine = whole[whole["star"] & (whole["measure"] == counting.NEW_CASES) & (whole["group"] == "") & whole["numerator"].notna()]
    for _place, rows in mine.groupby("place"):
        chosen: list[dict[str, Any]] = []
        parted = len(set(rows["year_basis"])) > 1
        size = [
            (-len(periods.parse(period).months), len(_above(key, policy)), at)
            for at, (period, key) in enumerate(zip(rows["period"], rows["key"], strict=True))
        ]
        for row in (rows.iloc[at].to_dict() for *_size, at in sorted(size)):
            ways = {_way(row, other, policy) for other in chosen}
            parted |= "part" in ways
            if not ways & {"inside", "part"}:
                chosen.append(row)
        total = sum(row["numerator"] for row in chosen)
        if len(chosen) > 1 and not parted and total >= policy.higher_threshold:
            names = ";".join(sorted(f"{row['period']} {row['key']}" for row in chosen))
            yield {
                **chosen[0], "measure": rules.HIDDEN, "period": "", "key": names, "numerator": float(total), "hidden": False,
                "star": False, "published": True, "fixed": True, "made": True, "provenance": "derived", "source": "", "note": "",
            }  # fmt: skip


def _way(row: dict[str, Any], other: dict[str, Any], policy: Policy) -> str:
    """How a count lies to another: "inside" it, "part" of both in common (or that is not known), or "apart"."""
    span, wide = periods.parse(str(row["period"])), periods.parse(str(other["period"]))
    key, up = str(row["key"]), str(other["key"])
    if span.start > wide.end or wide.start > span.end:
        return "apart"
    if wide.contains(span) and up in _above(key, policy):
        return "inside"
    return "part" if {key, up} & set(rules.MADE) or up in _above(key, policy) or key in _above(up, policy) else "apart"


def _above(key: str, policy: Policy) -> list[str]:
    """A category and all that it lies in."""
    chain = [key]
    while above := policy.parents.get(chain[-1], ""):
        chain.append(above)
    return chain if chain[-1] == rules.TOTAL else [*chain, rules.TOTAL]
