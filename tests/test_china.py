"""What docs say about the national bulletins: every number is one of the report on China, or follows from its counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from conftest import ROOT

from ohstats import occurrence, open_data, sections
from ohstats.gate import numerals

if TYPE_CHECKING:
    from ohstats.data import Data

ELSEWHERE = {23_476.0: "note of the row of 2018", 5.0: "the indicator's name: less than five years", 20.0: "twenty years"}


@pytest.fixture(scope="module")
def china() -> Data:
    return open_data(ROOT / "data/example/china", "100000", period="2024", language="en")


def derived(china: Data) -> set[float]:
    """Changes and shares that the statements name, from the counts of the report."""
    rows = occurrence.by_category(china)
    n = rows.set_index(["key", "period"])["numerator"]

    def change(key: str, first: str, last: str) -> float:
        return 100 * (n[key, last] / n[key, first] - 1)

    return {
        round(-change("total", "2012", "2021"), 1),
        round(-change("pneumoconiosis", "2012", "2021"), 1),
        round(change("pneumoconiosis", "2009", "2010"), 2),
        round(100 * n["ent_oral", "2017"] / n["total", "2017"], 1),
        round(100 * n["ent_oral", "2024"] / n["total", "2024"], 1),
    }


def told(name: str) -> set[float]:
    """Numbers of a page, without calendar years and days of a month."""
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    for day in ("2022-04-25", "2014-07-01"):
        text = text.replace(day, "")
    return {each.value for each in numerals.numbers(text) if not each.year}


@pytest.mark.parametrize("name", ["china.md", "china.zh.md"])
def test_every_number_on_the_page_about_the_bulletins_is_one_of_the_report(china: Data, name: str) -> None:
    made = [getattr(sections, each)(china) for each in (
        "trend_headline", "case_table", "trends", "sensitivity", "effort", "case_categories",
    )]  # fmt: skip
    results = [{**result.json(), "sentences": [*result.sentences, result.table.note if result.table else ""]} for result in made]
    known = {each.value for result in results for text in numerals._texts(result) for each in numerals.numbers(text)}
    unknown = told(name) - known - derived(china) - set(ELSEWHERE)
    assert unknown == set()
    assert derived(china) == {43.8, 51.2, 64.28, 6.0, 19.7}


def test_both_languages_tell_the_same_numbers() -> None:
    assert told("china.md") ^ told("china.zh.md") <= {1.0, 2.0, 3.0}  # "one step", "the two years", "under three rules"
