"""What an employer has done in a year: declaration, testing, examination, training, insurance, exceedances, inspections."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from .flags import yes

if TYPE_CHECKING:
    from collections.abc import Mapping

DUTIES = ("declared", "tested", "examined", "trained", "insured")
_ABOUT = ["enterprise_size", "industry_code", "township", "risk_class"]
ENOUGH = 0.95
"""Share of the workers due that counts as done."""


def profile(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Compliance profile of each employer and year: which duties are met, not met or not known.

    Parameters
    ----------
    tables : mapping of DataFrame
        Clean tables; `employers` is needed, `workplace_samples` (judged, with `over`), `inspections` and `sme_assistance` add
        columns where they are there. Not modified.

    Returns
    -------
    DataFrame
        `employer_division`, `employer_key`, `year`, what it is (`_ABOUT`), then nullable booleans: `declared`
        (declaration dated in the year or, where the form has no date, of any type), `tested`, `examined` and `insured` (95 %
        of those due), `trained` (a principal), `exceeds` (a monitored point over a limit), `inspected`, `assisted`; `met` and
        `judged` count the five duties. Employers that were struck off are left out.
    """
    rows = tables["employers"]
    rows = rows[~yes(rows["cancelled"]) & rows["employer_key"].notna()]
    made = rows[["employer_division", "employer_key", "year", *_ABOUT]].copy()
    made["declared"] = rows["declaration_date"].notna().astype("boolean")
    made["tested"] = rows["tested"].astype("boolean")
    made["examined"] = _enough(rows["examined"], rows["exam_due"])
    made["trained"] = (rows["principals_trained"].astype("Float64") > 0).astype("boolean")
    made["insured"] = _enough(rows["insured"], rows["insurance_due"])
    keys = ["employer_division", "employer_key", "year"]
    made = made.groupby(keys, as_index=False, sort=True).agg({**dict.fromkeys(_ABOUT, "last"), **dict.fromkeys(DUTIES, "max")})
    made["exceeds"] = _seen(made, tables, "workplace_samples", "sample_year", "over")
    made["inspected"] = _seen(made, tables, "inspections", "check_year")
    made["assisted"] = _seen(made, tables, "sme_assistance", "assistance_year")
    duties = made[list(DUTIES)]
    made["met"], made["judged"] = duties.eq(True).sum(axis=1), duties.notna().sum(axis=1)
    return made


def _enough(done: pd.Series[float], due: pd.Series[float]) -> pd.Series[bool]:
    share = done.astype("Float64") / due.astype("Float64").where(due.astype("Float64") > 0)
    return (share >= ENOUGH).astype("boolean")


def _seen(made: pd.DataFrame, tables: Mapping[str, pd.DataFrame], name: str, year: str, column: str = "") -> pd.Series[bool]:
    """Whether the table holds the employer in the year (and says yes in `column`); unknown without the table or such a row."""
    if name not in tables:
        return pd.Series(pd.NA, index=made.index, dtype="boolean")
    rows = tables[name]
    told = rows[column].astype("boolean") if column else pd.Series(True, index=rows.index, dtype="boolean")
    found = told.groupby([rows["employer_key"], rows[year]]).max()
    keys = pd.MultiIndex.from_frame(made[["employer_key", "year"]])
    values = found.reindex(keys).astype("boolean")
    return pd.Series(values.to_numpy() if column else values.fillna(False).to_numpy(), index=made.index, dtype="boolean")
