"""The trend report: its sections in order, what each sentence says of its row, and what its figures show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from datasets import PLACE, case_rows, said, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from ohstats import courses, diseases, occurrence, open_data, panels, paths, sections
from ohstats.sections import detection
from ohstats.sections import diseases as categories

if TYPE_CHECKING:
    from pathlib import Path

    from ohstats.data import Data
    from ohstats.figures import Figure

YEARS = range(2015, 2025)
FALL = dict(zip(YEARS, [200, 181, 165, 148, 131, 119, 108, 96, 86, 78], strict=True))
RISE = dict(zip(YEARS, [40, 47, 49, 58, 63, 70, 81, 88, 99, 110], strict=True))
NOISY = dict(zip(YEARS, [12, 30, 9, 25, 14, 28, 11, 22, 13, 20], strict=True))


def opened(folder: Path, series: dict[int, Any], *, language: str = "en", edition: str = "internal", **told: Any) -> Data:
    more = told.pop("more", [])
    return open_data(
        write(folder, cases=[*case_rows(series), *more], **told), PLACE, period="2024", language=language, edition=edition
    )


@pytest.fixture(scope="module")
def china() -> Data:
    return open_data("data/example/china", "100000", period="2024", language="en")


# The report as a whole ------------------------------------------------------------------------------------------------
def test_the_notebook_shows_the_sections_of_the_list_in_its_order() -> None:
    cells = [cell.source for cell in nbformat.read(paths.notebook("trend"), as_version=4).cells if cell.cell_type == "code"]
    shown = [name for source in cells for name in re.findall(r"show\(sections\.(\w+)\(data\)\)", source)]
    assert shown == [section.__name__ for section in sections.TREND]


def test_every_method_of_a_report_is_named_with_its_reference(china: Data) -> None:
    results = {result.id: result for result in sections.trend(china)}
    table = results["methods"].table
    assert table is not None
    assert len(table.rows) >= 9
    raw = set(china.used)
    assert not [row for row in table.rows if row[0] in raw - {"count"}]
    used = {
        str(name) for result in results.values() if "method" in result.estimates for name in result.estimates["method"].dropna()
    }
    assert used - {""} <= raw | {"Mann-Kendall, normal"}


# Counts alone, rows in quarantine --------------------------------------------------------------------------------------
LACKING = {
    "sensitivity": (
        "Nothing to vary: no noted event and no recalled figure lies inside the latest window.",
        "无需敏感性分析：最近区间内没有注明的事件，也没有转述数字。",
    ),
    "diseases": (
        "No count by category for 2024; supply case_counts with categories as keys, or disease_cards.",
        "2024年没有分病种计数；请在case_counts中以病种为键提供数据，或提供职业病报告卡（disease_cards）。",
    ),
    "disease-single": (
        "No single disease can be told: disease_cards are missing, or the numbers are too small to be shown.",
        "无法列出具体病种：缺少职业病报告卡（disease_cards），或例数太少不予显示。",
    ),
    "short-exposure": (
        (
            "Nothing is known of short exposure; supply disease_cards with years of exposure, or "
            "short_exposure_pneumoconiosis_share as indicator values."
        ),
        (
            "缺少接尘工龄资料；请提供含接害工龄的职业病报告卡（disease_cards），"
            "或在指标值中提供 short_exposure_pneumoconiosis_share。"
        ),
    ),
    "who": (
        "Nothing can be shown of age, sex, exposure or stage: disease_cards are missing, or the numbers are too small.",
        "年龄、性别、接害工龄和期别均无可公布的数据：缺少职业病报告卡（disease_cards），或数量过小。",
    ),
    "where": (
        "Nothing can be shown of industry, size or township: disease_cards are missing, or the numbers are too small.",
        "行业、规模和乡镇分布均无可公布的数据：缺少职业病报告卡（disease_cards），或数量过小。",
    ),
    "before-after": (
        "No policy is declared; add a row with series 'policy' to breaks.csv (its first full year, and what it was).",
        "未声明政策；请在breaks.csv中增加一行，series填“policy”（注明首个完整年度及内容）。",
    ),
    "unusual": (
        "1 series was looked at; in 2024 it does not have more cases than the years before lead to expect.",
        "共检视1个序列；2024年均未超出此前年份所预期的病例数。",
    ),
    "acute-events": (
        "Acute events are not known; supply disease_cards with event codes.",
        "缺少急性事件资料；请提供含事故编码的职业病报告卡（disease_cards）。",
    ),
    "suspected": (
        "Suspected cases are not known; supply suspected_cards.",
        "缺少疑似职业病资料；请提供疑似职业病报告卡（suspected_cards）。",
    ),
    "living-patients": ("Patients are not known; supply follow_up.", "缺少患者随访资料；请提供随访表（follow_up）。"),
    "methods": (
        "Without a model (Mann–Kendall, 2015–2024): tau-b −1.00, p below 0.001.",
        "非参数检验（Mann–Kendall，2015–2024年）：tau-b −1.00，p <0.001。",
    ),
}  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh"])
def test_of_counts_alone_each_section_says_in_one_line_what_is_missing_and_what_to_supply(tmp_path: Path, language: str) -> None:
    told = {result.id: result.sentences for result in sections.trend(opened(tmp_path, FALL, language=language))}
    assert {name: told[name] for name in LACKING} == {
        name: [english if language == "en" else chinese] for name, (english, chinese) in LACKING.items()
    }


UNSETTLED = {
    "en": {
        "headline": ["2024: 78 new cases (limits of counting variation, 95%: 61.7 to 97.3).",
                     "2023: 86; difference −8; −9.3% against it.",
                     "Trend 2015–2024: cannot tell; rows in quarantine could change the verdict."],
        "fall": ["Statistical: Trend 2015–2024: cannot tell; rows in quarantine could change the verdict."],
        "outlook": ["No forecast: rows in quarantine could change the verdict."],
        "accounting": ["1 file holds records of this place: 11 rows, 1 of them in quarantine and not counted.",
                       "No correction was applied."],
    },
    "zh": {
        "headline": ["2024年新病例78例（计数变异的95%界限61.7 至 97.3）。", "2023年为86例，相差−8例，变化−9.3%。",
                     "2015–2024年趋势：无法判断（隔离区中的记录可能改变结论）。"],
        "fall": ["统计口径：2015–2024年趋势：无法判断（隔离区中的记录可能改变结论）。"],
        "outlook": ["不作预测：隔离区中的记录可能改变结论。"],
        "accounting": ["共有1个文件含有本地区记录，合计11行，其中1行被隔离、未计入统计。", "未作更正。"],
    },
}  # fmt: skip


@pytest.mark.parametrize("language", UNSETTLED)
def test_rows_in_quarantine_that_could_change_the_verdict_are_said_wherever_a_verdict_would_stand(
    tmp_path: Path, language: str
) -> None:
    lost = {"place": "990009", "period": "2024", "year_basis": "diagnosis", "key": "total", "n": 300}
    told = {result.id: result for result in sections.trend(opened(tmp_path, FALL, language=language, more=[lost]))}
    said_of = {name: told[name].sentences for name in ("headline", "outlook", "accounting")}
    assert said_of | {"fall": told["fall"].bullets[-1:]} == UNSETTLED[language]


# Facts of the target "falling" ----------------------------------------------------------------------------------------
def test_the_facts_of_china_are_those_that_its_bulletins_and_scipy_give(china: Data) -> None:
    rows = courses.fall(china).set_index("fact")
    assert rows.loc["base", "value"] == 11_289 - 17_064
    assert rows.loc["before", "note"] == "no figure"
    later, earlier = 15_407 + 11_108 + 11_289, 31_789 + 26_756 + 23_497 + 19_428 + 17_064
    assert rows.loc["periods", "value"] == pytest.approx((later / 3) / (earlier / 5))
    share = stats.binomtest(later, later + earlier).proportion_ci(method="exact")
    limits = [limit / (1 - limit) * 5 / 3 for limit in (share.low, share.high)]
    assert rows.loc["periods", ["lower", "upper"]].astype(float).tolist() == pytest.approx(limits, rel=1e-6)
    assert rows.loc["trend", "verdict"] == "falling"


TIMES = "times as many cases per year of observation (exact limits of counting variation, 95%"
SOON, CROSSED = "The figure is provisional.", "It crosses the break of 2019: part of it can be a change of the rules."
RATIO = "相比，按观察年计的年均病例数之比为"
CUT = "该比较跨越2019年的断点，部分差异可能来自规则变化。"
SAID = {
    "clear fall": (
        FALL, {},
        ["Administrative, against the base year: 78 in 2024, 119 in 2020; difference −41; −34.5% against it.",
         "Administrative, against the year before: 78 in 2024, 86 in 2023; difference −8; −9.3% against it.",
         f"Between periods: 2021–2024 against 2016–2020, 0.62 {TIMES}: 0.54 to 0.70)."],
        ["行政口径，与基准年比较：2024年78例，2020年119例；相差−41例，变化−34.5%。",
         "行政口径，与上年比较：2024年78例，2023年86例；相差−8例，变化−9.3%。",
         "时期比较：2021–2024年与2016–2020年相比，按观察年计的年均病例数之比为0.62（计数变异的95%精确界限0.54 至 0.70）。"],
    ),
    "missing years and a break in the middle": (
        FALL | {2020: "", 2024: {"n": 40, "provisional": "yes"}}, {"breaks": [{"first_period_after": 2019}]},
        ["Administrative, against the base year: 2020 and 2024 cannot be compared (no figure).",
         f"Administrative, against the year before: 40 in 2024, 86 in 2023; difference −46; −53.5% against it. {SOON}",
         f"Between periods: 2021–2023 against 2016–2019, 0.62 {TIMES}: 0.54 to 0.71). {CROSSED}"],
        ["行政口径，与基准年比较：2020年与2024年无法比较（无数字）。",
         "行政口径，与上年比较：2024年40例，2023年86例；相差−46例，变化−53.5%。该数字为暂定数。",
         f"时期比较：2021–2023年与2016–2019年{RATIO}0.62（计数变异的95%精确界限0.54 至 0.71）。{CUT}"],
    ),
    "all zero": (
        dict.fromkeys(YEARS, 0), {},
        ["Administrative, against the base year: 0 in 2024, 0 in 2020; difference 0.",
         "Administrative, against the year before: 0 in 2024, 0 in 2023; difference 0.",
         "Between periods: 2016–2020 and 2021–2024 cannot be compared (no cases in these years)."],
        ["行政口径，与基准年比较：2024年0例，2020年0例；相差0例。", "行政口径，与上年比较：2024年0例，2023年0例；相差0例。",
         "时期比较：2016–2020年与2021–2024年无法比较（这些年没有病例）。"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("series", "told", "english", "chinese"), SAID.values(), ids=SAID)
def test_the_facts_say_this(
    tmp_path: Path, series: dict[int, Any], told: dict[str, Any], english: list[str], chinese: list[str]
) -> None:
    for language, expected in (("en", english), ("zh", chinese)):
        assert sections.fall_facts(opened(tmp_path, series, language=language, **told)).bullets[:-1] == expected


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        (FALL, ["Without a model", "If the trend", "2020 is the first full year"]),
        (NOISY, ["Without a model", "No forecast: the trend itself cannot be told", "2020 is the first full year"]),
        (dict.fromkeys(YEARS, 0), ["No forecast", "2020 is the first full year"]),
        ({2024: 12}, ["No forecast: too few years since the last break", "no unbroken window holds settled years"]),
    ],
    ids=["fall", "cannot tell", "all zero", "one year"],
)
def test_outlook_and_comparison_say_why_where_there_is_nothing(
    tmp_path: Path, series: dict[int, Any], expected: list[str]
) -> None:
    rule = {"series": "policy", "kind": "note", "first_period_after": 2020, "text_en": "A rule; 2020 is the first full year"}
    data = opened(tmp_path, series, periods=f"{min(series)}..2024", breaks=[rule])
    text = " ".join(said(section(data)) for section in (sections.trend_methods, sections.outlook, sections.before_after))
    assert [part for part in expected if part not in text] == []


def test_no_model_is_fitted_where_a_year_of_the_window_is_hidden(tmp_path: Path) -> None:
    data = opened(tmp_path, FALL | {2019: 3}, edition="public")
    assert courses.settled(data).reason == occurrence.NOT_SHOWN
    for found in (courses.without_model(data), courses.outlook(data).years):
        assert found.empty
    assert said(sections.outlook(data)) == "No forecast: not shown (small numbers)."
    assert courses.bends(data) == (None, occurrence.NOT_SHOWN)
    assert data.beside == {}


def test_a_screening_campaign_takes_a_rise_back(tmp_path: Path) -> None:
    note = {"series": "screening", "kind": "note", "first_period_after": 2021, "text_en": "Screening of retired miners"}
    rose = "Reported cases rose; a screening campaign ran in these years, so a real rise is not shown."
    assert rose in sections.trend_headline(opened(tmp_path / "a", RISE, breaks=[note])).sentences
    assert rose not in sections.trend_headline(opened(tmp_path / "b", RISE)).sentences


# Split of the change --------------------------------------------------------------------------------------------------
def test_the_split_takes_the_chain_that_reaches_furthest_and_adds_up(tmp_path: Path) -> None:
    values = [("persons_examined", PLACE, year, 10_000 + 100 * (year - 2015), "") for year in YEARS]
    values += [("suspected_found", PLACE, year, 400, "") for year in (2018, 2019)]
    rows = courses.decomposed(opened(tmp_path / "a", FALL, values=values))
    assert rows["step"].tolist() == ["change", "persons_examined", "cases"]
    assert (rows["start"].iloc[0], rows["end"].iloc[0]) == (2015, 2024)
    assert rows["value"].iloc[0] == 78 - 200 == pytest.approx(rows["value"].iloc[1:].sum())
    logs = (78 - 200) / np.log(78 / 200)
    assert rows["value"].iloc[1] == pytest.approx(logs * np.log(10_900 / 10_000))  # log-mean Divisia by hand
    assert said(sections.split_table(opened(tmp_path / "b", FALL))).startswith("The change is not taken apart: persons examined")


# By category ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("limits", "named"),
    [
        (((-40, -20), (5, 10), (-8, 3)), "a"),
        (((-40, -20), (5, 25), (-8, 3)), ""),  # the second can be larger
        (((-40, 20), (5, 10), (-8, 3)), ""),  # it can be nothing
        (((5, 10), (-8, 3), (60, 90)), "c"),
        (((-40, -20), (np.nan, np.nan), (-8, 3)), ""),
    ],
)
def test_a_part_of_a_change_is_called_the_largest_only_beyond_all_limits(limits: list[tuple[float, float]], named: str) -> None:
    rows = pd.DataFrame(limits, columns=["lower", "upper"]).assign(label=["a", "b", "c"])
    assert detection._largest(rows.assign(value=rows[["lower", "upper"]].mean(axis=1))) == named


def test_a_change_that_cannot_be_told_from_none_has_no_largest_part(china: Data) -> None:
    figure = sections.split_figure(china).figure
    assert figure is not None
    change = sections.split_figure(china).estimates.iloc[0]
    assert change["lower"] < 0 < change["upper"]
    assert figure.title == "China, 2022 to 2024: +181 new cases (−323 to 636): whether they changed cannot be told"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"notable": True, "q": 0.001, "numerator": 9, "most": 5}, "▲ more"),
        ({"notable": False, "q": 0.001, "numerator": 606, "most": 749}, "not above the 749 of an earlier year"),
        ({"notable": False, "q": 0.3, "numerator": 3, "most": 5}, "not notable"),
    ],
)
def test_a_count_that_is_not_unusual_is_told_with_what_decided(row: dict[str, Any], told: str) -> None:
    assert categories._finding(row) == told


def test_a_category_gets_a_direction_only_after_control_of_false_discoveries(china: Data) -> None:
    rows = diseases.trends(china)
    order = np.argsort(rows["p"].to_numpy())
    p = rows["p"].to_numpy()[order]
    by_hand = np.minimum.accumulate((p * len(p) / np.arange(1, len(p) + 1))[::-1])[::-1]
    assert rows["q"].to_numpy()[order] == pytest.approx(np.minimum(by_hand, 1))
    directed = rows["verdict"].isin(["falling", "rising"])
    assert (rows.loc[directed, "q"] <= 0.05).all()
    tumours = rows.set_index("key").loc["tumour"]
    assert (tumours["upper"] < 0, tumours["verdict"]) == (True, "cannot tell")


def test_shares_and_parts_of_china_are_those_of_the_bulletin(china: Data) -> None:
    rows = diseases.latest(china).set_index("key")
    assert rows.loc["ent_oral", "value"] == pytest.approx(100 * 2_227 / 11_289)
    assert rows.loc["pneumoconiosis", "above"] == "pneumoconiosis_and_respiratory"
    assert diseases.distinct(china, ["pneumoconiosis_and_respiratory", "pneumoconiosis", "tumour"]) == [
        "pneumoconiosis",
        "tumour",
    ]
    assert "share of all new cases: 3.8% (3.5 to 4.0) in 2015; 19.7% (19.0 to 20.5) in 2024" in said(
        sections.disease_table(china)
    )


def test_a_count_is_called_unusual_only_above_all_earlier_ones_and_after_control(tmp_path: Path) -> None:
    usual = {year: 20 + year % 2 for year in YEARS}
    more = [*case_rows(usual | {2024: 60}, key="skin"), *case_rows(usual | {2020: 70, 2024: 60}, key="eye")]
    data = opened(tmp_path, dict.fromkeys(YEARS, 100) | {2024: 160}, more=more)
    rows = diseases.exceedances(data).set_index("key")
    assert rows["notable"].to_dict() == {"skin": True, "eye": False, "total": True}
    expected = stats.nbinom.sf(59, 20 * 2 + 21 * 3 + 0.5, 5 / 6)  # Jeffreys' prior, five years
    assert rows.loc["skin", "p"] == pytest.approx(expected)
    assert "Skin diseases: 60 in 2024, more than in any year of 2019–2023" in sections.trend_headline(data).bullets[0]
    assert len(sections.trend_headline(data).bullets) <= 3


def test_the_catalogues_differ_in_the_diseases_that_the_new_one_moved_or_added(china: Data) -> None:
    rows = diseases.bridge(china).set_index("new")
    assert rows.loc["07.0.12", ["old_key", "new_key"]].tolist() == ["chemical_poisoning", "radiation"]
    assert set(rows.index[rows["old"] == ""]) == {"10.0.01", "11.0.01"}
    assert sections.catalogues(china).empty


# Borrowed strength ----------------------------------------------------------------------------------------------------
def test_a_borrowed_trend_stands_beside_the_verdict_and_needs_places_with_shown_years(tmp_path: Path) -> None:
    codes = [f"99010{number}" for number in range(1, 5)]
    places = [("990100", "市", "Mou City", "city", ""), *((code, "", f"County {code}", "county", "990100") for code in codes)]
    rows = [row for code in codes[:3] for row in case_rows(FALL, code)] + case_rows(FALL | {2018: 2}, codes[3])
    folder = write(tmp_path, cases=rows, places=places)
    told = {code: open_data(folder, code, period="2024", language="en") for code in codes}
    assert "borrowed" not in told[codes[3]].beside
    first = told[codes[0]].beside["borrowed"]
    assert (first["places"], first["first_year"], first["last_year"]) == (3, 2015, 2024)
    assert -10.5 < first["value"] < -9.5
    text = said(sections.borrowed_trend(told[codes[0]]))
    assert text.startswith("Drawing on the series of 3 places of Mou City, 2015–2024: −10.0% per year")
    assert sections.borrowed_trend(told[codes[3]]).empty


# No sentence says more than its row -----------------------------------------------------------------------------------
WORDS = ("falling", "rising", "roughly level", "cannot tell")


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.integers(0, 60), st.just("")), min_size=1, max_size=10), st.booleans())
def test_no_sentence_contradicts_its_row(tmp_path: Path, counts: list[Any], broken: bool) -> None:
    series = dict(zip(range(2025 - len(counts), 2025), counts, strict=True))
    breaks = [{"first_period_after": 2021}] if broken else []
    data = opened(tmp_path, series, breaks=breaks)
    found = occurrence.trends(data)
    verdict = found["verdict"].iloc[-1] if len(found) else ""
    told = " ".join([*sections.trend_headline(data).sentences, *sections.fall_facts(data).bullets])
    assert [word for word in WORDS[:3] if re.search(rf": {word}\.", told)] == [word for word in WORDS[:3] if word == verdict]
    if "fell;" in told:
        assert (verdict, found["upper"].iloc[-1] < 0) == ("falling", True)
    if verdict in ("", "cannot tell"):
        assert said(sections.outlook(data)).startswith("No forecast")
    for row in courses.fall(data).to_dict("records"):
        if row["fact"] in ("base", "before") and row["note"] == "":
            assert row["value"] == series.get(row["last_year"], 0) - series.get(row["first_year"], 0)


# Figures --------------------------------------------------------------------------------------------------------------
def texts(figure: Figure) -> list[tuple[str, float, float, float, float]]:
    """Text, left, right, top and bottom in points, letters taken as half as wide as high."""
    found = []
    for match in re.finditer(r"<text([^>]*)>([^<]+)</text>", figure.svg):
        size = float(re.search(r"font-size: ([\d.]+)px", match[1])[1])  # type: ignore[index]
        place = re.search(r'x="([-\d.]+)" y="([-\d.]+)"', match[1]) or re.search(r"translate\(([-\d.]+) ([-\d.]+)\)", match[1])
        assert place is not None
        wide = 0.5 * size * len(match[2])
        anchor = re.search(r"text-anchor: (\w+)", match[1])
        left = float(place[1]) - {"middle": wide / 2, "end": wide}.get(anchor[1] if anchor else "", 0.0)
        found.append((match[2], left, left + wide, float(place[2]) - 0.7 * size, float(place[2])))
    return found


def drawn() -> list[Figure]:
    years = np.arange(2005, 2025)
    rows = pd.concat(
        [
            pd.DataFrame({"label": label, "year": years, "value": values, "state": "shown"})
            for label, values in {
                "All": 20_000.0 - 900 * (years - 2005), "A category with a rather long name": years - 2000.0,
                "None": 0.0 * years, "Peak": 10.0 + 50 * (years == 2006),
            }.items()
        ]
    )  # fmt: skip
    rows = rows[~((rows["label"] == "Peak") & (rows["year"] == 2012))]
    rows = rows.assign(lower=rows["value"] * 0.9, upper=rows["value"] * 1.1 + 1)
    values = {"value": [30.0, -90.0, -40.0], "lower": [20.0, -110.0, -60.0], "upper": [40.0, -70.0, -20.0]}
    ends = {"numerator": 100, "denominator": 200}
    parts = pd.DataFrame({"label": ["Persons examined", "Suspected per person", "Cases per suspected"], **values, **ends})
    return [
        panels.multiples(rows, [2014], name="many", title="t", alt="a"),
        panels.split(parts, ("Cases, 2014", "Cases, 2024"), name="split", title="t", alt="a"),
    ]


@pytest.mark.parametrize("number", [0, 1], ids=["small multiples", "split"])
def test_labels_stay_inside_the_frame_apart_from_each_other_and_in_the_house_colours(number: int) -> None:
    figure = drawn()[number]
    _x, _y, width, height = map(float, re.search(r'viewBox="([^"]+)"', figure.svg)[1].split())  # type: ignore[index]
    found = texts(figure)
    assert len(found) >= 8
    assert [text for text, left, right, top, bottom in found if left < 0 or right > width or top < 0 or bottom > height] == []
    for place, (text, left, right, top, bottom) in enumerate(found):
        for other, left_o, right_o, top_o, bottom_o in found[place + 1 :]:
            assert not (left < right_o and left_o < right and top < bottom_o and top_o < bottom), (text, other)
    colours = set(re.findall(r"(?:stroke|fill): (#[0-9a-f]{6})", figure.svg))
    assert colours <= {"#1b2733", "#5c6b7a", "#e8edf2", "#0b5cab", "#b3470c", "#ffffff"}
    assert min(float(size) for size in re.findall(r"font-size: ([\d.]+)px", figure.svg)) * 358 / width >= 7.5  # on a phone
