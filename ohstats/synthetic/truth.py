"""What is true of a city: trends, counts, shares, flows and indicators, before any dirt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import programme
from .rows import year_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from .plan import City
    from .records import Records
    from .rows import Mask, Table

Tally = dict[str, dict[str, Any]]  # by place and year


def of(city: City, made: Records, aggregated: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """The truth of a city as plain values."""
    found = indicators(made) | programme.indicators(city, made, tally)
    return {
        "synthetic": True,
        "seed": city.seed,
        "data_date": str(city.last_day),
        "key_industries": city.words["key_industries"],
        "trends": _trends(city),
        "cases": _cases(made.tables["disease_cards"]),
        "shares": _shares(city, made),
        "flows": {"suspected": _suspected(made.tables["suspected_cards"]), "exceedances": _exceedances(made)},
        "doses": _collective(made.tables["radiation_dose"]),
        "indicators": found,
        "disagreements": _disagreements(found, aggregated["indicator_values"]),
    }


def tally(rows: Table, place: str, year: NDArray[Any], mask: Mask | None = None, weights: NDArray[Any] | None = None) -> Tally:
    """How many rows, or the sum of their weights, by place and year."""
    made: Tally = {}
    mask = np.ones(len(rows), bool) if mask is None else mask
    values = np.ones(len(rows), np.int64) if weights is None else weights
    for code, when, n in zip(rows[place][mask].tolist(), year[mask].tolist(), values[mask].tolist(), strict=True):
        told = made.setdefault(code, {})
        told[str(when)] = told.get(str(when), 0) + int(n)
    return {code: dict(sorted(told.items())) for code, told in sorted(made.items())}


def _ratio(numerator: Tally, denominator: Tally) -> Tally:
    return {
        code: {year: [numerator.get(code, {}).get(year, 0), n] for year, n in told.items()} for code, told in denominator.items()
    }


def _trends(city: City) -> dict[str, Any]:
    made = {}
    for each in city.districts:
        expected = [round(float(mean), 3) for mean in each.expected(city.years, int(city.years[0]))]
        made[each.code] = {
            "first_year": int(city.years[0]), "expected": expected, "change": each.change, "spread": each.spread,
            "gaps": list(each.gaps), "break": [each.break_year, each.break_factor] if each.break_year else [],
            "effort": each.effort,
        }  # fmt: skip
    return made


def _new(cards: Table) -> Table:
    return cards.take((cards["report_type"] == "new") & (cards["review_status"] == "final"))


def after_cleaning(cards: Table, lost: list[int], twice: list[int]) -> Tally:
    """New cases by place and year of diagnosis that are left after cleaning: without lost cards, with those that stand twice."""
    rows = np.append(np.delete(np.arange(len(cards)), lost), np.array(twice, dtype=np.int64))
    new = _new(cards.take(rows))
    return tally(new, "employer_division", year_of(new["diagnosis_date"]))


def _cases(cards: Table) -> dict[str, Any]:
    new = _new(cards)
    diagnosed, reported, reviewed = (
        year_of(new[name].astype("datetime64[D]")) for name in ("diagnosis_date", "report_date", "final_review_date")
    )
    kinds = [f"{a}, {b}" for a, b in zip(cards["report_type"], cards["review_status"], strict=True)]
    return {
        "by_diagnosis_year": tally(new, "employer_division", diagnosed),
        "by_report_year": tally(new, "employer_division", reported),
        "by_final_review_year": tally(new, "employer_division", reviewed),
        "by_category": tally(new, "_category", diagnosed),
        "by_disease": _counted(new["disease_id"].tolist()),
        "cards": _counted(kinds),
    }


def _counted(values: list[str]) -> dict[str, int]:
    return {value: values.count(value) for value in sorted(set(values))}


def _part(mask: Mask, among: Mask | None = None) -> list[int]:
    among = np.ones(len(mask), bool) if among is None else among
    return [int((mask & among).sum()), int(among.sum())]


def _shares(city: City, made: Records) -> dict[str, Any]:
    """Numerator, denominator and what was planned, in percent."""
    new, found, told = _new(made.tables["disease_cards"]), made.tables["suspected_cards"], city.words
    lung = new["_category"] == "pneumoconiosis"
    delay = (new["report_date"].astype("datetime64[D]") - new["diagnosis_date"]).astype(np.int64)
    late = (found["report_date"].astype("datetime64[D]") - found["found_date"]).astype(np.int64) > 15
    months = new["_months"]
    shares: dict[str, list[Any]] = {
        **{f"stage_{n}": [*_part(new["stage"] == str(n), lung), told["cards"]["stages"][n - 1]] for n in (1, 2, 3)},
        "tuberculosis": [*_part(new["tb_flag"].astype(str) == "True", lung), told["cards"]["tuberculosis"]],
        "exposure_under_10_years": [*_part(months < 120, lung), told["cards"]["under_ten"]],
        "male": [*_part(new["sex"] == "1"), told["cards"]["male"]],
        "reported_within_15_days": [*_part(delay <= 15), told["cards"]["timely"]],
        "suspected_late": [*_part(late), told["suspected"]["late"]],
        "suspected_male": [*_part(found["sex"] == "1"), told["cards"]["male"]],
    }
    if len(made.tables["exam_cards_summary"]):
        sums = made.tables["exam_cards_summary"]
        n = int(sums["examined"].sum())
        shares["contraindicated"] = [int(sums["contraindicated_n"].sum()), n, told["exams"]["contraindication"]]
        shares["suspected_of_examined"] = [int(sums["suspected_n"].sum()), n, None]
    registers = made.registers.take(~made.registers["cancelled"])
    shares["exposed_of_staff"] = [
        int(registers["exposed_total"].sum()),
        int(registers["staff"].sum()),
        told["employers"]["exposed"],
    ]
    for size in ("large", "medium", "small", "micro"):
        shares[f"size_{size}"] = [*_part(registers["enterprise_size"] == size), None]
    samples = made.tables["workplace_samples"]
    if len(samples):
        first = samples["purpose"] == "monitoring"
        for factor, entry in told["factors"].items():
            among = first & (samples["factor_id"] == factor)
            shares[f"over_limit_{factor}"] = [*_part(samples["_over"].astype(bool), among), entry["over"]]
    return shares


def _suspected(found: Table) -> Tally:
    """Suspected cards by the year in which they were found, and how many were applied for and confirmed up to the data date."""
    confirmed = ~np.isnat(found["_confirmed"].astype("datetime64[D]"))
    days = np.where(confirmed, (found["_confirmed"].astype("datetime64[D]") - found["found_date"]).astype(np.int64), 10**6)
    masks = {
        "suspected": np.ones(len(found), bool),
        "applied": found["diagnosis_applied"].astype(bool),
        "confirmed": confirmed,
        "confirmed_in_180_days": days <= 180,
        "confirmed_in_365_days": days <= 365,
    }
    year = year_of(found["found_date"])
    return {name: tally(found, "employer_division", year, mask) for name, mask in masks.items()}


def _exceedances(made: Records) -> Tally:
    """Points and employers over a limit by year, and how many were inspected, re-tested and corrected."""
    after, samples = made.exceeding, made.tables["workplace_samples"]
    if not len(samples):
        return {}
    over, retest = samples["_over"].astype(bool), samples["purpose"] == "retest"
    told = {
        "points": tally(samples, "employer_division", samples["_year"], ~retest),
        "points_over": tally(samples, "employer_division", samples["_year"], ~retest & over),
        "retests": tally(samples, "employer_division", samples["_year"], retest),
        "retests_passed": tally(samples, "employer_division", samples["_year"], retest & ~over),
        "employers_over": tally(after, "place", after["_year"]),
    }
    return told | {
        name: tally(after, "place", after["_year"], after[name].astype(bool)) for name in ("inspected", "retested", "corrected")
    }


def indicators(made: Records) -> dict[str, Tally]:
    """Numerators and denominators that the records hold, by indicator, place and year."""
    tables = made.tables
    cards = _new(tables["disease_cards"])
    lung = cards["_category"] == "pneumoconiosis"
    year = year_of(cards["diagnosis_date"])
    place = "employer_division"
    found = {
        "short_exposure_pneumoconiosis_share": _ratio(
            tally(cards, place, year, lung & (cards["_months"] < 60)), tally(cards, place, year, lung)
        ),
        "suspected_found": tally(tables["suspected_cards"], place, year_of(tables["suspected_cards"]["found_date"])),
        "reporting_units": _reporting(tables["institutions"]),
        **_assisted(tables["sme_assistance"]),
    }
    if len(tables["employers"]):
        found |= _registers(tables)
    return found


def _reporting(rows: Table) -> Tally:
    return tally(rows, "division", rows["year"], rows["_units"] & rows["reported"])


def _assisted(rows: Table) -> dict[str, Tally]:
    """Small firms assisted, and what was done for them."""
    if not len(rows):
        return {}
    place, year = "employer_division", rows["_year"]
    done = {"declaration": "declared", "testing": "tested", "exam": "examined", "training": "trained"}
    whole = tally(rows, place, year)
    return {"sme_assisted_per_year": whole} | {
        f"sme_{name}_rate": _ratio(tally(rows, place, year, rows[column].astype(bool)), whole) for name, column in done.items()
    }


def _registers(tables: dict[str, Table]) -> dict[str, Tally]:
    rows, place = tables["employers"], "employer_division"
    rows = rows.take(~rows["cancelled"])
    year, every = rows["year"], np.ones(len(rows), bool)
    key = rows["group"] == 0
    declared = rows["declaration_date"] != ""

    def filled(name: str, mask: Mask) -> tuple[Mask, NDArray[Any]]:
        there = mask & (rows[name] != "")
        return there, np.where(there, rows[name], 0)

    def ratio(numerator: str, denominator: str, mask: Mask) -> Tally:
        there, n = filled(numerator, mask)
        return _ratio(tally(rows, place, year, there, n), tally(rows, place, year, there, np.where(there, rows[denominator], 0)))

    tested, is_tested = filled("tested", key & (rows["risk_class"] == "serious"))
    principals, n_principals = filled("principals_trained", key)
    sums, samples, checks = tables["exam_cards_summary"], tables["workplace_samples"], tables["inspections"]
    first = samples["purpose"] == "monitoring"
    case, closed = checks["case_no"] != "", checks["closed_date"] != ""
    return {
        "hazard_declaration_rate_key": _ratio(tally(rows, place, year, key & declared), tally(rows, place, year, key)),
        "hazard_declaration_rate_industrial": _ratio(tally(rows, place, year, declared), tally(rows, place, year)),
        "workplace_testing_rate_key": _ratio(tally(rows, place, year, tested, is_tested), tally(rows, place, year, tested)),
        "inservice_exam_rate_key": ratio("examined", "exam_due", key),
        "training_rate_principals_key": _ratio(
            tally(rows, place, year, principals, n_principals), tally(rows, place, year, principals)
        ),
        "training_rate_managers_key": ratio("managers_trained", "managers", key),
        "work_injury_insurance_coverage": ratio("insured", "insurance_due", every),
        "workplace_monitoring_pass_rate": _ratio(
            tally(samples, place, samples["_year"], first & ~samples["_over"].astype(bool)),
            tally(samples, place, samples["_year"], first),
        ),
        "violation_case_handling_rate": _ratio(
            tally(checks, place, checks["_year"], case & closed), tally(checks, place, checks["_year"], case)
        ),
        "persons_examined": tally(sums, place, sums["exam_year"], None, sums["examined"]),
        **_doses(tables["radiation_dose"]),
    }


def _doses(rows: Table) -> dict[str, Tally]:
    """Workers with a dose in every quarter, and workers with any."""
    made = {}
    for name, kind in (
        ("medical_radiation_dose_monitoring_rate", "medical"),
        ("nonmedical_radiation_dose_monitoring_rate", "non_medical"),
    ):
        doses = rows.take((rows["record_type"] == "dose") & (rows["institution_kind"] == kind))
        once = np.char.add(doses["id_number"].astype(str), doses["_year"].astype(str))
        _each, at = np.unique(once, return_index=True)
        people = doses.take(np.sort(at))
        full = people["_full"].astype(bool)
        place, year = "employer_division", people["_year"]
        made[name] = _ratio(tally(people, place, year, full), tally(people, place, year))
    return made


def _collective(rows: Table) -> dict[str, Tally]:
    """Collective dose by kind of institution, in hundredths of a person-mSv: one dosimeter, half the limit below it."""
    if not len(rows):
        return {}
    doses = rows.take((rows["record_type"] == "dose") & (rows["dosimeter"] == "single"))
    texts = doses["hp10_msv"].astype(str)
    below = np.char.startswith(texts, "<")
    hundredths = np.round(np.char.lstrip(texts, "<").astype(float) * np.where(below, 50, 100)).astype(np.int64)
    kinds = {kind: doses["institution_kind"] == kind for kind in ("medical", "non_medical")}
    return {kind: tally(doses, "employer_division", doses["_year"], mask, hundredths) for kind, mask in kinds.items()}


def _disagreements(found: dict[str, Tally], values: pd.DataFrame) -> list[list[Any]]:
    """Indicator, place, year, figure of the records, figure of the aggregated table, where the two differ."""
    made = []
    rows = zip(values["indicator_id"], values["place"], values["period"], values["numerator"], values["denominator"], strict=True)
    for name, place, year, n, d in rows:
        told = found.get(name, {}).get(place, {}).get(str(year))
        listed = told if isinstance(told, list) or told is None else [told]
        aggregate = [int(n)] if d == "" else [int(n), int(d)]
        if listed is not None and listed != aggregate:
            made.append([name, place, int(year), listed, aggregate])
    return made
