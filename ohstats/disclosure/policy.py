"""The rules in force for one data set: thresholds, categories, blocks of years, and what its owner declared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .. import counts as counting
from .. import reference
from ..errors import Fault, FileRefused

if TYPE_CHECKING:
    from ..dataset import Dataset

RULES_VERSION = "2"
THRESHOLD = 5  # counts of people from 1 up to one less are hidden (thresholds of the project, docs/disclosure.md)
HIGHER_THRESHOLD = 10  # occupational infectious diseases, tumours, radiation diseases
NO_HEALTH = ("coverage", "employer", "point", "money")  # what these count shows no one's health; every other kind is protected
RESULTS = ("finding", "point")  # health findings and measurement results: dominance and group disclosure (rules 8 and 9)
OF_CARDS = ("case_report_timeliness", "card_completeness", "card_consistency", "returned_card_rate")
"""Measures whose denominator is a number of cases, or a multiple: shown only where the cases of the same year are."""
FEW_EMPLOYERS, DOMINANT, SMALL_GROUP = 3, 0.9, 10

TOTAL = "total"
DUST = ("pneumoconiosis", "pneumoconiosis_and_respiratory")  # the first that a place reports
NOISE = ("noise_deafness", "ent_oral")
MERGED, BUT_DUST, BUT_NOISE = "all_other", "all_but_dust", "all_but_noise"  # the total less dust and noise, less one of them
MADE = (MERGED, BUT_DUST, BUT_NOISE)  # made by the protect step
HIDDEN = "hidden_cases"  # how many cases the starred counts of a place hold together; its key names them
BELOW_CITY = ("county", "zone")

# Cases in five years from which on a place shows its figures by year, below it in blocks; the report of less than 50 is one page.
SUMMARY, FINE, DETAIL = 50, 400, 2500  # the total; dust, noise and all others; every category
MEDIUM = 200  # from here to FINE blocks of 3 years, else of 5

_ENTRIES = {"threshold", "higher_threshold", "block_years", "first_block_year", "yearly_total"}
_DECLARED = {"authority", "date", "source"}


@dataclass(frozen=True)
class Policy:
    """Thresholds and blocks of one data set."""

    threshold: int = THRESHOLD
    higher_threshold: int = HIGHER_THRESHOLD
    block_years: int = 0  # 3 or 5 for all places; 0: by the number of cases
    first_block_year: int = 2001  # blocks of 5: 2016-2020, 2021-2025; of 3: 2016-2018, 2019-2021
    yearly_total: dict[str, str] | None = None
    parents: dict[str, str] = field(default_factory=dict)
    higher: frozenset[str] = frozenset()

    def thresholds(self, keys: pd.Series[str]) -> np.ndarray:
        """First count that may be shown, for each category."""
        return np.where(keys.isin(self.higher), self.higher_threshold, self.threshold)

    def block(self, year: int, length: int) -> tuple[int, int]:
        """First and last year of the calendar block of `length` years that holds `year`."""
        first = year - (year - self.first_block_year) % length
        return first, first + length - 1


def of(dataset: Dataset) -> Policy:
    """The rules for a data set; its `disclosure` entry can make them stricter.

    Raises
    ------
    FileRefused
        An entry is unknown, lowers a threshold or lacks a part; all faults are listed.
    """
    told = dataset.disclosure
    faults = _faults(told)
    if faults:
        raise FileRefused("{file}: {n} problems.", file=f"{dataset.folder.name}/dataset.yml", n=len(faults), faults=faults)
    rows = pd.concat([reference.table("categories"), reference.table("categories", dataset.folder)])
    higher = set(rows.loc[rows["higher_threshold"] == "yes", "key"])
    while not (below := set(rows.loc[rows["parent"].isin(higher), "key"])) <= higher:
        higher |= below
    threshold = int(told.get("threshold", THRESHOLD))
    total = told.get("yearly_total")
    return Policy(
        threshold=threshold,
        higher_threshold=max(threshold, int(told.get("higher_threshold", HIGHER_THRESHOLD))),
        block_years=int(told.get("block_years", 0)),
        first_block_year=int(told.get("first_block_year", Policy.first_block_year)),
        yearly_total={name: str(total[name]) for name in sorted(_DECLARED)} if total else None,
        parents=dict(zip(rows["key"], rows["parent"], strict=True)),
        higher=frozenset(higher),
    )


def _faults(told: dict[str, Any]) -> list[Fault]:
    faults = [
        Fault("unknown entry '{name}'; known are {known}", name=f"disclosure: {name}", known=", ".join(sorted(_ENTRIES)))
        for name in sorted(set(told) - _ENTRIES)
    ]
    for name, least in (("threshold", THRESHOLD), ("higher_threshold", HIGHER_THRESHOLD), ("first_block_year", 1901)):
        if not (isinstance(told.get(name, least), int) and told.get(name, least) >= least):
            faults.append(Fault("'{name}' must be a whole number of at least {least}", name=f"disclosure: {name}", least=least))
    if told.get("block_years", 5) not in (3, 5):
        faults.append(Fault("'disclosure: block_years' must be 3 or 5"))
    total = told.get("yearly_total")
    if total is not None and not (isinstance(total, dict) and set(total) >= _DECLARED and all(total[name] for name in _DECLARED)):
        faults.append(Fault("'disclosure: yearly_total' needs authority, date and source"))
    return faults


def people(counts: pd.DataFrame) -> pd.Series[bool]:
    """Rows whose count shows someone's health; a data set's own indicators can add to what is protected, not take away."""
    packaged = reference.table("indicators")
    health = packaged.loc[~packaged["counts"].isin(NO_HEALTH), "indicator_id"]
    return ~counts["counts"].isin(NO_HEALTH) | counts["measure"].isin([*health, counting.NEW_CASES])
