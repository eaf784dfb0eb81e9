"""The data check finds what was planted, counts every row, names rows but never a person, and is never published."""

from __future__ import annotations

import datetime as dt
import re
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from cards import TODAY, as_csv, card, cleaned, number
from datasets import case_rows, report, said, write

from ohstats import check, dataset, open_check, paths, plan, sections, site
from ohstats.__main__ import main
from ohstats.check import heaping
from ohstats.check.outliers import modified_z
from ohstats.errors import NotebookRefused, NotPublishable, ParameterRefused
from ohstats.limits import wilson

if TYPE_CHECKING:
    from pathlib import Path

PLACE = "320106"
COVERS = [
    {"table": "disease_cards", "places": [PLACE], "periods": "2020..2021"},
    {"table": "case_counts", "places": [PLACE], "periods": "2020..2021", "year_basis": "diagnosis", "keys": ["total"]},
]


def opened(*cards: dict[str, str], table: str = "disease_cards") -> check.Check:
    """A check of cards in memory, as of files."""
    made = cleaned(*cards, identifiers="drop", table=table)
    return check.Check({table: made.clean}, made.quarantine, made.audit, made.rows, dt.date.fromisoformat(TODAY), "en")


def city(folder: Path, *cards: dict[str, str], cases: dict[int | str, Any]) -> Path:
    places = [(PLACE, "甲区", "Jia District", "county", "")]
    made = write(folder, cases=case_rows(cases, PLACE), places=places, covers=COVERS, data_date=TODAY)
    (made / "disease_cards.csv").write_text(as_csv(list(cards)), encoding="utf-8")
    return made


def estimate(frame: pd.DataFrame, **where: str) -> dict[str, Any]:
    (row,) = frame[(frame[list(where)] == pd.Series(where)).all(axis=1)].to_dict("records")
    return row


def texts(found: list[check.Finding]) -> str:
    return " | ".join(each.text for each in found)


def test_an_indicator_that_records_and_aggregate_say_differently_is_told(tmp_path: Path) -> None:
    folder = city(tmp_path, card(1), card(2), cases={2021: 2})
    texts_of = {}
    for n, name in ((2, "same"), (3, "other")):
        values = "indicator_id,place,period,group,numerator,denominator\n"
        (folder / "indicator_values.csv").write_text(f"{values}short_exposure_pneumoconiosis_share,{PLACE},2021,,0,{n}\n")
        texts_of[name] = texts(check.cases(open_check(folder, language="en", workspace=paths.Workspace.at(tmp_path / name)))[1])
    assert "0 / 3 in the aggregate, 0 / 2 from the records" in texts_of["other"]
    assert "in the aggregate" not in texts_of["same"]


# Accounting -----------------------------------------------------------------------------------------------------------
def test_rows_in_are_clean_and_quarantined_and_reasons_name_rows() -> None:
    made = opened(card(1), card(2, 用人单位所属地区="999999"), card(3, 具体病名="待查"), card(4))
    files, found = check.files(made)
    assert files[["in", "clean", "quarantined"]].to_numpy().tolist() == [[4, 2, 2]]
    assert "2 of 4 rows are in quarantine" in texts(found)
    assert found[0].serious
    reasons, _found = check.quarantine(made)
    assert dict(zip(reasons["reason"], reasons["rows"], strict=True)) == {
        "district_unknown": "frame: 3",
        "disease_unknown": "frame: 4",
    }


def test_rows_that_were_lost_are_a_serious_finding() -> None:
    made = opened(card(1))
    made.rows["frame"]["in"] = 2
    assert (
        check.files(made)[1][0].text == "frame: 2 rows in are not 1 clean + 0 in quarantine: report this as a fault of ohstats."
    )


def test_no_section_holds_an_identifier_a_name_or_the_text_of_a_row() -> None:
    bad = [card(n, 用人单位所属地区="999999", 性别="女", 身份证件号码=number(7 + n)[:-1] + "?") for n in range(1, 4)]
    made = opened(card(5, 备注="秘密"), *bad)
    whole = "".join(make(made).html() + str(make(made).json()) for make in sections.CHECK)
    for secret in [*(one[name] for one in bad for name in ("身份证件号码", "姓名", "报告卡编号")), "秘密", "999999"]:
        assert secret not in whole


# Quality --------------------------------------------------------------------------------------------------------------
def test_completeness_counts_expected_fields_only_where_they_are_expected() -> None:
    made = opened(
        card(1),
        card(2, 专业工龄=""),
        card(3, 具体病名="噪声聋", 尘肺期别="", 性别="", 身份证件号码=""),
        card(4, 用人单位所属地区=""),
    )
    frame, found = check.completeness(made)
    assert (estimate(frame, column="stage")["numerator"], estimate(frame, column="stage")["denominator"]) == (2, 2)
    assert (estimate(frame, column="exposure_years")["numerator"], estimate(frame, column="exposure_years")["denominator"]) == (
        2,
        3,
    )
    place = estimate(frame, column="employer_division")
    assert (place["numerator"], place["denominator"]) == (3, 4)
    lower, upper = wilson([3], [4])
    assert (place["lower"], place["upper"]) == pytest.approx((100 * lower[0], 100 * upper[0]))
    assert "ask the reporting units" in texts(found)


def test_a_record_is_complete_without_the_fields_that_are_not_expected_of_it() -> None:
    whole = {"经济类型": "159", "统计工种": "凿岩工", "填卡单位": "甲医院", "终审日期": "2021-03-15"}
    deaf = whole | {"具体病名": "噪声聋", "尘肺期别": ""}
    made = opened(card(1, **whole), card(2, **deaf), card(3, **whole, 尘肺期别=""), card(4, **deaf, 性别=""))
    row = estimate(check.completeness(made)[0], column="")
    assert (row["numerator"], row["denominator"]) == (2, 4)


def test_what_cannot_be_measured_is_not_called_good(tmp_path: Path) -> None:
    made = open_check(write(tmp_path / "d", cases=case_rows({2024: 5})), language="en")
    for name in ("completeness", "validity", "consistency", "digits", "below_limit", "outliers"):
        assert texts(getattr(check, name)(made)[1]) == "No records for this are at hand: nothing to measure."


def test_validity_is_valid_of_filled_and_blanks_do_not_count() -> None:
    made = opened(card(1), card(2, 专业工龄="约5年"), card(3, 专业工龄=""), card(4, 身份证件号码="123"))
    frame, found = check.validity(made)
    years = estimate(frame, column="exposure_years")
    assert (years["numerator"], years["denominator"]) == (2, 3)
    person = estimate(frame, column="id_number")
    assert (person["numerator"], person["denominator"]) == (3, 4)
    assert "exposure_years: no number: made missing (1)" in texts(found)


def test_contradictions_are_counted_once_a_record_with_their_rows() -> None:
    made = opened(card(1), card(2, 性别="女", 出生日期="1991-01-01"), card(3, 具体病名="噪声聋"), card(4, 报告日期="2021-03-01"))
    frame, found = check.consistency(made)
    assert (estimate(frame, code="")["numerator"], estimate(frame, code="")["denominator"]) == (1, 4)
    named = dict(zip(frame["code"], frame["rows"], strict=True))
    assert named == {
        "birth_mismatch": "frame: 3", "sex_mismatch": "frame: 3", "date_order": "frame: 5",
        "stage_without_pneumoconiosis": "frame: 4", "": "",
    }  # fmt: skip
    assert all(each.serious for each in found)


def test_a_judgement_against_its_own_limit_is_a_contradiction() -> None:
    sample = {
        "用人单位所属地区": PLACE,
        "采样日期": "2024-05-01",
        "危害因素名称": "噪声",
        "LEX,8h": "86",
        "限值": "85",
        "结果判定": "合格",
    }
    made = opened(sample, sample | {"LEX,8h": "84"}, sample | {"结果判定": "不合格"}, table="workplace_samples")
    frame, _found = check.consistency(made)
    assert estimate(frame, code="judged_against_its_limit")["rows"] == "frame: 2"


def test_certain_duplicates_lower_uniqueness_and_possible_ones_are_named() -> None:
    nobody = card(5, 身份证件号码="", 姓名="李某")
    made = opened(card(1), card(1, 报告卡编号="K9"), nobody, nobody | {"报告卡编号": "K8"})
    frame, found = check.uniqueness(made)
    row = estimate(frame, table="disease_cards")
    assert (row["numerator"], row["denominator"], row["possible"], row["rows"]) == (3, 4, 2, "frame: 4, 5")
    assert "1 certain duplicates were left out" in texts(found)


# Time -----------------------------------------------------------------------------------------------------------------
def test_timeliness_counts_days_within_the_limit_with_and_without_late_supplements() -> None:
    made = opened(
        card(1),
        card(2, 报告日期="2021-03-20"),
        card(3, 报告日期="2021-03-21"),
        card(4, 报告日期="2022-03-05"),
        card(5, 报告日期=""),
    )
    frame, found = check.timeliness(made)
    rows = frame[frame["event"] == "case_report"].set_index("supplements")
    assert rows[["numerator", "denominator", "median", "missing"]].to_numpy().tolist() == [[2, 4, 15.5, 1], [2, 3, 15, 1]]
    assert rows["value"].tolist() == pytest.approx([50, 200 / 3])
    assert "2 of 4 took more than 15 days" in texts(found)


def test_units_that_fell_silent_and_covered_years_without_rows_are_named(tmp_path: Path) -> None:
    folder = city(
        tmp_path / "d", card(1, 填卡单位="甲医院", 诊断日期="2020-03-05", 报告日期="2020-03-10"), cases={2020: 1, 2021: 0}
    )
    made = open_check(folder, language="en")
    assert check.silent_places(made)[0].to_numpy().tolist() == [["disease_cards", PLACE, 2021]]
    both = opened(card(1, 填卡单位="甲医院", 诊断日期="2020-03-05", 报告日期="2020-03-10"), card(2, 填卡单位="乙医院"))
    assert "甲医院 reported last in 2020, nothing in 2021" in texts(check.silent_units(both)[1])


def test_an_institution_is_silent_without_report_and_zero_report() -> None:
    base = {
        "机构名称": "甲",
        "行政区划代码": PLACE,
        "机构类型": "职业病诊断机构",
        "年份": "2024",
        "是否报告": "否",
        "是否零报告": "否",
    }
    made = opened(
        base, base | {"机构名称": "乙", "是否零报告": "是"}, base | {"机构名称": "丙", "是否报告": "是"}, table="institutions"
    )
    frame, found = check.silent_institutions(made)
    assert (frame["numerator"].item(), frame["denominator"].item(), frame["zero"].item()) == (1, 3, 1)
    assert texts(found) == f"{PLACE}, 2024: 甲 sent neither a report nor a zero report: ask for one."


def test_a_table_is_old_when_its_latest_record_lies_far_before_the_data_date() -> None:
    frame, found = check.freshness(opened(card(1)))
    assert frame[["last", "days"]].to_numpy().tolist() == [["2021-03-05", 1578]]
    assert "1578 days before the data date" in texts(found)


# Digits, limits, outliers ---------------------------------------------------------------------------------------------
def test_indices_of_heaping_are_those_of_their_definition() -> None:
    even = np.repeat(np.arange(23, 63), 3)
    assert heaping.whipple(even, 23, 62)["value"] == 100
    by_hand = (10 - 1000 / 110) + (10000 / 110 - 10) + 80  # 3: 1 x 10 + 9 x 0; 4: 2 x 10 + 8 x 10
    assert heaping.myers(np.repeat([23, 34], 10), 23, 62) == pytest.approx(by_hand / 2)
    assert heaping.myers(even, 23, 62) == 0
    heaped = np.repeat([25, 30, 35, 40, 45, 50, 55, 60], 10)
    found = heaping.whipple(heaped, 23, 62)
    assert (found["value"], found["upper"], found["denominator"]) == (500, 500, 80)
    assert heaping.myers(np.repeat(np.arange(20, 60, 10), 10), 20, 59) == 90
    assert np.isnan(heaping.myers(np.array([], dtype=np.int64), 23, 62))


def test_few_values_give_no_verdict_of_heaping_and_many_heaped_ones_do() -> None:
    made = opened(card(1))
    years = pd.Series(np.repeat([5.0, 10.0, 15.0, 20.0], 20))
    made.tables["disease_cards"] = pd.DataFrame({"exposure_years": years, "age": 40, "flags": "", "file": "f", "row": range(80)})
    few = check.digits(made)[0].set_index("column")
    assert set(few["verdict"]) == {"cannot tell"}
    made.tables["disease_cards"] = pd.concat([made.tables["disease_cards"]] * 3, ignore_index=True)
    frame, found = check.digits(made)
    assert frame.set_index("column").loc["exposure_years", "verdict"] == "digits 0 and 5 preferred"
    assert "Whipple 500" in texts(found)


def test_results_that_crowd_just_below_a_limit_are_found_and_a_straight_line_is_not() -> None:
    made = opened(card(1))
    straight = pd.DataFrame({"lex": np.arange(81.01, 86.99, 0.05), "limit": 85.0})
    made.tables["workplace_samples"] = straight
    assert check.below_limit(made)[1][0].text == "Results do not crowd just below their limits: nothing to do."
    crowd = pd.DataFrame({"lex": [84.9] * 60, "limit": 85.0})
    made.tables["workplace_samples"] = pd.concat([straight, crowd], ignore_index=True)
    frame, found = check.below_limit(made)
    assert (frame["numerator"].item(), frame["denominator"].item()) == (100, 180)
    assert "100 of 180 results near the limit lie just below it" in texts(found)


def test_outliers_are_named_by_row_and_not_by_value_within_groups_that_are_large_enough() -> None:
    values = [*np.linspace(80, 84, 20), 179.5, 10.0]
    made = opened(card(1))
    groups = ["noise"] * 21 + ["heat"]
    made.tables["workplace_samples"] = pd.DataFrame(
        {"lex": values, "limit": 85.0, "factor_id": groups, "file": "f.csv", "row": range(2, 24)}
    )
    frame, found = check.outliers(made)
    assert frame[["n", "judged", "too_few", "rows"]].to_numpy().tolist() == [[0, 0, 1, ""], [1, 21, 1, "f.csv: 22"]]
    assert "179" not in texts(found)
    assert modified_z(pd.Series([5.0] * 6 + [6.0])).max() == pytest.approx((1 - 0) / (1.253314 / 7))
    assert (modified_z(pd.Series([3.0, 3.0])) == 0).all()


# Records against aggregates -------------------------------------------------------------------------------------------
def test_cards_are_held_against_counted_cases_where_both_are_covered(tmp_path: Path) -> None:
    cards = [card(1), card(2), card(3, 报告类型="晋期"), card(4, 诊断日期="2020-05-01", 报告日期="2020-05-02")]
    made = open_check(city(tmp_path / "d", *cards, cases={2020: 1, 2021: 3}), language="en")
    frame, found = check.cases(made)
    assert frame[["year", "cards", "counted", "difference"]].to_numpy().tolist() == [[2020, 1, 1, 0], [2021, 2, 3, -1]]
    assert texts(found).startswith("Jia District, 2021, All occupational diseases: 2 new cases on cards, 3 in the aggregate")
    only = open_check(tmp_path / "d", PLACE, first_year=2021, language="en")
    assert list(check.cases(only)[0]["year"]) == [2021]


def test_summary_rows_of_examinations_are_held_against_individual_ones() -> None:
    one = {"用人单位所属地区": PLACE, "体检日期": "2024-05-01", "体检类型": "在岗期间", "用人单位名称": "甲厂"}
    people = [one | {"身份证件号码": number(2 * n + 1)} for n in range(9)]
    again = people[0] | {"危害因素": "噪声"}
    summary = {"用人单位所属地区": PLACE, "体检日期": "", "体检年份": "2024", "统计期间": "2024", "实检人数": "10"}
    wide = [{**dict.fromkeys([*one, *summary, "身份证件号码", "危害因素"], ""), **row} for row in (*people, again, summary)]
    frame, found = check.examinations(opened(*wide, table="exam_cards"))
    assert frame[["cards", "summary", "factor"]].to_numpy().tolist() == [[9, 10, 0.9]]
    assert texts(found) == "Individual examinations agree with the summary rows: nothing to do."


# Report and command ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_section_can_be_shown_of_any_data_set_even_an_empty_one(tmp_path: Path, language: str) -> None:
    for folder in (write(tmp_path / "d", cases=[]), "data/example/synthetic", "data/example/china"):
        made = open_check(folder, language=language)
        for make in sections.CHECK:
            result = make(made)
            assert result.title
            assert result.sentences or result.bullets or result.table
            assert result.json()["internal"] is True
            assert not re.search(r"\bnan\b", said(result), re.IGNORECASE)


def test_the_data_check_has_no_public_edition(tmp_path: Path) -> None:
    folder = write(tmp_path / "d", cases=case_rows({2024: 5}))
    with pytest.raises(ParameterRefused, match="internal edition only"):
        open_check(folder, edition="public")
    chosen, workspace = dataset.load(folder), paths.Workspace.at(tmp_path / "w")
    given = {"notebooks": [paths.notebook("data_check")], "districts": ["990001"], "languages": ["en"], "period": "2024",
             "first_year": 2015, "assessment": "annual"}  # fmt: skip
    with pytest.raises(NotebookRefused, match="run it with --edition internal"):
        plan.plan(chosen, workspace, edition="public", **given)  # type: ignore[arg-type]
    assert len(plan.plan(chosen, workspace, edition="internal", **given)) == 1  # type: ignore[arg-type]


def test_the_site_takes_the_data_check_into_the_internal_edition_alone(tmp_path: Path) -> None:
    folder, workspace = write(tmp_path / "d", cases=case_rows({2024: 5})), paths.Workspace.at(tmp_path / "w")
    made = report(folder, workspace, name="data_check", edition="internal")
    index = site.build([made], [dataset.load(folder)], workspace, "internal")
    assert "Accounting of files" in (index.parent / "en" / "990001_data_check.html").read_text(encoding="utf-8")
    smuggled = type(made)(**{**vars(made), "edition": "public"})
    with pytest.raises(NotPublishable, match="internal edition only"):
        site.build([smuggled], [dataset.load(folder)], workspace, "public")
    assert not workspace.site("public").exists()


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["ohstats", "check", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def test_the_command_prints_the_findings_and_exits_1_when_a_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text(as_csv([card(1), card(2, 具体病名="待查")]), encoding="utf-8")
    bad.write_text("甲,乙\n1,2\n", encoding="utf-8")
    assert run(monkeypatch, str(good), "--table", "disease_cards", "--language", "en") == 0
    told = capsys.readouterr()
    assert "good.csv | 2 | 1 | 1 | 0 | 0" in told.out
    assert "Cards of confirmed occupational diseases | the disease is not in the catalogue | 1 | good.csv: 3" in told.out
    assert run(monkeypatch, str(bad), str(good), "--table", "disease_cards", "--language", "en") == 1
    told = capsys.readouterr()
    assert told.err.startswith("bad.csv: no row holds the headings of the table disease_cards.")
    assert "Traceback" not in told.err
    assert "good.csv | 2 | 1 | 1" in told.out
    folder = city(tmp_path / "d", card(1), cases={2021: 1})
    assert run(monkeypatch, "--data-dir", str(folder), "--language", "en", "--work", str(tmp_path / "w")) == 0
    assert "Cards and counted cases agree" in capsys.readouterr().out
    (folder / "disease_cards.csv").write_text("x", encoding="utf-8")
    assert run(monkeypatch, "--data-dir", str(folder), "--language", "en", "--work", str(tmp_path / "w")) == 1
    assert not (tmp_path / "w").exists()
    assert run(monkeypatch, "--table", "disease_cards") == 2


def test_clean_tables_of_the_workspace_give_the_same_check(tmp_path: Path) -> None:
    from ohstats import clean

    folder, workspace = city(tmp_path / "d", card(1), card(2, 性别="女"), cases={2021: 2}), paths.Workspace.at(tmp_path / "w")
    before = [make(open_check(folder, language="en", workspace=workspace)).html() for make in sections.CHECK]
    chosen = dataset.load(folder)
    clean.save(clean.clean_dataset(chosen), chosen, workspace)
    assert [make(open_check(folder, language="en", workspace=workspace)).html() for make in sections.CHECK] == before
