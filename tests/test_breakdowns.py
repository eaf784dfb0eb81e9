"""Groups and statistics of records: they add up, they are those of the truth and of numpy, and they tell no hidden count."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from cards import card
from datasets import table, write

from ohstats import breakdowns, clean, counts, dataset, dimensions, disclosure, lists, measured, open_data, paths, reference
from ohstats.records import tallies

if TYPE_CHECKING:
    from pathlib import Path

    from ohstats.clean import Cleaned
    from ohstats.dataset import Dataset

CITY = paths.examples() / "synthetic"
NOTHING = pd.DataFrame(columns=["dataset", *counts.KEYS, "numerator", "denominator"], dtype="str")
CASES = [name for name, told in dimensions.declared().items() if told.get("cases")]


@pytest.fixture(scope="module")
def city() -> tuple[Dataset, Cleaned, pd.DataFrame]:
    chosen = dataset.load(CITY)
    cleaned = clean.clean_dataset(chosen)
    return chosen, cleaned, counts.from_records(cleaned, chosen, reference.table("indicators"))


@pytest.fixture(scope="module")
def public(city: Any) -> disclosure.Protected:
    chosen, cleaned, _frame = city
    return disclosure.protect(counts.make(cleaned, chosen, reference.table("indicators")), chosen, "public", NOTHING)


def named(frame: pd.DataFrame, dimension: str) -> pd.DataFrame:
    return frame[frame["group"].str.startswith(f"{dimension}=")]


# Dimensions ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("dimension", "column", "values", "codes"),
    [
        ("age", "age", [29.9, 30, 59, 60, None], ["<30", "30-39", "50-59", "60+", "unknown"]),
        ("exposure", "exposure_years", [0, 4.99, 5, 30, None], ["<5", "<5", "5-9", "30+", "unknown"]),
        ("industry", "industry_code", ["C3660", "06", "B0610", "C", "?"], ["36", "06", "06", "C", "unknown"]),
        (
            "economic",
            "economic_type",
            ["110", "112", None, "999", "120"],
            ["limited", "private", "unknown", "unknown", "limited"],
        ),
        ("township", "township", ["a;b=c", " x  y ", "", None, "m" * 60], ["a；b＝c", "x y", "unknown", "unknown", "m" * 40]),
        ("sex", "sex", ["1", "2", "0", "9", None], ["1", "2", "unknown", "unknown", "unknown"]),
    ],
)
def test_a_record_belongs_to_one_group(dimension: str, column: str, values: list[Any], codes: list[str]) -> None:
    found = dimensions.groups(pd.DataFrame({column: values}), dimension, "disease_cards")
    assert found is not None
    assert found.tolist() == [f"{dimension}={code}" for code in codes]


def test_a_table_without_the_column_or_anything_in_it_has_no_groups() -> None:
    rows = pd.DataFrame({"sex": [None, None], "age": [40, 50]})
    assert dimensions.groups(rows, "sex", "disease_cards") is None
    assert dimensions.groups(rows, "stage", "disease_cards") is None


def test_every_dimension_has_names_in_both_languages_for_all_its_codes() -> None:
    for name, told in dimensions.declared().items():
        assert told["name_zh"], name
        assert told["name_en"], name
        for language in ("zh", "en"):
            assert all(dimensions.names(name, language).values()), name


# Counts ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dimension", CASES)
def test_groups_of_new_cases_add_up_to_the_figure_that_they_divide(city: Any, dimension: str) -> None:
    frame = city[2]
    cases = frame[frame["measure"] == "new_cases"]
    found = named(cases, dimension)
    if dimension in ("size", "park"):  # the synthetic cards do not hold them
        assert found.empty
        return
    keys = ["place", "period", "year_basis", "key"]
    whole = cases[cases["group"] == ""].set_index(keys)["numerator"]
    sums = found.groupby(keys)["numerator"].sum()
    assert (sums == whole.reindex(sums.index)).all()
    assert set(found["place"]) == set(whole[whole > 0].reset_index()["place"])


def test_stage_and_sex_of_new_cases_are_those_of_the_truth(city: Any) -> None:
    truth = json.loads((CITY / "truth.json").read_text(encoding="utf-8"))["shares"]
    cases = city[2][(city[2]["measure"] == "new_cases") & (city[2]["year_basis"] == "diagnosis")]
    sums = cases.groupby("group")["numerator"].sum()
    told = {f"stage_{code}": sums[f"stage={code}"] for code in "123"} | {"male": sums["sex=1"]}
    assert {name: int(n) for name, n in told.items()} == pytest.approx({name: truth[name][0] for name in told}, rel=0.03)


@pytest.mark.parametrize(
    "measure", ["hazard_declaration_rate", "exposed_workers", "suspected_found", "workplace_monitoring_pass_rate"]
)
def test_groups_of_an_indicator_add_up_too(city: Any, measure: str) -> None:
    frame = city[2][city[2]["measure"] == measure].fillna({"denominator": -1})
    by = [each for each in tallies.declared()[measure]["by"] if len(named(frame, each))]
    assert by
    whole = frame[frame["group"] == ""].set_index(["place", "period"])["numerator"]
    for dimension in by:
        sums = named(frame, dimension).groupby(["place", "period"])["numerator"].sum()
        assert (sums == whole.reindex(sums.index)).all(), dimension


def folder_of(folder: Path, cards: list[dict[str, str]]) -> Path:
    places = [("320100", "南京市", "Nanjing", "city", ""), ("320106", "鼓楼区", "Gulou", "county", "320100"),
              ("320105", "建邺区", "Jianye", "county", "320100")]  # fmt: skip
    covers = [{"table": "disease_cards", "places": "all", "periods": "2019..2022", "keys": []}]
    write(folder, cases=[], places=places, covers=covers)
    (folder / "case_counts.csv").unlink()
    names = list(dict.fromkeys(name for each in cards for name in each))
    (folder / "disease_cards.csv").write_text(table(names, cards), encoding="utf-8")
    return folder


def test_townships_stay_in_their_district_and_other_groups_are_added_up_with_their_zeros(tmp_path: Path) -> None:
    cards = [card(1, 乡镇="城关镇"), card(2, 乡镇="城关镇", 用人单位所属地区="320105"), card(3, 乡镇="城关镇")]
    chosen = dataset.load(folder_of(tmp_path, cards))
    frame = counts.from_records(clean.clean_dataset(chosen), chosen, reference.table("indicators"))
    cases = frame[(frame["measure"] == "new_cases") & (frame["year_basis"] == "diagnosis")]
    assert set(named(cases, "township")["place"]) == {"320105", "320106"}
    men = named(cases, "sex")[["place", "group", "period", "numerator"]]
    told = men[men["place"] == "320100"].pivot_table(index="group", columns="period", values="numerator", aggfunc="sum")
    assert told.columns.tolist() == ["2019", "2020", "2021", "2022"]
    assert told.sum(axis=1).sum() == 3


# Protection ------------------------------------------------------------------------------------------------------------
def test_in_public_no_small_group_is_shown_and_no_star_is_told_by_the_rest(public: Any) -> None:
    made = public.counts
    cases = made[(made["measure"] == "new_cases") & (made["group"] != "") & (made["numerator"].notna() | made["hidden"])]
    assert len(cases) > 50
    assert not cases["numerator"].between(1, 4).any()
    keys = ["place", "period", "year_basis", "key"]
    whole = made[(made["measure"] == "new_cases") & (made["group"] == "") & made["numerator"].notna()].set_index(keys).index
    dims = cases.assign(dimension=cases["group"].str.split("=").str[0])
    stars = dims.groupby([*keys, "dimension"])["hidden"].sum()
    inside = stars[[tuple(key[:4]) in whole for key in stars.index]]
    assert not (inside == 1).any()  # one star beside a shown sum would be told by it


def test_a_dimension_that_would_be_little_but_stars_is_left_out(city: Any, public: Any) -> None:
    exact = city[2].query("measure == 'new_cases' and place == '990101' and period == '2025' and year_basis == 'diagnosis'")
    assert exact.loc[exact["group"] == "sex=2", "numerator"].iloc[0] < 5  # so sex would be two stars
    rows = public.counts.query("measure == 'new_cases' and place == '990101'")
    assert named(rows, "sex").query("period == '2025'").empty
    assert not named(rows, "age").query("period == '2025'").empty


def test_groups_of_a_place_with_a_one_page_report_are_not_published(public: Any) -> None:
    small = {place for place, told in public.facts["places"].items() if told["summary"]}
    rows = public.counts[public.counts["place"].isin(small) & (public.counts["measure"] == "new_cases")]
    assert len(rows)
    assert (rows["group"] == "").all()


def test_results_of_few_employers_are_hidden_in_public_and_their_rest_does_not_tell_them(city: Any) -> None:
    chosen, _cleaned, frame = city
    few = frame[
        (frame["measure"] == "workplace_monitoring_pass_rate") & ((frame["n_employers"] < 3) | (frame["largest_share"] > 0.9))
    ]
    assert len(few)
    made = disclosure.protect(frame, chosen, "public", NOTHING)
    shown = made.counts.set_index(counts.KEYS)
    assert shown["numerator"].reindex(pd.MultiIndex.from_frame(few[counts.KEYS])).isna().all()
    assert made.facts["exposed"] == 0


# Statistics ------------------------------------------------------------------------------------------------------------
def test_medians_and_quartiles_are_those_of_numpy_for_every_place_and_period(city: Any) -> None:
    chosen, cleaned, _frame = city
    made = measured.make(cleaned, chosen).query("measure == 'exposure_years' and key == 'pneumoconiosis'")
    cards = cleaned.tables["disease_cards"]
    cards = cards[cards["new_case"] & cards["pneumoconiosis"]].dropna(subset=["exposure_years"])
    assert len(made) > 10
    for row in made.to_dict("records"):
        first, _dots, last = row["period"].partition("..")
        here = cards[
            (cards["employer_division"] == row["place"]) & cards["diagnosis_year"].between(int(first), int(last or first))
        ]
        values = here["exposure_years"].to_numpy(dtype=float)
        assert [row["q1"], row["value"], row["q3"]] == pytest.approx(np.quantile(values, [0.25, 0.5, 0.75]).tolist())
        assert row["n_people"] == len(values)
        assert not row["lower"] > row["value"]


def test_limits_of_a_median_hold_it_in_95_percent_of_samples() -> None:
    number = np.random.default_rng(7)
    samples = [measured.limits_of_median(np.sort(number.exponential(size=n))) for n in (9, 20, 51) for _each in range(700)]
    inside = np.mean([low <= np.log(2) <= high for low, high in samples])
    assert 0.95 <= inside <= 0.99  # order statistics: at least 95 %


def test_public_statistics_are_shown_only_where_their_count_is_and_never_for_fewer_than_ten(city: Any, public: Any) -> None:
    chosen, cleaned, _frame = city
    exact, shown = measured.make(cleaned, chosen), public.counts
    made = disclosure.hide_statistics(exact, shown)
    assert 0 < made["hidden"].sum() < len(made)
    assert made.loc[made["hidden"], ["value", "lower", "upper", "q1", "q3", "numerator", "denominator"]].isna().all(axis=None)
    assert made[["n_people", "n_employers", "largest_share"]].isna().all(axis=None)
    assert made.loc[exact["n_people"] < 10, "hidden"].all()
    free = made[~made["hidden"] & (made["of"] != "")]
    names = ["measure", "place", "period", "key", "group"]
    there = pd.MultiIndex.from_frame(shown.loc[shown["numerator"].notna(), names])
    assert pd.MultiIndex.from_frame(free[["of", *names[1:]]].set_axis(names, axis=1)).isin(there).all()


def test_a_case_followed_for_less_than_a_year_has_no_days_to_its_diagnosis(city: Any) -> None:
    chosen, cleaned, _frame = city
    made = measured.flow(cleaned.tables, chosen.data_date)
    assert (pd.to_datetime(made["found_date"]) <= pd.Timestamp(chosen.data_date) - pd.Timedelta(days=365)).all()
    assert made["days_to_confirmed"].max() <= 365
    assert made["days_to_applied"].notna().sum() > 50


# Lists and reader ------------------------------------------------------------------------------------------------------
def test_lists_name_no_person_and_the_public_edition_has_none(city: Any) -> None:
    chosen, cleaned, _frame = city
    assert lists.make(cleaned, chosen, "public") == {}
    found = lists.make(cleaned, chosen, "internal")["suspected_without_application"]
    cards = cleaned.tables["suspected_cards"]
    assert len(found) == int((~cards["diagnosis_applied"].eq(True).fillna(False) & cards["applied_date"].isna()).sum())
    assert found.columns.tolist() == lists.COLUMNS
    assert not found.isin(cards["person_key"].dropna()).any(axis=None)


def test_a_report_reads_groups_in_their_order_with_names_and_limits() -> None:
    data = open_data(CITY, "990101", period=2025, edition="internal", language="en")
    stages = breakdowns.groups(data, "new_cases", "stage")
    assert stages["code"].tolist() == ["1", "2", "3"]
    assert stages["name"].tolist() == ["Stage I", "Stage II", "Stage III"]
    assert stages["value"].sum() == pytest.approx(100)
    assert ((stages["lower"] < stages["value"]) & (stages["value"] < stages["upper"])).all()
    industry = breakdowns.groups(data, "new_cases", "industry")
    assert industry["numerator"].is_monotonic_decreasing
    assert breakdowns.groups(data, "new_cases", "park").empty
    assert "suspected_without_application" in data.lists
    assert breakdowns.statistics(data, "age_at_diagnosis", key="total")["period"].tolist() == ["2025"]


def test_a_public_report_gives_shares_of_the_published_total_and_none_of_what_is_hidden() -> None:
    data = open_data(CITY, "990101", period=2025, language="en")
    assert data.lists == {}
    found = breakdowns.groups(data, "new_cases", "age")
    rows = data.counts.query("measure == 'new_cases' and period == '2025' and key == 'total' and group == ''")
    assert found["hidden"].any()
    assert found.loc[found["hidden"], ["value", "numerator"]].isna().all(axis=None)
    assert (found.loc[~found["hidden"], "denominator"] == rows["numerator"].iloc[0]).all()
