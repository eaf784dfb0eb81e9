"""Counts of all places to protected Counts: what a public report may not show is hidden before anything is estimated.

The step, the editions and the register; the rule in force is the primary one (small counts of people).
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from . import counts as counting
from . import files, reference
from .errors import ParameterRefused

if TYPE_CHECKING:
    from pathlib import Path

    from .dataset import Dataset
    from .paths import Workspace

EDITIONS = ("public", "internal")
RULES_VERSION = "1 (primary)"
THRESHOLD = 5  # counts of people from 1 up to one less are hidden (thresholds of the project, docs/architecture.md)
HIGHER_THRESHOLD = 10  # occupational infectious diseases, tumours, radiation diseases
NO_HEALTH = ("coverage", "employer", "point")  # what these count shows no one's health; every other kind is protected
_REGISTER = ["dataset", *counting.KEYS, "numerator", "denominator"]


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
        What was published before: what was starred stays starred, what was shown stays shown.

    Raises
    ------
    ParameterRefused
        There is no such edition.
    """
    check_edition(edition)
    protected = counts.copy()
    if edition == "public" and not dataset.exempt:
        hide = _primary(counts, dataset) | _registered(counts, dataset, register, "*")
        hide &= ~_registered(counts, dataset, register, "same")
        protected.loc[hide, ["numerator", "denominator"]] = float("nan")
        protected.loc[hide, ["note", "source"]] = ""  # free text may say what the star hides
        protected["hidden"] |= hide
    facts: dict[str, object] = {
        "hash": dataset.hash, "edition": edition, "rules": RULES_VERSION, "exempt": dataset.exempt,
        "hidden": int(protected["hidden"].sum()), "figures": len(protected),
    }  # fmt: skip
    proposal = _entries(protected, dataset) if edition == "public" else pd.DataFrame(columns=_REGISTER)
    return Protected(protected, proposal, facts)


def check_edition(edition: str) -> None:
    """Refuse a word that is no edition."""
    if edition not in EDITIONS:
        raise ParameterRefused("No edition '{edition}'. There are: {known}.", edition=edition, known=", ".join(EDITIONS))


def _primary(counts: pd.DataFrame, dataset: Dataset) -> pd.Series[bool]:
    """Small counts of people, and complements of them; a data set's own tables can add to what is protected, not take away."""
    packaged = reference.table("indicators")
    health = packaged.loc[~packaged["counts"].isin(NO_HEALTH), "indicator_id"]
    threshold = counts["key"].isin(_higher(dataset)).map({True: HIGHER_THRESHOLD, False: THRESHOLD})
    rest = counts["denominator"] - counts["numerator"]
    small = counts["numerator"].between(1, threshold - 1) | rest.between(1, threshold - 1)
    return small & (~counts["counts"].isin(NO_HEALTH) | counts["measure"].isin(health))


def _higher(dataset: Dataset) -> set[str]:
    """Categories under the higher threshold, and all that lie below them."""
    rows = pd.concat([reference.table("categories"), reference.table("categories", dataset.folder)])
    found = set(rows.loc[rows["higher_threshold"] == "yes", "key"])
    while not (below := set(rows.loc[rows["parent"].isin(found), "key"])) <= found:
        found |= below
    return found


def _entries(counts: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """Figures as the register holds them: a whole number, * or nothing."""
    made = counts[counts["hidden"] | counts["numerator"].notna()].assign(dataset=dataset.id)
    for column in ("numerator", "denominator"):
        text = made[column].map(lambda value: "" if pd.isna(value) else str(int(value)))
        made[column] = text.mask(made["hidden"], "*").astype("str")
    return made[_REGISTER].reset_index(drop=True)


def _registered(counts: pd.DataFrame, dataset: Dataset, register: pd.DataFrame, wanted: str) -> pd.Series[bool]:
    """Which figures the register holds as starred ("*"), or with the value that they have now ("same")."""
    values = ["numerator", "denominator"]
    shown = _entries(counts, dataset).set_index(counting.KEYS)[values]
    before = register[register["dataset"] == dataset.id].drop_duplicates(counting.KEYS, keep="last")
    keys = pd.MultiIndex.from_frame(counts[counting.KEYS])
    then = before.set_index(counting.KEYS)[values].reindex(keys)
    match = then["numerator"] == "*" if wanted == "*" else (then == shown.reindex(keys)).all(axis=1)
    return pd.Series(match.to_numpy(dtype=bool, na_value=False), index=counts.index)


def save(protected: Protected, dataset: Dataset, workspace: Workspace) -> None:
    """Write protected counts and the proposal for the register into the workspace."""
    files.private(workspace.work)
    folder = files.private(workspace.protected(dataset.id, str(protected.facts["edition"])))
    files.write_parquet(protected.counts, folder / "counts.parquet")
    files.write_parquet(protected.proposal, folder / "proposal.parquet")
    files.write_json(protected.facts, folder / "protect.json")


def read_register(workspace: Workspace) -> pd.DataFrame:
    """Everything published so far, oldest first; all as text."""
    path = _register_file(workspace)
    if not path.is_file():
        return pd.DataFrame(columns=_REGISTER, dtype="str")
    return pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8")


def append_register(proposal: pd.DataFrame, workspace: Workspace) -> int:
    """Append what is new or has another value; returns how many rows. The same again appends nothing.

    Called only by the swap of a published site.
    """
    before = read_register(workspace)
    last = before.drop_duplicates(["dataset", *counting.KEYS], keep="last")
    known = set(last.itertuples(index=False, name=None))
    new = [row for row in proposal[_REGISTER].itertuples(index=False, name=None) if row not in known]
    if new:
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        if before.empty:
            writer.writerow(_REGISTER)
        writer.writerows(new)
        path = _register_file(workspace)
        old = path.read_text(encoding="utf-8") if path.is_file() else ""
        files.private(path.parent)
        files.write_text(old + buffer.getvalue(), path)
    return len(new)


def _register_file(workspace: Workspace) -> Path:
    return workspace.register / "published.csv"
