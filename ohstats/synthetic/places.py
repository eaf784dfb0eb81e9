"""Institutions of a district: their names, their register; denominators and tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .employers import townships
from .rows import Table, between, join, lookup

if TYPE_CHECKING:
    from .employers import Figures
    from .plan import City, District

_SILENT = 3  # from so many reporting institutions on, one more is silent


def institutions(city: City, district: District, kind: str) -> list[str]:
    """Names of the institutions of a kind that serve a district; where it has none, that of the city."""
    told = city.words["places_of"]
    names = [told[kind].format(place=district.name_zh, n=number + 1) for number in range(_counts(city, district)[kind])]
    return names or [told["city_diagnosis" if kind == "diagnosis" else "city_service"].format(city=city.plan["city"]["name_zh"])]


def _counts(city: City, district: District) -> dict[str, int]:
    (units,) = (entry["count"] for entry in city.plan["indicators"] if entry["id"] == "reporting_units")
    reporting = round(units[0] ** (1 - district.size) * units[1] ** district.size)
    rates = city.words["institutions"]
    made = {kind: int(rate * (district.number + 1)) - int(rate * district.number) for kind, rate in rates.items()}
    diagnosis = min(made["diagnosis"], reporting - 1)
    return {**made, "diagnosis": diagnosis, "health_exam": reporting - diagnosis + (reporting >= _SILENT)}


def register(city: City, figures: Figures) -> Table:
    """Register of institutions by year; as many have reported as `reporting_units` says."""
    parts, quality = [], city.words["texts"]["quality"]
    for each in city.districts:
        counts = _counts(city, each)
        kinds = np.repeat(lookup(counts), list(counts.values()))
        names = lookup(name for kind, count in counts.items() if count for name in institutions(city, each, kind))
        size, units = len(names), np.isin(kinds, ["health_exam", "diagnosis"])
        for year in city.register_years.tolist():
            draw = city.draw(60, each.number, year)
            found = figures.get("reporting_units", each, year)
            score, staff = between(draw, 70, 98, size), between(draw, 8, 60, size)
            made = Table(
                size, institution=names, division=each.code, institution_type=kinds, year=year, staff=staff, quality_score=score,
                staff_professional=staff * 7 // 10, quality_result=lookup(quality)[(score >= 90).astype(np.int64)],
                defects=(98 - score) // 4, reported=~units | (np.cumsum(units) <= (found[0] if found else size)),
                zero_report=False, note=city.words["note"], _units=units,
            )  # fmt: skip
            parts.append(made)
    return join(parts)


def denominators(city: City, registers: Table) -> Table:
    """Residents, townships, and what the registers of employers add up to."""
    parts = []
    first, last = city.words["population"]
    for each in city.districts:
        residents = first ** (1 - each.size) * last**each.size
        for year in city.register_years.tolist():
            mask = (registers["employer_division"] == each.code) & (registers["year"] == year)
            told = {
                "population": round(residents * (1 + 0.004 * (year - 2021))),
                "townships": len(townships(city, each)),
                "staff": int(registers["staff"][mask].sum()),
                "exposed_workers": int(registers["exposed_total"][mask].sum()),
            }
            source = city.plan["synthetic_source"]
            made = Table(
                len(told),
                place=each.code,
                period=year,
                group="",
                quantity=lookup(told),
                value=lookup(told.values()),
                source=source,
            )
            parts.append(made)
    return join(parts)


def tasks(city: City) -> Table:
    """Budget, publicity, training, drills, projects: planned and done."""
    entries, parts = city.words["tasks"], []
    for each in city.districts:
        plan = [max(1, round(entry["plan"][0] ** (1 - each.size) * entry["plan"][1] ** each.size)) for entry in entries]
        for year in city.register_years.tolist():
            share = np.array([entry["done"] for entry in entries]) + 6 * city.draw(61, each.number, year).standard_normal(
                len(entries)
            )
            done = np.floor(np.array(plan) * np.clip(share, 0, 120) / 100 + 0.5).astype(np.int64)
            names = {name: lookup(entry[name] for entry in entries) for name in ("project", "item", "unit")}
            parts.append(
                Table(len(entries), place=each.code, period=year, **names, plan=plan, done=done, note=city.words["note"])
            )
    return join(parts)
