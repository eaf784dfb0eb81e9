"""Register of everything published: append-only; protect reads and proposes, the swap of a published site appends."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pandas as pd

from .. import counts as counting
from .. import files

if TYPE_CHECKING:
    from pathlib import Path

    from ..dataset import Dataset
    from ..paths import Workspace

STAR = "*"
FIGURE = [*counting.KEYS, "numerator", "denominator"]
COLUMNS = ["dataset", *FIGURE]


def entries(counts: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """Figures as the register holds them: a whole number, * or nothing."""
    made = counts[counts["hidden"] | counts["numerator"].notna()].assign(dataset=dataset.id)
    for column in ("numerator", "denominator"):
        text = made[column].map(lambda value: "" if pd.isna(value) else str(int(value)))
        made[column] = text.mask(made["hidden"], STAR).astype("str")
    return made[COLUMNS].reset_index(drop=True)


def history(counts: pd.DataFrame, dataset: Dataset, register: pd.DataFrame) -> pd.DataFrame:
    """What the register says of each figure.

    Returns
    -------
    DataFrame
        One row for each of `counts`: `starred` (ever shown as *), `same` (ever shown with the value that it has now), `other`
        (shown with another value only), `before` (published at all).
    """
    keys = pd.MultiIndex.from_frame(counts[counting.KEYS])
    mine = register[register["dataset"] == dataset.id]
    now = entries(counts, dataset).set_index(counting.KEYS)[["numerator", "denominator"]].reindex(keys)
    made = pd.DataFrame(False, index=counts.index, columns=["starred", "same", "before"])
    then = mine.set_index(counting.KEYS)
    made["before"] = keys.isin(then.index)
    made["starred"] = keys.isin(then.index[then["numerator"] == STAR])
    figures = pd.MultiIndex.from_frame(mine[FIGURE])
    made["same"] = pd.MultiIndex.from_frame(keys.to_frame(index=False).join(now.reset_index(drop=True))).isin(figures)
    made["same"] &= (now["numerator"] != STAR).to_numpy()
    made["other"] = made["before"] & ~made["same"] & ~made["starred"]
    return made


def looked_up(totals: pd.DataFrame, figures: pd.DataFrame) -> pd.Series[float]:
    """For each figure the total of its place, period and year basis among `totals`; infinite where there is none."""
    names = ["measure", "place", "period", "year_basis"]
    there = pd.MultiIndex.from_frame(figures[names])
    found = totals.set_index(names)["numerator"].reindex(there).fillna(float("inf"))
    return pd.Series(found.to_numpy(), index=figures.index)


def read_register(workspace: Workspace) -> pd.DataFrame:
    """Everything published so far, oldest first; all as text."""
    path = _file(workspace)
    if not path.is_file():
        return pd.DataFrame(columns=COLUMNS, dtype="str")
    return pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8")


def append_register(proposal: pd.DataFrame, workspace: Workspace) -> int:
    """Append what is new or has another value; returns how many rows. The same again appends nothing.

    Called only by the swap of a published site.
    """
    before = read_register(workspace)
    last = before.drop_duplicates(["dataset", *counting.KEYS], keep="last")
    known = set(last.itertuples(index=False, name=None))
    new = [row for row in proposal[COLUMNS].itertuples(index=False, name=None) if row not in known]
    if new:
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        if before.empty:
            writer.writerow(COLUMNS)
        writer.writerows(new)
        path = _file(workspace)
        old = path.read_text(encoding="utf-8") if path.is_file() else ""
        files.private(path.parent, ignored=True)
        files.write_text(old + buffer.getvalue(), path)
    return len(new)


def _file(workspace: Workspace) -> Path:
    return workspace.register / "published.csv"
