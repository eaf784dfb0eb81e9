"""Radiation workers with their dose periods and health examinations; medical institutions with their devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import people
from .rows import Table, between, first_day, join, lookup, only, pick, some, within_year, yes
from .suspects import PERSON

if TYPE_CHECKING:
    from .employers import Figures
    from .plan import City, District
    from .rows import Mask

KINDS = {
    "medical": ("medical_radiation_dose_monitoring_rate", "hospital"),
    "non_medical": ("nonmedical_radiation_dose_monitoring_rate", "plant"),
}
"""Kinds of institutions: the indicator of their dose monitoring, the form of their names."""
_UNIT = ("employer_name", "employer_uscc", "employer_division", "institution_kind")


def workers(city: City, district: District, kind: str, figures: Figures) -> Table:
    """All radiation workers that a district ever has, the same whatever the years."""
    rate, called = KINDS[kind]
    years = range(city.plan["indicator_years"][0], int(city.years[-1]) + 1)
    size = max(figures.size(rate, district, year) for year in years)
    draw, told = city.draw(80, district.number, kind == "medical"), city.words["radiation"]
    number = np.arange(size)
    unit = number // told["workers_per_institution"]
    units = int(unit.max(initial=-1)) + 1
    names = lookup(city.words["places_of"][called].format(place=district.name_zh, n=n + 1) for n in range(units))
    codes_of = people.credit_codes(district, np.zeros(units, bool), start=9_000 + 500 * (kind == "medical"))
    born = people.born_before(np.full(size, city.last_day), 28 + 34 * draw.random(size))
    who = people.persons(city, draw, kind, district, yes(draw, 58, size), born)
    jobs = told[kind]
    return Table(
        size, **who, number=number, unit=unit, employer_name=names[unit], employer_uscc=codes_of[unit], institution_kind=kind,
        employer_division=district.code, job_class=lookup(jobs)[pick(draw, jobs.values(), size)],
    )  # fmt: skip


def _monitored(city: City, district: District, kind: str, figures: Figures, year: int) -> Mask:
    """Which of the radiation workers of a year have all dose periods: as many as the aggregated figure says."""
    rate, _called = KINDS[kind]
    size, found = figures.size(rate, district, year), figures.get(rate, district, year)
    return some(city.draw(81, district.number, year, kind == "medical"), size, found[0] if found else round(0.95 * size))


def doses(city: City, district: District, everyone: Table, kind: str, figures: Figures, year: int) -> Table:
    """Quarterly doses: as many workers as the aggregated figure says have all four quarters; examinations every other year."""
    draw, told, parts = city.draw(82, district.number, year, kind == "medical"), city.words["radiation"], []
    full = _monitored(city, district, kind, figures, year)
    size = len(full)
    staff = everyone.take(np.arange(size)).but(note=city.words["note"], _year=year)
    staff = Table(size, **staff.only([*PERSON, *_UNIT, "job_class", "number", "note", "_year"]), _full=full)
    quarters = np.where(full, 4, between(draw, 1, 3, size))
    two = (staff["job_class"] == "2E") & yes(draw, told["two_badges"], size)
    for quarter in range(4):
        start = np.datetime64(f"{year}-{3 * quarter + 1:02d}", "M")
        for place, mask in (("single", ~two), ("under_apron", two), ("over_apron", two)):
            wearing = staff.take(mask & (quarters > quarter))
            n = len(wearing)
            value = told["mean_msv"] * 0.72 * np.exp(0.8 * draw.standard_normal(n)) * (4 if place == "over_apron" else 1)
            bad = yes(draw, told["abnormal"], n) & (place != "over_apron")
            value = np.where(bad, 1.3 + draw.random(n), np.minimum(value, 1.1))
            text = np.where(value < told["detection"], f"<{told['detection']:g}", np.char.mod("%.2f", value))
            made = wearing.but(
                record_type="dose", period_start=start.astype("datetime64[D]"),
                period_end=(start + 3).astype("datetime64[D]") - 1, dosimeter=place, hp10_msv=text,
                mdl_msv=str(told["detection"]), dose_flag=np.where(bad, "abnormal", "normal"),
                investigated=only(bad, yes(draw, told["investigated"], n)),
            )  # fmt: skip
            parts.append(made)
    seen = staff.take(((staff["number"] + year) % 2 == 0) & yes(draw, told["examined"], size))
    fit = lookup(told["fit"])[pick(draw, told["fit"].values(), len(seen))]
    parts.append(seen.but(record_type="exam", period_start=within_year(draw, year, len(seen), 60, 300), conclusion=fit))
    return join(parts)


def devices(city: City, district: District, everyone: Table, figures: Figures, year: int) -> Table:
    """Devices of the medical institutions with their yearly tests; the staff of the institutions is that of the dose records."""
    draw, fixed, told = city.draw(84, district.number, year), city.draw(85, district.number), city.words["radiation"]
    full = _monitored(city, district, "medical", figures, year)
    staff = everyone.take(np.arange(len(full)))
    units = int(staff["unit"].max(initial=-1)) + 1
    people_of, monitored, due = (
        np.bincount(staff["unit"], weights=weights, minlength=units).astype(np.int64)
        for weights in (np.ones(len(staff)), full, staff["job_class"] == "2E")
    )
    at = np.repeat(np.arange(units), between(fixed, 2, 6, 500)[:units])
    n, first = len(at), staff.take(np.searchsorted(staff["unit"], np.arange(units)))
    kinds = lookup(told["devices"])[pick(fixed, told["devices"].values(), 3000)][:n]
    tested, ok, again, safe = (yes(draw, share, n) for share in (98, told["device_pass"], 60, told["shielding_pass"]))
    level = np.where(safe, 0.1 + 1.9 * draw.random(n), 2.6 + draw.random(n))
    result = np.where(ok, "pass", np.where(again, "pass_after_repair", "fail")).astype(object)
    return Table(
        n, institution=first["employer_name"][at], uscc=first["employer_uscc"][at], division=district.code, year=year,
        level=lookup("3211100")[np.minimum(at, 6)], licence_no=lookup(f"FS{district.code}-{each + 1:03d}" for each in at),
        licence_until=first_day(np.full(n, year + 2)), device_type=kinds,
        device_no=lookup(f"SB{each + 1:04d}" for each in range(n)),
        device_status=city.words["texts"]["device_status"], test_type=only(tested, "status"),
        test_date=only(tested, within_year(draw, year, n, 30, 330)), test_result=only(tested, result),
        shielding_usv_h=only(tested, np.char.mod("%.2f", level).astype(object)),
        shielding_result=only(tested, np.where(safe, "pass", "fail").astype(object)), warning_sign=yes(draw, 99, n),
        patient_protection=yes(draw, 96, n), radiation_staff=people_of[at], dose_monitored=monitored[at], two_badges_due=due[at],
        visits=1000 * between(draw, 1, 40, n), note=city.words["note"], _year=year,
    )  # fmt: skip
