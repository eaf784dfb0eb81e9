"""Status, gap and what cannot be judged: exact comparison, targets in force for the place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from datasets import PLACE, write

from ohstats import evaluation, indicators, open_data, sections

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

SHARE = "hazard_declaration_rate_key"  # a complete register
SAMPLE = "workplace_monitoring_pass_rate"
COUNT = "sme_assisted_per_year"


def judged(folder: Path, n: Any, d: Any, *, indicator: str = SHARE, **target: Any) -> pd.Series[Any]:
    """The one row of a place with one figure and one target."""
    write(folder, values=[(indicator, PLACE, 2024, n, d)], targets=[{"indicator_id": indicator, "target_value": 95} | target])
    return evaluation.against_targets(open_data(folder, PLACE, period="2024", language="en")).iloc[0]


@pytest.mark.parametrize(
    ("n", "d", "target", "status", "gap", "note"),
    [
        (95, 100, {}, "met", 0, ""),
        (9496, 10_000, {}, "not_met", 4, ""),  # 94.96 % reads 95.0 % and is not 95 %
        (9499, 10_000, {"target_value": "94.99"}, "met", 0, ""),  # 94.99 has no exact binary number
        (2, 3, {"target_value": 67}, "not_met", 1, ""),  # ceil(2.01) - 2
        (99, 100, {"target_value": 100}, "not_met", 1, ""),
        (0, 0, {}, "cannot_judge", None, "denominator is 0"),
        ("", 100, {}, "cannot_judge", None, "no data"),
        (50, "", {}, "cannot_judge", None, "no data"),
        ("*", 100, {}, "cannot_judge", None, "protected"),
        (101, 100, {}, "cannot_judge", None, "numerator above denominator"),
        (5, 100, {"target_value": 5, "comparator": "<="}, "met", 0, ""),
        (7, 100, {"target_value": 5, "comparator": "<="}, "not_met", 2, ""),
        (95, 100, {"target_value": ""}, "cannot_judge", None, "no target value"),
        (95, 100, {"target_value": "", "comparator": "trend_rising"}, "cannot_judge", None, "trend target"),
    ],
)
def test_status_is_the_exact_comparison(
    tmp_path: Path, n: Any, d: Any, target: dict[str, Any], status: str, gap: float | None, note: str
) -> None:
    row = judged(tmp_path, n, d, **target)
    assert (row["status"], row["note"]) == (status, note)
    assert row["gap"] == gap if gap is not None else row["gap"] != row["gap"]


@pytest.mark.parametrize(("n", "status", "gap"), [(20, "met", 0), (19, "not_met", 1), ("", "cannot_judge", None)])
def test_counts_are_judged_as_counts(tmp_path: Path, n: Any, status: str, gap: float | None) -> None:
    row = judged(tmp_path, n, "", indicator=COUNT, target_value=20, unit="employers")
    assert row["status"] == status
    assert row["gap"] == gap if gap is not None else row["gap"] != row["gap"]


# statsmodels proportion_confint(370, 423, method="wilson"): 83.97 to 90.29 %; (365, 405): 86.83 to 92.66 %
@pytest.mark.parametrize(
    ("n", "d", "goal", "status", "certainty"),
    [
        (370, 423, 85, "met", "compatible"),
        (365, 405, 85, "met", "clearly above"),
        (370, 423, 90, "not_met", "compatible"),
        (370, 423, 91, "not_met", "clearly below"),
    ],
)
def test_samples_say_how_certain_and_claim_no_gap(tmp_path: Path, n: int, d: int, goal: int, status: str, certainty: str) -> None:
    row = judged(tmp_path, n, d, indicator=SAMPLE, target_value=goal)
    assert (row["status"], row["certainty_of_sample"]) == (status, certainty)
    assert row["gap"] != row["gap"]
    headline = sections.evaluation_headline(open_data(tmp_path, PLACE, period="2024", language="en"))
    assert headline.bullets == []  # nothing in units can be said, so nothing is listed as a gap


def test_small_counts_of_people_are_not_judged_in_public(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        values=[("suspected_found", PLACE, 2024, 3, "")],
        targets=[{"indicator_id": "suspected_found", "target_value": 2, "comparator": "<=", "unit": "persons"}],
    )
    row = evaluation.against_targets(open_data(folder, PLACE, period="2024")).iloc[0]
    assert (row["status"], row["note"]) == ("cannot_judge", "protected")


CHAIN = [
    ("990000", "省", "Province", "province", ""),
    ("990100", "市", "City", "city", "990000"),
    ("990101", "甲县", "Jia County", "county", "990100"),
    ("990102", "乙县", "Yi County", "county", "990100"),
]


def test_targets_come_down_the_chain_of_places_nearest_first_and_never_sideways(tmp_path: Path) -> None:
    from_whom = {"990000": 70, "990100": 80, "990101": 95, "990102": 99}
    targets = [{"indicator_id": SHARE, "target_value": goal, "jurisdiction_code": code} for code, goal in from_whom.items()]
    folder = write(tmp_path, places=CHAIN, targets=targets)
    found = {code: evaluation.in_force(open_data(folder, code, period="2024"))["target_value"].tolist() for code, *_rest in CHAIN}
    assert found == {"990000": ["70"], "990100": ["80", "70"], "990101": ["95", "80", "70"], "990102": ["99", "80", "70"]}


@pytest.mark.parametrize(
    ("target", "listed"),
    [
        ({"in_force_from": 2021, "in_force_to": 2024}, True),
        ({"in_force_to": 2023}, False),  # expired
        ({"in_force_from": 2025}, False),  # not yet
        ({}, True),  # a start that is not known does not exclude it
        ({"levels": "county zone"}, True),
        ({"levels": "province city"}, False),
        ({"comparator": "reference"}, False),
        ({"comparator": "qualitative", "target_value": ""}, False),
    ],
)
def test_only_targets_in_force_for_this_level_are_listed(tmp_path: Path, target: dict[str, Any], listed: bool) -> None:
    folder = write(tmp_path, targets=[{"indicator_id": SHARE, "target_value": 95} | target])
    assert len(evaluation.in_force(open_data(folder, PLACE, period="2024"))) == listed


def test_gap_is_said_in_plain_units_of_both_languages(tmp_path: Path) -> None:
    judged(tmp_path, 83, 100)
    lines = {
        language: sections.evaluation_headline(open_data(tmp_path, PLACE, period="2024", language=language)).bullets
        for language in ("en", "zh")
    }
    assert lines == {
        "en": ["Hazard declaration rate, key industries: 12 more employers by the end of 2025 (1 a month)"],
        "zh": ["重点行业职业病危害项目申报率：2025年底前还差12家用人单位（每月1）"],
    }


def test_a_target_from_above_asks_for_fewer_not_more(tmp_path: Path) -> None:
    judged(tmp_path, 7, 100, target_value=5, comparator="<=")
    for language, words in {"en": "2 fewer employers", "zh": "需减少2家用人单位"}.items():
        table = sections.target_table(open_data(tmp_path, PLACE, period="2024", language=language)).table
        assert table is not None
        assert words in table.rows[0][6]


def test_published_figures_that_cannot_be_computed_are_shown_as_they_are(tmp_path: Path) -> None:
    values = [("own", PLACE, 2020, 7, 10), ("own", PLACE, 2021, "", 10), ("own", PLACE, 2022, 11, 10), ("own", PLACE, 2023, 0, 0)]
    folder = write(tmp_path, values=values, published={"publisher": "x", "title": "y", "date": "z"}, synthetic=None)
    own = "indicator_id,measure,counts,basis,name_en\nown,proportion,context,census,Own\n"
    (folder / "indicators.csv").write_text(own, encoding="utf-8")
    table = sections.context(open_data(folder, PLACE, period="2024", language="en")).table
    assert table is not None
    assert [row[2:6] for row in table.rows] == [
        ["2020", "7 / 10", "70.0%", "39.7 to 89.2"], ["2021", "– / 10", "–", "–"], ["2022", "11 / 10", "–", "–"],
        ["2023", "0 / 0", "–", "–"],
    ]  # fmt: skip


def test_a_target_with_decimals_is_read_out_as_written(tmp_path: Path) -> None:
    judged(tmp_path, 944, 1000, target_value="94.5")
    figure = sections.target_figure(open_data(tmp_path, PLACE, period="2024", language="en")).figure
    assert figure is not None
    assert figure.alt.endswith("94.4% against 94.5%.")


def test_no_published_count_of_china_meets_a_target() -> None:
    china = open_data("data/example/china", "100000", period="2024", language="en")
    rows = evaluation.against_targets(china)
    assert set(rows["status"]) == {"cannot_judge"}
    assert set(rows["note"]) == {"no data"}
    assert sections.evaluation_headline(china).sentences[1] == ("No figure for 2024 fits a target in force: none can be judged.")
    assert len(indicators.context(china)) > 40
    assert "2020" not in set(rows["in_force_to"])  # the plan of 2016-2020 has expired


def test_the_county_that_inherits_the_nine_targets_lists_them_first() -> None:
    rows = evaluation.against_targets(open_data("data/example/synthetic", "990104", period="2025"))
    assert rows["jurisdiction_code"].tolist()[:9] == ["990104"] * 9
    assert rows["jurisdiction_code"].tolist()[9:] == ["100000"] * (len(rows) - 9)
    assert set(rows["status"]) == {"met", "not_met", "cannot_judge"}
    other = evaluation.against_targets(open_data("data/example/synthetic", "990101", period="2025"))
    assert set(other["jurisdiction_code"]) == {"100000"}
