"""Rows and cells: patterns C01 to C54 of the field, each with exactly its outcome."""

from __future__ import annotations

import pandas as pd
import pytest
from cards import GOOD, NUMBER, card, check_digit, cleaned, number, rules

MALE = number(3)


def row_of(**changes: str) -> tuple[pd.Series, list[str]]:
    """The one clean row of a changed card and the rules that the audit names for the changed columns."""
    made = cleaned(card(**changes))
    assert len(made.clean) == 1, made.quarantine["reason"].tolist()
    return made.clean.iloc[0], rules(made)


def reason_of(**changes: str) -> str:
    made = cleaned(card(**changes))
    assert len(made.quarantine) == 1
    assert all(value in made.quarantine["original"].iloc[0] for value in changes.values() if '"' not in value)
    return str(made.quarantine["reason"].iloc[0])


def test_good_card_needs_no_rule() -> None:
    row, found = row_of()
    assert found == []
    assert row["flags"] == ""
    assert (row["employer_division"], row["disease_id"], row["stage"], row["sex"]) == ("320106", "silicosis", "1", "1")
    assert (row["diagnosis_year"], row["report_year"], row["age"], row["report_delay_days"]) == (2021, 2021, 31, 5)
    assert bool(row["new_case"])


# Identity numbers and persons -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(NUMBER[:15] + "000", id="C01 fifteen digits survived"),
        pytest.param("320106199001011000", id="C01 and a right check digit by chance"),
        pytest.param("3.20106E+17", id="C02 scientific"),
        pytest.param("3.20106199001011E+17", id="C02 scientific, all digits"),
        pytest.param(NUMBER[:17] + "4", id="C07 wrong check digit"),
        pytest.param("320106199013011238", id="C07 no such month"),
        pytest.param("320106********1234", id="C08 masked"),
        pytest.param("", id="C12 empty"),
        pytest.param("#N/A", id="C54 in an optional field"),
        pytest.param("无", id="C44 says nothing"),
    ],
)
def test_c01_c02_c07_c08_c12_damaged_number_is_blanked_and_the_card_counts(text: str) -> None:
    row, found = row_of(身份证件号码=text)
    assert pd.isna(row["id_number"])
    assert pd.isna(row["person_key"])
    assert row["flags"] == "no_person_key"
    assert found == ["no_person_key"]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("'" + MALE, "unwrapped"), ("`" + MALE, "unwrapped"), (MALE + "\t", "blanks"), (f'="{MALE}"', "unwrapped"),
        (MALE.translate({ord(c): ord(c) + 0xFEE0 for c in MALE}), "width"), (MALE[:6] + "\u200b" + MALE[6:], "invisible"),
        (f"\ufeff{MALE}\u200e", "invisible"), (f" {MALE[:6]} {MALE[6:14]} {MALE[14:]}", "blanks"),
    ],
)  # fmt: skip
def test_c03_c04_c14_number_in_disguise_is_restored(text: str, rule: str) -> None:
    row, found = row_of(身份证件号码=text)
    assert row["id_number"] == MALE
    assert found == [rule]


LETTERED = next(number(serial) for serial in range(1, 999, 2) if number(serial).endswith("X"))


@pytest.mark.parametrize("letter", ["x", "Ｘ", "×", "Х", "х"])
def test_c05_last_letter_is_restored_where_the_check_digit_then_holds(letter: str) -> None:
    row, found = row_of(身份证件号码=LETTERED[:17] + letter)
    assert row["id_number"] == LETTERED
    assert found == ["width" if letter == "Ｘ" else "check_letter"]
    assert row_of(身份证件号码=MALE[:17] + letter)[1] == ["no_person_key"]


def test_c06_first_generation_number_becomes_eighteen_digits() -> None:
    row, found = row_of(身份证件号码="320106900101123")
    assert row["id_number"] == "32010619900101123" + check_digit("32010619900101123")
    assert found == ["id_15_digits"]


@pytest.mark.parametrize("text", ["H12345678", "E12345678", "g12345678"])
def test_c09_other_document_is_typed_other(text: str) -> None:
    row, found = row_of(身份证件号码=text)
    assert row["id_number"] == text.upper()
    assert row["id_type"] == "99"
    assert "other_document" in row["flags"]
    assert "no_person_key" not in found
    assert len(row["person_key"]) == 32


def test_c10_c11_disagreement_with_the_number_is_flagged_and_kept() -> None:
    row, found = row_of(出生日期="1991-01-01")
    assert (row["birth_date"], found) == ("1991-01-01", ["birth_mismatch"])
    row, found = row_of(性别="女")
    assert (row["sex"], found) == ("2", ["sex_mismatch"])


def test_c12_twins_without_a_number_both_stay() -> None:
    made = cleaned(card(1, 身份证件号码="", 姓名="张三"), card(2, 身份证件号码="", 姓名="张三"), card(3))
    assert made.clean["flags"].tolist() == ["no_person_key;possible_duplicate"] * 2 + [""]
    assert rules(made, "diagnosis_date") == ["possible_duplicate"] * 2
    assert made.rows["frame"]["no_person_key"] == 2


@pytest.mark.parametrize("blank", [" ", "\u3000", "\u00a0"])
def test_c13_blank_inside_a_name_is_taken_out(blank: str) -> None:
    row, found = row_of(姓名=f"张{blank}三")
    assert (row["name"], found) == ("张三", ["blanks"])


@pytest.mark.parametrize("text", ["3201\u200b06", "\ufeff320106", "320106\u200e"])
def test_c14_invisible_characters_in_a_code_are_taken_out(text: str) -> None:
    row, found = row_of(用人单位所属地区=text)
    assert (row["employer_division"], len(found)) == ("320106", 1)


@pytest.mark.parametrize("dot", [".", "•", "・", "．"])
def test_c15_dot_of_a_name_is_one_kind(dot: str) -> None:
    row, found = row_of(姓名=f"买买提{dot}艾力")
    assert (row["name"], found) == ("买买提·艾力", ["dot"])


@pytest.mark.parametrize("text", ["张\ufffd", "张?", "张？"])
def test_c16_lost_character_in_a_name_is_flagged(text: str) -> None:
    row, found = row_of(姓名=text)
    assert row["name"] == text
    assert (found, row["flags"]) == (["name_damaged"], "name_damaged")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"姓名": "㐀𠮷𫠠"}, id="C17 rare characters"),
        pytest.param({"用人单位名称": "<script>alert(1)</script>有限公司"}, id="C19 script"),
        pytest.param({"用人单位名称": "[a](http://x) {{ x }} ${y} & <b>"}, id="C19 Markdown and templates"),
        pytest.param({"用人单位名称": '=cmd|"/C calc"!A0'}, id="C20 formula"),
        pytest.param({"用人单位名称": "+86公司"}, id="C20 plus"),
        pytest.param({"用人单位名称": "-1公司"}, id="C20 minus"),
        pytest.param({"用人单位名称": "@SUM(A1)"}, id="C20 at"),
    ],
)
def test_c17_c19_c20_hostile_or_rare_text_is_kept_exactly(changes: dict[str, str]) -> None:
    row, found = row_of(**changes)
    assert found == []
    assert row["name" if "姓名" in changes else "employer_name"] == next(iter(changes.values()))


def test_c18_brackets_of_employers_are_of_one_kind() -> None:
    made = cleaned(card(1, 用人单位名称="某某（南京）有限公司"), card(2, 用人单位名称="某某(南京)有限公司"))
    assert made.clean["employer_name"].tolist() == ["某某(南京)有限公司"] * 2
    assert len(set(made.clean["employer_key"])) == 1
    assert rules(made) == ["brackets"]


# Dates ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("2021/3/5", "date_notation"), ("2021.03.05", "date_notation"), ("20210305", "date_notation"),
        ("2021年3月5日", "date_notation"),
        ("2021-3-5", "date_notation"), ("44260", "date_serial"), ("2021-03-05 08:30:00", "date_time"),
        ("2021-03-05T00:00:00", "date_time"),
        ("2021/3/5 0:00", "date_time"), ("２０２１－０３－０５", "width"), ("２０２１年３月５日", "date_notation"),
        (" 2021-03-05 ", "blanks"),
        ("25/03/2021", "date_notation"),
    ],
)  # fmt: skip
def test_c21_c22_c23_c24_date_in_another_notation_becomes_iso(text: str, rule: str) -> None:
    row, found = row_of(诊断日期=text, 报告日期="2021-04-01")
    assert row["diagnosis_date"] == ("2021-03-25" if text.startswith("25") else "2021-03-05")
    assert found == [rule]


@pytest.mark.parametrize(
    "text",
    ["03/05/2021", "2021", "2021年", "2021-03", "2021年3月", "202103", "2021-02-30", "2021-13-01", "2021-00-00", "2021年春"],
)
def test_c25_c27_c28_certain_year_is_kept_without_the_day(text: str) -> None:
    row, found = row_of(诊断日期=text)
    assert pd.isna(row["diagnosis_date"])
    assert row["diagnosis_year"] == 2021
    assert (found, row["flags"]) == (["date_partial"], "date_partial")
    assert pd.isna(row["report_delay_days"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *((text, "date_ambiguous") for text in ("21/3/5", "03-04-05", "5/3/21", "210305", "2021-2022")),
        *((text, "date_invalid") for text in ("3月5日", "3月", "00-00", "0000-00-00", "待查", "99999")),
        *((text, "date_sentinel") for text in ("1900-01-01", "1899-12-30", "1970-01-01", "9999-12-31", "0", "1900/1/1")),
        *((text, "date_future") for text in ("2025-07-01", "2099-01-01", "2026")),
        ("", "date_missing"), ("/", "date_missing"),
    ],
)  # fmt: skip
def test_c26_c27_c28_c29_c30_unknown_year_goes_to_the_quarantine(text: str, reason: str) -> None:
    assert reason_of(诊断日期=text) == reason


@pytest.mark.parametrize("text", ["21/3/5", "1900-01-01", "2099-01-01", "待查"])
def test_c26_c29_c30_optional_date_becomes_missing(text: str) -> None:
    row, found = row_of(开始接害日期=text)
    assert pd.isna(row["exposure_start"])
    assert len(found) == 1


def test_c29_birth_on_the_day_of_the_sentinel_is_believed_where_the_number_says_so() -> None:
    row, found = row_of(身份证件号码=number(3, born="19700101"), 出生日期="1970-01-01")
    assert (row["birth_date"], found) == ("1970-01-01", ["birth_confirmed"])


def test_c31_report_before_diagnosis_loses_its_report_date() -> None:
    row, found = row_of(报告日期="2021-03-01")
    assert pd.isna(row["report_date"])
    assert pd.isna(row["report_year"])
    assert row["diagnosis_date"] == "2021-03-05"
    assert (found, row["flags"]) == (["date_order"], "date_order")


def test_c32_late_supplement_is_flagged_and_counted_in_both_years() -> None:
    row, found = row_of(报告日期="2023-02-01")
    assert (row["diagnosis_year"], row["report_year"]) == (2021, 2023)
    assert found == ["late_report"]
    assert row_of(诊断日期="2021-12-28", 报告日期="2022-01-08")[1] == []


# Codes and names ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("text", ["320106.0", "320106000000", "320106000", "320106 ", "３２０１０６", "320106001002"])
def test_c33_district_is_cut_to_six_digits(text: str) -> None:
    row, found = row_of(用人单位所属地区=text)
    assert row["employer_division"] == "320106"
    assert len(found) == 1


@pytest.mark.parametrize("text", ["999999", "32010", "3201061", "320199", "某某区", "3.20106E+11"])
def test_c34_unknown_district_goes_to_the_quarantine(text: str) -> None:
    assert reason_of(用人单位所属地区=text) == "district_unknown"


def test_c34_abolished_district_counts_in_its_years_only() -> None:
    assert row_of(用人单位所属地区="320124", 诊断日期="2012-03-05", 报告日期="2012-03-10")[1] == []
    assert reason_of(用人单位所属地区="320124") == "district_unknown"


def test_c34_district_of_the_users_own_list_is_valid() -> None:
    own = pd.DataFrame({"code": ["320191"], "name_zh": ["江北新区"], "name_en": ["Jiangbei zone"]})
    made = cleaned(card(1, 用人单位所属地区="320191"), card(2, 用人单位所属地区="江北新区"), places=own)
    assert made.clean["employer_division"].tolist() == ["320191"] * 2


def test_c35_c36_name_of_a_district_counts_where_one_place_has_it() -> None:
    assert row_of(用人单位所属地区="雨花台区")[0]["employer_division"] == "320114"
    assert row_of(用人单位所属地区="江苏省南京市鼓楼区")[0]["employer_division"] == "320106"
    assert reason_of(用人单位所属地区="鼓楼区") == "district_ambiguous"


@pytest.mark.parametrize(
    ("text", "code"), [("1", "1"), ("01", "1"), ("M", "1"), ("男性", "1"), ("2", "2"), ("02", "2"), ("F", "2"), ("女性", "2")]
)
def test_c37_sex_is_coded(text: str, code: str) -> None:
    assert row_of(性别=text, 身份证件号码="")[0]["sex"] == code


@pytest.mark.parametrize("text", ["9", "0", "未知"])
def test_c38_unknown_sex_is_missing(text: str) -> None:
    row, found = row_of(性别=text)
    assert pd.isna(row["sex"])
    assert found == ["unknown_value"]


@pytest.mark.parametrize("text", ["硅肺", "职业性硅肺", "矽肺病", "矽肺壹期", "职业性矽肺（壹期）", "矽肺Ⅰ期", "硅肺一期"])
def test_c39_synonym_of_a_disease_is_one_line_a_card(text: str) -> None:
    made = cleaned(card(具体病名=text))
    assert made.clean["disease_id"].tolist() == ["silicosis"]
    assert made.clean["stage"].tolist() == ["1"]
    line = made.audit[(made.audit["rule"] == "synonym")]
    assert line[["column", "old", "new", "row"]].values.tolist() == [["disease_id", text, "silicosis", 2]]


def test_c39_stage_glued_to_the_name_fills_a_blank_and_never_overrules() -> None:
    row, found = row_of(具体病名="煤工尘肺贰期", 尘肺期别="")
    assert (row["disease_id"], row["stage"]) == ("coal_workers_pneumoconiosis", "2")
    assert found == ["synonym", "stage_from_name"]
    row, found = row_of(具体病名="煤工尘肺贰期")
    assert pd.isna(row["stage"])
    assert "stage_conflict" in found


@pytest.mark.parametrize(
    ("text", "disease"),
    [
        ("职业性轻度噪声聋", "noise_deafness"),
        ("职业性慢性轻度苯中毒", "benzene_poisoning"),
        ("二期矽肺", "silicosis"),
        ("轻度", None),
    ],
)
def test_c39_severity_and_a_stage_in_front_do_not_hide_the_disease(text: str, disease: str | None) -> None:
    made = cleaned(card(具体病名=text, 尘肺期别=""))
    assert made.clean["disease_id"].tolist() == ([disease] if disease else [])
    assert made.clean["stage"].fillna("").tolist() == (["2" if "期" in text else ""] if disease else [])


@pytest.mark.parametrize("text", ["肺病", "待查", "感冒"])
def test_c40_disease_outside_the_catalogue_goes_to_the_quarantine(text: str) -> None:
    assert reason_of(具体病名=text) == "disease_unknown"


@pytest.mark.parametrize("text", ["二期", "Ⅱ期", "II期", "2期", "贰"])
def test_c41_stage_is_coded_with_one_line_a_card(text: str) -> None:
    row, found = row_of(尘肺期别=text)
    assert (row["stage"], found) == ("2", ["stage"])


@pytest.mark.parametrize("text", ["b08", "Ｂ０８", "B 08", " B08"])
def test_c42_industry_in_another_notation(text: str) -> None:
    row, found = row_of(行业=text)
    assert (row["industry_code"], len(found)) == ("B08", 1)


@pytest.mark.parametrize("text", ["5年6个月", "5.5年", "5.5a", "５．５", "5。5", "5年半", "66个月", "5.5 年"])
def test_c43_number_with_its_unit(text: str) -> None:
    row, found = row_of(专业工龄=text)
    assert (row["exposure_years"], len(found)) == (5.5, 1)


@pytest.mark.parametrize("text", ["/", "-", "——", "无", "不详", "N/A", "NULL", "未填", "空"])
def test_c44_ways_to_say_nothing_are_missing(text: str) -> None:
    for header, column in (
        ("专业工龄", "exposure_years"),
        ("用人单位名称", "employer_name"),
        ("尘肺期别", "stage"),
        ("行业", "industry_code"),
    ):
        row, found = row_of(**{header: text})
        assert pd.isna(row[column])
        assert found == ["nothing_said"]


@pytest.mark.parametrize("text", ["约5年", "5-6", ">10", "十余年"])
def test_c45_no_number_is_no_midpoint(text: str) -> None:
    row, found = row_of(专业工龄=text)
    assert pd.isna(row["exposure_years"])
    assert found == ["not_a_number"]


@pytest.mark.parametrize("text", ["-3", "85", "999", "20"])
def test_c46_exposure_out_of_range_is_missing_and_flagged(text: str) -> None:
    row, found = row_of(专业工龄=text)
    assert pd.isna(row["exposure_years"])
    assert (found, row["flags"]) == (["range"], "range")


# Rows -----------------------------------------------------------------------------------------------------------------
def test_c47_exact_duplicate_is_quarantined_and_the_first_kept() -> None:
    made = cleaned(card(1), card(2), card(1), card(1))
    assert made.clean["row"].tolist() == [2, 3]
    assert made.quarantine[["row", "reason"]].values.tolist() == [[4, "duplicate"], [5, "duplicate"]]


def test_c48_same_person_disease_and_date_under_another_number_is_a_duplicate() -> None:
    made = cleaned(
        card(1),
        card(1, 报告卡编号="K9"),
        card(1, 报告卡编号="K8", 诊断日期="2021-03-06"),
        card(1, 报告卡编号="K7", 报告类型="晋期"),
    )
    assert made.quarantine[["row", "reason"]].values.tolist() == [[3, "duplicate"]]


@pytest.mark.parametrize("kind", ["新病例", "订正卡"])
def test_c49_later_correction_supersedes_the_earlier_card(kind: str) -> None:
    made = cleaned(card(1, 报告日期="2021-03-12"), card(2), card(1, 报告日期="2021-05-01", 尘肺期别="贰期", 报告类型=kind))
    assert made.quarantine[["row", "reason"]].values.tolist() == [[2, "superseded"]]
    assert made.clean["stage"].tolist() == ["1", "2"]
    assert made.clean["new_case"].tolist() == [True, True]


def test_c49_later_is_told_by_the_date_of_the_report() -> None:
    made = cleaned(card(1, 报告日期="2021-05-01", 尘肺期别="贰期"), card(1, 报告日期="2021-03-12"))
    assert made.quarantine[["row", "reason"]].values.tolist() == [[3, "superseded"]]


def test_c49_card_number_used_for_two_people_corrects_nobody() -> None:
    made = cleaned(card(1), card(2, 报告卡编号=card(1)["报告卡编号"]))
    assert len(made.clean) == 2
    assert rules(made) == ["card_number_reused"] * 2


@pytest.mark.parametrize(
    "changes", [{"姓名": "测试"}, {"姓名": "test01"}, {"用人单位名称": "测试单位"}, {"报告卡编号": "TEST-1"}]
)
def test_c50_test_record_goes_to_the_quarantine(changes: dict[str, str]) -> None:
    assert reason_of(**changes) == "test_record"


def test_c50_firm_that_tests_is_no_test() -> None:
    assert row_of(用人单位名称="南京某某测试技术有限公司")[1] == []


@pytest.mark.parametrize("word", ["合计", "小计", "总计", "合 计", "合计：3"])
def test_c51_c52_c53_totals_repeated_headings_and_blank_rows(word: str) -> None:
    blank = dict.fromkeys(GOOD, "")
    made = cleaned_with_blank(
        [card(1), blank | {"报告卡编号": word, "专业工龄": "12"}, {name: name for name in GOOD}, blank, card(2)]
    )
    assert made.quarantine[["row", "reason"]].values.tolist() == [[3, "not_a_record"], [4, "not_a_record"]]
    assert made.rows["frame"] == {"in": 4, "clean": 2, "quarantined": 2, "blank": 1}
    assert made.audit.loc[made.audit["rule"] == "blank_row", "count"].tolist() == [1]


def cleaned_with_blank(cards: list[dict[str, str]]):
    from ohstats.clean import load

    return load(pd.DataFrame(cards), table="disease_cards", today="2025-06-30")


@pytest.mark.parametrize("text", ["#N/A", "#REF!", "#VALUE!", "########"])
@pytest.mark.parametrize("header", ["用人单位所属地区", "具体病名", "诊断日期", "报告类型"])
def test_c54_spreadsheet_error_in_a_counting_field(text: str, header: str) -> None:
    assert reason_of(**{header: text}) == "excel_error"


@pytest.mark.parametrize("text", ["#N/A", "########"])
def test_c54_spreadsheet_error_elsewhere_is_missing(text: str) -> None:
    for header, column in (("专业工龄", "exposure_years"), ("用人单位名称", "employer_name"), ("出生日期", "birth_date")):
        row, found = row_of(**{header: text})
        assert pd.isna(row[column])
        assert found == ["excel_error"]
