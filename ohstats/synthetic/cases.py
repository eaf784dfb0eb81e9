"""Cards of confirmed occupational diseases: as many new cases as the aggregated counts say, and cards that are no new cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import people
from .employers import classes_of, townships
from .places import institutions
from .rows import Table, between, join, lookup, only, pick, some, within_year, year_of, yes

if TYPE_CHECKING:
    from numpy.random import Generator

    from .plan import City, District
    from .rows import Days, Mask, Whole

EMPLOYER = ["employer_name", "employer_uscc", "township", "industry_code", "economic_type"]


def confirmed(city: City, district: District, firms: Table, counts: dict[tuple[str, int], int]) -> Table:
    """New, finally reviewed cards of a district: as many a year as `counts` says, none in a declared gap."""
    draw = city.draw(20, district.number)
    numbers = [counts.get((district.code, int(year)), 0) for year in city.years]
    years = np.repeat(city.years, numbers)
    size = len(years)
    disease, category, span = _diseases(city, draw, years)
    told = city.words["cards"]
    age = people.ages(draw, told["ages"], size)
    lung = category == "pneumoconiosis"
    acute = np.isin(disease, city.words["acute"])
    months = np.where(acute, 0, people.worked(draw, told, years, age, lung, span))
    diagnosed, reported, reviewed = _dates(city, draw, years, disease == "heat_illness")
    born = people.born_before(diagnosed, age)
    male = yes(draw, told["male"], size)
    started = np.where(acute, diagnosed - between(draw, 1, 5, size), people.started(draw, born, age, months))
    stage = only(lung, lookup("123")[pick(draw, told["stages"], size)])
    away = yes(draw, told["away"], size)
    other = lookup(each.code for each in city.districts)[between(draw, 0, len(city.districts) - 1, size)]
    days = between(draw, 1, 5, size)
    events = _events(city, district, years, disease)
    job = lookup(city.words["texts"]["jobs"][_class(city, each)] for each in category)
    who = people.persons(city, draw, "cards", district, male, born)
    return Table(
        size, **who, id_type="01", home_division=np.where(away, other, district.code),
        home_address=homes(city, draw, district, size), employer_division=district.code,
        **employers(city, draw, firms, category), disease_id=disease, stage=stage,
        tb_flag=only(lung, yes(draw, told["tuberculosis"], size)), job_type=job, exposure_start=started,
        exposure_years=only(~acute, months // 12), exposure_months=only(~acute, months % 12),
        acute_contact=only(acute, lookup(city.words["texts"]["contact"].format(n=each) for each in days)), **events,
        onset_date=np.where(acute, diagnosed, diagnosed - between(draw, 20, 400, size)), diagnosis_date=diagnosed,
        diagnosis_institution=institutions(city, district, "diagnosis")[0], report_type="new", report_date=reported,
        review_status="final", final_review_date=reviewed, _category=category, _months=months, _born=born, _year=years,
    )  # fmt: skip


def _class(city: City, category: str) -> str:
    return str(city.words["diseases"][category]["class"])


def _diseases(city: City, draw: Generator, years: Whole) -> tuple[Any, Any, Any]:
    """Disease and category of each case, and the years of exposure that are usual."""
    national = city.words["national"]
    known = np.array(sorted(national))
    kinds = city.words["diseases"]
    names = lookup(kinds)
    category, disease = np.full(len(years), "", dtype=object), np.full(len(years), "", dtype=object)
    latest = known[np.maximum(np.searchsorted(known, years, side="right") - 1, 0)]
    for year in known:
        mask = latest == year
        category[mask] = names[pick(draw, [national[year][name] for name in names], int(mask.sum()))]
    span = np.zeros((len(years), 2))
    for name in names:
        mask = category == name
        shares = kinds[name]["shares"]
        disease[mask] = lookup(shares)[pick(draw, shares.values(), int(mask.sum()))]
        span[mask] = kinds[name]["years"]
    return disease, category, span


def _dates(city: City, draw: Generator, years: Whole, hot: Mask) -> tuple[Days, Days, Days]:
    """Days of diagnosis, report and final review; in the last year so early that all lie before the export."""
    size, told = len(years), city.words["cards"]
    chance = draw.random(size) * 100
    delay = np.where(chance < told["timely"], between(draw, 1, 15, size), between(draw, 16, 90, size))
    delay = np.where(chance > 100 - told["late"], between(draw, 91, 400, size), delay)
    review = between(draw, 1, 20, size)
    last = years == city.years[-1]
    delay, review = np.where(last, np.minimum(delay, 60), delay), np.where(last, np.minimum(review, 10), review)
    low, high = np.where(hot, 181, 0), np.where(hot, 242, 364)
    high = np.where(last & ~hot, 364 - delay - review, high)
    day = within_year(draw, years, size, 0, 0) + np.floor(low + draw.random(size) * (high - low + 1)).astype(np.int64)
    reported = np.minimum(day + delay, city.last_day)
    return day, reported, np.minimum(reported + review, city.last_day)


def employers(city: City, draw: Generator, firms: Table, category: Any) -> dict[str, Any]:
    """An employer for each case that has the hazard, any where none has it; larger ones more often."""
    has = classes_of(city, firms["trade"])
    weight = firms["weight"] * (firms["group"] < 2)
    chosen = np.zeros(len(category), dtype=np.int64)
    for name in city.words["diseases"]:
        mask = category == name
        fitting = weight * has.get(_class(city, name), np.ones(len(weight), bool))
        chosen[mask] = pick(draw, fitting if fitting.sum() else weight, int(mask.sum()))
    return {"_firm": chosen, **{name: firms[name][chosen] for name in EMPLOYER}}


def homes(city: City, draw: Generator, district: District, size: int) -> Any:
    """Addresses that do not exist."""
    towns, streets = townships(city, district), list(city.words["names"]["street"])
    form = city.words["texts"]["home"]
    cells = zip(
        pick(draw, [1] * len(towns), size), pick(draw, [1] * len(streets), size), between(draw, 1, 180, size), strict=True
    )
    return lookup(form.format(place=district.name_zh, township=towns[a], street=streets[b], n=n) for a, b, n in cells)


def _events(city: City, district: District, years: Whole, disease: Any) -> dict[str, Any]:
    """Events of acute poisoning: two cases of a year and disease that follow each other share one."""
    event, size = np.full(len(years), "", dtype=object), np.full(len(years), "", dtype=object)
    for name in city.words["poisoning_events"]:
        for year in city.years:
            at = np.flatnonzero((disease == name) & (years == year))
            for number in range(0, len(at), 2):
                pair = at[number : number + 2]
                event[pair], size[pair] = f"SG{district.code}-{year}-{name[0].upper()}{number // 2 + 1:02d}", len(pair)
    return {"event_id": event, "event_size": size}


def further(city: City, district: District, new: Table) -> Table:
    """Cards that are no new cases: progressions, deaths, cards that are not finally reviewed."""
    draw, told = city.draw(21, district.number), city.words["cards"]
    lung = new.take(new["_category"] == "pneumoconiosis")
    later = lung["diagnosis_date"] + between(draw, 400, 2200, len(lung))
    fits = later + 60 <= city.last_day
    worse = fits & yes(draw, told["progression"], len(lung)) & (lung["stage"] != "3")
    dead = fits & ~worse & yes(draw, told["deaths"], len(lung))
    rows, day = lung.take(worse), later[worse]
    reported = {"report_date": day + 12, "final_review_date": day + 20, "_year": year_of(day)}
    stage = rows["stage"].astype(np.int64) + 1
    worsened = rows.but(**reported, report_type="progression", stage=stage.astype(str), stage_date=day, diagnosis_date=day)
    rows, day = lung.take(dead), later[dead]
    reported = {"report_date": day + 12, "final_review_date": day + 20, "_year": year_of(day)}
    kind = np.where(yes(draw, 70, len(rows)), "death", "non_occupational_death")
    died = rows.but(**reported, report_type=kind, death_date=day, death_cause_icd10=city.words["texts"]["icd10"], outcome="dead")
    open_ = new.take(some(draw, len(new), round(len(new) * told["pending"] / 100)))
    alike = people.persons(city, draw, "pending", district, open_["sex"] == "1", open_["_born"])
    status = lookup(["county", "pending", "returned"])[pick(draw, [5, 3, 2], len(open_))]
    return join([worsened, died, open_.but(**alike, review_status=status, final_review_date="")])
