"""The overview of a region: figures of the district reports, nothing from hidden ones, no order that chance could make."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from conftest import ROOT
from datasets import case_rows, prepared, report, write

from ohstats import dataset, districts, evaluation, open_data, outlines, paths, plan, sections, site, slices, surveillance
from ohstats.errors import FileRefused, ParameterRefused

if TYPE_CHECKING:
    from pathlib import Path

    from ohstats.data import Data
    from ohstats.paths import Workspace

SYNTHETIC = ROOT / "data" / "example" / "synthetic"
CODES = [str(990001 + number) for number in range(7)]
REGION = ("990000", "甲市", "Jia City", "city", "")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("OHSTATS_WORK", str(tmp_path / "work"))
    return paths.Workspace.at(tmp_path / "work")


@pytest.fixture(scope="module")
def city() -> Data:
    return open_data(SYNTHETIC, "990100", period="2025", language="en")


def region(folder: Path, cases: dict[str, Any] | None = None, **told: Any) -> Path:
    """Seven districts with 600 cases a year each; of 1,000 points 50 (the first 200) over a limit, and as many not inspected."""
    given = {code: {2023: 600, 2024: 600} for code in CODES} | (cases or {})
    rows = [row for code, series in given.items() for row in case_rows(series, code)]
    values = [
        (measure, code, year, 800 if code == CODES[0] and year == 2024 else 950, 1000)
        for measure in ("workplace_monitoring_pass_rate", "supervision_coverage") for code in CODES for year in (2023, 2024)
    ]  # fmt: skip
    values += [("persons_examined", code, 2024, 100 * number, "") for number, code in enumerate(CODES, start=1)]
    places = [REGION, *((code, f"{code}县", f"County {code}", "county", "990000") for code in CODES)]
    cover = {"table": "case_counts", "places": CODES, "periods": "2023..2024", "year_basis": "diagnosis", "keys": ["total"]}
    folder.mkdir(parents=True, exist_ok=True)
    people = [f"{code},2024,,exposed_workers,20000" for code in CODES]
    (folder / "denominators.csv").write_text("\n".join(["place,period,group,quantity,value", *people]), encoding="utf-8")
    return write(folder, places=places, cases=rows, values=values, covers=[cover], **told)


# What is compared -----------------------------------------------------------------------------------------------------
def test_each_status_is_the_one_of_the_districts_own_report(city: Data) -> None:
    told = districts.statuses(city).set_index(["place", "indicator_id"])
    own = open_data(SYNTHETIC, "990107", period="2025", language="en")
    mine = evaluation.against_targets(own).drop_duplicates("indicator_id").set_index("indicator_id")
    for measure in ("workplace_monitoring_pass_rate", "hazard_declaration_rate_industrial", "sme_exam_rate"):
        here = told.loc[("990107", measure)]
        assert (here["status"], here["value"]) == (mine.loc[measure, "status"], mine.loc[measure, "value"])
    table = sections.status_matrix(city).table
    assert table is not None
    row = next(row for row in table.rows if row[0] == "Qingbu District")
    cell = row[table.header.index("Workplace hazard-factor monitoring pass rate")]
    assert cell.startswith("✗ not met"), "symbol and word, not colour alone"


def test_sums_are_those_of_the_tables_that_were_handed_in(city: Data) -> None:
    with (SYNTHETIC / "indicator_values.csv").open(encoding="utf-8") as file:
        rows = [
            row for row in csv.DictReader(file) if row["period"] == "2025" and row["indicator_id"] == "inservice_exam_rate_key"
        ]
    found = districts.sums(city).set_index("measure").loc["inservice_exam_rate_key"]
    assert [found["numerator"], found["denominator"]] == [
        sum(int(row[name]) for row in rows) for name in ("numerator", "denominator")
    ]
    assert found["places"] == len(rows) == 8


def test_the_funnel_is_computed_from_the_counts_of_the_district_reports(city: Data) -> None:
    found = districts.funnels(city)
    found = found[found["measure"] == "workplace_monitoring_pass_rate"]
    rows = [
        open_data(SYNTHETIC, code, period="2025").counts.query("measure == 'workplace_monitoring_pass_rate' and period == '2025'")
        for code in ("990107", "990104")
    ]
    assert found.set_index("place").loc["990107", "numerator"] == rows[0]["numerator"].iloc[0]
    again = surveillance.funnel(
        found[["place", "numerator", "denominator"]], numerator="numerator", denominator="denominator", by="place"
    )
    assert found["position"].tolist() == again["position"].tolist()
    low, high = districts.control(float(found["average"].iloc[0]), found["denominator"].to_numpy(dtype=float), 0.998)
    assert low == pytest.approx(found["low_998"].to_numpy())
    assert high == pytest.approx(found["high_998"].to_numpy())


def test_results_of_points_that_are_chosen_anew_are_not_compared_over_time(city: Data) -> None:
    assert "workplace_monitoring_pass_rate" in evaluation.purposive(city)
    assert not set(districts.movers(city)["measure"]) & evaluation.purposive(city)
    final = open_data("data/example/synthetic", "990104", period="2025", language="en", assessment="final")
    table = sections.plan_course(final).table
    assert table is not None
    changes = {row[0]: row[-3] for row in table.rows}
    assert changes["Workplace hazard-factor monitoring pass rate"] == "–"
    assert changes["Hazard declaration rate, industrial enterprises"] == "+20.1"


def test_ranks_carry_limits_and_come_out_the_same_again(city: Data) -> None:
    first, again = districts.league(city, "points"), districts.league(city, "points")
    assert first["rank"].tolist() == again["rank"].tolist()
    assert (first["rank_upper"] > first["rank_lower"]).sum() >= 6, "points of so few places cannot be put in order"
    said = " ".join(sections.league_points(city).sentences)
    assert "Do not over-read the order" in said
    assert "With figures of 8 districts" in said


def test_a_district_that_fell_is_found_and_the_others_are_not(tmp_path: Path, workspace: Workspace) -> None:
    folder = region(tmp_path / "a")
    prepared(folder, workspace)
    opened = open_data(folder, "990000", period="2024", language="en")
    moved = districts.movers(opened)
    assert set(moved["measure"]) == {"supervision_coverage"}  # points are not compared over time
    assert moved.loc[moved["notable"], "place"].tolist() == [CODES[0]]
    assert moved["value"].iloc[0] == pytest.approx(-15)
    beyond = districts.funnels(opened)
    assert beyond.loc[beyond["position"] == "low", "place"].tolist() == [CODES[0]] * 2
    assert districts.sums(opened).set_index("measure").loc["persons_examined", "numerator"] == 100 * sum(range(1, 8))


def test_a_hidden_count_takes_part_in_nothing_and_is_named_as_not_shown(tmp_path: Path, workspace: Workspace) -> None:
    told = []
    for name, small in (("a", 2), ("b", 4)):
        folder = region(tmp_path / name, {CODES[1]: {2023: 600, 2024: small}}, id=name)
        prepared(folder, workspace)
        opened = open_data(folder, "990000", period="2024", language="en")
        shown = [
            getattr(sections, each)(opened).json() for each in ("status_matrix", "league_cases", "sums", "funnel_table", "movers")
        ]
        told.append(json.dumps(shown))
    assert told[0] == told[1], "what a reader sees does not depend on the hidden count"
    rows = districts.sums(opened).set_index("measure")
    assert rows.loc["new_cases", "hidden"] >= 1
    league = districts.league(opened, "points")
    assert league["numerator"].notna().all()


# How it is opened and run ---------------------------------------------------------------------------------------------
def test_the_overview_changes_with_each_of_its_districts_and_with_no_other_place(tmp_path: Path, workspace: Workspace) -> None:
    folder = region(tmp_path / "a")
    prepared(folder, workspace)
    where = workspace.protected("small", "public") / "slices"
    before = slices.digests(where)
    region(tmp_path / "a", {CODES[2]: {2023: 600, 2024: 900}})
    prepared(folder, workspace)
    after = slices.digests(where)
    assert {code for code in after if after[code] != before[code]} == {"990000", CODES[2]}


def test_only_a_place_with_districts_gets_an_overview(tmp_path: Path, workspace: Workspace) -> None:
    chosen = dataset.load(region(tmp_path / "a"))
    found = [paths.notebook(name) for name in plan.REPORTS]
    given: dict[str, Any] = {
        "languages": ["en"],
        "edition": "public",
        "period": "2024",
        "first_year": 2023,
        "assessment": "annual",
    }
    jobs = plan.plan(chosen, workspace, notebooks=found, districts=list(chosen.opened), **given)
    assert [job.parameters["district"] for job in jobs if job.report == "overview"] == ["990000"]
    assert {job.report for job in jobs if job.parameters["district"] == CODES[0]} == {"trend", "evaluation"}
    with pytest.raises(ParameterRefused, match="None of these notebooks makes a report of 990001"):
        plan.plan(chosen, workspace, notebooks=found[2:], districts=[CODES[0]], **given)
    assert dataset.load(ROOT / "data" / "example" / "china").below == {}


@pytest.mark.parametrize("edition", ["public", "internal"])
def test_the_pages_of_both_editions_pass_the_gate_in_both_languages(tmp_path: Path, workspace: Workspace, edition: str) -> None:
    folder = region(tmp_path / "a", {CODES[1]: {2023: 600, 2024: 2}})
    (folder / "map.geojson").write_text(json.dumps(squares()), encoding="utf-8")
    prepared(folder, workspace, edition)
    made = [
        report(folder, workspace, "990000", name="overview", period="2024", edition=edition, language=each)
        for each in ("zh", "en")
    ]
    index = site.build(made, [dataset.load(folder)], workspace, edition)
    page = (index.parent / "en" / "990000_overview.html").read_text(encoding="utf-8")
    assert ("not shown (small numbers)" in page) == (edition == "public")
    assert "Jia City: its 7 districts side by side, 2024" in page
    assert 'href="en/990000_overview.html"' in index.read_text(encoding="utf-8")


# The map --------------------------------------------------------------------------------------------------------------
def squares(**properties: Any) -> dict[str, Any]:
    features = [
        {"type": "Feature", "properties": {"adcode": code} | properties,
         "geometry": {"type": "Polygon", "coordinates": [[[n, 30], [n + 1, 30], [n + 1, 31], [n, 31], [n, 30]]]}}
        for n, code in enumerate([*CODES, "110101"], start=110)
    ]  # fmt: skip
    return {"type": "FeatureCollection", "features": features}


def test_the_map_shows_the_users_outlines_and_hatches_what_has_no_figure(tmp_path: Path, workspace: Workspace) -> None:
    folder = region(tmp_path / "a")
    (folder / "map.geojson").write_text(json.dumps(squares()), encoding="utf-8")
    assert set(outlines.read(dataset.load(folder))) == set(CODES)
    prepared(folder, workspace)
    opened = open_data(folder, "990000", period="2024", language="en")
    figure = sections.overview_map(opened).figure
    assert figure is not None
    assert "80.0% to 95.0%" in figure.title
    assert "County 990001 80.0%" in figure.alt
    without = open_data(SYNTHETIC, "990100", period="2025")
    assert sections.overview_map(without).empty


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[1, 2]", "map.geojson cannot be read: it must be a GeoJSON FeatureCollection of polygons in degrees."),
        (json.dumps(squares() | {"features": []}), "no feature has a property that holds the six-digit code"),
        (json.dumps(squares()).replace("110, 30", "500, 30"), "map.geojson cannot be read"),
        (json.dumps(squares()).replace("Polygon", "Point"), "map.geojson cannot be read"),
    ],
)
def test_a_map_that_is_none_is_refused(tmp_path: Path, workspace: Workspace, content: str, said: str) -> None:
    folder = region(tmp_path / "a")
    (folder / "map.geojson").write_text(content, encoding="utf-8")
    with pytest.raises(FileRefused, match=said):
        prepared(folder, workspace)


def test_frames_of_the_overview_are_empty_rather_than_wrong_for_few_places(tmp_path: Path, workspace: Workspace) -> None:
    places = [REGION, *((code, "", f"County {code}", "county", "990000") for code in CODES[:2])]
    cover = {"table": "case_counts", "places": CODES[:2], "periods": "2024", "year_basis": "diagnosis", "keys": ["total"]}
    cases = case_rows({2024: 60}) + case_rows({2024: 70}, CODES[1])
    folder = write(tmp_path / "a", places=places, cases=cases, covers=[cover])
    prepared(folder, workspace)
    opened = open_data(folder, "990000", period="2024", language="en")
    assert districts.league(opened, "cases").empty
    assert "Fewer than 5 places have a figure" in sections.funnel_table(opened).sentences[0]
    assert isinstance(districts.movers(opened), pd.DataFrame)
    assert sections.overview_headline(opened).sentences
