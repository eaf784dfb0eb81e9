"""What holds for every file: no row is lost, every change is told, nothing personal is quoted, cleaning twice changes nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import stat
from typing import TYPE_CHECKING

import pandas as pd
import polars as pl
import pytest
from cards import GOOD, TODAY, accounted, as_csv, card, cleaned, number, rules
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ohstats import clean, dataset, schema
from ohstats import secret as person_key
from ohstats.clean import identity
from ohstats.errors import FileRefused, ParameterRefused
from ohstats.files import text
from ohstats.paths import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

DIRT = {
    "报告卡编号": ["K1", "K2", "", "合计", "测试"],
    "姓名": ["张三", "李 四", "", "买买提•艾力", "张?", "测试", "无"],
    "身份证件号码": [
        GOOD["身份证件号码"],
        "320106900101123",
        "320106********1234",
        "",
        "H12345678",
        "3.2E+17",
        "'320106199001011238",
    ],
    "性别": ["男", "2", "未知", "", "#N/A"],
    "出生日期": ["1990-01-01", "1990/1/1", "1970-01-01", "33333", ""],
    "用人单位名称": ["某某（南京）公司", "=1+1", " 某公司", "<b>", "小计"],
    "用人单位所属地区": ["320106", "320106000000", "鼓楼区", "雨花台区", "", "999999", "#REF!"],
    "具体病名": ["矽肺", "硅肺", "煤工尘肺贰期", "待查", "", "噪声聋"],
    "尘肺期别": ["壹期", "Ⅱ期", "/", ""],
    "专业工龄": ["8", "5年6个月", "约5年", "85", "-3", "5。5"],
    "开始接害日期": ["2010-03-01", "2010.3.1", "2030-01-01", ""],
    "诊断日期": ["2021-03-05", "2021/3/5", "44260", "03/05/2021", "21/3/5", "1900-01-01", "", "2099-01-01"],
    "报告日期": ["2021-03-10", "2021-03-01", "2023-01-01", ""],
    "报告类型": ["新病例", "晋期", "订正", "", "其他"],
    "审核状态": ["终审", "县审", ""],
}
CHANGES = st.one_of(*(st.tuples(st.just(name), st.sampled_from(values) | st.text(max_size=6)) for name, values in DIRT.items()))
CARDS = st.builds(lambda serial, changes: card(serial, **dict(changes)), st.integers(1, 6), st.lists(CHANGES, max_size=4))
BLANK = st.just(dict.fromkeys(GOOD, ""))
FRAMES = st.lists(CARDS | CARDS | CARDS | BLANK, min_size=1, max_size=12).map(lambda rows: pd.DataFrame(rows, dtype="str"))
PROPERTY = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def loaded(frame: pd.DataFrame, identifiers: str = "keep") -> clean.Loaded:
    return clean.load(frame, table="disease_cards", identifiers=identifiers, today=TODAY)


@PROPERTY
@given(FRAMES)
def test_no_row_is_lost_and_every_changed_cell_is_told(frame: pd.DataFrame) -> None:
    before = frame.copy(deep=True)
    made = loaded(frame)
    accounted(made)
    assert made.rows["frame"]["in"] + made.rows["frame"].get("blank", 0) == len(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert (made.quarantine["reason"] != "").all()
    changed = sum(differing(made.clean, frame, header) for header in frame.columns)
    lines = made.audit[(made.audit["kind"] == "change") & made.audit["column"].isin(columns_of(frame))]
    assert lines["count"].sum() == changed


def columns_of(frame: pd.DataFrame) -> list[str]:
    return [column(header) for header in frame.columns]


def column(header: str) -> str:
    return str(schema.table("disease_cards").canonical(header))


def differing(made: pd.DataFrame, raw: pd.DataFrame, header: str) -> int:
    """Cells of a column whose text is not what it was."""
    after = made[column(header)]
    old = raw[header].iloc[made["row"] - 2]
    written = [
        ("" if pd.isna(value) else repr(value).removesuffix(".0") if isinstance(value, float) else str(value)) for value in after
    ]
    return sum(new != text for new, text in zip(written, old, strict=True))


@PROPERTY
@given(FRAMES)
def test_cleaning_the_clean_output_changes_nothing(frame: pd.DataFrame) -> None:
    once = loaded(frame)
    twice = loaded(once.clean)
    pd.testing.assert_frame_equal(twice.clean.drop(columns=["file", "flags"]), once.clean.drop(columns=["file", "flags"]))
    assert len(twice.quarantine) == 0
    assert twice.audit[twice.audit["kind"] == "change"].empty


SECRETS = {
    "姓名": "欧阳丙丁",
    "身份证件号码": "320106198512120013",
    "联系电话": "13812345678",
    "现住地址": "某某路88号",
    "填卡人": "司徒填",
    "备注": "私事",
    "出生日期": "1985-12-12",
    "报告卡编号": "KK99887766",
}


def test_no_personal_value_is_quoted_without_the_word_for_it() -> None:
    broken = {"身份证件号码": "32010619851212001", "姓名": "欧阳 丙丁", "出生日期": "1985/12/12", "联系电话": "13812345678 "}
    made = loaded(pd.DataFrame([card(1, **SECRETS), card(2, **{**SECRETS, **broken}), card(3, **SECRETS, 诊断日期="?")]), "drop")
    told = made.clean.to_csv() + made.audit.to_csv()
    for value in (*SECRETS.values(), *broken.values()):
        assert value.strip() not in told
    assert set(made.clean.columns) & {"name", "id_number", "phone", "birth_date", "card_id", "note", "home_address"} == set()
    assert "欧阳" in made.quarantine["original"].iloc[0]
    kept = loaded(pd.DataFrame([card(2, **{**SECRETS, **broken})]))
    assert "欧阳 丙丁" in kept.audit["old"].tolist()


def test_sole_trader_is_a_person() -> None:
    made = cleaned(card(1, 统一社会信用代码="92320106MA1K3J9T0Y", 用人单位名称="张三修理店"), identifiers="drop")
    assert made.clean[["employer_name", "employer_uscc"]].isna().all().all()
    assert made.clean["employer_key"].notna().all()


def test_refusals_and_errors_name_no_value(tmp_path: Path) -> None:
    (tmp_path / "cards.csv").write_text(as_csv([card(1, **SECRETS)]).replace("欧阳", '"欧阳') + "x", encoding="utf-8")
    with pytest.raises(FileRefused) as told:
        clean.load(tmp_path / "cards.csv", table="disease_cards")
    assert not any(value in str(told.value) for value in SECRETS.values())


# Files of any size ----------------------------------------------------------------------------------------------------
def exams(n: int) -> list[dict[str, str]]:
    keep = ("姓名", "身份证件号码", "性别", "出生日期", "用人单位名称", "用人单位所属地区", "专业工龄", "报告日期")
    rows = [{name: card(serial % 400 + 1)[name] for name in keep} for serial in range(n)]
    return [
        {**row, "体检类型": "在岗", "体检日期": f"2021/{number % 12 + 1}/1" if number % 50 else "2021-02-30", "检查结论": "正常"}
        for number, row in enumerate(rows)
    ]


def test_big_file_gives_what_memory_gives_whatever_the_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "exams.csv"
    path.write_bytes(as_csv(exams(3000)).encode("gb18030"))
    whole = clean.load(path, table="exam_cards", today=TODAY)
    monkeypatch.setattr(text, "CHUNK", 20_000)
    told = clean.clean_to(path, tmp_path / "out", table="exam_cards", today=TODAY)
    assert told == whole.rows
    assert whole.rows["exams.csv"]["quarantined"] > 0
    for name, frame in (("clean", whole.clean), ("quarantine", whole.quarantine), ("audit", whole.audit)):
        written = pd.read_parquet(tmp_path / "out" / f"{name}.parquet")
        pd.testing.assert_frame_equal(*(each.astype(object).where(each.notna(), None) for each in (written, frame)))


def test_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "cards.csv"
    path.write_text(as_csv([card(serial) for serial in range(1, 50)]), encoding="utf-8")
    made = []
    for name in ("one", "two"):
        clean.clean_to(path, tmp_path / name, table="disease_cards", today=TODAY)
        made.append([(each.name, each.read_bytes()) for each in sorted((tmp_path / name).iterdir())])
    assert made[0] == made[1]
    assert [name for name, _content in made[0]] == ["audit.parquet", "clean.parquet", "quarantine.parquet"]
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "one").stat().st_mode) == 0o700


def test_refused_file_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "cards.csv"
    path.write_text(as_csv([card(1), card(2)]) + 'K9,"', encoding="utf-8")
    with pytest.raises(FileRefused):
        clean.clean_to(path, tmp_path / "out", table="disease_cards")
    assert list((tmp_path / "out").iterdir()) == []


# Keys -----------------------------------------------------------------------------------------------------------------
def test_person_key_is_a_keyed_hash_with_a_secret_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config" / "key"
    monkeypatch.setenv("OHSTATS_SECRET", str(path))
    made = cleaned(card(1)).clean["person_key"].iloc[0]
    secret = path.read_bytes()
    wanted = hmac.new(secret, b"person\0" + card(1)["身份证件号码"].encode(), hashlib.sha256).hexdigest()[:32]
    assert made == wanted
    assert len(secret) == 32
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (
        identity.keys(pl.Series(["a", None]), secret, "person").to_list()
        != identity.keys(pl.Series(["a", None]), secret, "employer").to_list()
    )


def test_secret_may_not_lie_in_the_project_or_be_short_or_open_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OHSTATS_SECRET", str(REPOSITORY / "key"))
    with pytest.raises(ParameterRefused, match="may not lie in the project"):
        person_key.read()
    (tmp_path / "key").write_bytes(b"short")
    monkeypatch.setenv("OHSTATS_SECRET", str(tmp_path / "key"))
    (tmp_path / "key").chmod(0o640)
    if os.name == "posix":
        with pytest.raises(ParameterRefused, match="chmod 600"):
            person_key.read()
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(ParameterRefused, match="shorter than 32 bytes"):
        person_key.read()


# Cases ----------------------------------------------------------------------------------------------------------------
def test_later_pneumoconiosis_of_a_person_is_no_new_case_and_other_repeats_are_flagged() -> None:
    made = cleaned(
        card(1), card(1, 报告卡编号="K7", 具体病名="煤工尘肺", 诊断日期="2023-01-01", 报告日期="2023-01-05"),
        card(2, 具体病名="噪声聋", 尘肺期别=""),
        card(2, 报告卡编号="K8", 具体病名="噪声聋", 尘肺期别="", 诊断日期="2024-01-01", 报告日期="2024-01-05"),
        card(3, 报告类型="晋期"), card(4, 审核状态="县审"), card(5, 审核状态="退回"),
    ).clean  # fmt: skip
    assert made["new_case"].tolist() == [True, False, True, True, False, False, False]
    assert made["flags"].tolist() == ["", "later_pneumoconiosis", "", "same_disease_again", "", "", ""]


def test_category_follows_the_catalogue_in_force_on_the_day_of_diagnosis() -> None:
    made = clean.load(
        pd.DataFrame([
            card(1, 具体病名="滑囊炎", 尘肺期别="", 诊断日期="2025-07-31", 报告日期="2025-08-01"),
            card(2, 具体病名="滑囊炎", 尘肺期别="", 诊断日期="2025-08-01", 报告日期="2025-08-02"),
            card(3, 具体病名="滑囊炎", 尘肺期别="", 诊断日期="2025"), card(4, 诊断日期="2025"),
        ]), table="disease_cards", today="2025-12-31",
    )  # fmt: skip
    assert made.clean["category"].fillna("-").tolist() == ["other", "musculoskeletal", "-", "pneumoconiosis"]


def test_derived_columns_are_what_they_say() -> None:
    row = cleaned(card(1, 出生日期="1990-03-06", 身份证件号码="", 开始接害日期="2018-03-05", 专业工龄="2.5")).clean.iloc[0]
    assert (row["age"], row["age_at_exposure"], row["latency_years"]) == (30, 27, 3.0)
    assert bool(row["short_exposure"])
    assert rules(cleaned(card(1, 专业工龄="4", **{"专业工龄(月)": "6"}))) == ["months_added", "months_added"]


def test_months_beside_years_that_cannot_be_read_make_no_short_exposure() -> None:
    texts = ["约20年", "不详", "999", "", "4"]
    cards = [card(serial, 专业工龄=text, **{"专业工龄(月)": "6"}) for serial, text in enumerate(texts)]
    made = cleaned(*cards).clean
    assert made["exposure_years"].fillna(-1).tolist() == [-1, -1, -1, 0.5, 4.5]
    assert made["short_exposure"].isna().tolist() == [True, True, True, False, False]


def test_category_is_the_same_key_by_the_name_and_number_of_any_catalogue_and_unknown_where_they_differ() -> None:
    texts = ["职业性耳鼻喉口腔疾病", "物理因素所致职业病", "职业中毒", "尘肺", "04", "2", "12", "10"]
    made = cleaned(*(card(serial, 职业病种类=text) for serial, text in enumerate(texts))).clean
    keys = ["ent_oral", "physical", "chemical_poisoning", "respiratory", "ent_oral", "skin", "other", "-"]
    assert made["category_code"].fillna("-").tolist() == keys


def test_a_visit_may_tell_of_an_earlier_death_but_not_of_one_before_the_diagnosis() -> None:
    told = {"现住地区": "320106", "随访日期": "2024-06-01", "诊断日期": "2020-03-01"}
    rows = [told | {"死亡日期": "2024-01-09"}, told | {"死亡日期": "2019-01-09", "随访日期": "2024-06-02"}]
    made = clean.load(pd.DataFrame(rows), table="follow_up", today="2025-06-30")
    assert made.clean["flags"].str.contains("death_before_diagnosis").tolist() == [False, True]


def test_years_stay_with_their_rows_whatever_they_are_written_like() -> None:
    texts = ["2024", "2023年", "2022-03-05", "2021", "2020.0", "2019/1/2"]
    rows = [{"医疗机构名称": f"医院{text}", "行政区划代码": "320106", "年份": text} for text in texts]
    made = clean.load(pd.DataFrame(rows), table="radiation_medical", today="2025-06-30").clean
    assert made["year"].tolist() == [2024, 2023, 2022, 2021, 2020, 2019]


def test_serial_of_a_licence_may_lie_in_the_future_and_that_of_a_diagnosis_may_not() -> None:
    row = {"医疗机构名称": "某医院", "行政区划代码": "320106", "年份": "2024", "许可证有效期至": "47119"}
    made = clean.load(pd.DataFrame([row]), table="radiation_medical", today="2025-06-30")
    assert made.clean["licence_until"].tolist() == ["2029-01-01"]
    assert cleaned(card(1, 诊断日期="47119")).quarantine["reason"].tolist() == ["date_invalid"]


def test_file_without_report_type_review_or_number_counts_new_and_reviewed_cards() -> None:
    made = cleaned({name: value for name, value in card(1).items() if name not in ("报告类型", "审核状态", "身份证件号码")})
    assert made.clean[["report_type", "review_status", "flags"]].to_numpy().tolist() == [["new", "final", "no_person_key"]]
    told = made.audit[made.audit["rule"].isin(["assumed", "no_person_key"])]
    assert told[["column", "rule", "new"]].to_numpy().tolist() == [
        ["report_type", "assumed", "new"], ["review_status", "assumed", "final"], ["id_number", "no_person_key", ""],
    ]  # fmt: skip


def test_unreadable_report_type_cannot_be_counted() -> None:
    made = cleaned(card(1, 报告类型="其他"), card(2, 报告类型=""), card(3, 审核状态="?"))
    assert made.quarantine["reason"].tolist() == ["report_type_unknown", "report_type_missing", "review_status_unknown"]


# Data sets ------------------------------------------------------------------------------------------------------------
def test_data_set_of_several_files_with_its_own_headings_lists_and_corrections(tmp_path: Path) -> None:
    (tmp_path / "places.csv").write_text(
        "code,name_zh,name_en,level,parent\n320191,江北新区,Jiangbei,zone,320100\n320106,鼓楼区,Gulou,county,320100\n",
        encoding="utf-8",
    )
    (tmp_path / "dataset.yml").write_text(
        "id: own\ndata_date: 2025-06-30\ncovers:\n  - {table: disease_cards, places: all, periods: 2018..2024}\n",
        encoding="utf-8",
    )
    (tmp_path / "headings.yml").write_text(
        "disease_cards: {病名全称: disease_id, 单位归口: employer_division}\n", encoding="utf-8"
    )
    (tmp_path / "corrections.yml").write_text(
        "- {table: disease_cards, file: disease_cards_2020.csv, row: 2, "
        "column: 病名全称, from: 矽肺病变, to: 矽肺, reason: typing error}\n",
        encoding="utf-8",
    )
    renamed = [
        {{"具体病名": "病名全称", "用人单位所属地区": "单位归口"}.get(k, k): v for k, v in each.items()}
        for each in (card(1), card(2), card(3))
    ]
    renamed[0] |= {"病名全称": "矽肺病变", "单位归口": "鼓楼区"}
    renamed[1] |= {"单位归口": "江北新区"}
    (tmp_path / "disease_cards_2020.csv").write_text(as_csv(renamed[:2]), encoding="utf-8")
    pd.DataFrame(renamed[1:]).to_excel(tmp_path / "disease_cards_2021.xlsx", index=False)
    made = clean.clean_dataset(dataset.load(tmp_path))
    assert made.tables["disease_cards"]["employer_division"].tolist() == ["320106", "320191", "320106"]
    assert made.quarantine[["file", "reason"]].to_numpy().tolist() == [["disease_cards_2021.xlsx", "duplicate"]]
    assert made.audit.loc[made.audit["rule"] == "correction 1", ["column", "old", "new"]].to_numpy().tolist() == [
        ["disease_id", "矽肺病变", "矽肺"]
    ]


def test_own_headings_that_name_no_column_are_refused(tmp_path: Path) -> None:
    (tmp_path / "headings.yml").write_text("disease_cards: {x: disese_id}\n", encoding="utf-8")
    (tmp_path / "cards.csv").write_text(as_csv([card(1)]), encoding="utf-8")
    with pytest.raises(ParameterRefused, match=r"no column 'disese_id'\. There are: disease_id"):
        clean.load(tmp_path / "cards.csv", table="disease_cards")


def test_original_row_is_kept_whole() -> None:
    made = cleaned({**card(1, 诊断日期="21/3/5"), "经办": "某人"})
    told = json.loads(made.quarantine["original"].iloc[0])
    assert told["diagnosis_date"] == "21/3/5"
    assert told["=经办"] == "某人"


@pytest.mark.parametrize("day", ["2021-13-01", "yesterday"])
def test_day_that_is_none_is_refused(day: str) -> None:
    with pytest.raises(ParameterRefused, match="is not a day"):
        clean.load(pd.DataFrame([card(1)]), table="disease_cards", today=day)


def test_a_death_found_at_a_visit_is_no_contradiction_but_one_before_the_diagnosis_is() -> None:
    visit = {
        "身份证件号码": number(1),
        "现住地区": "320106",
        "随访日期": "2024-05-01",
        "诊断日期": "2015-05-01",
        "死亡日期": "2024-03-01",
    }
    made = cleaned(visit, visit | {"身份证件号码": number(3), "死亡日期": "2014-03-01"}, table="follow_up")
    assert list(made.clean["flags"]) == ["", "death_before_diagnosis"]
