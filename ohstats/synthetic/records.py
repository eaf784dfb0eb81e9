"""All records of a city, district by district; columns whose names start with _ are known here only and make the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from . import cases, employers, exams, places, radiation, suspects, workplaces
from .employers import Figures
from .rows import Table, join, lookup, year_of

if TYPE_CHECKING:
    import pandas as pd

    from .plan import City, District
    from .rows import Days

Parts = dict[str, list[Table]]
TABLES = (
    *("disease_cards", "suspected_cards", "exam_cards", "exam_cards_summary", "employers", "workplace_samples", "radiation_dose"),
    *("radiation_medical", "inspections", "sme_assistance", "follow_up", "institutions", "denominators", "tasks"),
)
"""Files of records; `exam_cards_summary` is a second file of the table `exam_cards`."""


@dataclass(frozen=True)
class Records:
    """Tables by file name (without ending), and what the truth needs beside them."""

    tables: dict[str, Table]
    registers: Table  # employers of all districts, of those too that keep no records of them
    exceeding: Table  # employers over a limit and what followed


def make(city: City, aggregated: dict[str, pd.DataFrame]) -> Records:
    """Records of all districts: they add up to the aggregated figures."""
    figures = Figures(aggregated["indicator_values"], city)
    rows = aggregated["case_counts"]
    known = rows[rows["n"] != ""]
    counts = {(place, int(year)): int(n) for place, year, n in zip(known["place"], known["period"], known["n"], strict=True)}
    parts: Parts = {name: [] for name in (*TABLES, "registers", "exceeding")}
    for each in city.districts:
        firms = employers.firms(city, each, figures)
        found = _cards(city, each, firms, counts, figures, parts)
        for year in city.register_years.tolist():
            frame = employers.yearly(city, each, firms, figures, year).but(employer_division=each.code, note=city.words["note"])
            parts["registers"].append(frame)
            if each in city.registered:
                _year(city, each, year, frame, found, figures, parts)
        if each in city.registered:
            _radiation(city, each, figures, parts)
    registers = join(parts.pop("registers"))
    exceeding = join(parts.pop("exceeding"))
    tables = {name: join(each) for name, each in parts.items()}
    tables["institutions"] = places.register(city, figures)
    tables["denominators"] = places.denominators(city, registers)
    tables["tasks"] = places.tasks(city)
    return Records(tables, registers, exceeding)


def _cards(
    city: City, district: District, firms: Table, counts: dict[tuple[str, int], int], figures: Figures, parts: Parts
) -> Table:
    """Cards of confirmed and suspected cases and the follow-up of patients; returns the suspected cards of all years."""
    new = cases.confirmed(city, district, firms, counts)
    found = suspects.suspected(city, district, firms, new, figures)
    first, note = city.card_years[0], city.words["note"]
    whole = join([new, cases.further(city, district, new)])
    whole = _filed(whole.take(year_of(whole["diagnosis_date"]) >= first), "K", district)
    parts["disease_cards"].append(whole.but(report_unit=whole["diagnosis_institution"], note=note))
    parts["suspected_cards"].append(_filed(found.take(found["_year"] >= first), "Y", district).but(note=note))
    parts["follow_up"].append(suspects.follow_up(city, district, new.take(new["_year"] >= first)))
    return found


def _filed(cards: Table, letter: str, district: District) -> Table:
    """Cards in the order of their reports, numbered within the year."""
    days: Days = cards["report_date"].astype("datetime64[D]")
    order = np.lexsort((cards["id_number"].astype(str), days))
    cards, year = cards.take(order), year_of(days[order])
    _years, start = np.unique(year, return_index=True)
    serial = np.arange(len(cards)) - np.repeat(start, np.diff([*start, len(cards)])) + 1
    return cards.but(card_id=lookup(f"{letter}{district.code}-{a % 100:02d}{b:05d}" for a, b in zip(year, serial, strict=True)))


def _year(city: City, district: District, year: int, frame: Table, found: Table, figures: Figures, parts: Parts) -> None:
    """Employers, examinations, measurements, inspections and assistance of a district and year."""
    cards, summary = exams.make(city, district, frame, found, figures, year)
    samples, after = workplaces.measured(city, district, frame, figures, year)
    made = {
        "employers": frame,
        "exam_cards": cards,
        "exam_cards_summary": summary,
        "workplace_samples": samples,
        "exceeding": after,
        "inspections": workplaces.inspections(city, district, frame, after, figures, year),
        "sme_assistance": workplaces.assistance(city, district, frame, year),
    }
    for name, part in made.items():
        parts[name].append(part)


def _radiation(city: City, district: District, figures: Figures, parts: Parts) -> None:
    """Radiation workers and devices of a district."""
    staff = {kind: radiation.workers(city, district, kind, figures) for kind in radiation.KINDS}
    for year in city.register_years.tolist():
        parts["radiation_medical"].append(radiation.devices(city, district, staff["medical"], figures, year))
        parts["radiation_dose"] += [radiation.doses(city, district, all_, kind, figures, year) for kind, all_ in staff.items()]
