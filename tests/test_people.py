"""Sections about people: their sentences follow from their rows, in both languages and editions."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from ohstats import language, open_data, paths, people, rates, sections, trend, wording_people

if TYPE_CHECKING:
    from ohstats.data import Data

CITY = paths.examples() / "synthetic"
LAST = (
    "Fewer than 10 such cases in 2021–2025: whether their share fell cannot be told. In 2023–2025 they were 6 of 71,",
    "in 2021–2022 2 of 45 (odds ratio 1.97, 0.40 to 14.78).",
)
OTHER = (
    "This share was entered with 24 cases of new pneumoconiosis, while this report counts 13: find out which is right before it "
    "is used."
)
opening = cache(open_data)
NAMES = ["short_exposure", "who", "where_figure", "where", "acute_events", "suspected_to_confirmed", "living_patients"]


@pytest.fixture(scope="module", params=["public", "internal"])
def opened(request: Any) -> Data:
    return opening(CITY, "990101", period=2025, edition=request.param, language="en")


@pytest.fixture(scope="module")
def inside() -> Data:
    return opening(CITY, "990104", period=2025, edition="internal", language="en")


def shares(*rows: tuple[int, int, int]) -> pd.DataFrame:
    """Rows as `people.short` gives them: year, short-exposure cases, all."""
    made = pd.DataFrame(rows, columns=["first_year", "numerator", "denominator"]).assign(hidden=False)
    made["last_year"] = made["first_year"]
    return made


# Short exposure --------------------------------------------------------------------------------------------------------
def test_fewer_than_ten_short_exposures_are_compared_by_halves_and_nothing_is_concluded() -> None:
    rows = shares((2021, 3, 20), (2022, 2, 20), (2023, 1, 20), (2024, 0, 20))
    found = people.short_change(rows).iloc[0]
    pair = pd.DataFrame([{"n": 1, "d": 40, "n0": 5, "d0": 40}])
    told = rates.fisher_midp(pair, numerator="n", denominator="d", reference_numerator="n0", reference_denominator="d0").iloc[0]
    assert found[["value", "p", "middle", "verdict"]].tolist() == [told["value"], told["p"], 2022, "cannot tell"]


def test_from_ten_on_the_trend_test_decides() -> None:
    falling = people.short_change(shares((2021, 20, 50), (2022, 12, 50), (2023, 6, 50), (2024, 2, 50))).iloc[0]
    same = trend.cochran_armitage([20, 12, 6, 2], [50] * 4, [2021, 2022, 2023, 2024]).iloc[0]
    assert (falling["verdict"], falling["value"], falling["p"]) == ("falling", same["value"], same["p"])
    assert people.short_change(shares((2021, 5, 50), (2022, 4, 50), (2023, 6, 50))).iloc[0]["verdict"] == "cannot tell"
    assert people.short_change(shares((2021, 2, 50), (2022, 12, 50), (2023, 20, 50))).iloc[0]["verdict"] == "rising"


def test_no_change_is_told_across_a_hidden_period() -> None:
    rows = shares((2021, 20, 50), (2022, 12, 50))
    rows.loc[1, "hidden"] = True
    assert people.short_change(rows).empty


def test_a_verdict_stands_in_its_sentence_and_no_other_does() -> None:
    words = {"falling", "rising"}
    with language.use("en"):
        for rows in (
            shares((2021, 20, 50), (2022, 2, 50)),
            shares((2021, 2, 50), (2022, 20, 50)),
            shares((2021, 8, 50), (2022, 8, 50)),
        ):
            found = people.short_change(rows).iloc[0].to_dict()
            said = set(re.findall("falling|rising", wording_people.short_change(found)))
            assert said == words & {found["verdict"]}


def test_aggregated_counts_are_enough(inside: Data) -> None:
    rows = people.short(inside)
    told = inside.counts.query("measure == 'short_exposure_pneumoconiosis_share' and group == ''").set_index("period")
    assert len(rows) >= 3
    for row in rows.to_dict("records"):
        assert (row["numerator"], row["denominator"]) == tuple(told.loc[row["period"], ["numerator", "denominator"]])


def test_exposure_known_is_told_only_of_the_same_cases() -> None:
    data = opening(CITY, "990101", period=2025, edition="internal", language="en")
    rows = people.short(data)
    assert rows.loc[rows["denominator"] > 200, "known"].isna().all()  # the official figure counts others than the cards


# Cases per declared workers --------------------------------------------------------------------------------------------
def test_cases_per_declared_workers_are_named_so_and_exact(inside: Data) -> None:
    row = people.per_exposed(inside).iloc[-1]
    assert row["value"] == pytest.approx(1e5 * row["numerator"] / row["denominator"])
    exact = rates.rate(
        pd.DataFrame([{"n": row["numerator"], "d": row["denominator"]}]), events="n", population="d", method="exact"
    )
    assert row["lower"] == pytest.approx(exact["lower"].iloc[0])
    said = " ".join(sections.where(inside).sentences)
    assert "currently declared exposed workers" in said
    assert "not an incidence" in said


def test_a_jump_of_the_declared_workers_withholds_its_trend(inside: Data) -> None:
    inside.kept.clear()
    workers = inside.counts[(inside.counts["measure"] == people.WORKERS) & (inside.counts["group"] == "")]
    before = workers.assign(period="2024", numerator=workers["numerator"] * 2)
    counts = pd.concat([inside.counts, before], ignore_index=True)
    changed = replace(inside, counts=counts)
    assert any("changed by more than 20% in 2025" in line for line in sections.where(changed).sentences)


# Sections --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
def test_every_number_of_a_section_is_in_its_rows(opened: Data, name: str) -> None:
    result = getattr(sections, name)(opened)
    assert result.title or result.figure or result.table
    if result.estimates is None or len(result.estimates) == 0:
        return
    numbers = result.estimates.select_dtypes("number").to_numpy().ravel()
    forms = {f"{value:,.{digits}f}" for value in numbers if value == value for digits in (0, 1, 2, 3)}
    said = " ".join(result.sentences)
    fixed = {"5", "10", "100,000", "180", "20", "3.1", "21.5"}
    for told in re.findall(r"\d[\d,]*(?:\.\d+)?", said):
        assert told.rstrip(",") in forms | fixed or re.fullmatch(r"20\d\d,?", told), (name, told)


@pytest.mark.parametrize("name", NAMES)
def test_a_public_section_says_and_shows_nothing_of_what_is_hidden(name: str) -> None:
    public = opening(CITY, "990101", period=2025, language="en")
    result = getattr(sections, name)(public)
    rows = result.estimates
    if rows is not None and "hidden" in rows:
        assert rows.loc[rows["hidden"].eq(True), ["value", "lower", "upper"]].isna().all(axis=None)


@pytest.mark.parametrize("name", NAMES)
def test_a_place_without_records_says_in_one_line_what_is_missing(name: str) -> None:
    nation = opening(paths.examples() / "china", "100000", period=2024, language="en")
    result = getattr(sections, name)(nation)
    assert result.empty or len(result.sentences) == 1
    assert result.table is None or name == "suspected_to_confirmed"  # the nation tells how many were found


def test_sentences_of_an_internal_report_read_as_written(inside: Data) -> None:
    inside.kept.clear()
    said = (
        sections.who(inside).sentences + sections.acute_events(inside).sentences + sections.short_exposure(inside).sentences[:3]
    )
    assert said == [
        "All occupational diseases: age at diagnosis, median 48.0 years of age (quartiles 44.0 to 51.0).",
        "Pneumoconiosis: age at diagnosis, median 45.5 years of age (quartiles 43.8 to 48.2).",
        "Pneumoconiosis: years of exposure, median 14.1 years (quartiles 10.3 to 19.7).",
        "Pneumoconiosis: latency (first exposure to diagnosis), median 20.0 years (quartiles 16.8 to 21.8).",
        "Noise deafness: age at diagnosis, median 53.0 years of age (quartiles 49.0 to 53.0).",
        "Noise deafness: years of exposure, median 15.3 years (quartiles 15.3 to 21.2).",
        "Noise deafness: latency (first exposure to diagnosis), median 23.3 years (quartiles 21.2 to 25.6).",
        "By sex: Male 16 (94.1%), Female 1 (5.9%).",
        "By stage of pneumoconiosis: Stage I 11 (91.7%), Stage II 1 (8.3%).",
        "2025: no acute event was reported.",
        "2025: 1 of 24 new cases of pneumoconiosis had less than 5 years of dust exposure: 4.2% (0.7 to 20.2).",
        OTHER,
        " ".join(LAST),
    ]
