"""Tables derived from declared ones, on which indicators are counted: one row for what an indicator counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .. import dictionary, reference, schema
from . import doses, employers, samples
from .flags import yes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Tables = Mapping[str, pd.DataFrame]

FOLLOWED = 180
"""Days for which a suspected case is followed before it is judged whether it was applied for or confirmed."""
INTERVALS = {"serious": 1, "general": 3}
"""Years within which an employer of a risk class has to have its workplaces tested."""
DERIVED = {
    "measured": "workplace_samples",
    "posts": "workplace_samples",
    "monitored_employers": "workplace_samples",
    "exceedances": "workplace_samples",
    "doses": "radiation_dose",
    "radiation_workers": "radiation_dose",
    "suspected_followed": "suspected_cards",
    "patients": "follow_up",
    "card_fields": "disease_cards",
    "testing": "employers",
    "surveillance": "employers",
    "profiles": "employers",
    "pairs": "sme_assistance",
    "tasks": "tasks",
    "denominators": "denominators",
}
"""Derived tables and the declared table whose coverage holds for each."""
PLACES = {
    "posts": ("employer_division", "sample_year"),
    "monitored_employers": ("employer_division", "sample_year"),
    "exceedances": ("employer_division", "sample_year"),
    "doses": ("employer_division", "dose_year"),
    "radiation_workers": ("employer_division", "dose_year"),
    "suspected_followed": ("employer_division", "followed_year"),
    "patients": ("residence_division", "year"),
    "testing": ("employer_division", "year"),
    "surveillance": ("employer_division", "year"),
    "profiles": ("employer_division", "year"),
    "pairs": ("employer_division", "assistance_year"),
    "tasks": ("place", "year"),
    "denominators": ("place", "year"),
}
"""Columns of place and year where they are not those of the declared table."""
AGGREGATED = ("tasks", "denominators")
"""Tables that hold figures of a place and year, not records: nothing is added up to places above and no year is filled with 0."""
_SITE = ["employer_division", "employer_key", "sample_year"]


def source(name: str) -> str:
    """The declared table that a table comes from."""
    return DERIVED.get(name, name)


def make(tables: Tables, own: Path | None = None, data_date: str = "") -> dict[str, pd.DataFrame]:
    """All tables that can be derived, beside the clean ones.

    Parameters
    ----------
    tables : mapping of DataFrame
        Clean tables by name; not modified.
    own : Path, optional
        Folder of a data set with its own limits of exposure.
    data_date : str
        Last day of the data; without it the last date of the suspected cases.
    """
    made = dict(tables)
    if "workplace_samples" in made:
        judged = samples.judge(made["workplace_samples"], own=own)
        made["measured"] = judged.assign(sample_month=judged["sample_date"].astype("object").str[:7])
    ways: dict[str, Callable[[dict[str, pd.DataFrame]], pd.DataFrame]] = {
        "posts": lambda all_: _over(all_["measured"], [*_SITE, "workshop", "post"]),
        "monitored_employers": lambda all_: _over(all_["measured"], _SITE),
        "exceedances": exceedances,
        "doses": lambda all_: doses.annual(all_["radiation_dose"]),
        "radiation_workers": radiation_workers,
        "suspected_followed": lambda all_: suspected_followed(all_, data_date),
        "patients": lambda all_: patients(all_["follow_up"]),
        "card_fields": lambda all_: card_fields(all_["disease_cards"]),
        "testing": lambda all_: testing(all_["employers"]),
        "surveillance": lambda all_: surveillance(all_["employers"], own),
        "profiles": lambda all_: employers.profile(all_ | {"workplace_samples": all_.get("measured", pd.DataFrame())})
        if "measured" in all_ else employers.profile(all_),
        "pairs": lambda all_: pairs(all_["sme_assistance"], own),
        "tasks": lambda all_: _yearly(all_["tasks"]),
        "denominators": lambda all_: _yearly(all_["denominators"]),
    }  # fmt: skip
    for name, way in ways.items():
        if DERIVED[name] in made:
            made[name] = way(made)
    return made


def _over(measured: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Posts or employers monitored in a year: over a limit when one of their points is; unknown points decide nothing."""
    rows = measured[measured["purpose"].eq("monitoring") & measured["over"].notna() & measured["employer_key"].notna()]
    about = {"industry_code": "last", "enterprise_size": "last", "township": "last", "over": "max"}
    return rows.groupby(by, as_index=False, dropna=False, sort=True).agg(about)


def exceedances(tables: Tables) -> pd.DataFrame:
    """Employers with a monitored or tested point over a limit, by year, and what followed.

    Returns
    -------
    DataFrame
        `employer_division`, `employer_key`, `sample_year`, `first_date` (of an exceedance), `points` (over a limit), `inspected`
        and `retested` (nullable: afterwards, up to the date of the data), `inspection_date`, `retest_date` (the first ones),
        `corrected` (retested, and the last result of each re-tested post and factor lies within its limit).
    """
    rows = tables["measured"]
    rows = rows[rows["employer_key"].notna()]
    first = rows[yes(rows["over"]) & rows["purpose"].isin(["monitoring", "periodic"])]
    about = {"first_date": ("sample_date", "min"), "points": ("over", "size"), "township": ("township", "last")}
    about |= {"industry_code": ("industry_code", "last"), "enterprise_size": ("enterprise_size", "last")}
    made = first.groupby(_SITE, as_index=False, sort=True).agg(**about)
    if "employers" in tables:
        known = tables["employers"].dropna(subset=["employer_key", "township"]).groupby("employer_key")["township"].last()
        made["township"] = made["township"].fillna(made["employer_key"].map(known))
    retests = rows[rows["purpose"].eq("retest") & rows["over"].notna()].sort_values("sample_date", kind="stable")
    made["retest_date"] = _next(made, retests, "sample_date")
    made["retested"] = made["retest_date"].notna().astype("boolean")
    later = made[["employer_key", "sample_year", "first_date"]].merge(
        retests[["employer_key", "sample_date", "workshop", "post", "factor_id", "over"]], on="employer_key"
    )
    later = later[later["sample_date"] >= later["first_date"]]
    latest = later.groupby(["employer_key", "sample_year", "workshop", "post", "factor_id"], dropna=False)[
        "sample_date"
    ].transform("max")
    over = yes(later["over"]) & (later["sample_date"] == latest)
    bad = set(map(tuple, later.loc[over, ["employer_key", "sample_year"]].to_numpy().tolist()))
    still = [pair in bad for pair in zip(made["employer_key"], made["sample_year"], strict=True)]
    made["corrected"] = made["retested"] & ~pd.Series(still, index=made.index, dtype="boolean")
    if "inspections" in tables:
        checks = tables["inspections"].sort_values("check_date", kind="stable")
        made["inspection_date"] = _next(made, checks, "check_date")
        made["inspected"] = made["inspection_date"].notna().astype("boolean")
    else:
        made["inspection_date"], made["inspected"] = None, pd.Series(pd.NA, index=made.index, dtype="boolean")
    for event in ("inspection", "retest"):
        later = pd.to_datetime(made[f"{event}_date"]) - pd.to_datetime(made["first_date"])
        made[f"days_to_{event}"] = later.dt.days.astype("float64")
    return made


def pairs(ledger: pd.DataFrame, own: Path | None = None) -> pd.DataFrame:
    """Posts of assisted employers tested before and after, each result held against its limit.

    Returns
    -------
    DataFrame
        The rows of the ledger with both results judged: `over_before`, `over_after`, `ratio_before`, `ratio_after` (multiples
        of the limit), `change` (after less before, multiples of the limit; NaN where one lies below its detection limit).
    """
    rows = ledger[ledger["factor_id"].notna()].reset_index(drop=True)
    columns = schema.table("workplace_samples").columns
    blank = [*columns, *(f"{name}_{part}" for name in samples.RESULTS for part in ("lod", "censored"))]
    made = rows.copy()
    for when in ("before", "after"):
        noise = rows["factor_id"].eq("noise")
        told = pd.DataFrame({name: pd.Series(float("nan"), index=rows.index, dtype="object") for name in dict.fromkeys(blank)})
        told["factor_id"] = rows["factor_id"]
        for result, mine in (("lex", noise), ("c_twa", ~noise)):
            for part in ("", "_lod", "_censored"):
                told[result + part] = rows[when + part].where(mine)
        judged = samples.judge(told, own=own)
        made[f"over_{when}"], made[f"ratio_{when}"] = judged["over"], judged["ratio"]
    made["change"] = made["ratio_after"] - made["ratio_before"]
    return made[made["over_before"].notna() & made["over_after"].notna()].reset_index(drop=True)


def _next(made: pd.DataFrame, events: pd.DataFrame, date: str) -> pd.Series[str]:
    """First date on or after the exceedance at which the employer has an event."""
    known = events.loc[events["employer_key"].notna() & events[date].notna(), ["employer_key", date]]
    pairs = made[["employer_key", "first_date"]].reset_index().merge(known, on="employer_key")
    found = pairs[pairs[date] >= pairs["first_date"]].groupby("index")[date].min()
    return found.reindex(made.index)


def radiation_workers(tables: Tables) -> pd.DataFrame:
    """Radiation workers with a dose record in a year, and whether they were examined in that year or the one before."""
    made = tables["doses"].copy()
    exams = tables["radiation_dose"]
    exams = exams.loc[exams["record_type"].eq("exam") & exams["person_key"].notna(), ["person_key", "dose_year"]].dropna()
    pairs = set(zip(exams["person_key"], exams["dose_year"].astype(int), strict=True))
    years = zip(made["person_key"], made["dose_year"].astype(int), strict=True)
    made["examined"] = [(person, year) in pairs or (person, year - 1) in pairs for person, year in years] if pairs else None
    return made.astype({"examined": "boolean"})


def suspected_followed(tables: Tables, data_date: str = "") -> pd.DataFrame:
    """Suspected cases whose time of follow-up is over, in the year in which it ended.

    A case counts in the year in which its `FOLLOWED` days ended, so that every case of a year was followed for the same time
    and every case counts once. The first year of the records is left out: its cases were partly found before them.

    Returns
    -------
    DataFrame
        The table with `followed_year`, `applied` (for a diagnosis, in that time) and `confirmed` (a new case of the same
        category, in that time; missing without a key of the person or cards of confirmed cases).
    """
    rows = tables["suspected_cards"]
    found = pd.to_datetime(rows["found_date"], errors="coerce")
    ends = found + pd.Timedelta(days=FOLLOWED)
    over = ends <= (pd.Timestamp(data_date) if data_date else found.max())
    over &= ends.dt.year > found.dt.year.min()
    made = rows[over].assign(followed_year=ends[over].dt.year.astype("Int64"), found=found[over]).reset_index(drop=True)
    days = (pd.to_datetime(made["applied_date"], errors="coerce") - made["found"]).dt.days
    made["applied"] = (yes(made["diagnosis_applied"]) & ~(days > FOLLOWED)).where(
        made["diagnosis_applied"].notna() | days.notna()
    )
    made["applied"] = made["applied"].astype("boolean")
    made["confirmed"] = pd.Series(pd.NA, index=made.index, dtype="boolean")
    if "disease_cards" in tables:
        cards = tables["disease_cards"]
        cards = cards.loc[yes(cards["new_case"]), ["person_key", "category", "diagnosis_date"]].dropna()
        pairs = made.reset_index()[["index", "person_key", "category", "found"]].merge(cards, on=["person_key", "category"])
        delay = (pd.to_datetime(pairs["diagnosis_date"], errors="coerce") - pairs["found"]).dt.days
        good = made.index.isin(pairs.loc[delay.between(0, FOLLOWED), "index"])
        made["confirmed"] = pd.Series(good, index=made.index, dtype="boolean").where(made["person_key"].notna())
    return made


def patients(visits: pd.DataFrame) -> pd.DataFrame:
    """Patients on the register of follow-up by year, and whether they were seen alive in it.

    On the register is everyone with a row up to the year who did not die in an earlier one.

    Returns
    -------
    DataFrame
        `residence_division`, `township`, `person_key`, `year`, `seen` (a visit of the year with status alive that was not
        refused; who died in the year counts as seen); then the last known `insurance`, `aid_eligible`, `aided`, `treated`,
        `poverty_monitored`.
    """
    rows = visits[visits["person_key"].notna() & visits["visit_year"].notna()].sort_values("visit_date", kind="stable")
    about = [
        "residence_division", "township", "insurance", "aid_eligible", "aided", "treated", "poverty_monitored", "life_status",
    ]  # fmt: skip
    parts = []
    for year in sorted(rows["visit_year"].astype(int).unique().tolist()):
        until = rows[rows["visit_year"].astype(int) <= year]
        last = until.groupby("person_key", sort=True)[about].last()
        now = until[until["visit_year"].astype(int) == year]
        dead = until[until["life_status"].eq("dead") & (until["visit_year"].astype(int) < year)]["person_key"]
        seen = now[now["life_status"].isin(["alive", "dead"]) & ~yes(now["refused"])]["person_key"]
        part = last[~last.index.isin(dead)].reset_index().assign(year=year)
        parts.append(part.assign(seen=part["person_key"].isin(seen).astype("boolean")))
    return pd.concat(parts, ignore_index=True) if parts else rows.assign(year=pd.NA, seen=pd.NA)


def card_fields(cards: pd.DataFrame) -> pd.DataFrame:
    """Cards of confirmed diseases with the number of fields that they should have (`fields_due`) and have (`fields_filled`)."""
    due, there = pd.Series(0.0, index=cards.index), pd.Series(0.0, index=cards.index)
    rules = reference.table("rules")
    against = rules.loc[(rules["measure"] == "Q3") & (rules["kind"] == "flag"), "code"]
    contradicts = cards["flags"].astype("str").str.contains("|".join(against))
    stand_in = dictionary.measures()["stands_for"]
    for name, where in dictionary.expected("disease_cards").items():
        column = stand_in.get(name, name)
        if column in cards:
            mine = yes(cards[where]) if where else pd.Series(True, index=cards.index)
            due += mine
            there += mine & cards[column].notna() & cards[column].astype("str").ne("")
    return cards.assign(fields_due=due, fields_filled=there, contradicts=contradicts)


def testing(registers: pd.DataFrame) -> pd.DataFrame:
    """Employers by year with whether their workplaces were tested within the interval of their risk class (`INTERVALS`).

    Where the interval is longer than a year, an employer is judged only when the register holds it with a known answer in
    every year of the interval: who was not tested this year may have been before.

    Returns
    -------
    DataFrame
        The table with `in_time` (nullable).
    """
    rows = registers[~yes(registers["cancelled"]) & registers["employer_key"].notna()].reset_index(drop=True)
    known = rows[rows["tested"].notna()]
    answers: dict[Any, bool] = (
        known["tested"].astype(bool).groupby([known["employer_key"], known["year"].astype(int)]).max().to_dict()
    )
    told = []
    for key, year, risk in zip(rows["employer_key"], rows["year"].astype(int), rows["risk_class"], strict=True):
        span = INTERVALS.get(str(risk), 0)
        seen = [answers.get((key, year - back)) for back in range(span)]
        told.append(None if not seen or None in seen else any(seen))
    return rows.assign(in_time=pd.array(told, dtype="boolean"))


def surveillance(registers: pd.DataFrame, own: Path | None = None) -> pd.DataFrame:
    """Employers with the workers due for an examination in the year (`exam_due`).

    Where the number is not given it is the exposed workers of each class over the interval of the class in years
    (`exam_intervals.csv` of the data set; ships empty), and not known while a class with exposed workers has no interval.
    """
    told = reference.table("exam_intervals", own, key="hazard_class")
    years = dict(zip(told["hazard_class"], pd.to_numeric(told["interval_years"]), strict=True))
    due = pd.Series(0.0, index=registers.index)
    for kind in (name for name in registers.columns if name.startswith("exposed_") and name != "exposed_total"):
        exposed = registers[kind].astype("float64").fillna(0)
        due += (exposed / years.get(kind.removeprefix("exposed_"), float("nan"))).where(exposed > 0, 0)
    made = np.ceil(due.where(due > 0))
    return registers.assign(exam_due=registers["exam_due"].astype("float64").fillna(made))


def _yearly(table: pd.DataFrame) -> pd.DataFrame:
    """Figures of whole years."""
    whole = table["period"].astype("str").str.fullmatch(r"\d{4}")
    return table[whole].assign(year=table.loc[whole, "period"].astype(int))
