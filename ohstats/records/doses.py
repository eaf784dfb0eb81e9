"""Annual doses of radiation workers from their dose periods."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .flags import yes

REQUIRED = 4
"""Periods of up to 90 days that a year needs."""
LONGEST = 92
"""A period of more days than a quarter of a year has is longer than the rules allow."""
INVESTIGATION = 5.0
"""mSv a year from which a dose is investigated (GBZ 128)."""
BANDS = (1.0, 5.0, 20.0)
_PERSON = ["employer_division", "person_key", "dose_year"]


def annual(doses: pd.DataFrame) -> pd.DataFrame:
    """Annual effective dose (mSv) of each radiation worker and place, from the dose periods of the year.

    A reading below the minimum detectable level counts as half of it (the rule of the field for records of persons; do not
    use such sums for statistics of low doses, see `measurements.kaplan_meier`). Two dosimeters (under and over the apron)
    are never added: such a year has no sum, because the coefficients of the formula are not settled. Periods that overlap
    and lost badges are told; a year is full from four quarters or their days on.

    Parameters
    ----------
    doses : DataFrame
        Clean table `radiation_dose`; rows of kind "dose" with a person key are used. Not modified.

    Returns
    -------
    DataFrame
        A row for each place, person and year: `employer_division`, `person_key`, `dose_year`, `institution_kind`, `job_class`,
        `periods`, `days`, `dose_msv` (NaN without a reading or with two dosimeters), `full`, `overlap`, `two_dosimeters`,
        `without_badge` (periods), `band` ("<1", "1-5", "5-20", ">20", "" without a dose), `abnormal`, `investigated`.

    References
    ----------
    GBZ 128-2019, Specifications for individual monitoring of occupational external exposure.
    """
    rows = doses[doses["record_type"].eq("dose") & doses["person_key"].notna()].copy()
    low = yes(rows["hp10_msv_censored"])
    half = rows["hp10_msv_lod"].astype("float64").fillna(rows["mdl_msv"].astype("float64")) / 2
    rows["dose"] = rows["hp10_msv"].astype("float64").where(~low, half)
    first, last = (pd.to_datetime(rows[name], errors="coerce") for name in ("period_start", "period_end"))
    rows["first"], rows["last"], rows["days"] = first, last, ((last - first).dt.days + 1).clip(lower=0)
    rows["none"] = rows["dose"].isna()
    rows["odd"] = rows["dosimeter"].isin(["under_apron", "over_apron"])
    told = rows[rows["odd"]].sort_values("none", kind="stable")
    second = told.index[told.duplicated([*_PERSON, "first", "last"])]  # the other dosimeter of the same period
    rows["period"] = ~rows["none"] & ~rows.index.isin(second)
    rows.loc[second, "days"] = 0
    rows["checked"] = yes(rows["investigated"])
    rows = rows.sort_values([*_PERSON, "first", "last"], kind="stable")
    before = rows.groupby(_PERSON)["last"].shift()
    rows["overlap"] = (rows["first"] <= before) & ~rows["odd"]
    by = rows.groupby(_PERSON, as_index=False, sort=True)
    made = by.agg(
        institution_kind=("institution_kind", "first"), job_class=("job_class", "last"),
        periods=("period", "sum"), days=("days", "sum"),
        dose_msv=("dose", lambda part: part.sum(min_count=1)), overlap=("overlap", "any"), two_dosimeters=("odd", "any"),
        without_badge=("none", "sum"), investigated=("checked", "any"),
    )  # fmt: skip
    made["dose_msv"] = made["dose_msv"].where(~made["two_dosimeters"])
    made["full"] = (made["periods"] >= REQUIRED) | ((made["days"] >= 4 * 90) & (made["without_badge"] == 0))
    edges = [-np.inf, *BANDS, np.inf]
    names = ["<1", "1-5", "5-20", ">20"]
    cut = pd.cut(made["dose_msv"], edges, labels=names, right=False).astype("object")
    made["band"] = cut.where(made["dose_msv"].notna(), "").astype("str")
    made["abnormal"] = made["dose_msv"] >= INVESTIGATION
    return made
