"""What a reader has in hand: this release, earlier ones, other data sets, figures of others; and what has to stay open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .. import counts as counting
from . import primary
from .policy import HIDDEN
from .register import STAR
from .secondary import State

if TYPE_CHECKING:
    from ..dataset import Dataset
    from .links import Links


def everything(whole: pd.DataFrame, known: pd.DataFrame, dataset: Dataset, register: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """All figures of people that a reader may have, with `outside`: known to them whatever this release shows.

    Parameters
    ----------
    whole : DataFrame
        Figures of the data set with `published`, `star`, `fixed`, `same`, `starred`.
    known : DataFrame
        Figures published by others, entered by the user.
    register : DataFrame
        What was published before: figures of other data sets, and of this one that it no longer holds, are known too.

    Returns
    -------
    DataFrame
        The rows of `whole` that are protected (same order, same index), then figures that only others published.
    int
        Known figures that differ from ours: ours is then taken as known.
    """
    other = pd.concat([_known(known), _shown(register)], ignore_index=True).drop_duplicates(counting.KEYS)
    keys = pd.MultiIndex.from_frame(whole[counting.KEYS])
    theirs = other.set_index(counting.KEYS)["numerator"].reindex(keys).to_numpy()
    own = register["dataset"] == dataset.id
    foreign = pd.MultiIndex.from_frame(pd.concat([_known(known), _shown(register[~own])])[counting.KEYS])
    made = whole.assign(outside=keys.isin(foreign) | (whole["starred"] & whole["same"]).to_numpy())
    lacking = made["numerator"].isna() & made["outside"]
    made.loc[lacking, "numerator"] = theirs[lacking]
    differing = int((made["outside"] & (made["numerator"] != theirs) & ~np.isnan(theirs) & ~made["starred"]).sum())
    protected = {HIDDEN, *made.loc[made["people"] | made["star"], "measure"]}
    new = other[~pd.MultiIndex.from_frame(other[counting.KEYS]).isin(keys) & other["place"].isin(_related(dataset))]
    new = new.assign(outside=True, people=True, threshold=0, hidden=False, high=np.nan, counts="known")
    new = new.reindex(columns=made.columns)
    flags = ["made", "of_records", "published", "star", "fixed", "result", "starred", "same", "before"]
    new[flags] = False
    made = made.assign(row=np.arange(len(made)))
    both = pd.concat([made, new.assign(row=-1).astype(made.dtypes.to_dict())]) if len(new) else made
    return both[both["measure"].isin(protected)].reset_index(drop=True), differing


def _related(dataset: Dataset) -> set[str]:
    """Places of the data set and those that they lie in; invented places (codes with 9) lie in no real one.

    Figures of any other place say nothing of ours. An invented city is no part of the nation: its figures would be held against
    real ones, with which they do not add up.
    """
    chains = [dataset.ancestors(code) for code in dataset.places["code"]]
    return {above for chain in chains for above in chain if (above[0] == "9") == (chain[0][0] == "9")}


def _known(known: pd.DataFrame) -> pd.DataFrame:
    return known[[*counting.KEYS, "numerator", "denominator"]]


def _shown(register: pd.DataFrame) -> pd.DataFrame:
    """Figures that a register holds as numbers, the last value of each."""
    last = register[register["numerator"] != STAR].drop_duplicates(counting.KEYS, keep="last")
    numbers = last[["numerator", "denominator"]].replace("", np.nan).astype(float)
    return last[counting.KEYS].join(numbers)


def state(links: Links, linked: pd.DataFrame) -> State:
    """What a reader knows of each count, and how far each sensitive one has to be able to move.

    A starred figure is at least 1, since zeros are shown; one that is not published at all can be 0. What was published before
    cannot be left out any more.
    """
    rest = links.row < 0
    role = np.array([cell.role for cell in links.cells])
    held = {name: _of(linked[name], links.row, False) for name in ("published", "star", "fixed", "outside", "people", "result")}
    value, threshold = links.value, links.threshold
    grouped = np.array([bool(cell.group) for cell in links.cells], dtype=bool)  # of results: hidden for the sake of another group
    known = held["outside"] | held["fixed"] | (held["published"] & ~held["star"] & ~held["people"] & ~grouped)
    shown = held["published"] & ~held["star"] & ~known
    high = _of(linked["high"], links.row, np.nan)
    arrived = _of(linked["hidden"], links.row, False)
    high = np.where(np.isnan(high) | ~arrived, np.inf, high)
    low = np.where((held["published"]) & ~arrived & (role == "n"), np.minimum(1, value), 0.0)
    people = set(linked.loc[linked["people"], "measure"])
    person = held["people"] | (rest & np.array([cell.measure in people for cell in links.cells], dtype=bool))
    most = _of(linked["most"].fillna(np.inf), links.row, np.inf)
    top = np.minimum(np.minimum(threshold - 1, high), most)
    small = person & (value >= 1) & (value < threshold)
    zero = held["star"] & (value == 0) & (held["result"] | arrived)
    dominated = held["star"] & (role == "n") & _of(primary.of_one_employer(linked), links.row, False)
    up = np.where((small | zero) & ~known, np.maximum(top - value, 0), 0)
    up = np.where(dominated & ~known, np.maximum(up, threshold - 1), up)
    down = np.where(small & ~known, value - 1, 0)
    pool = _of(linked["made"] & ~linked["published"], links.row, False)  # a sum that is shown nowhere: it may not be exact
    up, down = np.where(pool, np.minimum(up, 1), up), np.where(pool, np.where(up > 0, 0, np.minimum(down, 1)), down)
    leavable = held["published"] & ~known & ~arrived & (role == "n") & small & ~_of(linked["before"], links.row, False)
    return State(links, known, shown, low, high, held["published"], leavable, up.astype(int), down.astype(int))


def _of(column: pd.Series, row: np.ndarray, default: object) -> np.ndarray:
    """Values of a column for each count; `default` for rests."""
    values: np.ndarray = column.to_numpy()[row]
    values = values.copy()
    values[row < 0] = default
    return values
