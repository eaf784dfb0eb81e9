"""The one-page report of a small place: every sentence as it is printed, one sheet of paper, and nothing beyond the blocks."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from datasets import PLACE, case_rows, prepared, report, write
from scipy import stats

from ohstats import dataset, open_data, rates, sections, site
from ohstats.paths import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from ohstats.data import Data

CITY = "990000"
PLACES = [(PLACE, "甲县", "Jia County", "county", CITY), (CITY, "某市", "Mou City", "city", "")]
BEFORE, AFTER = range(2016, 2021), range(2021, 2026)
ROSE = dict(zip([*BEFORE, *AFTER], [1, 2, 0, 3, 2, 4, 5, 3, 4, 4], strict=True))
NEAR = dict(zip([*BEFORE, *AFTER], [3, 2, 4, 3, 2, 4, 2, 3, 4, 3], strict=True))
NONE = dict.fromkeys([*BEFORE, *AFTER], 0)
RARE = {**NONE, 2017: 1, 2022: 1}
EFFORT = [("persons_examined", PLACE, 2016, 1000, ""), ("persons_examined", PLACE, 2025, 1010, "")]


def opened(folder: Path, series: dict[int, int], language: str = "en", **told: Any) -> Data:
    write(folder, cases=[*case_rows(series), *told.pop("more", [])], places=PLACES, periods="2016..2025", **told)  # type: ignore[arg-type]
    return open_data(folder, PLACE, period="2025", language=language)


SAME = (
    "The yearly number is 1.14 times that (limits, 95%: 0.52 to 2.53): chance alone can make such a difference, "
    "so it shows neither a rise nor a fall."
)
SAID = {
    "rose": (
        ROSE, {"values": EFFORT},
        ["2021–2025: 20 new cases, 4.0 a year on average.",
         "2016–2020: 8. The yearly number is 2.50 times that (limits, 95%: 1.05 to 6.56): more than chance alone would explain."],
        ["2021–2025年报告新病例20例，年均4.0例。",
         "2016–2020年为8例，年均病例数之比为2.50（95%置信区间1.05 至 6.56），升幅超出随机波动所能解释的范围。"],
    ),
    "rose, effort unknown": (
        ROSE, {},
        ["2021–2025: 20 new cases, 4.0 a year on average.",
         "2016–2020: 8. The yearly number is 2.50 times that (limits, 95%: 1.05 to 6.56): more than chance alone would explain.",
         "Detection effort is unknown for 2016–2025."],
        ["2021–2025年报告新病例20例，年均4.0例。",
         "2016–2020年为8例，年均病例数之比为2.50（95%置信区间1.05 至 6.56），升幅超出随机波动所能解释的范围。",
         "2016–2025年发现力度不明。"],
    ),
    "no difference to be seen": (
        NEAR, {},
        ["2021–2025: 16 new cases, 3.2 a year on average.",
         f"2016–2020: 14. {SAME}"],
        ["2021–2025年报告新病例16例，年均3.2例。",
         "2016–2020年为14例，年均病例数之比为1.14（95%置信区间0.52 至 2.53），差异可由随机波动造成，不能据此判断上升或下降。"],
    ),
    "a break between": (
        ROSE, {"breaks": [{"first_period_after": 2021}]},
        ["2021–2025: 20 new cases, 4.0 a year on average.",
         "It is not compared with the block before: a break in the series lies between."],
        ["2021–2025年报告新病例20例，年均4.0例。", "两个时段之间存在统计口径断点，不与前一时段比较。"],
    ),
    "none": (
        NONE, {},
        ["2021–2025: no new case was reported.", "2016–2020: none either."],
        ["2021–2025年无新病例报告。", "2016–2020年同样无新病例报告。"],
    ),
    "so few that no block can be shown": (
        RARE, {},
        ["No new case was reported in 2016, 2018–2021, 2023–2025; in the other years they were so few that no number is shown."],
        ["2016、2018–2021、2023–2025年无新病例报告；其余年份新病例过少，数字不予公布。"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SAID)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_headline_of_a_small_place_says_what_its_blocks_say(tmp_path: Path, name: str, language: str) -> None:
    series, told, english, chinese = SAID[name]
    data = opened(tmp_path / "data", series, language, **told)
    assert sections.trend_headline(data).sentences == (english if language == "en" else chinese)


RUNNING = dict(zip(range(2016, 2024), [1, 2, 3, 3, 2, 1, 2, 2], strict=True))
SINCE = {
    "block not complete": (
        RUNNING, "2021–2023: no number is shown until the block 2021–2025 is complete.",
        "2021–2023年的数字待2021–2025年时段结束后公布。",
    ),
    "one year without a case": (
        RUNNING | {2022: 0},
        "2021–2023: no new case was reported in 2022; no other number is shown until the block 2021–2025 is complete.",
        "2021–2023年：2022年无新病例报告；其余数字待2021–2025年时段结束后公布。",
    ),
    "years without a figure are not called small": (
        RUNNING | {2022: "", 2023: ""},
        "2021–2023: no number is shown until the block 2021–2025 is complete.",
        "2021–2023年的数字待2021–2025年时段结束后公布。",
    ),
    "no figure since": (RUNNING | dict.fromkeys(range(2021, 2024), ""), "No figure: 2021–2023.", "2021–2023年无数字。"),
    "no case since": (
        RUNNING | dict.fromkeys(range(2021, 2024), 0), "2021–2023: no new case was reported.", "2021–2023年无新病例报告。",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SINCE)
def test_the_headline_begins_with_the_years_after_the_last_block(tmp_path: Path, name: str) -> None:
    series, *told = SINCE[name]
    write(tmp_path, cases=case_rows(series), places=PLACES, periods="2016..2023")
    for language, since in zip(("en", "zh"), told, strict=True):
        said = sections.trend_headline(open_data(tmp_path, PLACE, period="2023", language=language)).sentences
        assert said[0] == since
        rest = said[1 + (name == "years without a figure are not called small")]
        assert rest.startswith("2016–2020: 11 new cases" if language == "en" else "2016–2020年报告新病例11例")


def test_a_later_block_that_is_hidden_is_named_before_the_one_that_is_shown(tmp_path: Path) -> None:
    series = dict.fromkeys(range(2011, 2016), 2) | {2016: 1} | dict.fromkeys(range(2017, 2026), 0) | {2022: 1}
    write(tmp_path, cases=case_rows(series), places=PLACES, periods="2011..2025")
    said = sections.trend_headline(open_data(tmp_path, PLACE, period="2025", language="en")).sentences
    assert said[0] == ("2016–2025: no new case was reported in 2017–2021, 2023–2025; no other number is shown (small numbers).")
    assert said[1] == "2011–2015: 10 new cases, 2.0 a year on average."


def test_what_a_small_place_cannot_say_is_said_with_its_reason(tmp_path: Path) -> None:
    english = sections.summary(opened(tmp_path / "data", ROSE)).bullets
    assert [line.split(".")[0].split(":")[0] for line in english] == [
        "Not shown, apart from the above",
        "No trend",
        "No cause",
        "To say more",
    ]
    assert english[1] == (
        "No trend. After 20 in 2021–2025, the next block of years would have to hold about 5 new cases or fewer, or 43 or more, "
        "to be told from chance (power 80%)."
    )
    chinese = sections.summary(opened(tmp_path / "data", ROSE, "zh")).bullets
    assert chinese[1] == (
        "不作趋势判断。2021–2025年为20例，以此为基准，下一时段约须降至5例及以下或升至43例及以上，才能与随机波动区分（检验效能80%）。"
    )
    none = sections.summary(opened(tmp_path / "data", NONE)).bullets
    assert any(line.startswith("No reported case is not proof of no disease: even where 3.7 cases") for line in none)
    assert not any("No trend" in line or "Not shown" in line for line in none)
    assert sections.summary(opened(tmp_path / "data", RARE)).bullets[0].startswith("Not shown")  # no block, but cases


@pytest.mark.parametrize("events", [8, 20])
def test_a_change_that_could_be_seen_is_seen_four_times_in_five(events: int) -> None:
    fall, rise = rates.detectable_ratio(events)
    draw = np.random.default_rng(20)
    for ratio in (fall, rise):
        first, second = draw.poisson(events, 3000), draw.poisson(events * ratio, 3000)
        found = [stats.binomtest(int(b), max(1, int(a + b))).pvalue <= 0.05 for a, b in zip(first, second, strict=True)]
        assert np.mean(found) == pytest.approx(0.8, abs=0.03)
    assert np.isnan(rates.detectable_ratio(7)[0])
    assert np.isnan(rates.detectable_ratio(0)).all()


def test_the_largest_group_is_the_largest_that_the_protection_leaves(tmp_path: Path) -> None:
    dust = {year: n // 2 + (year > 2020) for year, n in ROSE.items()}
    rest = {year: ROSE[year] - n for year, n in dust.items()}
    more = [*case_rows(dust, key="pneumoconiosis"), *case_rows(rest, key="noise_deafness")]
    data = opened(tmp_path / "data", ROSE, more=more)
    wilson = stats.binomtest(sum(dust[year] for year in AFTER), 20).proportion_ci(method="wilson")
    assert [round(100 * limit, 1) for limit in (wilson.low, wilson.high)] == [48.1, 85.5]
    (said,) = sections.largest_group(data).sentences
    assert said == (
        "Largest group that can be shown: Pneumoconiosis, 14 of 20 new cases in 2021–2025 (70.0%; limits, 95%: 48.1 to 85.5)."
    )
    assert sections.largest_group(opened(tmp_path / "none", ROSE)).empty


def test_the_largest_group_of_another_kind_is_named_with_its_kind(tmp_path: Path) -> None:
    data = opened(tmp_path / "data", ROSE)
    total = data.counts[(data.counts["period"] == "2021..2025") & (data.counts["key"] == "total")]
    sexes = pd.concat([total.assign(group="sex=1", numerator=13.0), total.assign(group="sex=2", numerator=7.0)])
    told = replace(data, counts=pd.concat([data.counts, sexes], ignore_index=True))
    assert sections.largest_group(told).sentences == [
        "Largest group that can be shown: sex: Male, 13 of 20 new cases in 2021–2025 (65.0%; limits, 95%: 43.3 to 81.9)."
    ]


def test_no_single_year_with_cases_stands_on_the_page_of_a_small_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = page_of(tmp_path, monkeypatch, ROSE)
    text = re.sub(
        r"<style>.*?</style>|<svg.*?</svg>|<section id=\"methods\".*?</section>",
        "",
        built.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    assert '<section id="cases"' not in text
    assert set(re.findall(r"<th scope=\"row\">([^<]*)", text)) == {"2016–2020", "2021–2025"}


def test_the_page_of_a_small_place_links_to_the_page_of_its_city_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = page_of(tmp_path / "alone", monkeypatch, ROSE).read_text(encoding="utf-8")
    sentence = "More on the wider area: see the report of Mou City, which Jia County is part of."
    assert f"<p>{sentence}</p>" in alone
    beside = page_of(tmp_path / "both", monkeypatch, ROSE, city=True).read_text(encoding="utf-8")
    assert f'<p><a href="{CITY}_trend.html">{sentence}</a></p>' in beside


def page_of(
    root: Path, monkeypatch: pytest.MonkeyPatch, series: dict[int, int], *, city: bool = False, language: str = "en"
) -> Path:
    """The published page of the small place, alone or with its city."""
    monkeypatch.setenv("OHSTATS_WORK", str(root / "work"))
    cases = (
        [*case_rows(series), *case_rows({year: 200 - 10 * (year % 7) for year in series}, CITY)] if city else case_rows(series)
    )
    codes = [PLACE, CITY] if city else [PLACE]
    cover = {"table": "case_counts", "places": codes, "periods": "2016..2025", "year_basis": "diagnosis", "keys": ["total"]}
    folder, workspace = write(root / "data", cases=cases, places=PLACES, covers=[cover]), Workspace.at()  # type: ignore[arg-type]
    prepared(folder, workspace)
    made = [report(folder, workspace, code, language=language) for code in codes]
    return site.build(made, [dataset.load(folder)], workspace, "public").parent / f"{language}/{PLACE}_trend.html"


@pytest.mark.browser
@pytest.mark.parametrize(("language", "series"), [("en", ROSE), ("zh", ROSE), ("en", NONE)])
def test_the_page_of_a_small_place_is_one_sheet_of_paper(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, series: dict[int, int]
) -> None:
    path = page_of(tmp_path, monkeypatch, series, language=language)
    with browser.new_page() as page:
        page.goto(path.as_uri())
        page.evaluate("document.fonts.ready.then(() => true)")
        assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))) == 1


def test_the_figure_of_blocks_shows_each_number_with_its_limits_and_says_so(tmp_path: Path) -> None:
    result = sections.case_blocks_figure(opened(tmp_path / "data", ROSE))
    figure = result.figure
    assert figure is not None
    assert figure.title == "Jia County: new cases 8 in 2016–2020, 20 in 2021–2025"
    assert figure.alt == (
        "New cases in Jia County in blocks of years, with limits (95%). 2016–2020: 8 (3.5 to 15.8); 2021–2025: 20 (12.2 to 30.9)."
    )
    assert re.findall(r">(\d{4}–\d{4}|8|20)</text>", figure.svg) == ["2016–2020", "8", "2021–2025", "20"]
    assert set(re.findall(r'\bid="([^"]+)"', figure.svg)) == set(re.findall(r'\bid="(blocks-[^"]+)"', figure.svg))
    assert stats.chi2.ppf([0.025, 0.975], [40, 42]) / 2 == pytest.approx(result.estimates.iloc[-1][["lower", "upper"]].tolist())
