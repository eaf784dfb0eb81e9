"""New cases of one place: windows, verdicts, sensitivity and effort; the numbers of China as the issue states them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from datasets import PLACE, case_rows, write

from ohstats import occurrence, open_data, sections

if TYPE_CHECKING:
    from pathlib import Path

    from ohstats.data import Data

YEARS = range(2015, 2025)
FALL = dict(zip(YEARS, [200, 181, 165, 148, 131, 119, 108, 96, 86, 78], strict=True))
RISE = dict(zip(YEARS, [40, 47, 49, 58, 63, 70, 81, 88, 99, 110], strict=True))
LEVEL = dict(zip(YEARS, [100, 102, 99, 101, 100, 98, 103, 100, 99, 101], strict=True))
NOISY = dict(zip(YEARS, [12, 30, 9, 25, 14, 28, 11, 22, 13, 20], strict=True))


def effort(first: int, last: int) -> list[tuple[str, str, Any, Any, Any]]:
    """Persons examined in the first and the last year."""
    return [("persons_examined", PLACE, 2015, first, ""), ("persons_examined", PLACE, 2024, last, "")]


@pytest.fixture(scope="module")
def china() -> Data:
    return open_data("data/example/china", "100000", period="2024", language="en")


# -10.7 (-13.3 to -8.1) is what the issue states; test_trend.py holds the method against R
def test_china_has_one_trend_per_unbroken_window(china: Data) -> None:
    found = occurrence.trends(china)
    assert found[["first_year", "last_year", "n_points"]].to_numpy().tolist() == [
        [2005, 2005, 1],
        [2006, 2013, 8],
        [2014, 2024, 10],
    ]
    assert found["verdict"].tolist() == ["cannot tell", "rising", "falling"]
    assert found.iloc[-1][["value", "lower", "upper"]].astype(float).round(1).tolist() == [-10.7, -13.3, -8.1]
    assert found.iloc[1][["value", "lower", "upper"]].astype(float).round(1).tolist() == [14.0, 6.1, 22.4]


def test_sensitivity_of_china_starts_at_the_noted_events_and_leaves_out_recalled_figures(china: Data) -> None:
    found = occurrence.sensitivity(china, occurrence.yearly(china))
    told = found[["start", "without", "n_points", "value", "verdict"]].round(1).to_numpy().tolist()
    assert told == [[2018, "", 6, -12.7, "falling"], [2020, "", 4, -10.9, "cannot tell"], [2014, "recalled", 7, -10.3, "falling"]]


def test_the_gap_of_china_is_a_gap_and_its_counts_are_those_of_the_source(china: Data) -> None:
    series = occurrence.yearly(china).set_index("year")
    assert (series.loc[2005, "value"], series.loc[2024, "value"]) == (12_212, 11_289)
    assert series.loc[2023, "state"] == "gap"
    assert np.isnan(series.loc[2023, "value"])
    assert series.index[series["state"] == "recalled"].tolist() == [2006, 2010, 2011, 2016, 2018, 2019]
    # scipy: chi2.ppf(0.025, 2 * 11289) / 2, chi2.ppf(0.975, 2 * 11290) / 2
    assert series.loc[2024, ["lower", "upper"]].astype(float).tolist() == pytest.approx(
        [11081.7031684514, 11499.2003486173], rel=1e-9
    )


def test_effort_of_china_is_known_in_two_years_of_the_window(china: Data) -> None:
    known = occurrence.effort(china)
    assert occurrence.unknown_years(known, occurrence.Window(2014, 2024)) == "2014–2021, 2023"


def test_sentences_of_china_say_what_a_careful_reader_sees(china: Data) -> None:
    assert sections.trend_headline(china).sentences == [
        "2024: 11,289 new cases (limits of counting variation, 95%: 11,082 to 11,499).",
        "No comparison with 2023: no figure.",
        "Trend over the latest unbroken window, 2014–2024: −10.7% per year (interval, 95%: −13.3 to −8.1): falling.",
        "Detection effort is unknown for 2014–2021, 2023.",
    ]
    assert sections.trends(china).sentences[:2] == [
        "The series crosses 2 breaks: no single trend is fitted over 2005–2024.",
        "First and last count: 12,212 in 2005; 11,289 in 2024.",
    ]
    table = sections.case_table(china).table
    assert table is not None
    assert table.note == (
        "Limits: exact Poisson (95%); they show counting variation only (±1.8% in 2024); "
        "year-to-year variation is far larger: about 282 times the variance of counting."
    )
    figure = sections.case_figure(china).figure
    assert figure is not None
    assert figure.title == "China, 2014–2024: falling"


NOW_EN, NOW_ZH = (
    "2024: 78 new cases (limits of counting variation, 95%: 61.7 to 97.3).",
    "2024年新病例78例（计数变异的95%界限61.7 至 97.3）。",
)
FALL_EN = "Trend over the latest unbroken window, 2015–2024: −10.0% per year (interval, 95%: −10.2 to −9.8): falling."
FALL_ZH = "最近无断点区间2015–2024年的趋势：年均变化−10.0%（95%区间−10.2 至 −9.8）：下降。"
HEADLINES = {
    "clear fall": (
        FALL, effort(1000, 1005), "2024",
        [NOW_EN, "2023: 86; difference −8; −9.3% against it.", FALL_EN],
        [NOW_ZH, "2023年为86例，相差−8例，变化−9.3%。", FALL_ZH],
    ),
    "fall, effort unknown": (
        FALL, [], "2024",
        [NOW_EN, "2023: 86; difference −8; −9.3% against it.", FALL_EN, "Detection effort is unknown for 2015–2024."],
        [NOW_ZH, "2023年为86例，相差−8例，变化−9.3%。", FALL_ZH, "2015–2024年发现力度不明。"],
    ),
    "fall, effort fell": (
        FALL, effort(1000, 890), "2024",
        [NOW_EN, "2023: 86; difference −8; −9.3% against it.", FALL_EN,
         "Reported cases fell; detection effort fell too, so a real fall is not shown."],
        [NOW_ZH, "2023年为86例，相差−8例，变化−9.3%。", FALL_ZH, "报告病例下降，但发现力度同时下降，不能说明真实下降。"],
    ),
    "fall, effort fell by no more than 10 %": (
        FALL, effort(1000, 900), "2024",
        [NOW_EN, "2023: 86; difference −8; −9.3% against it.", FALL_EN],
        [NOW_ZH, "2023年为86例，相差−8例，变化−9.3%。", FALL_ZH],
    ),
    "rise, effort rising": (
        RISE, effort(1000, 1300), "2024",
        ["2024: 110 new cases (limits of counting variation, 95%: 90 to 133).", "2023: 99; difference +11; +11.1% against it.",
         "Trend over the latest unbroken window, 2015–2024: +11.7% per year (interval, 95%: 11.2 to 12.3): rising.",
         "Reported cases rose; detection effort rose too, so a real rise is not shown."],
        ["2024年新病例110例（计数变异的95%界限90 至 133）。", "2023年为99例，相差+11例，变化+11.1%。",
         "最近无断点区间2015–2024年的趋势：年均变化+11.7%（95%区间11.2 至 12.3）：上升。",
         "报告病例上升，但发现力度同时上升，不能说明真实上升。"],
    ),
    "roughly level": (
        LEVEL, [], "2024",
        ["2024: 101 new cases (limits of counting variation, 95%: 82 to 123).", "2023: 99; difference +2; +2.0% against it.",
         "Trend over the latest unbroken window, 2015–2024: 0.0% per year (interval, 95%: −0.4 to 0.4): roughly level."],
        ["2024年新病例101例（计数变异的95%界限82 至 123）。", "2023年为99例，相差+2例，变化+2.0%。",
         "最近无断点区间2015–2024年的趋势：年均变化0.0%（95%区间−0.4 至 0.4）：基本持平。"],
    ),
    "cannot tell": (
        NOISY, [], "2024",
        ["2024: 20 new cases (limits of counting variation, 95%: 12.2 to 30.9).", "2023: 13; difference +7; +53.8% against it.",
         "Trend over the latest unbroken window, 2015–2024: −0.3% per year (interval, 95%: −10.8 to 11.4): cannot tell.",
         "2015–2024: a steady fall of 14.2% a year or a rise of 16.6% a year would have been detected with a power of 80%."],
        ["2024年新病例20例（计数变异的95%界限12.2 至 30.9）。", "2023年为13例，相差+7例，变化+53.8%。",
         "最近无断点区间2015–2024年的趋势：年均变化−0.3%（95%区间−10.8 至 11.4）：无法判断。",
         "2015–2024年：以80%的检验效能，可检出的最小变化为年均下降14.2%或上升16.6%。"],
    ),
    "all zero": (
        dict.fromkeys(YEARS, 0), [], "2024",
        ["2024: 0 new cases (limits of counting variation, 95%: 0.0 to 3.7).", "2023: 0; difference 0.",
         "Trend 2015–2024: cannot tell; no cases in these years."],
        ["2024年新病例0例（计数变异的95%界限0.0 至 3.7）。", "2023年为0例，相差0例。",
         "2015–2024年趋势：无法判断（这些年没有病例）。"],
    ),
    "small numbers": (
        FALL | {2024: 3}, [], "2024",
        ["2024: the number of new cases is not shown (small numbers).", "Trend 2015–2024: not shown (small numbers)."],
        ["2024年：新病例数不显示（数量过小）。", "2015–2024年趋势：不显示（数量过小）。"],
    ),
    "gap": (
        FALL | {2023: ""}, effort(1000, 1000), "2024",
        [NOW_EN, "No comparison with 2023: no figure.", FALL_EN],
        [NOW_ZH, "2023年无数字，无法比较。", FALL_ZH],
    ),
    "provisional": (
        FALL | {2024: {"n": 20, "provisional": "yes"}}, [], "2024",
        ["2024: 20 new cases (limits of counting variation, 95%: 12.2 to 30.9).", "The figure is provisional.",
         "2023: 86; difference −66; −76.7% against it.",
         "Trend over the latest unbroken window, 2015–2023: −10.0% per year (interval, 95%: −10.2 to −9.8): falling.",
         "Detection effort is unknown for 2015–2023."],
        ["2024年新病例20例（计数变异的95%界限12.2 至 30.9）。", "该数字为暂定数。", "2023年为86例，相差−66例，变化−76.7%。",
         "最近无断点区间2015–2023年的趋势：年均变化−10.0%（95%区间−10.2 至 −9.8）：下降。", "2015–2023年发现力度不明。"],
    ),
    "half-year without a figure": (
        FALL, [], "2024H1",
        ["first half of 2024: no figure of new cases is at hand.",
         "Trend over the latest unbroken window, 2015–2023: −10.0% per year (interval, 95%: −10.2 to −9.8): falling.",
         "Detection effort is unknown for 2015–2023."],
        ["2024年上半年：没有新病例数字。", "最近无断点区间2015–2023年的趋势：年均变化−10.0%（95%区间−10.2 至 −9.8）：下降。",
         "2015–2023年发现力度不明。"],
    ),
    "no percent from a base below 10": (
        {2022: 0, 2023: 9, 2024: 18}, [], "2024",
        ["2024: 18 new cases (limits of counting variation, 95%: 10.7 to 28.4).", "2023: 9; difference +9.",
         "Trend over the latest unbroken window, 2015–2024: +300.0% per year (interval, 95%: 136.3 to 577.1): rising.",
         "Detection effort is unknown for 2015–2024."],
        ["2024年新病例18例（计数变异的95%界限10.7 至 28.4）。", "2023年为9例，相差+9例。",
         "最近无断点区间2015–2024年的趋势：年均变化+300.0%（95%区间136.3 至 577.1）：上升。", "2015–2024年发现力度不明。"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("series", "values", "period", "english", "chinese"), HEADLINES.values(), ids=HEADLINES)
def test_headline_says_this(
    tmp_path: Path, series: dict[int, Any], values: list[Any], period: str, english: list[str], chinese: list[str]
) -> None:
    folder = write(tmp_path, cases=case_rows(series), values=values)
    few = all(isinstance(n, int) and n < 20 for n in series.values())  # such a place has a summary in the public edition
    for language, expected in (("en", english), ("zh", chinese)):
        data = open_data(folder, PLACE, period=period, language=language, edition="internal" if few else "public")
        assert sections.trend_headline(data).sentences == expected


@pytest.mark.parametrize(
    ("series", "period"),
    [
        (dict.fromkeys(YEARS, 3), "2024"),
        (dict.fromkeys(YEARS, ""), "2024"),
        (FALL, "2015"),
        (FALL, "2015H1"),
        (FALL | {year: {"n": 9, "provisional": "yes"} for year in YEARS}, "2024"),
        ({2015: 0, 2024: 7}, "2024"),
        (FALL, "2020..2024"),
    ],
    ids=["all hidden", "all gaps", "one year", "no whole year", "all provisional", "cases in one year", "years"],
)
def test_every_section_stands_on_the_barest_series(tmp_path: Path, series: dict[int, Any], period: str) -> None:
    folder = write(tmp_path, cases=case_rows(series))
    for language in ("zh", "en"):
        data = open_data(folder, PLACE, period=period, language=language)
        for result in sections.trend(data):
            bundle, _metadata = result.bundle()
            assert bundle


def test_a_window_of_provisional_years_only_is_not_called_hidden(tmp_path: Path) -> None:
    series = FALL | {2024: {"n": 40, "provisional": "yes"}}
    data = open_data(
        write(tmp_path, cases=case_rows(series), breaks=[{"first_period_after": 2024}]), PLACE, period="2024", language="en"
    )
    table = sections.trends(data).table
    assert table is not None
    assert table.rows[-1] == ["2024", "0", "–", "–", "cannot tell (provisional years only)"]
    assert sections.trend_headline(data).sentences[-1] == "Trend 2024: cannot tell; provisional years only."


def test_only_a_break_cuts_a_series_and_a_note_does_not(tmp_path: Path) -> None:
    breaks = [{"first_period_after": 2018}, {"first_period_after": 2021, "kind": "note"}]
    data = open_data(write(tmp_path, cases=case_rows(FALL), breaks=breaks), PLACE, period="2024", language="en")
    series = occurrence.yearly(data)
    assert occurrence.windows(series, data.breaks) == [(2015, 2017), (2018, 2024)]
    assert occurrence.sensitivity(data, series)["start"].tolist() == [2021]


def test_a_break_of_another_place_reaches_only_what_lies_below_it(tmp_path: Path) -> None:
    places = [("990100", "市", "City", "city", ""), ("990101", "甲县", "Jia", "county", "990100")]
    breaks = [
        {"place": "990100", "first_period_after": 2017, "scope": "below"},
        {"place": "990100", "first_period_after": 2019, "scope": "place"},
        {"place": "990101", "first_period_after": 2021, "scope": "place"},
    ]
    folder = write(tmp_path, places=places, cases=case_rows(FALL, "990101"), breaks=breaks)
    cuts = {code: open_data(folder, code, period="2024").breaks["first_period_after"].tolist() for code, *_rest in places}
    assert cuts == {"990100": ["2017", "2019"], "990101": ["2017", "2021"]}


def test_a_hidden_count_of_effort_is_starred_not_called_unknown(tmp_path: Path) -> None:
    values = [("suspected_found", PLACE, year, n, "") for year, n in ((2022, 3), (2023, 12))]
    values += [("persons_examined", PLACE, 2022, 900, "")]
    folder = write(tmp_path, cases=case_rows(FALL), values=values)
    table = sections.effort(open_data(folder, PLACE, period="2024", language="en")).table
    assert table is not None
    assert table.header == ["Year", "Persons examined", "Suspected cases found"]
    assert table.rows == [["2022", "900", "*"], ["2023", "–", "12"]]


def test_diagnosis_years_are_not_mixed_with_report_years(tmp_path: Path) -> None:
    rows = case_rows(FALL) + [row | {"year_basis": "report", "n": 999} for row in case_rows({2023: 1, 2024: 1})]
    folder = write(tmp_path, cases=rows)
    data = open_data(folder, PLACE, period="2024", edition="internal", language="en")
    assert occurrence.yearly(data)["value"].tolist() == list(FALL.values())
    public = open_data(folder, PLACE, period="2024", language="en")  # both would tell of late cards: the longer series is shown
    assert occurrence.yearly(public)["value"].tolist() == list(FALL.values())


def test_a_district_shows_report_years_where_they_span_as_many_years(tmp_path: Path) -> None:
    rows = case_rows(FALL) + [row | {"year_basis": "report", "n": 90} for row in case_rows(FALL)]
    public = open_data(write(tmp_path, cases=rows), PLACE, period="2024", language="en")
    assert set(occurrence.yearly(public)["value"]) == {90}
