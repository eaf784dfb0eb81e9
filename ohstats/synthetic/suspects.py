"""Cards of suspected diseases, linked by person to the confirmed ones; patients of pneumoconiosis and their follow-up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import cases, people
from .employers import townships
from .places import institutions
from .rows import NEVER, Table, between, first_day, inside, join, lookup, only, pick, some, within_year, year_of, yes

if TYPE_CHECKING:
    from numpy.random import Generator

    from .employers import Figures
    from .plan import City, District
    from .rows import Days, Whole

PERSON = ("name", "id_number", "sex", "birth_date")
_SAME = (*PERSON, "home_address", *cases.EMPLOYER, "disease_id", "job_type", "exposure_start")
_KNOWN = ("_firm", "_category", "_months", "_born")


def suspected(city: City, district: District, firms: Table, new: Table, figures: Figures) -> Table:
    """Suspected cards: as many a year as `suspected_found` says; a part of them is confirmed later, on the day `_confirmed`."""
    draw, told = city.draw(30, district.number), city.words["suspected"]
    told_of = {int(year): figures.get("suspected_found", district, int(year)) for year in city.years}
    wanted = {year: figure[0] for year, figure in told_of.items() if figure}
    linked = new.take(~np.isin(new["disease_id"], city.words["acute"]) & yes(draw, told["linked"], len(new)))
    found: Days = np.asarray(linked["diagnosis_date"] - inside(draw, told["delay"], len(linked)), dtype="datetime64[D]")
    keep = np.zeros(len(linked), dtype=bool)
    for year, n in wanted.items():
        at = np.flatnonzero(year_of(found) == year)
        keep[at[some(draw, len(at), int(n * told["most_linked"] / 100))]] = True
    linked, found = linked.take(keep), found[keep]
    wait = (linked["diagnosis_date"] - found).astype(np.int64)
    applied = found + 1 + np.floor(draw.random(len(linked)) * wait * 0.6).astype(np.int64)
    first = Table(
        len(linked), **linked.only([*_SAME, *_KNOWN]), found_date=found, diagnosis_applied=True,
        applied_date=only(np.ones(len(linked), dtype=bool), applied), _confirmed=linked["diagnosis_date"],
    )  # fmt: skip
    years, numbers = np.unique(year_of(found), return_counts=True)
    have = dict(zip(years.tolist(), numbers.tolist(), strict=True))
    rest = np.repeat(np.array(list(wanted), dtype=np.int64), [n - have.get(year, 0) for year, n in wanted.items()])
    return _reported(city, draw, district, join([first, _unconfirmed(city, draw, district, firms, rest)]))


def _unconfirmed(city: City, draw: Generator, district: District, firms: Table, years: Whole) -> Table:
    size, told, cards = len(years), city.words["suspected"], city.words["cards"]
    kinds = city.words["diseases"]
    category = lookup(told["categories"])[pick(draw, told["categories"].values(), size)]
    disease = np.full(size, "", dtype=object)
    for name in told["categories"]:
        mask = category == name
        shares = {each: share for each, share in kinds[name]["shares"].items() if each not in city.words["acute"]}
        disease[mask] = lookup(shares)[pick(draw, shares.values(), int(mask.sum()))]
    last = years == city.years[-1]
    found = first_day(years) + np.floor(draw.random(size) * np.where(last, 340, 365)).astype(np.int64)
    age = people.ages(draw, cards["ages"], size)
    born = people.born_before(found, age)
    spans = np.array([kinds[each]["years"] for each in category], dtype=float).reshape(-1, 2)
    months = people.worked(draw, cards, years, age, category == "pneumoconiosis", spans)
    applied = yes(draw, told["applied"], size)
    day = np.minimum(found + between(draw, 3, 90, size), city.last_day)
    return Table(
        size, **people.persons(city, draw, "suspected", district, yes(draw, cards["male"], size), born),
        home_address=cases.homes(city, draw, district, size), **cases.employers(city, draw, firms, category), disease_id=disease,
        job_type=lookup(city.words["texts"]["jobs"][kinds[each]["class"]] for each in category),
        exposure_start=people.started(draw, born, age, months), _category=category, _months=months, _born=born, found_date=found,
        diagnosis_applied=applied, applied_date=only(applied, day), _confirmed=NEVER,
    )  # fmt: skip


def _reported(city: City, draw: Generator, district: District, whole: Table) -> Table:
    size, told = len(whole), city.words["suspected"]
    found, months = whole["found_date"].astype("datetime64[D]"), whole["_months"].astype(np.int64)
    delay = np.where(yes(draw, told["late"], size), between(draw, 16, 120, size), between(draw, 1, 15, size))
    reported = np.minimum(found + delay, city.last_day)
    age = np.floor((found - whole["_born"].astype("datetime64[D]")).astype(np.int64) / 365.25).astype(np.int64)
    units = lookup(institutions(city, district, "health_exam"))
    return whole.but(
        employer_division=district.code, age_text=lookup(city.words["texts"]["age"].format(n=n) for n in age),
        source=lookup(told["sources"])[pick(draw, told["sources"].values(), size)], exposure_years=months // 12,
        exposure_months=months % 12, found_date=found, report_unit=units[pick(draw, [1.0] * len(units), size)],
        report_date=reported, review_status="final", _year=year_of(found),
        final_review_date=np.minimum(reported + between(draw, 1, 10, size), city.last_day),
    )  # fmt: skip


def follow_up(city: City, district: District, new: Table) -> Table:
    """Visits to the patients of pneumoconiosis of a district, by year: who is alive, followed, aided."""
    draw, told, texts = city.draw(40, district.number), city.words["follow_up"], city.words["texts"]
    sick = new.take(new["_category"] == "pneumoconiosis")
    sick = sick.take(np.argsort(sick["diagnosis_date"], kind="stable"))
    size, towns = len(sick), lookup(townships(city, district))
    town = towns[pick(draw, [1.0] * len(towns), size)]
    insurance = lookup(told["insurance"])[pick(draw, told["insurance"].values(), size)]
    eligible, trained = yes(draw, told["eligible"], size), yes(draw, told["rehabilitated"], size)
    helped = eligible & yes(draw, told["aided"], size)
    place = city.words["places_of"]["rehabilitation"]
    station = lookup(place.format(place=district.name_zh, township=each) for each in town)
    diagnosed = sick["diagnosis_date"].astype("datetime64[D]")
    level = 88 - 0.6 * (2025 - year_of(diagnosed)) - 12 * (sick["stage"].astype(np.int64) - 1)
    fixed = Table(
        size, **sick.only(PERSON), residence_division=sick["home_division"], township=town, disease_id=sick["disease_id"],
        stage=sick["stage"], diagnosis_date=diagnosed, insurance=insurance, aid_eligible=eligible, aided=helped,
        complications=only(np.array([bool(each) for each in sick["tb_flag"]], dtype=bool), texts["complication"]),
        refused=False, note=city.words["note"], _employer=district.code,
    )  # fmt: skip
    alive, parts = np.ones(size, bool), []
    for year in city.follow_up_years.tolist():
        known = alive & (year_of(diagnosed) < year)
        dies, goes = known & yes(draw, told["dies"], size), known & yes(draw, told["lost"], size)
        seen = known & (yes(draw, told["followed"], size) | dies)
        status = np.select([dies, goes], ["dead", "lost"], "alive").astype(object)
        well = seen & (status == "alive")
        lung = np.clip(np.floor(level + 9 * draw.standard_normal(size)), 25, 125).astype(np.int64)
        visits = fixed.but(
            visit_date=within_year(draw, year, size, 40, 350), life_status=status, treated=well, fvc_pct=only(well, lung),
            death_date=only(dies, within_year(draw, year, size, 0, 39)), rehabilitation_station=only(well & trained, station),
            sessions=only(well & trained, between(draw, 2, 30, size)),
            work_status=lookup(texts["work"])[pick(draw, [2, 4, 4], size)],
            _year=year, _known=int(known.sum()),
        )  # fmt: skip
        parts.append(visits.take(seen))
        alive &= ~dies & ~goes
    return join(parts) if parts else fixed.take([])
