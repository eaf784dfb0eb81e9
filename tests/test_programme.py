"""Tables that indicators are counted on: what follows an exceedance, due tests, followed cases, patients, and the conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from ohstats import records
from ohstats.errors import FileRefused
from ohstats.records import conditions, derived, tallies

if TYPE_CHECKING:
    from pathlib import Path

ROW = {"employer_division": "990001", "workshop": "a", "township": None, "industry_code": None, "enterprise_size": None}


def samples(*told: tuple[str, str, str, str, bool | None]) -> pd.DataFrame:
    """Judged measurements: employer, purpose, date, post, over."""
    names = ["employer_key", "purpose", "sample_date", "post", "over"]
    rows = pd.DataFrame([dict(zip(names, each, strict=True)) for each in told]).assign(factor_id="noise", **ROW)
    return rows.assign(sample_year=rows["sample_date"].str[:4].astype(int), over=rows["over"].astype("boolean"))


def checks(*told: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(told, columns=["employer_key", "check_date"])


def test_an_exceedance_is_followed_by_what_comes_after_it_only() -> None:
    measured = samples(
        ("a", "monitoring", "2024-05-01", "p", True), ("a", "monitoring", "2024-05-03", "q", True),
        ("a", "retest", "2024-07-01", "p", True), ("a", "retest", "2024-08-01", "p", False),
        ("a", "retest", "2024-08-01", "q", False),
        ("b", "monitoring", "2024-05-01", "p", True), ("b", "retest", "2024-06-01", "p", False),
        ("b", "retest", "2024-06-01", "p", True),
        ("c", "monitoring", "2024-05-01", "p", True), ("c", "retest", "2024-04-01", "p", False),
        ("d", "monitoring", "2024-05-01", "p", False), ("e", "monitoring", "2024-05-01", "p", None),
    )  # fmt: skip
    inspected = checks(("a", "2024-04-30"), ("a", "2024-05-20"), ("b", "2024-05-01"), ("c", "2024-04-30"))
    found = records.exceedances({"measured": measured, "inspections": inspected}).set_index("employer_key")
    assert found.index.tolist() == ["a", "b", "c"]
    assert found["points"].tolist() == [2, 1, 1]
    assert found["inspected"].tolist() == [True, True, False]
    assert found.loc["a", ["inspection_date", "retest_date"]].tolist() == ["2024-05-20", "2024-07-01"]
    assert found["retested"].tolist() == [True, True, False]
    assert found["corrected"].tolist() == [True, False, False]  # b: one of two results of the last day is over
    assert records.exceedances({"measured": measured})["inspected"].isna().all()


def test_a_post_or_employer_exceeds_when_one_of_its_points_does() -> None:
    measured = samples(
        ("a", "monitoring", "2024-05-01", "p", False), ("a", "monitoring", "2024-05-01", "p", True),
        ("a", "monitoring", "2024-05-01", "q", False),
        ("b", "monitoring", "2024-05-01", "p", None), ("b", "retest", "2024-05-01", "p", False),
    )  # fmt: skip
    posts = derived._over(measured, [*derived._SITE, "workshop", "post"])
    assert posts[["employer_key", "post", "over"]].to_numpy().tolist() == [["a", "p", True], ["a", "q", False]]
    assert derived._over(measured, derived._SITE)["over"].tolist() == [True]


@pytest.mark.parametrize(
    ("risk", "answers", "in_time"),
    [
        ("serious", {2024: True}, True),
        ("serious", {2023: True, 2024: False}, False),
        ("serious", {2024: None}, None),
        ("general", {2024: True}, None),  # three years are needed, else only those tested would be judged
        ("general", {2022: True, 2023: False, 2024: False}, True),
        ("general", {2022: False, 2023: False, 2024: False}, False),
        ("general", {2022: None, 2023: False, 2024: False}, None),
        (None, {2024: True}, None),
    ],
)
def test_a_test_is_due_by_the_interval_of_the_risk(risk: str | None, answers: dict[int, Any], in_time: bool | None) -> None:
    rows = [
        {"employer_key": "a", "year": year, "risk_class": risk, "tested": told, "cancelled": False}
        for year, told in answers.items()
    ]
    made = derived.testing(pd.DataFrame(rows).astype({"tested": "boolean", "cancelled": "boolean"}))
    last = made.loc[made["year"] == 2024, "in_time"].iloc[0]
    assert last == in_time if in_time is not None else pd.isna(last)


def test_workers_due_come_from_the_declaration_else_from_the_intervals_of_the_user(tmp_path: Path) -> None:
    rows = pd.DataFrame(
        {
            "exam_due": [5, None, None, None],
            "exposed_dust": [9, 10, 0, None],
            "exposed_physical": [0, 3, 4, None],
            "exposed_total": [9, 13, 4, 0],
        }
    )
    assert derived.surveillance(rows)["exam_due"].fillna(-1).tolist() == [5, -1, -1, -1]  # the file ships empty
    (tmp_path / "exam_intervals.csv").write_text("hazard_class,interval_years\ndust,1\nphysical,2\n", encoding="utf-8")
    assert derived.surveillance(rows, tmp_path)["exam_due"].fillna(-1).tolist() == [5, 12, 2, -1]  # 10 + 3/2, and 4/2
    (tmp_path / "exam_intervals.csv").write_text("hazard_class,interval_years\ndust,1\n", encoding="utf-8")
    assert derived.surveillance(rows, tmp_path)["exam_due"].fillna(-1).tolist() == [5, -1, -1, -1]
    (tmp_path / "exam_intervals.csv").write_text("hazard_class,interval_years\ndusts,0\n", encoding="utf-8")
    with pytest.raises(FileRefused) as refused:
        derived.surveillance(rows, tmp_path)
    assert "dusts" in str(refused.value)
    assert "interval_years '0'" in str(refused.value)


def test_suspected_cases_count_when_their_time_is_over_and_each_once() -> None:
    cards = pd.DataFrame(
        [
            ("x", "2023-02-01", "2023-03-01", True),  # ends in the first year of the records: partly found before them
            ("x", "2023-08-01", "2023-09-01", True),
            ("y", "2023-08-01", "2024-06-01", True),  # applied after more than 180 days
            ("z", "2024-06-01", None, False),
            (None, "2024-06-02", None, None),
            ("w", "2024-07-15", "2024-07-16", True),  # not over at the date of the data
        ],
        columns=["person_key", "found_date", "applied_date", "diagnosis_applied"],
    ).assign(category="noise_deafness", employer_division="990001")
    cards["diagnosis_applied"] = cards["diagnosis_applied"].astype("boolean")
    cases = pd.DataFrame(
        [
            ("x", "2023-11-01", "noise_deafness", True),
            ("y", "2024-05-01", "noise_deafness", True),
            ("z", "2024-07-01", "skin", True),
        ],
        columns=["person_key", "diagnosis_date", "category", "new_case"],
    ).astype({"new_case": "boolean"})
    made = derived.suspected_followed({"suspected_cards": cards, "disease_cards": cases}, "2024-12-31")
    assert made["followed_year"].tolist() == [2024] * 4
    assert made["applied"].fillna(value=False).tolist() == [True, False, False, False]
    assert made["applied"].isna().tolist() == [False, False, False, True]
    assert made["confirmed"].isna().tolist() == [False, False, False, True]
    assert made["confirmed"].fillna(value=False).tolist() == [True, False, False, False]  # y too late, z another category


def test_patients_stay_on_the_register_until_they_die() -> None:
    names = ["person_key", "visit_year", "life_status", "refused"]
    told = [("a", 2023, "alive", False), ("a", 2024, "alive", False), ("b", 2023, "dead", False), ("c", 2023, "alive", False),
            ("d", 2024, "alive", True), ("e", 2024, "lost", False), ("f", 2024, "dead", False)]  # fmt: skip
    visits = pd.DataFrame(told, columns=names).assign(residence_division="990001", township="t", visit_date="2023-06-01")
    for name in ("insurance", "aid_eligible", "aided", "treated", "poverty_monitored"):
        visits[name] = None
    made = derived.patients(visits.astype({"refused": "boolean"}))
    seen = {year: dict(zip(part["person_key"], part["seen"], strict=True)) for year, part in made.groupby("year")}
    assert seen == {
        2023: {"a": True, "b": True, "c": True},
        2024: {"a": True, "c": False, "d": False, "e": False, "f": True},  # b died before
    }


# Conditions -----------------------------------------------------------------------------------------------------------
def test_conditions_read_text_numbers_flags_and_days() -> None:
    rows = pd.DataFrame(
        {"item": ["经费", "专项资金", None], "n": [1, 5, None],
         "from": ["2024-01-01", "2024-01-01", None], "to": ["2024-01-31", "2024-03-01", "2024-01-01"],
         "industry_code": ["C30", "0610", "Q84"]}
    )  # fmt: skip
    for condition, found in [
        ({"item": {"like": "经费|资金"}}, [True, True, False]), ({"n": {"min": 2}}, [False, True, False]),
        ({"to - from": {"max": 30}}, [True, False, False]), ({"industry_code": "industrial"}, [True, True, False]),
        ({"n": "blank"}, [False, False, True]), ({"n": [1, None]}, [True, False, True]),
    ]:  # fmt: skip
        assert conditions.fits(rows, condition, None).tolist() == found, condition


def test_own_rules_that_are_not_understood_are_refused_all_at_once(tmp_path: Path) -> None:
    (tmp_path / "tallies.yml").write_text(
        "a: {table: employers, where: {staff: {least: 3}}}\nb: {table: nothing}\n"
        "c: {table: employers, where: {staff: {like: '('}}}\n"
        "d: {table: employers, numerators: {}}\ne: {table: employers, denominator: {table: nowhere}}\n",
        encoding="utf-8",
    )
    with pytest.raises(FileRefused) as refused:
        tallies.declared(tmp_path)
    text = str(refused.value)
    assert "5 problems" in text
    for part in (
        "a: staff: a condition has min, max or like",
        "no table 'nothing'",
        "no regular expression",
        "d: it needs table",
        "no table 'nowhere'",
    ):
        assert part in text


def test_a_share_of_two_tables_needs_both_and_a_share_of_one_table_can_be_none() -> None:
    places = pd.DataFrame({"place": ["990001", "990002"], "period": "2024", "quantity": "population", "value": [1000.0, 2000.0]})
    devices = pd.DataFrame(
        {"division": ["990001", "990001", "990003"], "year": 2024, "visits": [30.0, 20.0, 5.0],
         "institution_key": ["x", "x", "y"],
         "test_date": ["2024-01-01", None, None], "warning_sign": True, "licence_no": None,
         "patient_protection": True,
         "dose_above_drl": None, "shielding_result": None, "test_result": None,
         "two_badges": [1, 1, None], "two_badges_due": [2, 2, None]}
    )  # fmt: skip
    made = records.tally({"denominators": places, "radiation_medical": devices})
    found = {(row["indicator_id"], row["place"]): (row["numerator"], row["denominator"]) for row in made.to_dict("records")}
    assert found["radiology_frequency", "990001"] == (50.0, 1000.0)
    assert ("radiology_frequency", "990003") not in found  # no population there
    assert found["radiology_institutions_covered", "990001"] == (1.0, 1.0)
    assert found["radiology_institutions_covered", "990003"] == (0.0, 1.0)
    assert found["two_badges_rate", "990001"] == (1.0, 2.0)  # the figure of an institution stands in each row of its devices


def test_a_declaration_rate_says_when_its_register_is_made_of_declarations() -> None:
    rows = pd.DataFrame({"employer_division": ["990001"] * 2 + ["990002"] * 2, "year": 2024, "declaration_date": "2024-01-01",
                         "register_source": ["申报系统", "申报系统", "申报系统", "税务名录"], "cancelled": False})  # fmt: skip
    entry = tallies.declared()["hazard_declaration_rate"]
    made = tallies._by_place("x", entry, rows.astype({"cancelled": "boolean"}), None).set_index("place")
    assert made[["denominator", "circular"]].to_numpy().tolist() == [[2.0, 2.0], [2.0, 1.0]]
