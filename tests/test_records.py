"""What stands above single records: verdicts on measurements, annual doses, profiles, links, and the counts made from records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from cards import card, number
from datasets import case_rows, table, write

from ohstats import clean, counts, dataset, occurrence, paths, records, reference, settled
from ohstats.data import open_data
from ohstats.errors import FileRefused

if TYPE_CHECKING:
    from pathlib import Path

SAMPLE = {"employer_uscc": "91320106MA1K3J9T0D", "district": "320106", "purpose": "监测", "sample_date": "2024-05-06"}


def loaded(name: str, *rows: dict[str, Any]) -> pd.DataFrame:
    frame = pd.DataFrame([{key: str(value) for key, value in row.items()} for row in rows]).fillna("")
    made = clean.load(frame, table=name, today="2025-06-30")
    assert made.quarantine.empty
    return made.clean


def judged(**cells: Any) -> dict[str, Any]:
    made = records.judge(loaded("workplace_samples", SAMPLE | cells)).iloc[0]
    return {"over": None if pd.isna(made["over"]) else bool(made["over"]), **made[["ratio", "limit_from", "stated_differs"]]}


# Measurements ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("cells", "over", "ratio"),
    [
        ({"factor_id": "噪声", "lex": "85"}, False, 1.0),
        ({"factor_id": "噪声", "lex": "85.1"}, True, 85.1 / 85),
        ({"factor_id": "矽尘", "fraction": "总尘", "free_silica_pct": "30", "c_twa": "0.9"}, False, 0.9),
        ({"factor_id": "矽尘", "fraction": "总尘", "free_silica_pct": "60", "c_twa": "0.9"}, True, 0.9 / 0.7),
        ({"factor_id": "矽尘", "fraction": "呼尘", "free_silica_pct": "90", "c_twa": "0.1"}, False, 0.5),
        ({"factor_id": "甲苯", "c_twa": "20", "c_ste": "101"}, True, 1.01),  # PC-STEL 100
        ({"factor_id": "锰及其无机化合物", "c_twa": "0.1", "c_ste": "0.7"}, False, 0.7 / 0.75),  # no PC-STEL: five times 0.15
        ({"factor_id": "锰及其无机化合物", "c_twa": "0.1", "c_ste": "0.8"}, True, 0.8 / 0.75),
        ({"factor_id": "甲醛", "c_me": "0.6"}, True, 1.2),
        ({"factor_id": "甲苯", "c_twa": "<0.5"}, False, None),
        ({"factor_id": "甲苯", "c_twa": "<60"}, None, None),  # the detection limit lies above the limit of 50
        ({"factor_id": "甲苯", "c_twa": "未检出"}, None, None),  # without its detection limit
        ({"factor_id": "甲苯"}, None, None),
        ({"factor_id": "矽尘", "fraction": "总尘", "c_twa": "0.4"}, False, None),  # below the limit of every class
        ({"factor_id": "矽尘", "fraction": "总尘", "c_twa": "0.6"}, None, None),  # depends on the class of free silica
        ({"factor_id": "矽尘", "fraction": "总尘", "c_twa": "0.6", "limit": "0.7"}, False, 0.6 / 0.7),  # so the limit decides
        ({"factor_id": "苯", "c_twa": "4"}, None, None),  # 6, or 3 after the amendment
        ({"factor_id": "苯", "c_twa": "7"}, True, None),
        ({"factor_id": "苯", "c_twa": "4", "limit": "3"}, True, 4 / 3),
    ],
)
def test_a_result_is_judged_by_every_limit_that_exists(cells: dict[str, str], over: bool | None, ratio: float | None) -> None:
    made = judged(**cells)
    assert made["over"] == over
    assert made["ratio"] == pytest.approx(ratio) if ratio else pd.isna(made["ratio"])


def test_a_limit_that_the_list_does_not_hold_is_told_and_used_only_where_the_list_has_none() -> None:
    assert judged(factor_id="噪声", lex="84", limit="80") == {
        "over": False, "ratio": pytest.approx(84 / 85), "limit_from": "list", "stated_differs": True,
    }  # fmt: skip
    made = judged(factor_id="高温", wbgt="29", limit="28")
    assert (made["over"], made["limit_from"]) == (True, "stated")


def test_a_declared_flag_that_says_otherwise_is_told() -> None:
    rows = [SAMPLE | {"factor_id": "噪声", "lex": "90", "pass_flag": flag} for flag in ("合格", "不合格", "")]
    made = records.judge(loaded("workplace_samples", *rows))
    assert made["disagrees"].tolist() == [True, False, pd.NA]


# Doses -----------------------------------------------------------------------------------------------------------------
def quarters(person: str, readings: list[str], **cells: str) -> list[dict[str, str]]:
    days = [("01-01", "03-31"), ("04-01", "06-30"), ("07-01", "09-30"), ("10-01", "12-31")]
    return [
        {"id_number": person, "district": "320106", "institution_kind": "医疗", "period_start": f"2024-{first}",
         "period_end": f"2024-{last}", "hp10_msv": reading, "mdl_msv": "0.04", **cells}
        for (first, last), reading in zip(days, readings, strict=False)
    ]  # fmt: skip


def test_annual_doses_are_sums_of_periods_with_half_of_what_is_below_detection() -> None:
    rows = [
        *quarters(number(3), ["0.5", "1.5", "<0.04", "3.0"]), *quarters(number(5, born="19800101"), ["0.2", "0.3"]),
        *quarters(number(7, born="19700101"), ["0.1"] * 4, dosimeter="铅衣外"),
        *quarters(number(9, born="19750101"), ["0.5", "丢失", "0.5", "0.5"]),
    ]  # fmt: skip
    made = records.annual(loaded("radiation_dose", *rows)).sort_values("dose_msv", ignore_index=True)
    told = made[["dose_msv", "periods", "full", "band", "abnormal", "without_badge"]].fillna(-1).to_numpy().tolist()
    assert told == [
        [pytest.approx(0.5), 2, False, "<1", False, 0], [pytest.approx(1.5), 3, False, "1-5", False, 1],
        [pytest.approx(5.02), 4, True, "5-20", True, 0], [-1, 4, True, "", False, 0],
    ]  # fmt: skip


def test_two_dosimeters_of_a_period_are_one_period() -> None:
    both = [quarters(number(3), ["0.1"] * 2, dosimeter=name) for name in ("铅衣内", "铅衣外")]
    made = records.annual(loaded("radiation_dose", *both[0], *both[1])).iloc[0]
    assert made[["periods", "days", "full", "two_dosimeters"]].tolist() == [2, 182, False, True]


def test_periods_that_overlap_are_told() -> None:
    rows = quarters(number(3), ["0.5", "0.5"])
    rows[1]["period_start"] = "2024-03-15"
    assert records.annual(loaded("radiation_dose", *rows))["overlap"].tolist() == [True]


# Employers and links ---------------------------------------------------------------------------------------------------
def test_the_profile_of_an_employer_tells_each_duty_or_that_it_is_not_known() -> None:
    one = {"employer_uscc": "91320106MA1K3J9T0D", "district": "320106", "year": "2024", "declaration_date": "2024-03-01",
           "tested": "否", "exam_due": "100", "examined": "95", "insurance_due": "100", "insured": "94"}  # fmt: skip
    other = {"employer_uscc": "91320106MA1MB2XK2R", "district": "320106", "year": "2024", "cancelled": "是"}
    tables = {
        "employers": loaded("employers", one, other),
        "workplace_samples": records.judge(loaded("workplace_samples", SAMPLE | {"factor_id": "噪声", "lex": "90"})),
    }
    made = records.profile(tables)
    told = made.loc[0, ["declared", "tested", "examined", "trained", "insured", "exceeds", "inspected", "met", "judged"]]
    assert [None if pd.isna(each) else each for each in told] == [True, False, True, None, False, True, None, 2, 4]
    assert len(made) == 1


def test_links_are_shares_of_rows_with_the_rows_that_have_a_key() -> None:
    rows = pd.DataFrame([card(1), card(2), card(3, 身份证件号码="坏")])
    cards = clean.load(rows, table="disease_cards", today="2025-06-30").clean
    made = records.linked({"disease_cards": cards, "suspected_cards": cards.head(1)}).set_index("table")
    assert made.loc["disease_cards", ["numerator", "denominator", "with_key"]].tolist() == [1, 3, 2]
    assert made.loc["disease_cards", "value"] == pytest.approx(100 / 3)
    assert made.loc["suspected_cards", "value"] == 100


# Counts ----------------------------------------------------------------------------------------------------------------
PLACES = [("320100", "南京市", "Nanjing", "city", ""), ("320106", "鼓楼区", "Gulou", "county", "320100")]


def city(folder: Path, cards: list[dict[str, str]], *, cases: list[dict[str, Any]] = (), **told: Any) -> Path:  # type: ignore[assignment]
    covers = [{"table": "disease_cards", "places": "all", "periods": "2019..2022", "keys": []}]
    total = {"table": "case_counts", "places": ["320106"], "year_basis": "diagnosis", "keys": ["total"]}
    covers += [total | {"periods": "2019..2022"}]
    write(folder, cases=list(cases), places=PLACES, covers=covers if cases else covers[:1], **told)
    if not cases:
        (folder / "case_counts.csv").unlink()
    names = list(dict.fromkeys(name for each in cards for name in each))
    (folder / "disease_cards.csv").write_text(table(names, cards), encoding="utf-8")
    return folder


def made(folder: Path) -> pd.DataFrame:
    chosen = dataset.load(folder)
    return counts.make(clean.clean_dataset(chosen), chosen, reference.table("indicators", folder, key="indicator_id"))


def figure(frame: pd.DataFrame, place: str, key: str = "total", basis: str = "diagnosis") -> dict[str, float]:
    rows = frame[(frame["measure"] == "new_cases") & (frame["place"] == place) & (frame["key"] == key)]
    rows = rows[rows["group"] == ""]
    return rows[rows["year_basis"] == basis].set_index("period")["numerator"].to_dict()


def test_new_cases_are_counted_by_place_year_and_category_and_a_covered_year_without_any_is_0(tmp_path: Path) -> None:
    cards = [card(1), card(2, 诊断日期="2021-12-30", 报告日期="2022-01-05"), card(3, 具体病名="噪声聋", 尘肺期别="")]
    cards.append(card(4, 报告类型="晋期"))
    frame = made(city(tmp_path, cards))
    assert figure(frame, "320106") == {"2019": 0, "2020": 0, "2021": 3, "2022": 0}
    assert figure(frame, "320106", basis="report") == {"2019": 0, "2020": 0, "2021": 2, "2022": 1}
    for key in ("pneumoconiosis", "pneumoconiosis_and_respiratory"):
        assert figure(frame, "320106", key)["2021"] == 2
    assert figure(frame, "320100") == figure(frame, "320106")  # the city covers the same
    share = frame[frame["measure"] == "short_exposure_pneumoconiosis_share"].set_index(["place", "period"])
    assert share.loc[("320106", "2021"), ["numerator", "denominator"]].tolist() == [0, 2]
    assert ("320106", "2020") not in share.index  # a share of nothing is no number


def test_a_damaged_identity_number_takes_no_case_away(tmp_path: Path) -> None:
    frame = made(city(tmp_path, [card(1, 身份证件号码="3.20106E+17"), card(2, 身份证件号码="")]))
    assert figure(frame, "320106")["2021"] == 2


def test_a_year_is_provisional_until_the_middle_of_the_next(tmp_path: Path) -> None:
    frame = made(city(tmp_path, [card(1)], data_date="2022-03-31"))
    rows = frame[(frame["key"] == "total") & (frame["year_basis"] == "diagnosis") & (frame["place"] == "320106")]
    assert rows.set_index("period")["provisional"].to_dict() == {"2019": False, "2020": False, "2021": True, "2022": True}


def test_the_official_figure_is_used_and_its_difference_to_the_records_is_told(tmp_path: Path) -> None:
    folder = city(tmp_path, [card(1)], cases=case_rows({2019: 0, 2020: 0, 2021: 2, 2022: 0}, "320106"))
    assert figure(made(folder), "320106")["2021"] == 2
    chosen = dataset.load(folder)
    told = counts.disagreements(clean.clean_dataset(chosen), chosen, reference.table("indicators", folder, key="indicator_id"))
    told = told[["place", "period", "key", "numerator", "numerator_records"]]
    assert told.to_numpy().tolist() == [["320106", "2021", "total", 2, 1]]


def test_a_data_set_adds_an_indicator_and_its_industries_by_file(tmp_path: Path) -> None:
    folder = city(tmp_path, [card(1, 行业="B0810"), card(2, 行业="C3660")])
    (folder / "tallies.yml").write_text(
        "key_cases: {table: disease_cards, where: {new_case: true}, numerator: {industry_code: key_industry}}\n"
        "old_cases: {table: disease_cards, where: {age: {min: 31}}}\n", encoding="utf-8"
    )  # fmt: skip
    frame = made(folder).query("place == '320106' and period == '2021'").set_index("measure")
    assert frame.loc["key_cases", ["numerator", "denominator", "counts"]].tolist() == [1, 2, "case"]  # the strictest rules
    assert frame.loc["old_cases", "numerator"] == 2
    (folder / "codes").mkdir()
    (folder / "codes" / "key_industries.csv").write_text("code,name_zh\n36,汽车制造业\n", encoding="utf-8")
    assert made(folder).query("measure == 'key_cases' and place == '320106'")["numerator"].tolist() == [2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: {table: cards}\nb: 1\n", "tallies.yml: 2 problems."),
        ("a: {table: disease_cards, where: {new_cases: true}}\n", "a: no column 'new_cases'; there are new_case"),
    ],
)
def test_a_declaration_that_fits_nothing_is_refused_with_what_there_is(tmp_path: Path, text: str, message: str) -> None:
    folder = city(tmp_path, [card(1)])
    (folder / "tallies.yml").write_text(text, encoding="utf-8")
    with pytest.raises(FileRefused) as refused:
        made(folder)
    assert message in str(refused.value)


# Quarantine and verdicts -----------------------------------------------------------------------------------------------
FALLING = dict(zip(range(2015, 2025), (40, 36, 33, 30, 27, 24, 22, 20, 18, 16), strict=True))


def verdicts(folder: Path) -> tuple[list[str], str, str]:
    chosen = dataset.load(folder)
    cleaned = clean.clean_dataset(chosen)
    frame = counts.make(cleaned, chosen, reference.table("indicators", folder, key="indicator_id"))
    data = open_data(folder, "990001", period="2024", language="en", edition="internal")
    last = occurrence.trends(data).iloc[-1]
    return settled.unsettled(cleaned, frame, chosen), last["verdict"], last["note"]


def test_no_verdict_stands_that_rows_in_quarantine_could_change(tmp_path: Path) -> None:
    lost = [{"place": "990009", "period": "2024", "year_basis": "diagnosis", "key": "total", "n": n} for n in (1, 90)]
    assert verdicts(write(tmp_path / "none", cases=case_rows(FALLING)))[:2] == ([], "falling")
    assert verdicts(write(tmp_path / "one", cases=[*case_rows(FALLING), lost[0]]))[:2] == ([], "falling")
    assert verdicts(write(tmp_path / "many", cases=[*case_rows(FALLING), lost[1]])) == (
        ["990001"], "cannot tell", occurrence.UNSETTLED,
    )  # fmt: skip


def test_repeats_and_totals_in_quarantine_change_no_verdict(tmp_path: Path) -> None:
    rows = case_rows(FALLING)
    rows += [rows[-1], {"place": "合计", "period": "2024", "year_basis": "diagnosis", "key": "total", "n": 900}]
    assert verdicts(write(tmp_path, cases=rows))[:2] == ([], "falling")


def test_cards_without_a_year_count_for_the_worst_year(tmp_path: Path) -> None:
    years = {2015: 12, 2016: 9, 2017: 8, 2018: 7, 2019: 6, 2020: 5, 2021: 5, 2022: 4, 2023: 3, 2024: 2}
    cards = [
        card(serial, 用人单位所属地区="990001", 诊断日期=f"{year}-06-01", 报告日期=f"{year}-06-10", 报告卡编号=f"K{year}{serial}")
        for serial, year in enumerate((year for year, n in years.items() for _each in range(n)), start=1)
    ]
    lost = [each | {"诊断日期": "", "报告卡编号": f"L{at}"} for at, each in enumerate(cards[:40])]
    cover = [{"table": "disease_cards", "places": "all", "periods": "2015..2024"}]
    for case, rows in enumerate((cards, cards + lost)):
        folder = write(tmp_path / str(case), covers=cover, data_date="2025-12-31")
        (folder / "case_counts.csv").unlink()
        (folder / "disease_cards.csv").write_text(table(list(cards[0]), rows), encoding="utf-8")
        assert verdicts(folder)[:2] == (([], "falling"), (["990001"], "cannot tell"))[case]


def test_declarations_of_the_package_fit_its_tables() -> None:
    """Every column that a declaration names is there in the tables that are made of the synthetic city."""
    told = records.tallies.declared()
    assert set(told) <= set(reference.table("indicators")["indicator_id"])
    assert [fault for name, entry in told.items() for fault in records.tallies._faults(name, entry)] == []
    cleaned = clean.clean_dataset(dataset.load(paths.examples() / "synthetic"))
    tables = records.derived.make(cleaned.tables)
    assert {entry["table"] for entry in told.values()} <= set(tables)
    for name, entry in told.items():  # raises where a column is not there
        records.tallies._by_place(name, entry, tables[entry["table"]], None)
