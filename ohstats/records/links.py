"""Links between tables through keys of persons and employers, and how much of each table finds its counterpart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from .. import rates

if TYPE_CHECKING:
    from collections.abc import Mapping

PAIRS = (
    ("suspected_cards", "disease_cards", "person_key"),
    ("disease_cards", "suspected_cards", "person_key"),
    ("disease_cards", "exam_cards", "person_key"),
    ("follow_up", "disease_cards", "person_key"),
    ("disease_cards", "employers", "employer_key"),
    ("exam_cards", "employers", "employer_key"),
    ("workplace_samples", "employers", "employer_key"),
    ("inspections", "employers", "employer_key"),
    ("sme_assistance", "employers", "employer_key"),
    ("workplace_samples", "inspections", "employer_key"),
)
"""Tables whose rows should find one another, and by which key."""


def linked(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Share of the rows of a table that find a row of another one (percent, Wilson limits): the linkage report.

    A row without a key cannot be linked and counts as not linked; `with_key` tells how many have one. A low share does not
    say which of the two tables is incomplete.

    Parameters
    ----------
    tables : mapping of DataFrame
        Clean tables; pairs of which one is missing are left out.

    Returns
    -------
    DataFrame
        `table`, `other`, `key`, then value, lower, upper, level, unit, method, numerator (rows linked), denominator (rows),
        note, with_key (rows).
    """
    told = []
    for table, other, key in PAIRS:
        if table in tables and other in tables:
            mine, theirs = tables[table][key], tables[other][key].dropna()
            told.append((table, other, key, int(mine.isin(theirs).sum()), len(mine), int(mine.notna().sum())))
    names = ["table", "other", "key", "numerator", "denominator", "with_key"]
    counted = pd.DataFrame(told, columns=names)
    made = rates.proportion(counted, numerator="numerator", denominator="denominator", by=names[:3])
    return made.merge(counted[[*names[:3], "with_key"]], on=names[:3], how="left")
