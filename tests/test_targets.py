"""Which targets an assessment judges and how: strictness, scope, plans, pace, ratios; findings; one pass for all places."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from datasets import PLACE, said, write

from ohstats import evaluation, findings, handbook, indicators, open_data, reference, sections
from ohstats.counts import CIRCULAR
from ohstats.errors import FileRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from ohstats.data import Data

SHARE, COUNT, RATIO, SAMPLE = (
    "hazard_declaration_rate_key",
    "sme_assisted_per_year",
    "budget_execution",
    "workplace_monitoring_pass_rate",
)
OTHER = "work_injury_insurance_coverage"
ROOT = Path(__file__).resolve().parent.parent
PLAN = {"in_force_from": 2021, "in_force_to": 2025, "deadline_year": 2025}
CHAIN = [("990100", "市", "City", "city", ""), (PLACE, "甲县", "Jia County", "county", "990100")]
VALUES = [
    *[(SHARE, PLACE, year, n, 100) for year, n in zip(range(2021, 2026), (70, 80, 85, 88, 93), strict=True)],
    (SHARE, PLACE, "2024H1", 40, 100), (SHARE, PLACE, "2023H1", 34, 100),
    (COUNT, PLACE, "2024H1", 12, ""), (COUNT, PLACE, "2023H1", 10, ""), (COUNT, PLACE, 2025, 21, ""),
    (RATIO, PLACE, 2025, 95, 100), (SAMPLE, PLACE, 2025, 300, 400), (OTHER, PLACE, 2024, 79, 100), (OTHER, PLACE, 2025, 99, 100),
]  # fmt: skip
TARGETS = [
    {"indicator_id": SHARE, "target_value": 90, "jurisdiction_code": "990100"} | PLAN,
    {"indicator_id": SHARE, "target_value": 95} | PLAN,
    {"indicator_id": SHARE, "target_value": 95, "jurisdiction_code": "990100", "name_en": "again"} | PLAN,
    {"indicator_id": OTHER, "target_value": 80} | PLAN | {"in_force_to": 2024, "deadline_year": 2024},
    {"indicator_id": COUNT, "target_value": 20, "unit": "employers"} | PLAN,
    {"indicator_id": RATIO, "target_value": 95} | PLAN,
    {"indicator_id": SAMPLE, "target_value": 85} | PLAN,
]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Data]:
    folder = write(
        tmp_path_factory.mktemp("targets"), values=VALUES, targets=TARGETS, places=CHAIN, periods="2015..2026",
        data_date="2026-12-31",
    )  # fmt: skip

    @cache
    def of(period: str = "2025", **told: Any) -> Data:
        return open_data(folder, PLACE, period=period, **{"language": "en", "edition": "internal", **told})

    return of


def test_the_strictest_of_several_targets_decides_and_the_nearest_of_equal_ones(opened: Callable[..., Data]) -> None:
    rows = evaluation.against_targets(opened())
    mine = rows[rows["indicator_id"] == SHARE]
    assert mine[["target_value", "jurisdiction_code", "decides"]].to_numpy().tolist() == [
        ["95", PLACE, True], ["90", "990100", False], ["95", "990100", False],
    ]  # fmt: skip
    assert mine["status"].tolist() == ["not_met", "met", "not_met"]
    assert "2 further targets" in said(sections.evaluation_headline(opened()))


def test_a_target_of_another_scope_or_denominator_is_not_compared(tmp_path: Path) -> None:
    folder = write(tmp_path, values=[(SHARE, PLACE, 2024, 9, 10)])
    rows = pd.DataFrame(
        [
            {"indicator_id": SHARE, "comparator": ">=", "target_value": goal, "jurisdiction_code": PLACE, "scope": scope,
             "denominator_key": key}
            for goal, scope, key in ((80, "key_industries", ""), (81, "", ""), (99, "coal_mines", ""), (98, "", "employers_due"))
        ]
    )  # fmt: skip
    rows.to_csv(folder / "targets.csv", index=False)
    data = open_data(folder, PLACE, period="2024", language="en")
    assert evaluation.in_force(data)["target_value"].tolist() == ["80", "81"]
    assert evaluation.of_other_scope(data)["target_value"].tolist() == ["99", "98"]
    (told,) = (line for line in sections.target_table(data).sentences if "industry scope" in line)
    assert told.startswith("1 target in force is set for another industry scope or denominator")  # of one indicator


@pytest.mark.parametrize(
    ("period", "assessment", "plan", "years"),
    [
        ("2025", "annual", (2021, 2025, False), {2025}),
        ("2025", "final", (2021, 2025, True), {2024, 2025}),
        ("2026", "final", (2021, 2025, True), {2024, 2025}),  # due after its end
        ("2021..2025", "final", (2021, 2025, True), {2024, 2025}),
        ("2024", "final", (2016, 2020, True), set()),  # the plan has not ended: the one before it
        ("2026", "annual", (2026, 2026, False), set()),
    ],
)
def test_expired_targets_are_judged_in_the_final_assessment_of_their_plan_only(
    opened: Callable[..., Data], period: str, assessment: str, plan: tuple[int, int, bool], years: set[int]
) -> None:
    data = opened(period, assessment=assessment)
    assert tuple(evaluation.plan(data)) == plan
    assert set(evaluation.in_force(data)["judged_in"]) == years


def test_a_final_assessment_judges_each_target_in_its_own_last_year_and_gives_no_pace(opened: Callable[..., Data]) -> None:
    rows = evaluation.against_targets(opened("2026", assessment="final")).set_index("indicator_id")
    assert rows.loc[OTHER, ["value", "status"]].tolist() == [79.0, "not_met"]  # 2024, though 2025 reached it
    assert rows["pace"].isna().all()
    assert said(sections.evaluation_headline(opened("2026", assessment="final"))) == (
        "Final assessment 2021–2025: of 5 targets for Jia County, 2 met, 3 not met, 0 cannot be judged. Largest gaps:"
    )


def test_the_course_of_a_plan_tells_start_years_end_change_and_verdict(opened: Callable[..., Data]) -> None:
    table = sections.plan_course(opened(assessment="final")).table
    assert table is not None
    row = next(row for row in table.rows if row[0].startswith("Hazard declaration"))
    assert row[1:] == ["70.0%", "80.0%", "85.0%", "88.0%", "93.0%", "+23.0", "≥ 95%", "✗ not met"]
    assert sections.plan_course(opened()).empty
    figure = sections.target_figure(opened(assessment="final")).figure
    assert figure is not None
    assert "hollow: start of the plan" in figure.svg


def test_a_midterm_assessment_judges_the_plan_so_far_with_the_pace_that_is_left(opened: Callable[..., Data]) -> None:
    data = opened("2023", assessment="midterm")
    assert tuple(evaluation.plan(data)) == (2021, 2023, False)
    said_of = {language: said(sections.evaluation_headline(opened("2023", assessment="midterm", language=language)))
               for language in ("en", "zh")}  # fmt: skip
    assert said_of["en"].startswith(
        "Midterm assessment 2021–2023: of 5 targets for Jia County, 0 met, 1 not yet met, 4 cannot be judged."
    )
    assert said_of["zh"].startswith("2021–2023年中期评估：甲县共5项目标，0项达标，1项尚未达标，4项无法判定。")
    table = sections.plan_course(data).table
    assert table is not None
    assert table.header[1:4] == ["2021", "2022", "2023"]
    row = next(row for row in table.rows if row[0].startswith("Hazard declaration"))
    assert row[1:] == ["70.0%", "80.0%", "85.0%", "+15.0", "≥ 95%", "✗ not met"]
    (judged,) = evaluation.against_targets(data).query("indicator_id == @SHARE and decides").to_dict("records")
    assert (judged["status"], judged["gap"], judged["pace"]) == ("not_met", 10, 1)  # of 24 months, rounded up
    figure = sections.target_figure(data).figure
    assert figure is not None
    assert "hollow: start of the plan" in figure.svg


@pytest.mark.parametrize(("period", "months", "pace"), [("2024H1", 18, 4), ("2024", 12, 1), ("2025", None, None)])
def test_the_pace_is_what_is_missing_over_the_months_left(
    opened: Callable[..., Data], period: str, months: float | None, pace: float | None
) -> None:
    row = evaluation.against_targets(opened(period)).query("indicator_id == @SHARE and decides").iloc[0]
    gap = row["gap"]
    assert row["months"] == months if months else np.isnan(row["months"])
    assert row["pace"] == pace == np.ceil(gap / months) if months else np.isnan(row["pace"])


def test_part_of_a_year_is_held_against_the_plan_and_the_same_period_before(opened: Callable[..., Data]) -> None:
    lines = {language: sections.target_table(opened("2024H1", language=language)).sentences[0] for language in ("en", "zh")}
    assert lines["en"].endswith(": 12 of 20 for the year (60%) after 6 of 12 months (50%).")
    assert all(text in lines["zh"] for text in ("12", "20", "60%", "50%"))
    rows = evaluation.against_targets(opened("2024H1")).query("decides").set_index("indicator_id")
    assert rows.loc[SHARE, ["before", "change"]].tolist() == [34.0, 6.0]
    table = sections.target_table(opened("2024H1")).table
    assert table is not None
    assert next(row for row in table.rows if "assisted" in row[0])[5] == "+2 (+20.0%)"


def test_no_target_in_force_is_said_with_what_to_do(opened: Callable[..., Data]) -> None:
    data = opened("2026")
    assert said(sections.evaluation_headline(data)) == "2026: no target in force for Jia County."
    assert "targets.csv" in said(sections.target_table(data))


def test_status_is_the_exact_comparison_for_any_counts_and_targets(opened: Callable[..., Data]) -> None:
    draw = np.random.default_rng(11)
    d = draw.integers(1, 5000, 400)
    n = (d * draw.beta(20, 1.5, 400)).astype(int)
    goal = [str(int(each) / 20) for each in draw.integers(1500, 2000, 400)]
    rows = pd.DataFrame({"numerator": n, "denominator": d, "target_value": goal, "comparator": draw.choice([">=", "<="], 400)})
    rows = rows.assign(method="wilson", basis="census", lower=0.0, upper=100.0, note="")
    found = evaluation._judge(rows, rows["note"] == "")
    for row in found.to_dict("records"):
        share, wanted = Fraction(row["numerator"] * 100, row["denominator"]), Fraction(row["target_value"])
        met = share >= wanted if row["comparator"] == ">=" else share <= wanted
        assert (row["status"] == "met") == met
        step = 1 if row["comparator"] == ">=" else -1
        moved = Fraction(int(row["numerator"] + step * row["gap"]) * 100, row["denominator"])
        assert moved >= wanted if step > 0 else moved <= wanted


def test_ratios_of_plan_and_done_are_compared_as_fractions() -> None:
    rows = pd.DataFrame(
        {"numerator": [389.5, 389.4, 12.0], "denominator": [410.0, 410.0, 11.0], "target_value": "95", "comparator": ">="}
    )
    rows = rows.assign(method="ratio", basis="census", lower=np.nan, upper=np.nan, note="")
    found = evaluation._judge(rows, rows["note"] == "")
    assert found["status"].tolist() == ["met", "not_met", "met"]
    assert found["gap"].tolist()[0] == 0
    assert np.isnan(found["gap"].iloc[1])  # money is no unit that is missing


def frame(**columns: Any) -> pd.DataFrame:
    told = {"year_basis": "", "key": "", "group": "", "hidden": False, "source": "", "note": "", "denominator": np.nan}
    return pd.DataFrame(told | columns)


def test_all_places_come_in_one_pass_as_they_would_one_by_one() -> None:
    declared = reference.table("indicators")
    counts = frame(
        measure=[SHARE, RATIO, COUNT, SHARE, SHARE, SHARE, "new_cases", "new_cases", SHARE],
        place=["990001"] * 3 + ["990002"] * 6, period="2024", key=["", "", "", "", "", "", "radiation", "total", ""],
        group=[""] * 8 + ["size=small"], numerator=[9.0, 3.5, 20, 0, 11, np.nan, 2, 8, 1],
        denominator=[10.0, 7, np.nan, 0, 10, 10, np.nan, np.nan, 2],
        hidden=[False] * 5 + [True] + [False] * 3,
    )  # fmt: skip
    found = indicators.table(counts, declared)
    told = [(row["measure"], row["value"], row["unit"], row["note"]) for row in found.to_dict("records")]
    assert [(name, unit, note) for name, _value, unit, note in told] == [
        (SHARE, "percent", ""), (RATIO, "percent", ""), (COUNT, "count", ""), (SHARE, "percent", "denominator is 0"),
        (SHARE, "percent", "numerator above denominator"), (SHARE, "percent", "protected"), ("radiation_new_cases", "count", ""),
    ]  # fmt: skip
    assert [value for _name, value, *_rest in told if value == value] == [90.0, 50.0, 20.0, 2.0]
    one = indicators.table(counts[counts["place"] == "990001"], declared, ids=[SHARE], period="2024")
    pd.testing.assert_frame_equal(one, found.head(1))


@pytest.mark.parametrize(("group", "hidden", "value"), [("dose=20+", False, 6), ("dose=20+", True, None), ("dose=<1", False, 0)])
def test_a_figure_that_is_a_group_of_another_is_the_same_figure(group: str, hidden: bool, value: float | None) -> None:
    counts = frame(
        measure=["dose_workers"] * 2,
        place="990001",
        period="2024",
        group=["", group],
        numerator=[80.0, 6],
        hidden=[False, hidden],
    )
    row = indicators.table(counts, reference.table("indicators"), ids=["dose_above_twenty"]).iloc[0]
    assert row["value"] == value if value is not None else row["note"] == "protected"


def test_a_register_made_from_declarations_gives_no_declaration_rate() -> None:
    counts = frame(measure=[SHARE], place="990001", period="2024", numerator=[9.0], denominator=[9.0], note=CIRCULAR)
    row = indicators.table(counts, reference.table("indicators")).iloc[0]
    assert (row["note"], row["value"] == row["value"]) == (CIRCULAR, False)


def test_faults_of_own_indicators_and_rules_are_told_all_at_once(tmp_path: Path) -> None:
    (tmp_path / "indicators.csv").write_text(
        "indicator_id,measure,project,counts,per\nx,share,A,case,\ny,ratio,E,people,a\n", encoding="utf-8"
    )
    with pytest.raises(FileRefused) as refused:
        reference.table("indicators", tmp_path, key="indicator_id")
    assert all(text in str(refused.value) for text in ("measure 'share'", "project 'E'", "counts 'people'", "per 'a'", "row 3"))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_of_indicators_is_current_and_names_every_one(language: str) -> None:
    page = (ROOT / "docs" / handbook.NAMES[language]).read_text(encoding="utf-8")
    assert page == handbook.markdown(language), "run: python -m ohstats dictionary --out docs"
    assert all(f"`{name}`" in page for name in reference.table("indicators")["indicator_id"])


def test_every_indicator_says_what_it_counts_in_both_languages() -> None:
    rows = reference.table("indicators")
    for column in ("name", "unit", "numerator", "rationale", "limits"):
        assert not (rows[[f"{column}_zh", f"{column}_en"]] == "").any(axis=None), column
    shares = rows[rows["measure"].isin(["proportion", "ratio", "trend_share"])]
    assert not (shares[["denominator_zh", "denominator_en"]] == "").any(axis=None)
    numbers = {"A": 13, "B": 9, "C": 13, "D": 7}
    assert {f"{letter}{n}" for letter, last in numbers.items() for n in range(1, last + 1)} <= set(rows["code"])


# Findings -------------------------------------------------------------------------------------------------------------
def test_rules_name_indicators_and_are_written_in_both_languages() -> None:
    known = set(reference.table("indicators")["indicator_id"])
    for name, rule in findings.rules().items():
        assert name in known
        assert all(set(rule[part]) == {"zh", "en"} for part in ("owner", "means", "next"))


def test_missed_targets_come_before_defaults_and_a_sample_that_is_not_certain_last(opened: Callable[..., Data]) -> None:
    rows = findings.found(opened())
    assert rows["indicator_id"].tolist() == [
        SAMPLE,
        SHARE,
    ]  # 75 % of 85 is certain (limits below), and further away than 93 of 95
    assert rows["certain"].tolist() == [True, True]
    table = sections.problems(opened()).table
    assert table is not None
    assert table.rows[1][0] == "Hazard declaration rate, key industries: 93.0% (93 / 100), target 95%; 2 more employers."
    assert sections.problems(opened("2026")).table is None


def test_a_figure_beyond_a_default_is_a_finding_only_without_a_target_of_its_own(tmp_path: Path) -> None:
    values = [
        ("case_report_timeliness", PLACE, 2024, 94, 100),
        ("patient_follow_up_rate", PLACE, 2024, 95, 100),
        (SHARE, PLACE, 2024, 1, 100),
    ]
    rows = findings.found(open_data(write(tmp_path, values=values), PLACE, period="2024", edition="internal"))
    assert rows[["indicator_id", "goal", "is_target", "gap"]].to_numpy().tolist() == [
        ["case_report_timeliness", 95.0, False, 1.0]
    ]


def test_a_project_tells_its_figures_by_aspect_and_names_what_has_no_data(opened: Callable[..., Data]) -> None:
    for language, words in {"en": ("No data:", "C Hazard factors"), "zh": ("", "")}.items():
        result = sections.project(opened(language=language), "C")
        assert result.table is not None
        assert [row[1][:1] for row in result.table.rows] == ["✗", "–", "✓", "✗"]  # the second target has expired
        assert words[0] in said(result)
        assert result.title.startswith("C")
    assert sections.project(opened(), "D").table is None


def test_three_clear_numbers_are_told_with_what_they_are_not(tmp_path: Path) -> None:
    values = [("employers_with_hazards", PLACE, 2024, 40, ""), ("exposed_workers", PLACE, 2024, 2000, ""),
              ("register_completeness", PLACE, 2024, 40, 50)]  # fmt: skip
    cases = [{"place": PLACE, "period": 2024, "year_basis": "diagnosis", "key": "total", "n": 6}]
    data = open_data(write(tmp_path, values=values, cases=cases), PLACE, period="2024", language="en", edition="internal")
    facts = dict(sections.clear_numbers(data).facts)
    assert list(facts.values())[:3] == ["40", "2,000", "6"]
    assert facts["New cases per 100,000 declared exposed workers"] == "300.0 (110.1 to 653.0)"  # exact: chi-square(12, 14)
    assert facts["Completeness of the register against other lists"] == "80.0% (40 / 50)"
    assert "not incidence" in said(sections.clear_numbers(data))
