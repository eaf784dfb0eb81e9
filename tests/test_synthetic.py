"""The synthetic city: the committed bytes come from the command, and what was put in comes out of the cleaning again."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import yaml

from ohstats import clean, codes, counts, dataset, occurrence, open_data, paths, records, reference, synthetic, trend
from ohstats.__main__ import main
from ohstats.errors import ParameterRefused
from ohstats.synthetic import aggregates, plan

if TYPE_CHECKING:
    from pathlib import Path

    from ohstats.clean import Cleaned

COMMITTED = paths.examples() / "synthetic"
PLAN = yaml.safe_load((paths.REFERENCE / "synthetic.yml").read_text(encoding="utf-8"))
FRESH = int(os.environ.get("OHSTATS_SEED") or date.today().strftime("%Y%m%d"))  # stands nowhere in the repository


class Made(NamedTuple):
    """A city as it was made and as it was cleaned."""

    folder: Path
    truth: dict[str, Any]
    cleaned: Cleaned

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        return self.cleaned.tables


def made(folder: Path, **told: Any) -> Made:
    synthetic.make(folder, **told)
    return cleaned(folder)


def cleaned(folder: Path) -> Made:
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    return Made(folder, truth, clean.clean_dataset(dataset.load(folder)))


@pytest.fixture(scope="module")
def committed() -> Made:
    return cleaned(COMMITTED)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Nine districts, the last one drawn, of a seed that changes every day."""
    return made(tmp_path_factory.mktemp("plain"), seed=FRESH, districts=9, small=True)


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made(tmp_path_factory.mktemp("dirty"), seed=FRESH, districts=9, small=True, dirt_rate=0.25)


def told(place: Any, year: Any, n: Any = None) -> dict[str, dict[str, int]]:
    """Sums, or numbers of rows, by place and year, as the truth writes them."""
    rows = pd.DataFrame({"place": place, "year": year, "n": 1 if n is None else n})
    summed = rows.groupby(["place", "year"])["n"].sum()
    found: dict[str, dict[str, int]] = {}
    for (code, when), each in summed.items():
        found.setdefault(code, {})[str(when)] = round(each)
    return found


# Bytes ----------------------------------------------------------------------------------------------------------------
def test_the_command_in_the_data_set_makes_the_committed_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = (COMMITTED / "dataset.yml").read_text(encoding="utf-8").splitlines()[0]
    monkeypatch.setattr(sys, "argv", [*first.split("`")[1].split(), "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 0
    names = sorted(path.name for path in COMMITTED.iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert [name for name in names if (tmp_path / name).read_bytes() != (COMMITTED / name).read_bytes()] == []
    assert sum(path.stat().st_size for path in COMMITTED.iterdir()) < 1_400_000


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not(plain: Made, tmp_path: Path) -> None:
    again = synthetic.make(tmp_path / "a", seed=FRESH, districts=9, small=True)
    other = synthetic.make(tmp_path / "b", seed=FRESH + 1, districts=2, small=True)
    assert [path.name for path in plain.folder.iterdir() if path.read_bytes() != (again / path.name).read_bytes()] == []
    first, second = ((each / "disease_cards.csv").read_bytes().splitlines() for each in (again, other))
    assert not set(first[1:]) & set(second[1:])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"districts": 0}, "0 districts cannot be made; ask for 1 to 500."),
        ({"districts": 501}, "501 districts cannot be made; ask for 1 to 500."),
        ({"dirt_rate": 0.31}, "A rate of dirt of 0.31 is not possible; give 0 to 0.3."),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is_written(tmp_path: Path, options: Any, message: str) -> None:
    with pytest.raises(ParameterRefused) as refused:
        synthetic.make(tmp_path / "city", **options)
    assert (str(refused.value), (tmp_path / "city").exists()) == (message, False)


# Places and sizes -----------------------------------------------------------------------------------------------------
def test_no_code_or_name_of_five_hundred_districts_belongs_to_a_real_place() -> None:
    whole, real = plan.city(FRESH, 500), codes.table("divisions")
    own = pd.DataFrame([(each.code, each.name_zh, each.name_en) for each in whole.districts])
    assert own.nunique()[[0, 1]].tolist() == [500, 500]
    assert not set(own[0].str[:2]) & set(real["code"].str[:2])
    assert not set(own[1]) & set(real["name_zh"])
    assert not set(own[1].str[:-1]) & set(real["name_zh"].str[:-1])
    assert own[0].astype(int).between(900001, 999999).all()


def test_persons_employers_and_institutions_have_invented_codes(plain: Made) -> None:
    real = set(codes.table("divisions")["code"].str[:2])
    for name, table in plain.tables.items():
        for column in {"employer_division", "home_division", "division", "residence_division", "place"} & set(table.columns):
            assert not set(table[column].dropna().str[:2]) & real, (name, column)
    texts = [path.read_bytes().decode("utf-8") for path in plain.folder.glob("*_cards.csv")]
    numbers = pd.Series("\n".join(texts)).str.findall(r"(?<![0-9A-Z])\d{17}[0-9X](?![0-9A-Z])").explode()
    assert len(numbers) > 500
    assert not set(numbers.str[:2]) & real


@pytest.mark.parametrize("district", [0, 7, 20])
def test_a_district_has_the_same_figures_whatever_the_number_of_districts(district: int) -> None:
    few, many = (aggregates.make(plan.city(FRESH, n)) for n in (district + 1, 30))
    code = plan.code_of(district)
    for name in ("case_counts", "indicator_values"):
        mine, same = (each[name][each[name]["place"] == code].astype(str).to_numpy().tolist() for each in (few, many))
        assert mine == same != []


def test_most_of_five_hundred_districts_have_less_than_ten_cases_a_year_and_none_more_than_five_hundred() -> None:
    table = aggregates.make(plan.city(FRESH, 500))["case_counts"]
    n = pd.to_numeric(table["n"], errors="coerce").to_numpy(float).reshape(500, -1)
    mean = np.nanmean(n, axis=1)
    assert 0.6 < (mean < 10).mean() < 0.95
    assert np.nanmax(n) < 650  # 500 expected at most, and chance
    assert (mean == 0).sum() > 10
    national = pd.read_csv(paths.examples() / "china" / "case_counts.csv", dtype=str).query("key == 'total' and group.isna()")
    counties = 2850
    for column, year in ((0, "2010"), (14, "2024")):
        wanted = float(national.set_index("period").loc[year, "n"]) / counties
        drawn = np.nanmean(n[8:, column])  # the eight of the plan are larger on purpose
        assert wanted / 2 < drawn < wanted * 2


# Calibration ----------------------------------------------------------------------------------------------------------
def test_planned_shares_are_those_of_their_sources() -> None:
    words = yaml.safe_load((paths.REFERENCE / "synthetic_records.yml").read_text(encoding="utf-8"))
    for row in pd.read_csv(paths.REFERENCE / "synthetic_sources.csv", keep_default_na=False).to_dict("records"):
        value: Any = words
        for part in row["figure"].split("."):
            value = value[int(part)] if isinstance(value, list) else value[part]
        assert value == row["planned"], row["figure"]
        assert row["planned"] == row["published"] or "plan" in row["remark"]
        assert row["source"]
    national = pd.read_csv(paths.examples() / "china" / "case_counts.csv", dtype={"period": str})
    for year, shares in words["national"].items():
        rows = national[(national["period"] == str(year)) & national["group"].isna()].set_index("key")["n"]
        assert {key: int(rows[key]) for key in shares} == shares


def test_shares_of_a_city_lie_where_they_were_planned(plain: Made) -> None:
    for name, (n, d, planned) in plain.truth["shares"].items():
        if planned is not None and d and not name.startswith("over_limit"):  # points of an employer go together
            tolerance = 5 * np.sqrt(planned * (100 - planned) / d) + 3
            assert abs(100 * n / d - planned) < tolerance, name


# Trends ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("code", "first", "change", "verdict"), [("990101", 2014, -8.0, "falling"), ("990102", 2014, 0.0, "roughly level")]
)
def test_the_change_that_was_put_in_lies_inside_the_interval(code: str, first: int, change: float, verdict: str) -> None:
    data = open_data(COMMITTED, code, period="2025")
    found = occurrence.trends(data).iloc[-1]
    assert found["first_year"] == first
    assert found["lower"] <= change <= found["upper"]
    assert found["verdict"] == verdict


def test_the_break_that_was_put_in_hides_a_rise_which_the_windows_show() -> None:
    city = plan.city(synthetic.SEED, 8)
    mean = city.districts[2].expected(city.years, 2010)
    assert mean[9] / mean[8] == pytest.approx(0.5 * 1.06)
    data = open_data(COMMITTED, "990103", period="2025")
    series = occurrence.yearly(data)
    assert occurrence.windows(series, data.breaks) == [(2010, 2013), (2014, 2018), (2019, 2025)]
    across = trend.percent_change(series[series["state"] == "shown"], count="value", year="year").iloc[0]
    assert across["upper"] < 6  # one line over all years would miss the true +6 % a year
    latest = occurrence.trends(data).iloc[-1]
    assert latest["lower"] <= 6 <= latest["upper"]
    assert latest["last_year"] == 2024  # 2025 is provisional


def test_the_truth_tells_the_trends_of_the_plan(plain: Made) -> None:
    for each in PLAN["districts"]:
        true = plain.truth["trends"][each["code"]]
        assert (true["change"], true["spread"], true["gaps"]) == (each["change"], each["spread"], each.get("gaps", []))
        assert true["expected"][:2] == [each["cases"], pytest.approx(each["cases"] * (1 + each["change"] / 100), abs=1e-3)]


# Cleaning gives what the truth says -----------------------------------------------------------------------------------
@pytest.mark.parametrize("city", ["committed", "plain", "dirty"])
def test_every_row_is_accounted_for_under_the_reason_that_the_truth_states(city: str, request: pytest.FixtureRequest) -> None:
    found: Made = request.getfixturevalue(city)
    for file, true in found.truth["tables"].items():
        mine = found.cleaned.quarantine[found.cleaned.quarantine["file"] == file]
        account = found.cleaned.rows[file]
        assert account["in"] == account["clean"] + account["quarantined"], file
        assert [account["in"], account["clean"], account.get("blank", 0)] == [true["rows"], true["clean"], true["blank"]], file
        assert mine["reason"].value_counts().sort_index().to_dict() == true["quarantined"], file
    where = found.cleaned.quarantine[["file", "row", "reason"]].itertuples(index=False, name=None)
    assert set(where) == {(file, row, why) for _p, file, row, _c, outcome, why in found.truth["dirt"] if outcome == "Q"}


def test_every_pattern_of_rows_is_planted_and_told_in_the_audit(dirty: Made, plain: Made) -> None:
    planted = Counter(pattern for pattern, *_where in dirty.truth["dirt"])
    patterns = yaml.safe_load((paths.REFERENCE / "synthetic_dirt.yml").read_text(encoding="utf-8"))["patterns"]
    assert len(planted) > 0.85 * len(patterns)  # the rarest may be missing from a small city

    def audited(city: Made) -> dict[tuple[str, str, str], int]:
        lines = city.cleaned.audit[city.cleaned.audit["kind"] != "file"]
        return {key: int(n) for key, n in lines.groupby(["file", "column", "rule"])["count"].sum().items()}  # type: ignore[misc]

    found, without = audited(dirty), audited(plain)
    true = {
        (file, column, rule): n
        for file, told_of in dirty.truth["audit"].items() for column, rules in told_of.items() for rule, n in rules.items()
    }  # fmt: skip
    follows = {(file, *rest) for file, *rest in found if rest[1] == "possible_duplicate" or rest == ["id_type", "coded"]}
    mine = {key: n for key, n in found.items() if key not in without and key not in follows}
    assert mine == {key: n for key, n in true.items() if key not in without}
    assert set(true) <= set(found) | {key for key in without if key[2] == "coded"}


def test_files_of_the_dirty_city_look_like_exports_and_need_no_configuration(dirty: Made) -> None:
    shown = {pattern for patterns in dirty.truth["files"].values() for pattern in patterns}
    assert shown == {"F01", "F02", "F03", "F05", "F07", "F08", "F09", "F12", "F16"}
    assert (dirty.folder / "disease_cards.csv").read_bytes().decode("gb18030").startswith("示例市")


@pytest.mark.parametrize("city", ["committed", "plain", "dirty"])
def test_new_cases_by_place_and_year_are_those_of_the_truth(city: str, request: pytest.FixtureRequest) -> None:
    found: Made = request.getfixturevalue(city)
    cards = found.tables["disease_cards"]
    cards = cards[cards["new_case"]]
    assert told(cards["employer_division"], cards["diagnosis_year"]) == found.truth["cases_after_cleaning"]


def test_cases_by_category_and_review_year_are_those_of_the_truth_and_of_the_aggregated_table(plain: Made) -> None:
    true, cards = plain.truth["cases"], plain.tables["disease_cards"]
    parents = reference.table("categories").set_index("key")["parent"].to_dict()
    every = records.new_cases(cards, parents)
    found = every.query("key == 'total'").set_index("year_basis")
    for basis, name in (("diagnosis", "by_diagnosis_year"), ("report", "by_final_review_year")):
        assert told(found.loc[basis, "place"], found.loc[basis, "year"], found.loc[basis, "n"]) == true[name]
    cards = cards[cards["new_case"]]
    assert told(cards["employer_division"], cards["report_year"]) == true["by_report_year"]
    listed = every[(every["year_basis"] == "diagnosis") & every["key"].isin(list(true["by_category"]))]
    assert told(listed["key"], listed["year"], listed["n"]) == true["by_category"]
    assert cards["disease_id"].value_counts().sort_index().to_dict() == true["by_disease"]
    chosen = dataset.load(plain.folder)
    differ = counts.disagreements(plain.cleaned, chosen, reference.table("indicators"))
    assert "new_cases" not in set(differ["measure"])


def test_indicators_counted_from_records_and_their_disagreements_are_those_of_the_truth(plain: Made) -> None:
    every = records.tally(plain.tables, data_date=plain.truth["data_date"])
    tallied = every.loc[every["group"] == "", ["indicator_id", "table", "place", "year", "numerator", "denominator"]]
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name, _table, place, year, n, d in tallied.itertuples(index=False):
        found.setdefault(name, {}).setdefault(place, {})[str(year)] = int(n) if np.isnan(d) else [int(n), int(d)]
    assert {name: found.get(name) for name in plain.truth["indicators"]} == plain.truth["indicators"]
    differ = counts.disagreements(plain.cleaned, dataset.load(plain.folder), reference.table("indicators"))
    assert set(zip(differ["measure"], differ["place"], differ["period"].astype(int), strict=True)) == {
        (name, place, year) for name, place, year, *_figures in plain.truth["disagreements"]
    }


def test_shares_of_cards_are_those_of_the_truth(plain: Made) -> None:
    cards = plain.tables["disease_cards"].query("new_case")
    lung, found = cards[cards["pneumoconiosis"]], plain.tables["suspected_cards"]
    masks = {
        **{f"stage_{n}": lung["stage"] == str(n) for n in (1, 2, 3)},
        "tuberculosis": lung["tb_flag"].fillna(False),
        "exposure_under_10_years": lung["exposure_years"] < 10,
        "male": cards["sex"] == "1",
        "reported_within_15_days": cards["report_delay_days"] <= 15,
        "suspected_late": found["report_delay_days"] > 15,
        "suspected_male": found["sex"] == "1",
    }
    for name, mask in masks.items():
        assert [int(mask.sum()), len(mask)] == plain.truth["shares"][name][:2], name


def test_suspected_flows_are_those_of_the_truth(plain: Made) -> None:
    true, found = plain.truth["flows"]["suspected"], plain.tables["suspected_cards"]
    known = plain.tables["disease_cards"].query("new_case")[["person_key", "disease_id", "diagnosis_date"]]
    both = found.merge(known, on=["person_key", "disease_id"], how="left")
    days = (pd.to_datetime(both["diagnosis_date"]) - pd.to_datetime(both["found_date"])).dt.days
    applied = both["diagnosis_applied"].fillna(False)
    masks = {"suspected": days.isna() | True, "applied": applied, "confirmed": days >= 0}
    masks |= {f"confirmed_in_{n}_days": days.between(0, n) for n in (180, 365)}
    for name, mask in masks.items():
        assert told(both.loc[mask, "employer_division"], both.loc[mask, "found_year"]) == true[name], name


def test_exceedances_and_what_followed_are_those_of_the_truth(plain: Made) -> None:
    true, rows = plain.truth["flows"]["exceedances"], records.judge(plain.tables["workplace_samples"])
    assert not rows["disagrees"].fillna(True).any()
    assert rows["over"].notna().all()
    retest, over = rows["purpose"] == "retest", rows["over"].astype(bool)
    masks = {"points": ~retest, "points_over": ~retest & over, "retests": retest, "retests_passed": retest & ~over}
    for name, mask in masks.items():
        assert told(rows.loc[mask, "employer_division"], rows.loc[mask, "sample_year"]) == true[name], name
    for name, mask in {"employers_over": ~retest & over, "retested": retest}.items():
        once = rows[mask].drop_duplicates(["employer_division", "employer_key", "sample_year"])
        assert told(once["employer_division"], once["sample_year"]) == true[name], name
    left = rows[retest].groupby(["employer_division", "employer_key", "sample_year"])["over"].any()
    good = left[~left.astype(bool)].reset_index()
    assert told(good["employer_division"], good["sample_year"]) == true["corrected"]


def test_sums_over_employers_and_examinations_are_those_of_the_denominators(plain: Made) -> None:
    rows = plain.tables["employers"]
    rows = rows[~rows["cancelled"]]
    stated = plain.tables["denominators"].set_index("quantity")
    for column, quantity in (("staff", "staff"), ("exposed_total", "exposed_workers")):
        listed = stated.loc[quantity]
        listed = listed[listed["place"].isin(rows["employer_division"])]
        assert told(rows["employer_division"], rows["year"], rows[column]) == told(
            listed["place"], listed["period"], listed["value"]
        )
    sums = plain.tables["exam_cards"].dropna(subset=["examined"])
    persons = [int(sums[column].sum()) for column in ("contraindicated_n", "examined")]
    assert persons == plain.truth["shares"]["contraindicated"][:2]


def test_collective_doses_are_those_of_the_truth(plain: Made) -> None:
    doses = records.annual(plain.tables["radiation_dose"]).dropna(subset=["dose_msv"])
    for kind, true in plain.truth["doses"].items():
        rows = doses[doses["institution_kind"] == kind]
        assert told(rows["employer_division"], rows["dose_year"], rows["dose_msv"] * 100) == true
