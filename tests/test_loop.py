"""From exceedance to correction, the three actions, and the worklists: on cities whose truth is known, none of a fixed seed."""

from __future__ import annotations

import csv
import io
import os
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import openpyxl
import pandas as pd
import pytest
from scipy import stats

from ohstats import clean, dataset, display, files, gate, lists, open_data, paths, sections, synthetic, workbooks
from ohstats.errors import NotPublishable
from ohstats.records import derived
from ohstats.sections import actions

if TYPE_CHECKING:
    from pathlib import Path

    from ohstats.clean import Cleaned
    from ohstats.data import Data

FRESH = int(os.environ.get("OHSTATS_SEED") or date.today().strftime("%Y%m%d"))  # stands nowhere in the repository
PLACE = "990104"


class City(NamedTuple):
    """A city of a new seed: its folder, truth, clean tables, and what the internal report of one district opens."""

    folder: Path
    truth: dict[str, Any]
    cleaned: Cleaned
    data: Data

    def sheets(self) -> dict[str, list[list[str]]]:
        return {sheet["id"]: sheet["rows"] for sheet in sections.worklists(self.data).sheets}


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    folder = synthetic.make(tmp_path_factory.mktemp("city") / "data", seed=FRESH, districts=8, small=True)
    chosen = dataset.load(folder)
    opened = open_data(folder, PLACE, period=str(chosen.span.last_year), edition="internal", language="en")
    return City(folder, files.read_json(folder / "truth.json"), clean.clean_dataset(chosen), opened)


def share(city: City, name: str) -> tuple[float, float]:
    rows = city.data.counts.query("measure == @name and period == @city.data.period.text and group == ''")
    return rows["numerator"].iloc[0], rows["denominator"].iloc[0]


# The loop -------------------------------------------------------------------------------------------------------------
def test_the_loop_counts_the_employers_that_were_put_in(city: City) -> None:
    year, flows = city.data.period.text, city.truth["flows"]["exceedances"]
    over = flows["employers_over"][PLACE][year]
    assert share(city, "exceedance_retested_rate") == (flows["retested"][PLACE][year], over)
    assert share(city, "exceedance_corrected_rate") == (flows["corrected"][PLACE][year], over)
    said = " ".join(sections.loop(city.data).sentences)
    assert f"{over} employers had a result over a limit" in said
    assert f"{flows['retested'][PLACE][year]} re-tested" in said
    assert "passed on to enforcement" in said, "what no table says is said"


def test_days_between_are_those_of_the_dates(city: City) -> None:
    rows = derived.make(city.cleaned.tables, city.folder)["exceedances"]
    mine = rows[rows["employer_division"] == PLACE]
    days = (pd.to_datetime(mine["retest_date"]) - pd.to_datetime(mine["first_date"])).dt.days.dropna()
    found = city.data.statistics.query("measure == 'days_exceedance_to_retest' and period == @city.data.period.text")
    assert found["value"].iloc[0] == days.median()
    figure = sections.loop_figure(city.data).figure
    assert figure is not None
    assert f"after {days.median():.0f} days (median)" in figure.alt or days.median() % 1


def test_townships_of_the_loop_add_up_to_the_district(city: City) -> None:
    counted = city.data.counts.query("measure == 'exceedance_retested_rate' and period == @city.data.period.text")
    groups = counted[counted["group"].str.startswith("township=")]
    assert len(groups) > 1
    assert (groups["numerator"].sum(), groups["denominator"].sum()) == share(city, "exceedance_retested_rate")


# The three actions ----------------------------------------------------------------------------------------------------
def test_pairs_before_and_after_are_those_of_the_ledger(city: City) -> None:
    (path,) = city.folder.glob("sme_assistance*")
    frame = clean.clean_dataset(dataset.load(city.folder)).tables["sme_assistance"]
    noise = frame[(frame["employer_division"] == PLACE) & (frame["factor_id"] == "noise")]
    newly = int(((noise["before"] > 85) & (noise["after"] <= 85)).sum())
    n, d = share(city, "sme_pairs_newly_passing")
    assert path.is_file()
    assert n >= newly > 0
    assert len(noise) <= d <= (frame["employer_division"] == PLACE).sum()
    assert n - newly <= (frame["employer_division"] == PLACE).sum() - len(noise), "the others are chemical"


def test_pairs_are_tested_from_twenty_on_only(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    better, worse = (int(share(city, f"sme_pairs_newly_{name}")[0]) for name in ("passing", "failing"))
    p = stats.binomtest(better, better + worse).pvalue
    said = " ".join(sections.action_pairs(city.data).sentences)
    assert ("p < 0.001" if p < 0.001 else f"p = {p:.3f}") in said
    assert "no proof of an effect" in said
    monkeypatch.setattr(actions, "PAIRS", 1000)
    said = " ".join(sections.action_pairs(city.data).sentences)
    assert "Fewer than 1000 pairs" in said
    assert "Wilcoxon" not in said
    assert "McNemar" not in said


def test_the_signed_rank_test_is_scipys(city: City) -> None:
    pairs = derived.make(city.cleaned.tables, city.folder)["pairs"]
    change = pairs.loc[pairs["employer_division"] == PLACE, "change"].astype(float).dropna()
    found = city.data.statistics.query("measure == 'sme_pairs_wilcoxon' and period == @city.data.period.text")
    assert found["value"].iloc[0] == pytest.approx(stats.wilcoxon(change, zero_method="pratt").pvalue)


def test_few_institutions_are_neither_ranked_nor_put_in_a_funnel(city: City) -> None:
    result = sections.action_institutions(city.data)
    assert "too few for a funnel plot" in result.sentences[0]
    weights = [part["weight"] for part in files.read_yaml(paths.REFERENCE / "institution_score.yml")["parts"]]
    items = [sum(item["points"] for item in part["items"]) for part in files.read_yaml(
        paths.REFERENCE / "institution_score.yml")["parts"]]  # fmt: skip
    assert (sum(weights), items) == (100, [100, 100])


def test_duties_are_those_of_the_profiles(city: City) -> None:
    frame = derived.make(city.cleaned.tables, city.folder)["profiles"]
    mine = frame[(frame["employer_division"] == PLACE) & (frame["year"] == city.data.period.last_year)]
    assert share(city, "duty_declared") == (mine["declared"].sum(), mine["declared"].notna().sum())
    table = sections.duties_townships(city.data).table
    assert table is not None
    assert len(table.rows) == mine["township"].nunique()


# Protection -----------------------------------------------------------------------------------------------------------
def test_measures_of_cards_hide_small_numbers_of_cases() -> None:
    opened = open_data(paths.examples() / "synthetic", "990107", period="2025", language="en")
    cards = opened.counts[opened.counts["measure"].isin(["case_report_timeliness", "returned_card_rate", "card_consistency"])]
    shown = cards[cards["numerator"].notna()]
    assert not (shown["numerator"].between(1, 4) | (shown["denominator"] - shown["numerator"]).between(1, 4)).any()
    assert opened.lists == {}
    for place in ("990105", "990106", "990107"):
        counts = open_data(paths.examples() / "synthetic", place, period="2025").counts
        total = counts[(counts["measure"] == "new_cases") & (counts["key"] == "total") & (counts["group"] == "")]
        years = set(total.loc[total["numerator"].notna(), "period"])
        cards = counts[counts["measure"].isin(["case_report_timeliness", "card_completeness", "returned_card_rate"])]
        assert set(cards.loc[cards["numerator"].notna(), "period"]) <= years, "a year of cards tells the cases of the year"
    assert sections.worklists(opened).empty


# Worklists ------------------------------------------------------------------------------------------------------------
def test_lists_hold_what_is_due_and_nothing_else(city: City) -> None:
    found, year = city.sheets(), city.data.period.text
    flows = city.truth["flows"]
    n, d = city.truth["indicators"]["hazard_declaration_rate"][PLACE][year]
    assert len(found["undeclared_employers"]) == d - n
    over, done = (flows["exceedances"][name][PLACE][year] for name in ("employers_over", "retested"))
    assert len(found.get("exceedance_not_retested", [])) == over - done
    found_, applied = (sum(flows["suspected"][name].get(PLACE, {}).values()) for name in ("suspected", "applied"))
    assert len(found.get("suspected_without_application", [])) == found_ - applied


def test_every_row_can_be_looked_up_in_the_raw_file(city: City) -> None:
    rows = [row for sheet in city.sheets().values() for row in sheet]
    assert len(rows) > 10
    for row in rows:
        assert (city.folder / row[5]).is_file()
        assert int(row[6]) >= 2


def raw(city: City, name: str) -> list[dict[str, str]]:
    """Rows of a raw export with the name and number of a person."""
    (path,) = city.folder.glob(f"{name}.*")
    lines = files.decode(path.read_bytes(), path.name)[0].splitlines()
    head = next(number for number, line in enumerate(lines) if "姓名" in line)
    mark = max(",;\t|", key=lines[head].count)
    return [row for row in csv.DictReader(lines[head:], delimiter=mark) if row.get("姓名") and row.get("身份证件号码")]


def test_no_person_and_no_sole_trader_is_named(city: City) -> None:
    text = "\n".join("\t".join(row) for sheet in city.sheets().values() for row in sheet)
    cells = {cell for sheet in city.sheets().values() for row in sheet for cell in row}
    people = [
        person for name in ("suspected_cards", "follow_up", "disease_cards", "radiation_dose") for person in raw(city, name)
    ]
    assert len(people) > 100
    for person in people:
        assert person["姓名"] not in cells
        assert person["身份证件号码"] not in text
    for name in ("suspected_without_application", "patients_due", "missing_badge_periods", "spot_check_sample"):
        assert all(row[2:4] == ["", ""] for row in city.sheets().get(name, []))


def test_the_sample_of_the_spot_check_is_large_enough_spread_and_the_same_again(city: City) -> None:
    drawn = lists.make(city.cleaned, dataset.load(city.folder), "internal")["spot_check_sample"]
    again = lists.make(city.cleaned, dataset.load(city.folder), "internal")["spot_check_sample"]
    assert drawn.equals(again)
    cards = city.cleaned.tables["disease_cards"]
    cards = cards[cards["new_case"].eq(True) & (cards["diagnosis_year"] == cards["diagnosis_year"].max())]
    for unit, mine in cards.groupby("report_unit"):
        assert (drawn["report_unit"] == unit).sum() == min(len(mine), max(30, -(-len(mine) // 20)))
    assert not drawn.duplicated(["file", "row"]).any()


# Workbooks ------------------------------------------------------------------------------------------------------------
RESULT = {"sheets": [{"id": "a", "title": "A/B: [x]", "header": ["Township"] + ["h"] * 6, "rows": [
    ["=1+1", "", "@x", "91", "2025", "a.csv", "7"], ["B", "", "C", "92", "2024", "a.csv", "8"]]}]}  # fmt: skip


def test_workbooks_hold_text_only_and_are_the_same_again(tmp_path: Path) -> None:
    assert workbooks.write([RESULT], tmp_path, "990104_evaluation") == ["990104_evaluation_1.xlsx", "990104_evaluation_2.xlsx"]
    before = (tmp_path / "990104_evaluation_1.xlsx").read_bytes()
    workbooks.write([RESULT], tmp_path, "990104_evaluation")
    assert (tmp_path / "990104_evaluation_1.xlsx").read_bytes() == before
    book = openpyxl.load_workbook(io.BytesIO(before))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"}
    assert display.csv_cell("=1+1") in [cell.value for cell in cells]


def test_the_gate_lets_workbooks_pass_in_the_internal_edition_only(tmp_path: Path) -> None:
    folder = tmp_path / "site" / "en"
    folder.mkdir(parents=True)
    workbooks.write([RESULT], folder, "990104_evaluation")
    gate.check(tmp_path / "site", edition="internal")
    with pytest.raises(NotPublishable, match="a file of this name or kind is not published"):
        gate.check(tmp_path / "site", edition="public")
    book = openpyxl.Workbook()
    book.active["A1"] = "=HYPERLINK(1)"
    book.save(folder / "990104_evaluation_1.xlsx")
    with pytest.raises(NotPublishable, match="a formula, a link to the outside or a macro"):
        gate.check(tmp_path / "site", edition="internal")


def test_a_list_says_who_has_to_act_in_the_order_of_its_townships(city: City) -> None:
    table = sections.worklists(city.data).table
    assert table is not None
    sums = [sum(int(row[column]) for row in table.rows[:-1]) for column in range(1, len(table.header) - 1)]
    assert [str(n) for n in sums] == table.rows[-1][1:-1]
    assert [row[-1] for row in table.rows[:-1]] == [str(number) for number in range(1, len(table.rows))]
    header = next(csv.reader(io.StringIO(",".join(table.header))))
    assert header[0] == "Township"
