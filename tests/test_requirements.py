"""Every requirement of the seed texts is answered by something that exists, and the tests that prove it exist too."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from ohstats import clean, dataset, paths, records, reference, sections

if TYPE_CHECKING:
    from ohstats.clean import Cleaned

ROOT = Path(__file__).resolve().parent.parent
ROWS = pd.read_csv(ROOT / "docs" / "requirements.csv", dtype=str, keep_default_na=False)


def named(column: str) -> set[str]:
    return {each for cell in ROWS[column] for each in cell.split()}


def test_every_indicator_section_and_test_that_is_named_exists() -> None:
    written = {
        name for path in (ROOT / "tests").glob("*.py") for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.M)
    }
    assert named("indicators") <= set(reference.table("indicators")["indicator_id"])
    assert named("sections") <= set(sections.__all__)
    assert named("tests") <= written


def test_each_row_is_answered_or_says_who_has_to() -> None:
    answered = (ROWS["indicators"] + ROWS["sections"] != "") & (ROWS["tests"] != "")
    assert (answered | (ROWS["remark"] != "")).all()
    assert answered.sum() >= 108


def test_what_is_said_to_be_proved_by_the_truth_of_the_city_is_in_it() -> None:
    truth = set(json.loads((paths.examples() / "synthetic" / "truth.json").read_text(encoding="utf-8"))["indicators"])
    proof = "test_indicators_counted_from_records_and_their_disagreements_are_those_of_the_truth"
    rows = ROWS[ROWS["tests"].str.contains(proof)]
    assert len(rows) > 40
    assert [row["number"] for row in rows.to_dict("records") if not set(row["indicators"].split()) & truth] == []


def test_the_numbers_are_those_of_the_texts() -> None:
    text = (ROOT / "docs" / "requirements.md").read_text(encoding="utf-8")
    assert ROWS["number"].is_unique
    assert len(ROWS) == 125
    counts = ROWS["number"].str.split(".").str[0].value_counts().sort_index()
    assert counts.tolist() == [18, 28, 19, 25, 35]
    told = importlib.util.spec_from_file_location("make_requirements", ROOT / "tools" / "make_requirements.py")
    assert told is not None
    assert told.loader is not None
    module: Any = importlib.util.module_from_spec(told)
    told.loader.exec_module(module)
    assert text == module.document(), "run: python tools/make_requirements.py"


@pytest.fixture(scope="module")
def cleaned() -> Cleaned:
    return clean.clean_dataset(dataset.load(paths.examples() / "synthetic"))


@pytest.fixture(scope="module")
def tallied(cleaned: Cleaned) -> pd.DataFrame:
    """Everything that is counted from the records of the city, by indicator, place, year and group."""
    made = records.tally(cleaned.tables, data_date="2025-12-31")
    return made.set_index(["indicator_id", "place", "year", "group"])[["numerator", "denominator"]]


def counted(tallied: pd.DataFrame, name: str, group: str = "") -> dict[tuple[str, int], list[float]]:
    """Numerator and denominator of an indicator by place and year."""
    rows = tallied.xs((name, group), level=("indicator_id", "group"))
    return {key: row.tolist() for key, row in zip(rows.index, rows.to_numpy(), strict=True)}


def summed(rows: pd.DataFrame, place: str, year: str, n: pd.Series[Any], d: pd.Series[Any]) -> dict[tuple[str, int], list[float]]:
    """The same, added up from columns of a clean table."""
    sums = pd.DataFrame({"n": n.astype(float), "d": d.astype(float)}).groupby([rows[place], rows[year].astype(int)]).sum()
    return {key: row.tolist() for key, row in zip(sums.index, sums.to_numpy(), strict=True)}


def test_tasks_of_the_city_come_out_as_they_were_put_in(cleaned: Cleaned) -> None:
    raw = pd.read_csv(paths.examples() / "synthetic" / "tasks.csv", dtype=str)
    made = records.tally({"tasks": cleaned.tables["tasks"]}).set_index(["indicator_id", "place"])
    items = {
        "budget_execution": "经费",
        "drills_completion": "演练",
        "healthy_enterprises": "健康企业",
        "aides_trained_completion": "协管员",
    }
    for name, word in items.items():
        mine = raw[raw["事项"].str.contains(word)]
        for place, plan, done in zip(mine["地区编码"], mine["计划"].astype(float), mine["完成"].astype(float), strict=True):
            assert made.loc[(name, place), ["numerator", "denominator"]].tolist() == [done, plan]


def test_contents_and_effect_of_assistance_are_those_of_the_ledger(cleaned: Cleaned, tallied: pd.DataFrame) -> None:
    rows = cleaned.tables["sme_assistance"]
    where, one = ("employer_division", "assistance_year"), pd.Series(1, index=rows.index)
    mixed = 0
    for name in ("identification", "testing", "assessment", "engineering", "system", "training", "examination"):
        has = rows["service"].str.split("|").map(lambda told, name=name: name in told)
        mixed += int(has.sum())
        assert counted(tallied, f"sme_service_{name}") == summed(rows, *where, has, one), name
    assert mixed == 2 * len(rows)  # two contents an employer were put in
    found = rows[rows["hazards_found"].notna() & rows["hazards_corrected"].notna()]
    told = summed(found, *where, found["hazards_corrected"], found["hazards_found"])
    assert counted(tallied, "sme_hazards_corrected") == told
    assert 0 < sum(n for n, _d in told.values()) < sum(d for _n, d in told.values())


def test_inspections_by_risk_class_are_those_of_the_employers_on_file(cleaned: Cleaned, tallied: pd.DataFrame) -> None:
    rows = cleaned.tables["employers"]
    rows = rows[~rows["cancelled"].eq(True).fillna(False) & rows["employer_key"].notna()].copy()
    checks = cleaned.tables["inspections"]
    seen = set(zip(checks["employer_key"], checks["check_year"], strict=True))
    rows["seen"] = [pair in seen for pair in zip(rows["employer_key"], rows["year"], strict=True)]
    rows = rows.drop_duplicates(["employer_key", "year"])
    for risk in ("serious", "general"):
        mine = rows[rows["risk_class"] == risk]
        told = summed(mine, "employer_division", "year", mine["seen"], pd.Series(1, index=mine.index))
        assert counted(tallied, "supervision_coverage", f"risk={risk}") == told
    share = {risk: sum(n for n, _d in counted(tallied, "supervision_coverage", f"risk={risk}").values()) for risk in ("serious",)}
    assert share["serious"] > 20


def test_complete_declarations_are_those_with_all_main_items(cleaned: Cleaned, tallied: pd.DataFrame) -> None:
    rows = cleaned.tables["employers"]
    rows = rows[~rows["cancelled"].eq(True).fillna(False) & rows["declaration_date"].notna()]
    items = rows[["hazards", "exposed_total", "industry_code", "enterprise_size"]]
    whole = (items.notna() & items.astype("str").ne("")).all(axis=1)
    told = summed(rows, "employer_division", "year", whole, pd.Series(1, index=rows.index))
    assert counted(tallied, "declaration_complete_rate") == told


def test_institutions_of_the_network_are_counted_once_each(cleaned: Cleaned, tallied: pd.DataFrame) -> None:
    rows = cleaned.tables["institutions"]
    kinds = {"exam_institutions": "health_exam", "diagnosis_institutions": "diagnosis", "technical_services": "technical_service"}
    for name, kind in kinds.items():
        mine = rows[(rows["institution_type"] == kind) & rows["division"].notna()]
        told = mine.groupby([mine["division"], mine["year"].astype(int)])["institution_key"].nunique().to_dict()
        assert {key: n for key, (n, _d) in counted(tallied, name).items()} == told, name if told else None


def test_treatment_aid_and_insurance_of_patients_are_those_of_their_last_visit(cleaned: Cleaned, tallied: pd.DataFrame) -> None:
    visits = cleaned.tables["follow_up"]
    visits = visits[visits["person_key"].notna()].sort_values("visit_date", kind="stable")
    last = visits.groupby("person_key").last().assign(year=2025)
    assert set(visits["visit_year"].astype(int)) == {2025}
    poor = last[last["aid_eligible"].eq(True) & last["aided"].notna()]
    known = last[last["treated"].notna()]
    insured = last[last["insurance"].notna()]
    where = ("residence_division", "year")
    told = {
        "eligible_patient_assistance_rate": summed(poor, *where, poor["aided"], pd.Series(1, index=poor.index)),
        "patients_treated": summed(known, *where, known["treated"], pd.Series(1, index=known.index)),
        "patients_insured": summed(insured, *where, insured["insurance"] != "none", pd.Series(1, index=insured.index)),
    }
    for name, numbers in told.items():
        assert counted(tallied, name) == numbers, name
        assert sum(n for n, _d in numbers.values()) > 0
    without = last[last["insurance"] == "none"].groupby("residence_division").size()
    groups = counted(tallied, "patients_registered", "insurance=none")
    assert {place: n for (place, _year), (n, _d) in groups.items()} == without.to_dict()
