"""Employers of a district and their yearly declarations; the aggregated figures of the district come out of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .people import credit_codes
from .plan import hazard_classes
from .rows import Table, between, draw_out, highest, lookup, only, pick, share_out, some, yes

if TYPE_CHECKING:
    import pandas as pd
    from numpy.random import Generator

    from .plan import City, District
    from .rows import Mask, Whole

Figure = tuple[int, int]
_CLASSES = ("dust", "chemical", "physical")


class Figures:
    """Numerators and denominators of the aggregated tables."""

    def __init__(self, values: pd.DataFrame, city: City) -> None:
        keys = zip(values["indicator_id"], values["place"], values["period"], strict=True)
        self._known = dict(zip(keys, zip(values["numerator"], values["denominator"], strict=True), strict=True))
        self._entries = {entry["id"]: entry for entry in city.plan["indicators"]}
        self._first = city.plan["indicator_years"][0]

    def get(self, name: str, district: District, year: int) -> Figure | None:
        """Numerator and denominator (0 where there is none), or None where the district has no figure."""
        found = self._known.get((name, district.code, int(year)))
        return (int(found[0]), int(found[1] or 0)) if found else None

    def size(self, name: str, district: District, year: int) -> int:
        """The denominator, and what it would be where the district has no figure."""
        found = self.get(name, district, year)
        if found:
            return found[1]
        first, last = self._entries[name]["size"]
        whole = first ** (1 - district.size) * last**district.size * (1 + 0.02 * (year - self._first))
        return max(1, round(float(whole)))


def townships(city: City, district: District) -> list[str]:
    """Names of the townships of a district."""
    names = city.words["names"]
    count = max(2, round(9 - 7 * district.size))
    return [
        names["street"][(3 * number + district.number) % len(names["street"])]
        + names["trade"][(5 * number + district.number) % len(names["trade"])]
        + names["township"][number % len(names["township"])]
        for number in range(count)
    ]


def firms(city: City, district: District, figures: Figures) -> Table:
    """All employers that a district ever has: key industries, other industries, closed ones; the same whatever the years."""
    draw, told = city.draw(10, district.number), city.words
    years = range(told["registers"]["first_year"], int(city.years[-1]) + 1)
    key = [figures.size("hazard_declaration_rate_key", district, year) for year in years]
    whole = [figures.size("hazard_declaration_rate_industrial", district, year) for year in years]
    parts = [max(key), max(max(0, b - a) for a, b in zip(key, whole, strict=True))]
    parts.append(1 + round((parts[0] + parts[1]) * told["employers"]["extra_cancelled"] / 100))
    group = np.repeat([0, 1, 2], parts)
    size = len(group)
    trades, names = told["trades"], told["names"]
    wanted = [[trade["share"] * trade["key"] for trade in trades], [trade["share"] * (not trade["key"]) for trade in trades]]
    trade = np.where(group == 1, pick(draw, wanted[1], size), pick(draw, wanted[0], size))
    sole = yes(draw, told["employers"]["sole_traders"], size) & (group > 0)
    weight = np.exp(told["employers"]["weight_sd"] * draw.standard_normal(size))
    weight[sole] = 0.05
    number = np.arange(size)
    endings = np.where(sole, names["sole_trader"], lookup(names["company"])[pick(draw, [70, 15, 15], size)]).astype(object)
    types, towns = told["economic_types"], lookup(townships(city, district))
    return Table(
        size,
        firm=number,
        group=group,
        number=np.concatenate([np.arange(part) for part in parts]),
        trade=trade,
        weight=weight,
        chance=draw.random(size),
        employer_name=district.name_zh[:-1] + _called(city)[number] + lookup(each["word"] for each in trades)[trade] + endings,
        employer_uscc=credit_codes(district, sole),
        township=towns[pick(draw, [1.0] * len(towns), size)],
        industry_code=lookup(each["industry"] for each in trades)[trade],
        economic_type=np.where(sole, told["sole_trader_type"], lookup(types)[pick(draw, types.values(), size)]),
    )


def _called(city: City) -> Any:
    """Names of two characters, each once."""
    names = city.words["names"]
    second = dict.fromkeys(names["street"] + names["person_third"] + names["person_second"] + names["person_first"])
    return lookup(a + b for b in second for a in names["trade"] if a != b)


def classes_of(city: City, trade: Whole) -> dict[str, Mask]:
    """Which classes of hazards employers of the trades have."""
    of = hazard_classes()
    has = {kind: np.array([kind in {of[name] for name in told["hazards"]} for told in city.words["trades"]]) for kind in _CLASSES}
    return {kind: mask[trade] for kind, mask in has.items()}


def yearly(city: City, district: District, all_firms: Table, figures: Figures, year: int) -> Table:
    """The register of a district and year with what was declared, tested, examined, trained and insured."""
    draw = city.draw(11, district.number, year)
    n_key = figures.size("hazard_declaration_rate_key", district, year)
    n_all = figures.size("hazard_declaration_rate_industrial", district, year)
    there = (all_firms["group"] == 0) & (all_firms["number"] < n_key)
    there |= (all_firms["group"] == 1) & (all_firms["number"] < n_all - n_key)
    frame = all_firms.take(there | (all_firms["group"] == 2))
    open_, key = frame["group"] < 2, frame["group"] == 0
    sources = lookup(city.words["texts"]["sources"])[pick(draw, [5, 3, 2], len(frame))]
    made: dict[str, Any] = {"year": year, "cancelled": ~open_, "register_source": sources}
    made |= _persons(city, draw, district, frame, figures, year, open_, key)
    made |= _exposed(city, draw, frame, np.asarray(made["exposed_total"]), open_)
    made |= _done(city, draw, district, frame, figures, year, open_, key)
    return frame.but(**made)


def _persons(
    city: City, draw: Generator, district: District, frame: Table, figures: Figures, year: int, open_: Mask, key: Mask
) -> dict[str, Any]:
    """Staff, exposed, due for examination, examined, insured."""
    weight = frame["weight"]
    due, examined = np.zeros(len(frame), np.int64), np.zeros(len(frame), np.int64)
    other = open_ & ~key
    n_due = figures.size("inservice_exam_rate_key", district, year)
    found = figures.get("inservice_exam_rate_key", district, year)
    n_examined = found[0] if found else round(0.9 * n_due)
    due[key] = share_out(n_due, weight[key])
    examined[key] = draw_out(draw, due[key], n_examined)
    whole = (figures.get("persons_examined", district, year) or (0, 0))[0]
    n_other = round(max(0, whole - n_examined) * city.words["exams"]["other_industries"] / 100) if other.any() else 0
    due[other] = share_out(round(n_other / 0.9), weight[other])
    examined[other] = draw_out(draw, due[other], n_other)
    exposed = due + np.ceil(due * 0.06).astype(np.int64) + open_
    n_insurance = figures.size("work_injury_insurance_coverage", district, year)
    staff = np.ceil(exposed / (city.words["employers"]["exposed"] / 100 * (0.9 + 0.2 * draw.random(len(frame))))).astype(np.int64)
    staff[open_] += share_out(max(0, n_insurance - int(staff.sum())), weight[open_])
    insurance_due = np.zeros(len(frame), np.int64)
    insurance_due[open_] = share_out(n_insurance, staff[open_].astype(float))
    covered = figures.get("work_injury_insurance_coverage", district, year)
    insured = draw_out(draw, insurance_due, covered[0]) if covered else ""
    size = np.select([staff >= 1000, staff >= 300, staff >= 20], ["large", "medium", "small"], "micro").astype(object)
    return {
        "staff": staff, "exposed_total": exposed, "exam_due": due, "examined": examined,
        "insurance_due": insurance_due, "insured": insured, "enterprise_size": size,
    }  # fmt: skip


def _exposed(city: City, draw: Generator, frame: Table, exposed: Whole, open_: Mask) -> dict[str, Any]:
    """Exposed workers by class of hazard: the main class has all, the others a part."""
    has = classes_of(city, frame["trade"])
    made: dict[str, Any] = {}
    first = np.ones(len(frame), dtype=bool)
    for kind in _CLASSES:
        part = np.ceil(exposed * (0.3 + 0.5 * draw.random(len(frame)))).astype(np.int64)
        made[f"exposed_{kind}"] = np.where(has[kind], np.where(first, exposed, part), 0)
        first &= ~has[kind]
    hazards = lookup("|".join(trade["hazards"]) for trade in city.words["trades"])[frame["trade"]]
    return {**made, "hazards": only(open_, hazards)}


def _done(
    city: City, draw: Generator, district: District, frame: Table, figures: Figures, year: int, open_: Mask, key: Mask
) -> dict[str, Any]:
    """Declarations, tests and training: exactly as many as the aggregated figures say."""
    size = len(frame)
    score = frame["chance"] + 0.5 * draw.random(size)
    declared = np.zeros(size, bool)
    found, industrial = (figures.get(f"hazard_declaration_rate_{name}", district, year) for name in ("key", "industrial"))
    n_key = found[0] if found else round(0.9 * key.sum())
    declared[key] = highest(score[key], n_key)
    other = open_ & ~key
    declared[other] = highest(score[other], industrial[0] - n_key if industrial else round(0.9 * other.sum()))
    day = np.datetime64(f"{year}-01-01") + between(draw, 4, 170, size)
    accepted = day + between(draw, 1, 10, size)
    test = figures.get("workplace_testing_rate_key", district, year)
    n_test = figures.size("workplace_testing_rate_key", district, year)
    serious = np.zeros(size, bool)
    serious[key] = highest(frame["weight"][key], n_test)
    tested = other & yes(draw, city.words["employers"]["tested_other"], size)
    if test:
        tested[serious] = highest(score[serious] + 0.3 * draw.random(int(serious.sum())), test[0])
    made: dict[str, Any] = {
        "declaration_type": only(declared, np.where(yes(draw, 12, size), "change", "annual")),
        "declaration_date": only(declared, day),
        "accepted_date": only(declared, accepted),
        "risk_class": only(open_, np.where(serious, "serious", "general")),
        "tested": tested if test else "",
        "over_limit": only(tested, yes(draw, 18, size)) if test else "",
    }
    return made | _trained(draw, district, frame, figures, year, key)


def _trained(draw: Generator, district: District, frame: Table, figures: Figures, year: int, key: Mask) -> dict[str, Any]:
    size = len(frame)
    made: dict[str, Any] = {"principals_trained": "", "managers": "", "managers_trained": ""}
    principals = figures.get("training_rate_principals_key", district, year)
    if principals:
        trained = np.zeros(size, np.int64)
        trained[key] = some(draw, int(key.sum()), principals[0])
        made["principals_trained"] = only(key, trained)
    n_managers = figures.size("training_rate_managers_key", district, year)
    managers = np.zeros(size, np.int64)
    managers[key] = share_out(n_managers, 1 + 0.2 * frame["weight"][key])
    made["managers"] = only(key, managers)
    found = figures.get("training_rate_managers_key", district, year)
    if found:
        made["managers_trained"] = only(key, draw_out(draw, managers, found[0]))
    return made
