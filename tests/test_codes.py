"""Code lists: every row has its source and sense, names find one code or are said to be ambiguous, own files win."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from ohstats import codes
from ohstats.errors import FileRefused, ParameterRefused
from ohstats.paths import REFERENCE

if TYPE_CHECKING:
    from pathlib import Path

LISTS = codes.lists()
KEYS = {"diseases": "disease_id", "disease_categories": "category_id", "exposure_limits": "factor_id"}
MAY_BE_AMBIGUOUS = {"divisions", "industries"}  # 鼓楼区 exists in four cities
CERTAINTY = {"high", "medium", "page", "page_secondary", "page_older", "recalled", "recalled_high", "recalled_medium"}


def own_file(folder: Path, name: str, text: str) -> Path:
    (folder / "codes").mkdir(exist_ok=True)
    (folder / "codes" / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


# Every list ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", LISTS)
def test_every_row_of_a_list_has_code_name_certainty_and_a_known_source(name: str) -> None:
    rows = codes.table(name)
    assert set(codes.COLUMNS) <= set(rows.columns)
    assert (rows[["code", "name_zh", "certainty", "source"]] != "").all(axis=None)
    assert not rows.duplicated(["code", "edition", "valid_from"]).any()
    assert set(rows["certainty"]) <= CERTAINTY
    known = set(pd.read_csv(REFERENCE / "code_sources.csv", dtype=str)["key"])
    assert {key for text in rows["source"] for key in text.split("|")} <= known
    dates = pd.concat([rows["valid_from"], rows["valid_to"]])
    assert dates[dates != ""].str.fullmatch(r"\d{4}-\d\d-\d\d").all()
    ended = rows[rows["valid_to"] != ""]
    assert (ended["valid_from"] <= ended["valid_to"]).all()


@pytest.mark.parametrize("name", sorted(set(LISTS) - {"hazards", "economic_types", "exposure_limits"}))
def test_parents_and_successors_are_codes_of_the_list(name: str) -> None:
    rows = codes.table(name)
    parents = set(codes.table("disease_categories" if name == "diseases" else name)["code"])
    assert set(rows["parent"]) <= {"", *parents}
    after = {code for text in rows.get("successor", []) for code in text.split("|")}
    assert after <= {"", *rows["code"]}


@pytest.mark.parametrize("name", sorted(set(LISTS) - MAY_BE_AMBIGUOUS))
def test_no_text_means_two_things_inside_one_edition(name: str) -> None:
    editions = {part for text in codes.table(name)["edition"] for part in text.split("|")} or {""}
    unclear = {edition: codes.ambiguous(name, edition, to=KEYS.get(name, "code")) for edition in editions}
    assert unclear == {edition: {} for edition in editions}


def test_reference_of_code_lists_stays_small() -> None:
    assert sum(path.stat().st_size for path in (REFERENCE / "codes").glob("*.csv")) < 700_000


# Diseases --------------------------------------------------------------------------------------------------------------
def test_catalogues_hold_132_and_135_diseases_in_10_and_12_categories() -> None:
    rows = codes.table("diseases")
    assert rows["edition"].value_counts().to_dict() == {"2025": 135, "2013": 132}
    assert rows.groupby("edition")["category_id"].nunique().to_dict() == {"2013": 10, "2025": 12}
    assert set(rows["category_key"]) <= set(pd.read_csv(REFERENCE / "categories.csv", dtype=str)["key"])
    sizes = rows.groupby(["edition", "parent"]).size()
    assert sizes["2013"].tolist() == [19, 9, 3, 4, 60, 7, 11, 5, 11, 3]
    assert sizes["2025"].tolist() == [19, 9, 3, 4, 59, 7, 13, 5, 11, 2, 1, 2]


@pytest.mark.parametrize(
    ("text", "disease"),
    [
        *(("硅肺", "silicosis"), ("矽肺", "silicosis"), ("职业性硅肺", "silicosis"), ("布病", "brucellosis")),
        *(("噪声性耳聋", "noise_deafness"), ("职业性噪声聋", "noise_deafness"), ("慢性苯中毒", "benzene_poisoning")),
        *(
            ("职业性慢性铅中毒", "lead_poisoning"),
            ("ＣＯ中毒", "carbon_monoxide_poisoning"),
            ("滑囊炎 ( 限于井下工人 )", "bursitis"),
        ),
        ("silicosis", "silicosis"),
    ],
)
def test_synonyms_of_a_disease_mean_it_in_either_edition(text: str, disease: str) -> None:
    for day in ("2020-01-01", "2025-08-01"):
        assert codes.lookup("diseases", on=day, to="disease_id")[codes.normal(text)] == disease


def test_editions_change_on_the_first_of_august_2025() -> None:
    before, after = (codes.lookup("diseases", on=day, to="disease_id") for day in ("2025-07-31", codes.BRIDGE))
    assert before["05.0.11"] == "uranium_poisoning"
    assert after["05.0.11"] == "arsine_poisoning"
    assert (before["放射性白内障"], after["放射性白内障"]) == ("cataract", "radiation_cataract")
    assert "腕管综合征" in after
    assert "腕管综合征" not in before
    assert len(codes.valid("diseases", "2025-07-31")) == 132
    assert len(codes.valid("diseases", codes.BRIDGE)) == 135
    assert codes.valid("diseases", "2013-12-22") == set()


def test_codes_that_mean_different_diseases_need_an_edition() -> None:
    assert codes.ambiguous("diseases", to="disease_id")["05.0.11"] == ["uranium_poisoning", "arsine_poisoning"]
    assert "05.0.11" not in codes.lookup("diseases", to="disease_id")


def test_bridge_names_what_moved_was_split_or_is_new() -> None:
    bridge = codes.bridge().set_index("disease_id")
    changed = bridge[bridge["change"] != "same"]
    assert changed["change"].to_dict() == {
        "cataract": "split",
        "radiation_cataract": "split",
        "uranium_poisoning": "moved",
        "bursitis": "moved",
        "carpal_tunnel_syndrome": "new",
        "ptsd": "new",
    }
    assert changed.loc["radiation_cataract", ["code_2013", "category_2013", "category_2025"]].tolist() == [
        "03.0.03",
        "eye",
        "radiation",
    ]
    assert len(bridge) == 135
    assert codes.successors("diseases", "2013")["05.0.12"] == "05.0.11"
    assert "05.0.12" not in codes.successors("diseases")  # another disease has this code now
    assert "03.0.03" not in codes.successors("diseases", "2013")


def test_category_numbers_of_2002_and_2013_differ() -> None:
    assert codes.lookup("disease_categories", "2002", to="category_id")["2"] == "radiation"
    assert codes.lookup("disease_categories", "2013", to="category_id")["2"] == "skin"


# Divisions -------------------------------------------------------------------------------------------------------------
def test_divisions_are_those_of_31_provinces_with_their_parents() -> None:
    now = codes.table("divisions").query("valid_to == ''")
    assert now["level"].value_counts()["province"] == 31
    assert 2840 < (now["level"] == "county").sum() < 2870
    assert now["code"].is_unique
    assert now["code"].str.fullmatch(r"[1-6]\d{5}").all()
    assert ((now["parent"] == "") == (now["level"] == "province")).all()
    assert (now.loc[now["parent"] != "", "parent"].str[:2] == now.loc[now["parent"] != "", "code"].str[:2]).all()


def test_the_code_is_the_key_where_four_cities_have_a_gulou_district() -> None:
    unclear, found = codes.ambiguous("divisions", on="2024-06-30"), codes.lookup("divisions", on="2024-06-30")
    assert unclear["鼓楼区"] == ["320106", "320302", "350102", "410204"]
    assert "鼓楼区" not in found
    assert (found["南京市鼓楼区"], found["福建省福州市鼓楼区"]) == ("320106", "350102")
    assert (found["中牟县"], found.get("城中区", ""), found["441900"]) == ("410122", "", "441900")


def test_abolished_codes_lead_to_those_of_today_where_they_went_to_one() -> None:
    after = codes.successors("divisions")
    assert {code: after[code] for code in ("110228", "420321", "371202", "341402", "522201", "522423")} == {
        "110228": "110118",
        "420321": "420304",
        "371202": "370116",
        "341402": "340181",
        "522201": "520602",
        "522423": "520581",
    }
    assert "330104" not in after  # split between two districts of Hangzhou
    rows = codes.table("divisions")
    now = set(rows.loc[rows["valid_to"] == "", "code"])
    assert set(after.values()) <= now
    assert {part for text in rows["successor"] for part in text.split("|") if part} <= now


def test_validity_of_a_division_follows_the_year() -> None:
    assert {"110228", "110118"} <= codes.valid("divisions", "2015-06-30")
    assert "110118" not in codes.valid("divisions", "2014-12-31")
    assert "110228" not in codes.valid("divisions", "2016-01-01")
    assert codes.lookup("divisions", on="2010-01-01")["密云县"] == "110228"


def test_code_given_to_another_place_is_told_apart_by_the_day() -> None:
    assert codes.lookup("divisions", on="2005-01-01")["洛龙区"] == "410307"
    assert codes.lookup("divisions", on="2022-01-01")["偃师区"] == "410307"
    assert codes.successors("divisions", on="2005-01-01")["410307"] == "410311"
    assert "410307" not in codes.successors("divisions")


def test_functional_zones_come_from_the_users_own_list(tmp_path: Path) -> None:
    zones = "code,name_zh,name_en,aliases,parent\n410171,郑州高新技术产业开发区,,郑州高新区,410100\n900101,某经开区,,,\n"
    own = own_file(tmp_path, "divisions", zones)
    found = codes.lookup("divisions", own=own)
    assert (found["郑州高新区"], found["900101"], found["郑州市郑州高新技术产业开发区"]) == ("410171", "900101", "410171")
    assert {"410171", "900101", "410122"} <= codes.valid("divisions", "2024-01-01", own)
    assert "410171" not in codes.valid("divisions", "2024-01-01")


# Industries ------------------------------------------------------------------------------------------------------------
def test_industries_of_2017_have_20_sections_97_divisions_and_473_groups() -> None:
    rows = codes.table("industries")
    now = rows[rows["edition"].str.contains("2017")]
    assert now["tier"].value_counts().to_dict() == {"class": 1381, "group": 473, "division": 97, "section": 20}
    assert now["code"].is_unique
    below = now[now["tier"].isin(["group", "class"])]
    assert (below["parent"] == below["code"].str[:-1]).all()
    assert (now.loc[now["tier"] != "class", "name_en"].ne("") | now.loc[now["tier"] != "class", "tier"].eq("group")).all()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *(("C3091", "3091"), ("c3091", "3091"), ("３０９１", "3091"), ("石墨及碳素制品制造", "3091"), ("B06", "06")),
        *(("煤炭开采和洗选业", "06"), ("烟煤和无烟煤开采洗选", "0610"), ("教育", "83"), ("开采辅助活动", "11"), ("Q", "Q")),
    ],
)
def test_industry_is_found_by_code_with_or_without_letter_and_by_name(text: str, code: str) -> None:
    assert codes.lookup("industries", "2017")[codes.normal(text)] == code


def test_divisions_of_2011_lead_to_those_of_2017() -> None:
    after = codes.successors("industries", "2011")
    assert {code: after[code] for code in ("79", "83", "96", "3130", "3071", "8311")} == {
        "79": "80",
        "83": "84",
        "96": "97",
        "3130": "3391",
        "3071": "3072",
        "8311": "8411",
    }
    assert "58" not in after  # split
    rows = codes.table("industries")
    old = rows[rows["edition"].str.contains("2011") & (rows["tier"] == "division")]
    assert sorted(old["code"]) == [f"{number:02d}" for number in range(1, 97)]
    assert "83" not in codes.successors("industries")  # health in 2011, education now
    assert codes.lookup("industries")["卫生"] == "84"


# Choices of the forms --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "texts", "code"),
    [
        ("stages", ["壹", "壹期", "一期", "Ⅰ期", "I期", "1", "尘肺壹期"], "1"),
        ("stages", ["贰", "二期", "Ⅱ期", "II期", "2期"], "2"),
        ("stages", ["叁", "三期", "Ⅲ期", "III", "３"], "3"),
        ("sex", ["男", "男性", "M", "01", "1"], "1"),
        ("sex", ["未知", "0"], "0"),
        ("report_types", ["新病例"], "new"),
        ("report_types", ["晋期"], "progression"),
        ("report_types", ["非职业性死亡"], "non_occupational_death"),
        ("review_statuses", ["终审"], "final"),
        ("review_statuses", ["作废"], "void"),
        ("exam_types", ["岗前", "上岗前"], "pre_placement"),
        ("exam_conclusions", ["职业禁忌症", "职业禁忌证"], "contraindication"),
        ("enterprise_sizes", ["大型", "大", "1"], "large"),
        ("hazards", ["矽尘", "硅尘", "矽尘（游离SiO2含量≥10%）"], "silica_dust"),
        ("hazards", ["二甲苯", "二甲苯（全部异构体）"], "xylene"),
        ("radiation_jobs", ["2E", "２ｅ", "介入放射学"], "2E"),
        ("id_types", ["居民身份证", "1"], "01"),
        ("check_types", ["双随机"], "random"),
    ],
)
def test_words_of_exports_mean_one_code(name: str, texts: list[str], code: str) -> None:
    found = codes.lookup(name)
    assert {text: found.get(codes.normal(text)) for text in texts} == dict.fromkeys(texts, code)


def test_only_a_new_case_counts_as_new() -> None:
    assert codes.lookup("report_types", to="counts_as_new")["新病例"] == "yes"
    assert codes.lookup("report_types", to="counts_as_new")["晋期"] == "no"


def test_economic_types_of_two_schemes_meet_in_one_group() -> None:
    assert codes.lookup("economic_types", "2011", to="group")["110"] == "state"
    assert codes.lookup("economic_types", "2023", to="group")["110"] == "limited"
    assert codes.lookup("economic_types")["国有企业"] == "131"
    assert set(codes.table("economic_types")["group"]) <= set(codes.table("economic_groups")["code"])


def test_hazards_of_the_catalogue_of_2015_are_complete_apart_from_chemicals() -> None:
    rows = codes.table("hazards")
    assert set(rows["parent"]) == set(codes.table("hazard_classes")["code"])
    sizes = rows[rows["catalogue_no"] != ""].drop_duplicates("catalogue_no").groupby("parent").size().drop("chemical")
    assert sizes.to_dict() == {"dust": 52, "physical": 15, "radioactive": 8, "biological": 6, "other": 3}


def test_every_limit_belongs_to_a_hazard_and_keeps_its_certainty() -> None:
    rows = codes.table("exposure_limits")
    assert len(rows) == 128
    assert set(rows["parent"]) <= {"", *codes.table("hazards")["code"]}
    benzene = rows[rows["factor_id"] == "benzene"]
    assert benzene[["pc_twa", "pc_stel", "certainty"]].to_numpy().tolist() == [
        ["6", "10", "page_secondary"],
        ["3", "6", "recalled_medium"],
    ]


# A data set's own file -------------------------------------------------------------------------------------------------
def test_own_file_adds_rows_and_aliases_and_overrides_cells(tmp_path: Path) -> None:
    own = own_file(tmp_path, "sex", "\ufeffcode,name_zh,name_en,aliases\n1,,Man,汉子|先生\n3,其他,Other,\n")
    rows = codes.table("sex", own).set_index("code")
    assert rows.loc["1", ["name_zh", "name_en"]].tolist() == ["男", "Man"]
    assert rows.loc["3", "source"] == "codes/sex.csv"
    found = codes.lookup("sex", own=own)
    assert [found[text] for text in ("汉子", "男性", "man", "其他")] == ["1", "1", "1", "3"]
    assert "汉子" not in codes.lookup("sex")


def test_own_text_wins_over_a_packaged_one(tmp_path: Path) -> None:
    own = own_file(tmp_path, "exam_types", "code,aliases\nexit,岗前\n")
    assert codes.lookup("exam_types", own=own)["岗前"] == "exit"


def test_own_alias_without_edition_holds_in_every_edition_of_the_code(tmp_path: Path) -> None:
    own = own_file(tmp_path, "diseases", "code,aliases\n01.1.01,石匠病\n")
    for day in ("2020-01-01", codes.BRIDGE):
        assert codes.lookup("diseases", on=day, to="disease_id", own=own)["石匠病"] == "silicosis"


def test_own_list_of_another_name_is_a_list(tmp_path: Path) -> None:
    own = own_file(tmp_path, "job_types", "code,name_zh\nJ1,掘进工\n")
    assert "job_types" in codes.lists(own)
    assert codes.lookup("job_types", own=own) == {"j1": "J1", "掘进工": "J1"}


def test_own_file_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    for text, message in [
        ("name_zh\n男\n", "codes/sex.csv lacks the columns code."),
        ("code,alias\n1,x\n", "codes/sex.csv: columns alias do not fit; the table has code, name_zh, name_en,"),
        ("code,name_zh\n3,a\n3,b\n,c\n", "row 4: the code is blank\n  row 3: this code stands in an earlier row"),
    ]:
        with pytest.raises(FileRefused) as refused:
            codes.table("sex", own_file(tmp_path, "sex", text))
        assert message in str(refused.value)


# Messages --------------------------------------------------------------------------------------------------------------
def test_unknown_lists_and_columns_are_refused_with_the_nearest_names() -> None:
    with pytest.raises(ParameterRefused, match=r"No table 'disease'[.] There are: diseases"):
        codes.table("disease")
    with pytest.raises(ParameterRefused, match="the table has no column factor"):
        codes.lookup("hazards", to="factor")


def test_nearest_names_come_with_their_codes() -> None:
    assert codes.nearest("diseases", "硅肺病二期") == "矽肺 (01.1.01)"
    assert codes.nearest("exam_types", "离岗前").startswith("离岗时 (exit)")


def test_tables_are_the_callers_own() -> None:
    rows = codes.table("sex")
    rows["code"] = "x"
    assert codes.table("sex")["code"].tolist() == ["1", "2", "0", "9"]
