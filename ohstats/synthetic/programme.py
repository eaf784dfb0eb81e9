"""What is true of the indicators of the surveillance projects: numerators and denominators before any dirt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .rows import year_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from .plan import City
    from .records import Records
    from .rows import Mask, Table

FOLLOWED = 180
_EMPLOYER, _UNIT = "employer_division", "division"


def indicators(city: City, made: Records, tally: Callable[..., dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Indicators by place and year, as `truth.indicators` has them; of records that are not there none."""
    found: dict[str, dict[str, Any]] = {}

    def add(
        name: str, rows: Table, place: str, year: NDArray[Any], among: Mask | None, good: Mask | None, weight: Any = None
    ) -> None:
        among = np.ones(len(rows), bool) if among is None else among
        whole = tally(rows, place, year, among)
        if good is None:
            found[name] = tally(rows, place, year, among, weight)
            return
        part = tally(rows, place, year, among & good)
        found[name] = {
            code: {when: [part.get(code, {}).get(when, 0), n] for when, n in told.items()} for code, told in whole.items()
        }

    def flag(rows: Table, name: str, value: Any = True) -> Mask:
        return np.array([str(each) == str(value) for each in rows[name].tolist()], dtype=bool)

    tables = made.tables
    cards, sick = tables["disease_cards"], tables["suspected_cards"]
    new = cards.take((cards["report_type"] == "new") & (cards["review_status"] == "final"))
    days = (new["report_date"].astype("datetime64[D]") - new["diagnosis_date"].astype("datetime64[D]")).astype(np.int64)
    add("case_report_timeliness", new, _EMPLOYER, year_of(new["diagnosis_date"]), days >= 0, days <= 15)
    when = sick["found_date"].astype("datetime64[D]")
    ends = when + FOLLOWED
    over = (ends <= city.last_day) & (year_of(ends) > year_of(when).min())
    waited = np.array(_days(sick["applied_date"])) - when.astype(np.int64)
    asked = flag(sick, "diagnosis_applied") & (waited <= FOLLOWED)
    add("suspected_application_rate", sick, _EMPLOYER, year_of(ends), over, asked)
    confirmed = sick["_confirmed"].astype("datetime64[D]")
    soon = ~np.isnat(confirmed) & (np.where(np.isnat(confirmed), when, confirmed) - when <= np.timedelta64(FOLLOWED, "D"))
    add("suspected_confirmation_rate", sick, _EMPLOYER, year_of(ends), over, soon)
    units = tables["institutions"]
    for kind in ("health_exam", "diagnosis"):
        name = f"{kind.removeprefix('health_')}_institution_reporting_rate"
        add(name, units, _UNIT, units["year"], flag(units, "institution_type", kind), flag(units, "reported"))
    add("institution_quality_rate", units, _UNIT, units["year"], units["quality_result"] != "", units["quality_result"] != "")
    if not len(tables["employers"]):
        return found
    firms = tables["employers"].take(~tables["employers"]["cancelled"])
    declared = firms["declaration_date"] != ""
    add("hazard_declaration_rate", firms, _EMPLOYER, firms["year"], None, declared)
    add("employers_with_hazards", firms, _EMPLOYER, firms["year"], None, None)
    add("exposed_workers", firms, _EMPLOYER, firms["year"], None, None, firms["exposed_total"])
    checks = tables["inspections"]
    seen = set(zip(checks[_EMPLOYER], checks["employer_uscc"], checks["_year"], strict=True))
    inspected = np.array([key in seen for key in zip(firms[_EMPLOYER], firms["employer_uscc"], firms["year"], strict=True)])
    add("supervision_coverage", firms, _EMPLOYER, firms["year"], None, inspected)
    bad, case = checks["problem_n"].astype(np.int64) > 0, checks["filed_date"] != ""
    year = checks["_year"]
    sums = tables["exam_cards_summary"]
    for name, rows, when, part, whole in (
        ("inservice_exam_rate", firms, firms["year"], "examined", "exam_due"),
        ("recheck_yield", sums, sums["exam_year"], "recheck_n", "examined"),
    ):
        n, d = (tally(rows, _EMPLOYER, when, None, _numbers(rows[column])) for column in (part, whole))
        found[name] = {code: {year: [n[code][year], total] for year, total in told.items()} for code, told in d.items()}
    complaint = checks["complaint_date"] != ""
    waited = np.array(_days(checks["check_date"])) - np.array(_days(checks["complaint_date"]))
    add("complaints_in_time", checks, _EMPLOYER, year, complaint, waited <= 60)
    add("problem_rate", checks, _EMPLOYER, year, None, bad)
    add("random_problem_rate", checks, _EMPLOYER, year, flag(checks, "check_type", "random"), bad)
    add("correction_rate", checks, _EMPLOYER, year, bad, flag(checks, "recheck_result", "corrected"))
    add("penalty_publication_rate", checks, _EMPLOYER, year, case, flag(checks, "published_flag"))
    after = made.exceeding
    visits: dict[Any, Any] = {}
    for code, day in zip(checks["employer_uscc"], checks["check_date"].astype("datetime64[D]"), strict=True):
        visits[code] = max(day, visits.get(code, day))
    dates = zip(after["employer_uscc"], after["date"].astype("datetime64[D]"), strict=True)
    later = np.array([code in visits and visits[code] >= day for code, day in dates], dtype=bool)
    add("exceedance_inspected_rate", after, "place", after["_year"], None, later)
    for name in ("retested", "corrected"):
        add(f"exceedance_{name}_rate", after, "place", after["_year"], None, after[name].astype(bool))
    samples = tables["workplace_samples"]
    first = samples.take(samples["purpose"] == "monitoring")
    keys = np.array([f"{place} {code} {when}" for place, code, when in zip(
        first[_EMPLOYER], first["employer_uscc"], first["_year"], strict=True)])  # fmt: skip
    _each, at, group = np.unique(keys, return_index=True, return_inverse=True)
    sites, worst = first.take(at), np.bincount(group, weights=first["_over"].astype(bool)) > 0
    add("employers_monitored", sites, _EMPLOYER, sites["_year"], None, None)
    add("employer_pass_rate", sites, _EMPLOYER, sites["_year"], None, ~worst)
    devices = tables["radiation_medical"]
    tested = devices["test_result"] != ""
    passed = flag(devices, "test_result", "pass") | flag(devices, "test_result", "pass_after_repair")
    add("device_tested_rate", devices, _UNIT, devices["_year"], None, tested)
    add("device_pass_rate", devices, _UNIT, devices["_year"], tested, passed)
    add("shielding_pass_rate", devices, _UNIT, devices["_year"], tested, flag(devices, "shielding_result", "pass"))
    return found


def _days(dates: NDArray[Any]) -> list[int]:
    """Days since 1970, 0 for an empty cell."""
    return [int(np.datetime64(str(each), "D").astype(np.int64)) if str(each) else 0 for each in dates.tolist()]


def _numbers(cells: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers, 0 for an empty cell."""
    return np.array([int(each) if str(each) else 0 for each in cells.tolist()], dtype=np.int64)
