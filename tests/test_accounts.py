"""What reports tell of their own sources: late cards, accounting, corrections, figures held twice; and groups that came later."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from cards import card

from ohstats import counts, data, dataset, diseases, lists, measured, open_data, paths, periods, reference, sections
from ohstats.disclosure import check as last_check
from ohstats.disclosure import protect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ohstats.clean import Cleaned
    from ohstats.data import Data

CITY = paths.examples() / "synthetic"
TRUTH = json.loads((CITY / "truth.json").read_text(encoding="utf-8"))
NOTHING = pd.DataFrame(columns=["dataset", *counts.KEYS, "numerator", "denominator"], dtype="str")
opening = cache(open_data)


@pytest.fixture(scope="module", autouse=True)
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[paths.Workspace]:
    """The city, cleaned once and protected for both editions, so that its reports open fast."""
    made = paths.Workspace.at(tmp_path_factory.mktemp("work"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OHSTATS_WORK", str(made.root))
        for edition in ("public", "internal"):
            data.prepare(dataset.load(CITY), made, edition)
        yield made


@pytest.fixture(scope="module")
def cleaned(workspace: paths.Workspace) -> Cleaned:
    made = data.read_clean(dataset.load(CITY), workspace)
    assert made is not None
    return made


def opened(edition: str, place: str = "990101") -> Data:
    return opening(CITY, place, period=2025, edition=edition, language="en")


def cards_of(cleaned: Cleaned, place: str) -> pd.DataFrame:
    rows = cleaned.tables["disease_cards"]
    return rows[rows["new_case"].eq(True) & (rows["employer_division"] == place)]


# Late cards, accounting, corrections -----------------------------------------------------------------------------------
def test_the_cross_table_holds_every_new_case_in_its_report_year_and_its_year_of_diagnosis(cleaned: Cleaned) -> None:
    cards = cards_of(cleaned, "990101")
    when = cards["final_review_year"].fillna(cards["report_year"]).astype(int)
    counted = pd.crosstab(when, cards["diagnosis_year"].astype(int))
    table = sections.late_cards(opened("internal")).table
    assert table is not None
    assert [[int(cell) for cell in row[1:-2]] for row in table.rows] == counted.to_numpy().tolist()
    late = int(counted.loc[2025, 2024])
    assert f"{late} were diagnosed in an earlier year" in sections.late_cards(opened("internal")).sentences[0]
    city = opened("internal", "990100").lists["late_cards"]
    assert city["n"].sum() == sum(TRUTH["cases"]["cards"][name] for name in ("new, final",))


def test_rows_in_are_clean_and_quarantined_ones_and_districts_add_up_to_the_city(cleaned: Cleaned) -> None:
    chosen = dataset.load(CITY)
    made = lists.make(cleaned, chosen, "internal")["accounting"]
    assert (made["in"] == made["clean"] + made["quarantined"]).all()
    here = made.pivot_table(index="file", columns="place", values="here", fill_value=0)
    districts = [place for place in here if place != "990100"]
    assert (here[districts].sum(axis=1) == here["990100"]).all()
    n = cleaned.tables["suspected_cards"]["employer_division"].eq("990101").sum()
    assert here.loc["suspected_cards.csv", "990101"] == n
    shown = sections.accounting(opened("internal"))
    assert shown.table is not None
    (row,) = (row for row in shown.table.rows if row[0] == "institutions.csv")
    assert row[1:5] == ["55", "52", "3", "the place is in no list (1); the same record again; the first is kept (2)"]


def test_a_correction_is_named_with_its_reason_and_without_the_values(tmp_path: Path) -> None:
    (tmp_path / "places.csv").write_text("code,name_zh,name_en,level,parent\n320106,鼓楼区,Gulou,county,\n", encoding="utf-8")
    (tmp_path / "dataset.yml").write_text(
        "id: own\ntitle_en: Own\ntitle_zh: 自有\ndata_date: 2022-06-30\nsynthetic: true\n"
        "covers:\n  - {table: disease_cards, places: all, periods: 2021..2022}\n",
        encoding="utf-8",
    )
    (tmp_path / "corrections.yml").write_text(
        "- {table: disease_cards, row: 2, column: 具体病名, from: 矽肺病变, to: 矽肺, reason: typing error}\n", encoding="utf-8"
    )
    rows = [card(1, 用人单位所属地区="320106", 具体病名="矽肺病变"), card(2, 用人单位所属地区="320106")]
    pd.DataFrame(rows).to_csv(tmp_path / "disease_cards.csv", index=False)
    report = open_data(tmp_path, "320106", period=2021, edition="internal", language="en")
    result = sections.accounting(report)
    assert len(result.bullets) == 1
    assert result.bullets[0].startswith("disease_cards.csv")
    assert result.bullets[0].endswith("1 cell corrected. typing error")
    assert "矽肺病变" not in json.dumps(result.json(), ensure_ascii=False)


def test_the_public_edition_tells_nothing_of_files_cards_and_single_figures() -> None:
    report = opened("public")
    assert report.lists == {}
    assert sections.late_cards(report).empty
    assert sections.accounting(report).empty
    assert sections.disagreements(report).table is None


# Figures held twice ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("place", ["990101", "990104"])
def test_the_public_report_counts_the_figures_that_the_internal_one_lists(place: str) -> None:
    inside, outside = (sections.disagreements(opened(edition, place)) for edition in ("internal", "public"))
    assert inside.table is not None
    assert inside.sentences == outside.sentences
    assert inside.sentences[0].startswith(f"{len(inside.table.rows)} indicator")
    put_in = {tuple(row[3] + row[4]) for row in TRUTH["disagreements"] if row[1] == place and row[2] == 2025}
    numbers = ["numerator_records", "denominator_records", "numerator", "denominator"]
    assert put_in <= {tuple(map(int, row)) for row in inside.estimates[numbers].to_numpy().tolist()}


# Single diseases -------------------------------------------------------------------------------------------------------
def test_single_diseases_are_those_of_the_truth(cleaned: Cleaned) -> None:
    chosen = dataset.load(CITY)
    made = counts.from_records(cleaned, chosen, reference.table("indicators"))
    rows = made[(made["measure"] == "new_cases") & made["group"].str.startswith("disease=")]
    for basis in ("diagnosis", "report"):
        sums = rows[(rows["year_basis"] == basis) & (rows["place"] != "990100")].groupby("group")["numerator"].sum()
        assert {name.removeprefix("disease="): n for name, n in sums.items()} == TRUTH["cases"]["by_disease"]


def test_the_table_of_single_diseases_counts_the_cards_inside_their_category(cleaned: Cleaned) -> None:
    cards = cards_of(cleaned, "990101")
    now = cards[cards["diagnosis_year"] == 2025]
    rows = diseases.single(opened("internal"))
    last = rows[(rows["period"] == "2025") & (rows["key"] == "pneumoconiosis")].set_index("code")
    dust = now[now["category"] == "pneumoconiosis"]
    known = dust["disease_id"].value_counts()
    assert last["numerator"][last["numerator"] > 0].astype(int).to_dict() == known.to_dict()
    assert (last["denominator"] == len(dust)).all()
    assert "noise_deafness" not in set(rows["code"])


def test_in_public_no_small_number_of_a_disease_is_shown() -> None:
    rows = diseases.single(opened("public"))
    shown = rows[~rows["hidden"]]
    assert len(shown)
    assert not shown["numerator"].between(1, 4).any()
    assert rows.loc[rows["hidden"], ["numerator", "value", "lower", "upper"]].isna().all(axis=None)
    assert len(sections.disease_single(opening(paths.examples() / "china", "100000", period=2024, language="en")).sentences) == 1


# Groups of devices, suspected cases and patients ----------------------------------------------------------------------
def test_groups_of_devices_suspected_cases_and_patients_are_those_of_the_records(cleaned: Cleaned) -> None:
    report = opened("internal", "990104")
    devices = cleaned.tables["radiation_medical"]
    mine = devices[(devices["division"] == "990104") & devices["test_result"].notna()]
    good = mine[mine["test_result"].isin(["pass", "pass_after_repair"])]["device_type"].value_counts()
    rows = sections.by_groups(report, "D").estimates
    rows = rows[rows["measure"] == "device_pass_rate"].set_index("code")
    assert rows["numerator"].astype(int).to_dict() == good.reindex(rows.index, fill_value=0).to_dict()
    assert rows["denominator"].astype(int).to_dict() == mine["device_type"].value_counts().to_dict()
    cards = cleaned.tables["suspected_cards"]
    found = cards[(cards["employer_division"] == "990104") & (cards["found_year"] == 2025)]
    rows = sections.by_groups(report, "suspected").estimates
    rows = rows[(rows["dimension"] == "industry") & (rows["numerator"] > 0)].set_index("code")["numerator"]
    assert rows.astype(int).to_dict() == found["industry_code"].str[1:3].value_counts().to_dict()


def test_patients_by_insurance_are_those_of_the_last_visit(cleaned: Cleaned) -> None:
    visits = cleaned.tables["follow_up"]
    mine = visits[(visits["residence_division"] == "990101") & visits["person_key"].notna()]
    last = mine.sort_values("visit_date", kind="stable").groupby("person_key")["insurance"].last().value_counts()
    result = sections.patients_insurance(opened("internal"))
    assert result.estimates.set_index("code")["numerator"].astype(int).to_dict() == last.to_dict()
    assert result.sentences == [f"Of {last.sum()} patients on the register {last['none']} have no insurance: 4.9% (1.7 to 13.5)."]


def test_the_last_check_finds_no_leak_in_the_new_groups(cleaned: Cleaned) -> None:
    chosen = dataset.load(CITY)
    exact = counts.make(cleaned, chosen, reference.table("indicators"))
    made = protect(exact, chosen, "public", NOTHING)
    groups = made.counts[made.counts["group"].str.contains("^(?:disease|industry|insurance|device)=")]
    assert groups["hidden"].any()
    assert last_check.leaks(exact, chosen, NOTHING, made.proposal) == []


# Pass rates between years ----------------------------------------------------------------------------------------------
def test_pass_rates_of_two_years_are_compared_in_the_groups_that_both_have(cleaned: Cleaned) -> None:
    chosen = dataset.load(CITY)
    now = cleaned.tables["workplace_samples"]
    before = now.assign(sample_year=now["sample_year"] - 1, employer_key=now["employer_key"] + "b")
    tables = {**cleaned.tables, "workplace_samples": pd.concat([now, before], ignore_index=True)}
    covers = tuple(
        replace(each, span=periods.parse("2024..2025")) if each.table == "workplace_samples" else each for each in chosen.covers
    )
    made = measured.make(replace(cleaned, tables=tables), replace(chosen, covers=covers))
    rows = made[(made["measure"] == "workplace_pass_rate_change") & (made["period"] == "2025")].set_index("place")
    assert rows["value"].abs().max() < 1e-9  # the same points twice
    assert (rows["q1"] - rows["q3"]).abs().max() < 1e-9
    crude = made[(made["measure"] == "workplace_monitoring_pass_rate") & (made["period"] == "2025") & (made["group"] == "")]
    assert rows["q3"].to_dict() == pytest.approx(crude.set_index("place")["value"].to_dict())  # whose mix is its own
    assert rows.loc["990104", "lower"] < 0 < rows.loc["990104", "upper"]
    report = replace(opened("internal", "990104"), statistics=made[made["place"] == "990104"])
    assert "Whether it changed cannot be told" in sections.pass_rate_change(report).sentences[1]


def test_one_year_of_samples_says_what_a_comparison_takes() -> None:
    assert "takes workplace_samples of both years" in sections.pass_rate_change(opened("public", "990104")).sentences[0]
    assert sections.pass_rate_change(opened("public", "990101")).empty


# Quality of the data ----------------------------------------------------------------------------------------------------
def test_quality_stands_under_the_headings_of_the_review_each_with_figures_or_the_word_that_there_are_none() -> None:
    told = TRUTH["indicators"]["exposed_workers"]["990104"]["2025"]
    table = sections.data_quality(opened("public", "990104")).table
    assert table is not None
    headings = list(dict.fromkeys(row[0] for row in table.rows))
    assert headings == [
        "Completeness of reporting", "Timeliness", "Internal consistency", "Agreement with other sources",
        "Accuracy in the spot check", "Denominators of population",
    ]  # fmt: skip
    assert ["Accuracy in the spot check", "no figure", "–", "–", "–"] in table.rows
    assert table.rows[-1] == ["Denominators of population", "Exposed workers", "1.00", f"{told:,} / {told:,}", "–"]
    nothing = sections.data_quality(opened("public", "990101")).table  # has no register of employers
    assert nothing is not None
    assert nothing.rows[-1] == ["Denominators of population", "no figure", "–", "–", "–"]


@pytest.mark.parametrize(("entered", "hidden", "told"), [(5400, False, "0.90"), (0, False, "–"), (4860, True, "–")])
def test_denominators_of_two_sources_are_held_against_each_other_where_both_are_shown(
    entered: int, hidden: bool, told: str
) -> None:
    data = opened("public", "990104")
    own = data.counts["measure"] == "denominator_exposed_workers"
    changed = replace(data, counts=data.counts.assign(numerator=data.counts["numerator"].mask(own, entered),
                                                      hidden=data.counts["hidden"] | (own & hidden)))  # fmt: skip
    result = sections.data_quality(changed)
    assert result.table is not None
    assert result.table.rows[-1][2] == told
    assert (result.estimates["measure"] == "denominator_agreement").any() == (told != "–")


# Sentences -------------------------------------------------------------------------------------------------------------
def test_the_lowest_and_highest_group_are_told_with_their_measure_and_whether_their_limits_tell_them_apart() -> None:
    result = sections.by_groups(opened("public", "990104"), "A")
    rows = result.estimates
    size = rows[(rows["measure"] == "contraindication_yield") & (rows["dimension"] == "size") & (rows["denominator"] >= 10)]
    size = size[size["value"].notna()]
    low, high = size.loc[size["value"].idxmin()], size.loc[size["value"].idxmax()]
    assert low["upper"] >= high["lower"]
    (line,) = (each for each in result.sentences if "size of employer" in each)
    assert line == (
        f"Contraindications found by examinations, by size of employer, of the groups shown: lowest Large ({low['value']:.1f}%), "
        f"highest Medium ({high['value']:.1f}%). Their limits do not tell them apart."
    )


def test_a_share_entered_with_other_cases_than_the_report_counts_is_questioned() -> None:
    said = sections.short_exposure(opened("public")).sentences
    assert said[0].startswith("2025: 19 of 248 new cases of pneumoconiosis")
    assert said[1].startswith("This share was entered with 248 cases of new pneumoconiosis, while this report counts 50")


def test_a_share_counted_from_cards_is_not_questioned() -> None:
    data = opened("internal")
    own = data.counts["measure"] == "short_exposure_pneumoconiosis_share"
    counted = data.counts.assign(provenance=data.counts["provenance"].mask(own, "records"))
    assert [line for line in sections.short_exposure(data).sentences if "was entered" in line]
    said = sections.short_exposure(replace(data, counts=counted)).sentences
    assert said[0] == sections.short_exposure(data).sentences[0]
    assert not [line for line in said if "was entered" in line]


def test_counts_by_category_that_are_not_shown_are_not_called_missing() -> None:
    report = opened("public", "990104")
    assert sections.disease_table(report).sentences == ["Counts by category for 2025 are not shown (small numbers)."]
    assert sections.disease_table(opened("internal", "990104")).table is not None
